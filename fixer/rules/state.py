"""Rules about convfix itself: a run that was cut short. Reported by every command, recovered by two alone."""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.say import fact, finding


def interrupted_apply(case: Case) -> Iterator[Finding]:
    """The journal holds an intention without its end."""
    run = case.facts.open_run.value
    if run is None:
        return
    yield finding(
        "interrupted-apply",
        "risks",
        "proven",
        f"run {run.run} of convfix was cut short",
        (fact("open_run", f"run {run.run}, journal {run.journal}", case.facts.open_run),),
        f"Take it back: convfix undo {run.run}.",
        commands=(("convfix", "undo", run.run),),
        subject={"run": run.run, "journal": run.journal},
    )
