"""Taking an applied run back, or finishing one that was interrupted; it reads the journal, not memory.

The unit is one run. Files get their bytes, mode and times back, packages the recorded set, all offline.
What somebody else changed since is left and reported as a conflict; undoing the run again tries that anew.
"""

from __future__ import annotations

import contextlib

from fixer.apply.guard import guard
from fixer.apply.interrupt import Watch
from fixer.apply.journal import Journal, open_run, read
from fixer.apply.lock import environment_lock, places, state_lock, wait_for_installer
from fixer.apply.recovery import recover, recover_locked
from fixer.apply.state import State
from fixer.apply.take_back import TakenBack, specs_of, take_back
from fixer.apply.workplace import Bench, Say, unfailing
from fixer.errors import RollbackIncompleteError, UsageError
from fixer.host.base import Host
from fixer.model.outcome import Step
from fixer.model.record import record

__all__ = ["UndoResult", "preview", "recover", "undo"]
_HISTORY = "convfix history lists the runs"


@record(frozen=True)
class UndoResult:
    """How an undo ended. ``conflicts`` name what was left, and why."""

    run: str
    steps: tuple[Step, ...]
    conflicts: tuple[str, ...]


def preview(run: str | None, state: State) -> tuple[str, tuple[Step, ...]]:
    """What ``undo(run)`` would take back: the run's number and its steps, the last first. It writes nothing.

    Raises UsageError as ``undo`` does.
    """
    found = open_run(state)
    if found is not None and run in (None, found.run):
        journal = Journal(found.journal, found.run, list(read(found.journal)))
    else:
        journal = _chosen(run, state)
    done = {entry.action for entry in journal.entries if entry.state == "intent" and entry.action}
    specs = [spec for spec in specs_of(journal).values() if spec.id in done]
    return journal.run, tuple(Step(spec.id, True, 0.0, spec.summary) for spec in reversed(specs))


def undo(run: str | None, host: Host, state: State, say: Say) -> UndoResult:
    """Take ``run`` back; None is the interrupted run, else the newest that stands.

    Raises UsageError for a run that is not there or already taken back, RollbackIncompleteError when
    something could not be taken back though nobody else changed it.
    """
    guard(host)
    if not state.numbers():
        _chosen(run, state)
    say = unfailing(say)
    with contextlib.ExitStack() as held:
        watch = held.enter_context(Watch())
        state.prepare()
        held.enter_context(state_lock(state))
        recovered = recover_locked(host, state, say, watch)
        if recovered is not None and run in (None, recovered[0]):
            return _result(*recovered)
        journal = Journal.open(state, _chosen(run, state).run)
        wait_for_installer(state, say)
        watch.check()
        for place in places(specs_of(journal).values()):
            held.enter_context(environment_lock(place))
        return _take_back(journal, state, host, say, watch)


def _take_back(journal: Journal, state: State, host: Host, say: Say, watch: Watch) -> UndoResult:
    watch.deaf()
    try:
        journal.append("", "intent", before={"undo": True})
    except OSError as error:
        raise UsageError("no-journal", f"nothing was changed: {journal.path}: {error.strerror}") from error
    back = take_back(journal, state, host, Bench(journal, state, host, say, watch), "undone")
    if back.failures:
        raise RollbackIncompleteError(
            "undo-incomplete",
            f"run {journal.run} could not be taken back as a whole: {'; '.join(back.failures)}",
            f"the journal: {journal.path}; convfix undo tries again",
        )
    return _result(journal.run, back)


def _read(state: State, number: int) -> Journal:
    path = state.journal(str(number))
    return Journal(path, str(number), list(read(path)))


def _result(run: str, back: TakenBack) -> UndoResult:
    return UndoResult(run, back.steps, back.conflicts)


def _chosen(run: str | None, state: State) -> Journal:
    """The journal of the run to take back, read only."""
    if run is None:
        for number in reversed(state.numbers()):
            journal = _read(state, number)
            if journal.standing in ("committed", "conflict"):
                return journal
        text = "every run is already taken back" if state.numbers() else "there is no run to undo"
        raise UsageError("no-such-run", text, _HISTORY)
    if not (run.isascii() and run.isdecimal() and int(run) in state.numbers()):
        raise UsageError("no-such-run", f"there is no run {run[:20]!r}", _HISTORY)
    journal = _read(state, int(run))
    if journal.standing not in ("committed", "conflict"):
        raise UsageError("already-undone", f"run {run} is already taken back", _HISTORY)
    return journal
