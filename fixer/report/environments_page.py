"""The page of ``doctor --all``: one line for each environment with TensorFlow, what ails it, and where to go on."""

from __future__ import annotations

from typing import Any, Mapping

from fixer.model.record import record
from fixer.report.paper import Paper, shown_argv, tilde


@record(frozen=True)
class EnvironmentsView:
    """``environments`` are the members of data.environments."""

    environments: tuple[Mapping[str, Any], ...]


def show(view: EnvironmentsView, exit_code: int, paper: Paper) -> None:
    """The list, then the command that says more of the first one that is ill."""
    if not view.environments:
        paper.line("No Python environment with TensorFlow was found; name one with --python PATH.")
        return
    rows, styles = [], []
    for one in view.environments:
        healthy = one["exit_code"] == 0
        rows.append((tilde(one["python"]), one["tensorflow"] or "not told", _verdict(one)))
        styles.append("green" if healthy else "yellow" if one["exit_code"] == 6 else "red")
    paper.columns(rows, styles)
    if paper.verbose:
        paper.line()
        for one in view.environments:
            paper.line(f"{tilde(one['python'])}: found by {one['found_by']}")
    ill = next((one for one in view.environments if one["exit_code"] != 0), None)
    if ill is not None:
        paper.line()
        paper.line("Next: " + shown_argv(("convfix", "plan", "--python", ill["python"])))


def _verdict(one: Mapping[str, Any]) -> str:
    primary = next((finding for finding in one["findings"] if finding.primary), None)
    if one["exit_code"] == 0:
        return "ok"
    return "cannot tell" if primary is None or one["exit_code"] == 6 else primary.cause
