"""Taking a run back from its journal, last deed first: after a failure, after a kill, or for ``undo``.

The unit is ``take_back``, which may itself be killed and called again: what is journaled as taken back is
only tidied, the rest is looked at anew. A deed that cannot be taken back does not stop the others. What
somebody else changed since is left and reported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time

from fixer.actions import HANDLERS
from fixer.apply.journal import Journal
from fixer.apply.state import State
from fixer.apply.workplace import Bench
from fixer.errors import ConvfixError, UsageError
from fixer.host import durable
from fixer.host.base import Host
from fixer.model.action import ActionSpec
from fixer.model.codec import from_json
from fixer.model.journal import EntryState, JournalEntry
from fixer.model.outcome import Step
from fixer.model.record import record


@record(frozen=True)
class TakenBack:
    """``conflicts``: left because somebody else changed it. ``failures``: could not be taken back; try again."""

    steps: tuple[Step, ...]
    conflicts: tuple[str, ...]
    failures: tuple[str, ...]


def specs_of(journal: Journal) -> dict[str, ActionSpec]:
    """The run's actions from the journal's first line; raises UsageError when it is damaged."""
    listed = journal.header.get("actions")
    if not isinstance(listed, list):
        raise UsageError("damaged-journal", f"{journal.path}: line 1: expected a list of actions")
    specs: list[ActionSpec] = [from_json(ActionSpec, item, f"{journal.path}: line 1: actions") for item in listed]
    return {spec.id: spec for spec in specs}


def take_back(journal: Journal, state: State, host: Host, bench: Bench, end: EntryState) -> TakenBack:
    """Take everything back and end the run as ``end``, or as ``conflict``; on a failure the run stays open."""
    specs = specs_of(journal)
    settled = {entry.after.get("of") for entry in journal.entries if entry.state == "undone" and entry.action}
    steps: dict[str, Step] = {}
    conflicts: list[str] = []
    failures: list[str] = []
    for entry in reversed([each for each in journal.entries if each.state == "intent" and each.action]):
        started = time.monotonic()
        left: tuple[str, ...] = ()
        problem = ""
        try:
            left = _one(entry, specs, journal, host, bench, entry.seq in settled)
        except (ConvfixError, OSError, durable.ForeignEdit) as error:
            problem = str(error)
            failures.append(problem)
        conflicts.extend(left)
        _count(steps, entry.action, problem or "; ".join(left), time.monotonic() - started, bool(problem or left))
    if not failures:
        try:
            if not conflicts:
                _forget_images(state.files(journal.run))
            journal.append("", "conflict" if conflicts else end, after={"left": conflicts} if conflicts else {})
        except OSError as error:
            failures.append(f"{journal.path}: {error.strerror}")
    return TakenBack(tuple(steps.values()), tuple(conflicts), tuple(failures))


def _one(
    entry: JournalEntry, specs: dict[str, ActionSpec], journal: Journal, host: Host, bench: Bench, settled: bool
) -> tuple[str, ...]:
    spec = specs.get(entry.action)
    handler = HANDLERS.get(spec.kind) if spec is not None else None
    if spec is None or handler is None:
        raise UsageError("damaged-journal", f"{journal.path}: line {entry.seq + 1}: an action of no known kind")
    bench.action = entry.action
    if not settled:
        done = (each.after for each in journal.entries if each.state == "done" and each.after.get("of") == entry.seq)
        left = handler.undo(spec, dataclasses.replace(entry, after=next(done, {})), host, bench)
        if left:
            journal.append(entry.action, "conflict", after={"of": entry.seq, "left": list(left)})
            return left
        journal.append(entry.action, "undone", after={"of": entry.seq})
    handler.tidy(spec, entry)
    return ()


def _count(steps: dict[str, Step], action: str, detail: str, seconds: float, failed: bool) -> None:
    """One step per action, whatever the number of its deeds."""
    former = steps.get(action, Step(action, True, 0.0, ""))
    words = "; ".join(text for text in (former.detail, detail) if text)
    steps[action] = Step(action, former.passed and not failed, former.seconds + seconds, words)


def _forget_images(folder: str) -> None:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        durable.unlink(os.path.join(folder, name), sync=False)
    with contextlib.suppress(OSError):
        durable.remove_dir(folder)
