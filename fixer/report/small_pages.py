"""Short pages: the machine file, rows of the dataset, and text that is a result as it stands."""

from __future__ import annotations

import json
from typing import Any, Mapping

from fixer.model.record import record
from fixer.report.paper import Paper


@record(frozen=True)
class MachineView:
    """A machine file."""

    machine: Mapping[str, Any]


@record(frozen=True)
class RowsView:
    """Rows of the dataset as JSON objects; ``said`` stands below them."""

    rows: tuple[Mapping[str, Any], ...]
    said: str = ""


@record(frozen=True)
class LinesView:
    """Lines that are the whole result, one finding each."""

    lines: tuple[str, ...]


@record(frozen=True)
class LineView:
    """One line that is the whole result."""

    text: str


@record(frozen=True)
class ScriptView:
    """A script that another program reads; a pipe gets its exact bytes, a terminal a clean copy."""

    text: str


def machine(view: MachineView, exit_code: int, paper: Paper) -> None:
    """The machine file as JSON, ready to be saved and given to ``--machine``."""
    paper.exact(json.dumps(view.machine, indent=2) + "\n")


def line(view: LineView, exit_code: int, paper: Paper) -> None:
    """The one line."""
    paper.line(view.text)


def lines(view: LinesView, exit_code: int, paper: Paper) -> None:
    """Each line as it stands."""
    for text in view.lines:
        paper.line(text)


def script(view: ScriptView, exit_code: int, paper: Paper) -> None:
    """The script, unchanged where a program reads it."""
    paper.exact(view.text)


def rows(view: RowsView, exit_code: int, paper: Paper) -> None:
    """Rows of the dataset, one block each, empty fields left out."""
    for number, row in enumerate(view.rows):
        if number:
            paper.line()
        paper.columns([(key, _said(value)) for key, value in row.items() if value not in (None, "", [], {}, ())])
    if view.said:
        paper.line(view.said)


def _said(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_said(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_said(item)}".strip() for key, item in value.items())
    return "yes" if value is True else "no" if value is False else str(value)
