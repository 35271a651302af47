"""Carrying a plan out: all of it or nothing.

The unit is one run. All actions are checked first and all problems reported; then each deed is journaled,
done, and its effect looked at again. Whatever stops the run (a failure, Ctrl-C, a signal) takes back what
was done. A kill leaves an open run that the next ``apply`` or ``undo`` takes back. Whether the plan is
stale by its facts, and whether the person agrees, the command has settled before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from typing import Any, Iterator, Mapping

from fixer.actions import HANDLERS
from fixer.actions.base import StepFailed
from fixer.apply.guard import guard
from fixer.apply.interrupt import Watch
from fixer.apply.journal import Journal
from fixer.apply.lock import environment_lock, places, state_lock
from fixer.apply.recovery import recover_locked
from fixer.apply.state import State
from fixer.apply.take_back import TakenBack, take_back
from fixer.apply.workplace import Bench, Say, unfailing
from fixer.errors import ConvfixError, Interrupted, RollbackIncompleteError, RolledBackError, StalePlanError, UsageError
from fixer.host import durable
from fixer.host.base import Host
from fixer.model.action import ActionSpec
from fixer.model.codec import to_json
from fixer.model.outcome import Step
from fixer.model.plan import Plan
from fixer.model.record import record

_MOST_ACTIONS = 100
_PLACES = ("prefix", "path", "source")
_MAKES_FILES = ("new_environment", "pip_requirements", "conda_packages")


@record(frozen=True)
class RunResult:
    """How an apply ended. ``run`` and ``journal`` are None when everything was already as the plan wants it."""

    run: str | None
    steps: tuple[Step, ...]
    journal: str | None


def apply(plan: Plan, host: Host, state: State, say: Say) -> RunResult:
    """Carry out ``plan``.

    Raises UsageError for a malformed or hostile plan, StalePlanError where a file is not what the plan saw,
    RolledBackError (nothing is changed), RollbackIncompleteError, Interrupted.
    """
    guard(host)
    _shape(plan)
    say = unfailing(say)
    with contextlib.ExitStack() as held:
        watch = held.enter_context(Watch())
        state.prepare()
        _enter_locks(held, state, plan.actions)
        recover_locked(host, state, say, watch)
        ready = _ready(plan, host)
        if all(ready.values()):
            return RunResult(None, tuple(_already(spec) for spec in plan.actions), None)
        watch.check()
        with _before_anything():
            journal = Journal.begin(state, _header(plan))
        bench = Bench(journal, state, host, say, watch)
        try:
            steps = tuple(
                _already(spec) if ready[spec.id] else _step(spec, host, bench, watch) for spec in plan.actions
            )
            watch.check()
            journal.append("", "committed")
        except BaseException as error:
            watch.deaf()
            say("taking back what was done")
            _report(error, take_back(journal, state, host, bench, "rolled-back"), journal, watch)
            raise
    return RunResult(journal.run, steps, journal.path)


def shown(plan: Plan, host: Host) -> Plan:
    """``plan`` with the file changes that it does not show yet, as they would be now; raises as ``apply`` does.

    Those that it shows stay: ``apply`` refuses the plan where they are no longer true.
    """
    _shape(plan)
    made = []
    for spec in plan.actions:
        preview = HANDLERS[spec.kind].preview(spec, host)
        _same_commands(spec, preview.commands)
        made.append(dataclasses.replace(spec, files=spec.files or preview.files))
    return dataclasses.replace(plan, actions=tuple(made))


def _shape(plan: Plan) -> None:
    """Refuse what no plan of ours holds, before anything is looked at."""
    if not plan.actions or len(plan.actions) > _MOST_ACTIONS:
        raise UsageError("bad-plan", f"the plan holds {len(plan.actions)} actions; expected 1 to {_MOST_ACTIONS}")
    seen: set[str] = set()
    scripts = [spec.params.get("path") for spec in plan.actions if spec.kind == "activation_script"]
    for spec in plan.actions:
        where = f"action {spec.id[:40]!r} ({spec.kind[:40]!r})"
        if not spec.id or spec.id in seen:
            raise UsageError("bad-action", f"{where}: its id is empty or not the only one")
        seen.add(spec.id)
        if spec.kind not in HANDLERS:
            raise UsageError("bad-action", f"{where}: expected one of the kinds {', '.join(HANDLERS)}")
        if spec.privilege != "user":
            raise UsageError("bad-action", f"{where}: needs {spec.privilege}; convfix does only what the user may")
        for key in _PLACES:
            _is_place(spec.params.get(key), f"{where}: {key}")
        source = spec.params.get("source")
        if spec.kind == "profile_block" and source not in scripts and not os.path.lexists(str(source)):
            text = f"source {str(source)[:80]!r} is neither there nor made by the plan"
            raise UsageError("bad-action", f"{where}: {text}")


def _is_place(value: Any, where: str) -> None:
    """Refuse what no path can be, before the locks are looked for; what it may be the handler knows."""
    if value is None:
        return
    try:
        if isinstance(value, str) and b"\0" not in os.fsencode(value):
            return
    except UnicodeEncodeError:
        pass
    raise UsageError("bad-action", f"{where}: expected a path, found {str(value)[:80]!r}")


def _ready(plan: Plan, host: Host) -> dict[str, bool]:
    """Check every action and report every problem; which ones are already as wanted."""
    problems: list[str] = []
    malformed: list[str] = []
    ready: dict[str, bool] = {}
    for number, spec in enumerate(plan.actions):
        handler = HANDLERS[spec.kind]
        waits = _waits(spec, tuple(other for other in plan.actions[:number] if not ready.get(other.id)))
        try:
            _same_commands(spec, handler.preview(spec, host).commands)
            found = handler.check(spec, host)
            problems += () if waits else found
            ready[spec.id] = not found and not waits and handler.satisfied(spec, host)
            if not found and not ready[spec.id]:
                _same_files(spec, host)
        except UsageError as error:
            malformed.append(error.message)
        except (StepFailed, OSError) as error:
            ready[spec.id] = False
            problems += () if waits else (str(error),)
    if malformed:
        raise UsageError("bad-action", "; ".join(malformed))
    if problems:
        raise RolledBackError("cannot-apply", f"nothing was changed: {'; '.join(problems)}")
    return ready


def _waits(spec: ActionSpec, earlier: tuple[ActionSpec, ...]) -> bool:
    """Whether an earlier action makes what this one stands on: then it is checked right before it is done."""
    for other in earlier:
        place = other.params.get("path" if other.kind == "new_environment" else "prefix")
        if other.kind in _MAKES_FILES and spec.params.get("prefix") == place:
            return True
    return False


def _same_commands(spec: ActionSpec, commands: tuple[tuple[str, ...], ...]) -> None:
    if tuple(map(tuple, commands)) != tuple(map(tuple, spec.commands)):
        where = f"action {spec.id[:40]!r} ({spec.kind})"
        raise UsageError("bad-action", f"{where}: its commands are not what its parameters say")


def _same_files(spec: ActionSpec, host: Host) -> None:
    """A plan that shows diffs is carried out only if these are still the diffs."""
    if spec.files and spec.files != HANDLERS[spec.kind].preview(spec, host).files:
        names = ", ".join(change.path for change in spec.files)
        raise StalePlanError("stale-plan", f"changed since the plan was made: {names}", "make the plan anew")


def _step(spec: ActionSpec, host: Host, bench: Bench, watch: Watch) -> Step:
    handler = HANDLERS[spec.kind]
    watch.check()
    started = time.monotonic()
    bench.action = spec.id
    bench.say(spec.summary)
    problems = handler.check(spec, host)
    if problems:
        raise StepFailed("cannot-apply", "; ".join(problems))
    handler.perform(spec, host, bench)
    if not handler.satisfied(spec, host):
        raise StepFailed("not-satisfied", f"{spec.summary}: done, but the machine is not as it should be")
    return Step(spec.id, True, time.monotonic() - started, spec.summary)


def _already(spec: ActionSpec) -> Step:
    return Step(spec.id, True, 0.0, f"{spec.summary}: already so")


def _report(error: BaseException, back: TakenBack, journal: Journal, watch: Watch) -> None:
    """Turn what stopped the run into the error that tells how it stands now; an unforeseen one is left as it is."""
    why = str(error) or type(error).__name__
    rest = (*back.failures, *back.conflicts)
    if watch.came is not None or isinstance(error, (Interrupted, KeyboardInterrupt)):
        interrupted = watch.error()
        if rest:
            interrupted.args = (f"interrupted; not everything could be taken back: {'; '.join(rest)}",)
            interrupted.message = interrupted.args[0]
            interrupted.hint = f"the journal: {journal.path}; convfix undo tries again"
        raise interrupted from error
    foreseen = isinstance(error, (ConvfixError, OSError, durable.ForeignEdit))
    if rest:
        raise RollbackIncompleteError(
            "rollback-incomplete",
            f"{why}; and not everything could be taken back: {'; '.join(rest)}",
            f"the journal: {journal.path}; convfix undo tries again",
        ) from error
    if foreseen:
        hint = error.hint if isinstance(error, ConvfixError) else ""
        raise RolledBackError("rolled-back", f"{why}; everything that was done has been taken back", hint) from error


@contextlib.contextmanager
def _before_anything() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RolledBackError("no-journal", f"nothing was changed: the journal cannot be written: {error}") from error


def _enter_locks(held: contextlib.ExitStack, state: State, actions: tuple[ActionSpec, ...]) -> None:
    with _before_anything():
        held.enter_context(state_lock(state))
        for place in places(actions):
            held.enter_context(environment_lock(place))


def _header(plan: Plan) -> Mapping[str, Any]:
    content = json.dumps(to_json(plan), sort_keys=True).encode("ascii")
    return {
        "version": plan.version,
        "dataset": plan.dataset,
        "python": plan.python,
        "plan": hashlib.sha256(content).hexdigest(),
        "actions": [to_json(spec) for spec in plan.actions],
    }
