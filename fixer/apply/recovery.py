"""Finishing an earlier run that was cut short: an apply is taken back, an undo is carried on.

The unit is ``recover``, called by the next ``apply`` or ``undo`` and by nothing else. It is idempotent and may
be killed itself. It waits for an installer of the killed run that is still dying.
"""

from __future__ import annotations

import contextlib
from typing import Any

from fixer.apply.guard import guard
from fixer.apply.interrupt import Watch
from fixer.apply.journal import Journal, open_run
from fixer.apply.lock import environment_lock, places, state_lock, wait_for_installer
from fixer.apply.state import State
from fixer.apply.take_back import TakenBack, specs_of, take_back
from fixer.apply.workplace import Bench, Say, unfailing
from fixer.errors import RollbackIncompleteError
from fixer.host.base import Host


def recover(host: Host, state: State, say: Say) -> tuple[str, TakenBack] | None:
    """Finish the run that was cut short; its number and what was taken back, or None when there was none.

    Raises RollbackIncompleteError when something could not be taken back; the run stays open then.
    """
    if open_run(state) is None:
        return None
    guard(host)
    say = unfailing(say)
    with contextlib.ExitStack() as held:
        watch = held.enter_context(Watch())
        state.prepare()
        held.enter_context(state_lock(state))
        return recover_locked(host, state, say, watch)


def recover_locked(host: Host, state: State, say: Say, watch: Watch) -> tuple[str, TakenBack] | None:
    """``recover`` for a caller that holds the state's lock."""
    state.sweep()
    found = open_run(state)
    if found is None:
        return None
    wait_for_installer(state, say)
    journal = Journal.open(state, found.run)
    if journal.standing in ("committed", "rolled-back", "undone", "conflict"):
        return None
    say(f"run {found.run} was interrupted; taking it back")
    with contextlib.ExitStack() as held:
        for place in places(specs_of(journal).values()):
            held.enter_context(environment_lock(place))
        bench = Bench(journal, state, host, say, watch)
        end: Any = "undone" if journal.standing == "intent" else "rolled-back"
        back = take_back(journal, state, host, bench, end)
    if back.failures:
        raise RollbackIncompleteError(
            "rollback-incomplete",
            f"run {found.run} was interrupted and cannot be taken back: {'; '.join(back.failures)}",
            f"the journal: {found.journal}; convfix undo tries again",
        )
    for conflict in back.conflicts:
        say(f"left as it is: {conflict}")
    return found.run, back
