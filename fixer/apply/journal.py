"""The journal: one file of JSON lines per run, each line on disk before the deed that it announces.

The unit is a ``JournalEntry``. Run-level lines have no action: ``begun`` carries the plan's actions, then
``committed`` or ``rolled-back``; an undo opens the run again with ``intent`` and ends it with ``undone``
or ``conflict``. A last line that is cut off, or that has holes, was never acknowledged and is passed over; anything
else that is no entry is an error which names file and line. Nothing here touches what the entries speak of.
"""

from __future__ import annotations

import datetime
import io
import json
import os
from dataclasses import dataclass, field
from typing import Any, Mapping

from fixer.apply.state import State
from fixer.errors import UsageError
from fixer.host import durable
from fixer.model import bounded_json
from fixer.model.codec import from_json, to_json
from fixer.model.facts import OpenRun
from fixer.model.journal import FORMAT, EntryState, JournalEntry, RunSummary

_LARGEST = 32 << 20
_TAIL = 1 << 16
_AWAY = "move the file away if nothing of that run is to be taken back any more"
_ENDED = {"committed": "applied", "rolled-back": "rolled back", "undone": "undone", "conflict": "partly undone"}
_OPEN = {"begun": "interrupted apply", "intent": "interrupted undo"}


@dataclass
class Journal:
    """One run's journal, open for adding to. ``entries`` mirrors the file."""

    path: str
    run: str
    entries: list[JournalEntry] = field(default_factory=list)

    @classmethod
    def begin(cls, state: State, header: Mapping[str, Any]) -> Journal:
        """A new run with the next free number; its first line is on disk when this returns. Raises OSError."""
        number = max(state.numbers(), default=0) + 1
        for litter in (state.journal(str(number)), durable.temporary(state.journal(str(number)))):
            # Of a run that never began: an empty journal is not counted among the numbers.
            durable.unlink(litter, sync=False)
        journal = cls(state.journal(str(number)), str(number))
        first = JournalEntry(journal.run, 0, "", "begun", _now(), before={"format": FORMAT, **header})
        durable.write_new(journal.path, _line(first))
        journal.entries.append(first)
        return journal

    @classmethod
    def open(cls, state: State, run: str) -> Journal:
        """An existing run's journal; what a kill left of a last line is cut off. Raises UsageError."""
        path = state.journal(run)
        content = _content(path)
        journal = cls(path, run, list(_parse(content, path)))
        whole = _acknowledged(content)
        if whole != len(content):
            durable.cut(path, whole)
        return journal

    def append(
        self,
        action: str,
        state: EntryState,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> JournalEntry:
        """Add a line; it is on disk when this returns. Raises OSError, and the file is as it was then."""
        entry = JournalEntry(self.run, len(self.entries), action, state, _now(), before or {}, after or {})
        durable.append(self.path, _line(entry))
        self.entries.append(entry)
        return entry

    @property
    def header(self) -> Mapping[str, Any]:
        return self.entries[0].before

    @property
    def standing(self) -> str:
        """``begun``, ``intent`` (both open), ``committed``, ``rolled-back``, ``undone`` or ``conflict``."""
        return next(entry.state for entry in reversed(self.entries) if not entry.action)


def read(path: str) -> tuple[JournalEntry, ...]:
    """A journal's entries; raises UsageError naming the file and the line that is none."""
    return tuple(_parse(_content(path), path))


def history(state: State) -> tuple[RunSummary, ...]:
    """All runs, the newest first. A damaged journal is a run whose state says so, not an error."""
    return tuple(_summary(state, str(number)) for number in reversed(state.numbers()))


def open_run(state: State) -> OpenRun | None:
    """The run that was cut short, if any: the newest one whose journal has no end."""
    for number in reversed(state.numbers()):
        path = state.journal(str(number))
        if _last_state(path) not in _ENDED:
            return OpenRun(str(number), path)
    return None


def _summary(state: State, run: str) -> RunSummary:
    path = state.journal(run)
    try:
        entries = read(path)
    except UsageError as error:
        return RunSummary(run, "", None, f"damaged: {error.message}", (), path)
    last = next(entry for entry in reversed(entries) if not entry.action)
    header = entries[0].before
    specs = header.get("actions")
    kinds = [spec.get("kind") for spec in specs if isinstance(spec, dict)] if isinstance(specs, list) else []
    names = tuple(kind for kind in kinds if isinstance(kind, str))
    python = header.get("python")
    word = _ENDED.get(last.state) or _OPEN.get(last.state, "interrupted")
    return RunSummary(run, entries[0].time, python if isinstance(python, str) else None, word, names, path)


def _last_state(path: str) -> str:
    """The state word of the last whole line if that line speaks of the run, else ""; reads the file's end alone."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read(_TAIL)
    except OSError as error:
        raise UsageError("journal-unreadable", f"{path}: {error.strerror}") from error
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()
    if not lines:
        return ""
    try:
        last = json.loads(lines[-1])
    except (ValueError, RecursionError):
        # Longer than the part that was read, or damaged: the strict reader tells.
        last = to_json(read(path)[-1])
    if not isinstance(last, dict) or last.get("action") != "":
        return ""
    return str(last.get("state"))


def _content(path: str) -> bytes:
    try:
        return durable.read(path, _LARGEST)
    except FileNotFoundError:
        raise UsageError("no-such-run", f"no journal {path}", "convfix history lists the runs") from None
    except OSError as error:
        raise UsageError("journal-unreadable", f"{path}: {error.strerror}") from error


def _acknowledged(content: bytes) -> int:
    """How much of a journal was on disk when its writer was told so.

    After a loss of power a line longer than a block may have its end and not its beginning: the blocks that were
    never written read as NULs, which no entry holds. Only the last line can be so, each earlier one was waited for.
    """
    end = content.rfind(b"\n") + 1
    last = content.rfind(b"\n", 0, max(0, end - 1)) + 1
    return last if b"\0" in content[last:end] else end


def _parse(content: bytes, path: str) -> list[JournalEntry]:
    entries: list[JournalEntry] = []
    for number, line in enumerate(io.BytesIO(content[: _acknowledged(content)]), 1):
        place = f"{path}: line {number}"
        try:
            data = bounded_json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            raise UsageError("damaged-journal", f"{place}: not a journal entry: expected one JSON object", _AWAY) from None
        entry: JournalEntry = from_json(JournalEntry, data, place)
        if entry.seq != number - 1:
            raise UsageError("damaged-journal", f"{place}: expected entry {number - 1}, found {entry.seq}", _AWAY)
        entries.append(entry)
    if not entries or entries[0].state != "begun" or entries[0].action:
        raise UsageError("damaged-journal", f"{path}: line 1: expected the beginning of a run", _AWAY)
    if entries[0].before.get("format") != FORMAT:
        raise UsageError("damaged-journal", f"{path}: line 1: expected format {FORMAT!r}", _AWAY)
    return entries


def _line(entry: JournalEntry) -> bytes:
    return json.dumps(to_json(entry), separators=(",", ":")).encode("ascii") + b"\n"


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
