"""Results as plain text: picks the page for a view and draws it with rich; never used with ``--json``.

The unit of a page is ``page(view, exit_code, paper) -> None``. All text from outside goes through ``clean``.
``Paper`` knows the stream, the width and whether colour is wanted; pages know only what to say.
"""

from __future__ import annotations

from typing import IO, Any, Callable, Mapping

from fixer.model.outcome import Outcome, Verification
from fixer.report import doctor_page, environments_page, explain_page, plan_page, run_pages, small_pages, why_not_page
from fixer.report.paper import Paper

# By the kind of view, since one verb can end with different pages.
PAGES: Mapping[type, Callable[[Any, int, Paper], None]] = {
    doctor_page.DoctorView: doctor_page.show,
    environments_page.EnvironmentsView: environments_page.show,
    explain_page.ExplainView: explain_page.show,
    plan_page.PlanView: plan_page.show,
    why_not_page.WhyNotView: why_not_page.show,
    run_pages.ApplyView: run_pages.apply,
    Verification: run_pages.verify,
    run_pages.UndoView: run_pages.undo,
    run_pages.HistoryView: run_pages.history,
    small_pages.MachineView: small_pages.machine,
    small_pages.RowsView: small_pages.rows,
    small_pages.LinesView: small_pages.lines,
    small_pages.LineView: small_pages.line,
    small_pages.ScriptView: small_pages.script,
}


def render(outcome: Outcome, stdout: IO[str], stderr: IO[str], color: bool, verbose: int, quiet: bool) -> None:
    """Write ``outcome``'s page to ``stdout`` and its errors, one line each, to ``stderr``."""
    for error in outcome.errors:
        Paper(stderr, color=color).error(error.message, error.hint)
    if outcome.view is None or quiet:
        return
    PAGES[type(outcome.view)](outcome.view, outcome.exit_code, Paper(stdout, color=color, verbose=verbose))


def wants_color(choice: str, stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Colour as asked for; ``auto`` is a terminal without NO_COLOR, TERM=dumb; FORCE_COLOR forces it."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"
