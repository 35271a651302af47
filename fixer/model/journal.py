"""The journal's records: what was intended, done, and taken back, in the order it was written. Pure data."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, Mapping

from fixer.model.record import record

FORMAT = "convfix-journal/1"
EntryState = Literal["begun", "intent", "done", "failed", "undone", "conflict", "committed", "rolled-back"]


@record(frozen=True)
class JournalEntry:
    """One line of a journal. ``seq`` counts from 0; ``before`` and ``after`` describe what is needed to undo."""

    run: str
    seq: int
    action: str
    state: EntryState
    time: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@record(frozen=True)
class RunSummary:
    """One run of the journal, for ``history``: its number, what it did, and how it stands."""

    run: str
    time: str
    python: str | None
    state: str
    actions: tuple[str, ...]
    journal: str
