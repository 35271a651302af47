"""The pages of commands that run something: apply, verify, undo, history."""

from __future__ import annotations

from fixer.model.journal import RunSummary
from fixer.model.outcome import Step, Verification
from fixer.model.record import record
from fixer.report.paper import Paper, tilde


@record(frozen=True)
class ApplyView:
    """How an apply ended. ``run`` is None when nothing was done; ``enter`` says how to use a new environment."""

    run: str | None
    steps: tuple[Step, ...]
    verification: Verification | None
    said: str
    enter: str | None = None


@record(frozen=True)
class UndoView:
    """How an undo ended; ``done`` is False when nothing was changed (a dry run, or the answer was no)."""

    run: str
    steps: tuple[Step, ...]
    conflicts: tuple[str, ...]
    done: bool = True


@record(frozen=True)
class HistoryView:
    """The journal's runs, the newest first."""

    runs: tuple[RunSummary, ...]


def apply(view: ApplyView, exit_code: int, paper: Paper) -> None:
    """What was done, how it was checked, what comes next."""
    _steps(view.steps, paper)
    if view.verification is not None:
        _checked(view.verification, paper)
    paper.line(view.said, "bold")
    if view.enter:
        paper.line(view.enter)
    if view.run is not None:
        paper.line(f"Run {view.run}; take it back with: convfix undo {view.run}")


def verify(view: Verification, exit_code: int, paper: Paper) -> None:
    """The steps of a verification and its verdict."""
    _checked(view, paper)
    if view.passed:
        paper.line(f"Verified on the {view.device.upper()}.", "bold")
    else:
        paper.line("Not verified. What stands in the way: convfix doctor", "bold")


def undo(view: UndoView, exit_code: int, paper: Paper) -> None:
    """What was taken back and what could not be."""
    _steps(view.steps, paper)
    for conflict in view.conflicts:
        paper.line(f"left as it is: {conflict}", "yellow")
    if not view.done:
        paper.line("Nothing was changed.", "bold")
    elif view.conflicts:
        paper.line(f"Run {view.run} is taken back but for the above.", "bold")
    else:
        paper.line(f"Run {view.run} is taken back.", "bold")


def history(view: HistoryView, exit_code: int, paper: Paper) -> None:
    """One row a run, the newest first."""
    if not view.runs:
        paper.line("No runs yet.")
        return
    rows = [(run.run, run.time, tilde(run.python or ""), ", ".join(run.actions), run.state) for run in view.runs]
    paper.columns([("run", "time", "python", "did", "state"), *rows])


def _steps(steps: tuple[Step, ...], paper: Paper) -> None:
    for step in steps:
        mark = "done" if step.passed else "FAILED"
        paper.line(f"{step.name}: {step.detail or mark}", "" if step.passed else "red", indent=2)


def _checked(verification: Verification, paper: Paper) -> None:
    rows = [(step.name, step.detail, "ok" if step.passed else "FAILED") for step in verification.steps]
    paper.columns(rows, ["green" if step.passed else "bold red" for step in verification.steps], indent=2)
    loaded = sorted(verification.loaded.items())
    # What people have been told about is cuDNN; the rest is for who asks.
    shown = loaded if paper.verbose or not verification.passed else [one for one in loaded if one[0] == "cudnn"]
    for library, path in shown:
        paper.line(f"{library} now loaded: {tilde(path)}", indent=2)
    if len(shown) < len(loaded):
        paper.line(f"and {len(loaded) - len(shown)} more libraries of the GPU: -v shows them", indent=2)
    if not verification.passed and paper.verbose:
        paper.lines(verification.output, indent=4)
