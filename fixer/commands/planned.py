"""What ``plan`` and ``apply`` share: making, proving, saving and reading a plan."""

from __future__ import annotations

import dataclasses
import datetime
import errno
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

from fixer import __version__
from fixer.commands.options import Session, importing
from fixer.errors import StalePlanError, UsageError
from fixer.model.codec import from_json, to_json
from fixer.model.facts import Facts
from fixer.model.outcome import Outcome
from fixer.model.plan import FORMAT, Plan

_LARGEST = 16 << 20
# Each is asked for anew: a mirror that lacks more than this serves another purpose.
_MOST_LACKING = 60
# What the dataset follows beside the packages of which it has releases.
_FOLLOWED = ("tensorflow", "nvidia-", "jax", "torch", "keras", "tf-keras")


def make(session: Session) -> tuple[Facts, Plan]:
    """The facts and the plan made from them; one for this machine is stamped with the time."""
    _ = session.wish
    facts = session.facts(importing("fixer.rules", "fixer.planning", "fixer.apply.journal"))
    plan = of(session, facts)
    # The plan for a described machine follows from the description alone, to the byte.
    return facts, plan if session.machine is not None else dataclasses.replace(plan, created=now())


def of(session: Session, facts: Facts, lacking: frozenset[tuple[str, str]] = frozenset()) -> Plan:
    """The plan that follows from ``facts``, the wish and the dataset less the releases ``lacking``, and from nothing else."""
    from fixer.dataset.without import without
    from fixer.planning import make_plan
    from fixer.rules import judge

    wish = session.wish
    plan = make_plan(facts, judge(facts, session.dataset, wish), without(session.dataset, lacking), wish, __version__)
    if not plan.actions:
        return plan
    from fixer.actions.foreseen import with_files

    return with_files(plan, facts)


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def refuse_proof_elsewhere(session: Session, proving: bool) -> None:
    """A described machine has no index to ask."""
    if proving and (session.machine is not None or session.sys_root is not None):
        raise UsageError("cannot-prove", "--prove asks this machine's installer: it does not go with --machine or --sys-root")


def prove(session: Session, facts: Facts, plan: Plan, offline: bool, hashes: bool = False, saved: bool = False) -> Plan:
    """``plan`` as the installer's own dry run proves it; with every archive's hashes where they are asked for.

    The person's index may lack a release that the dataset knows. Then the plan is made again without that release,
    and says so; a ``saved`` plan is never made anew behind the person's back.

    Raises NotProved where the installer finds no solution all the same.
    """
    from fixer.apply.prove import NotProved
    from fixer.apply.prove import prove as ask

    lacking: dict[tuple[str, str], None] = {}
    made = plan
    while True:
        try:
            proved = ask(made, session.host, offline, hashes, _loose(session, made))
        except NotProved as error:
            new = [one for one in error.lacking if one not in lacking]
            if saved or not new or len(lacking) >= _MOST_LACKING:
                raise
            lacking.update(dict.fromkeys(new))
            made = dataclasses.replace(of(session, facts, frozenset(lacking)), created=plan.created)
            if not made.actions:
                raise
        else:
            return dataclasses.replace(proved, notes=(*proved.notes, *_instead(proved, tuple(lacking))))


def _loose(session: Session, plan: Plan) -> frozenset[str]:
    """The packages that the plan carries along without knowing them: the dataset has no row of theirs, and no step names them."""
    packages = plan.outcome.packages if plan.outcome is not None else {}
    pinned = {text.partition("==")[0] for action in plan.actions for text in action.params.get("requirements", ())}
    known = (name for name in packages if name.startswith(_FOLLOWED) or session.dataset.releases(name))
    return frozenset(packages) - pinned - frozenset(known)


def _instead(plan: Plan, lacking: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """What the plan takes in the place of releases that the index lacks."""
    packages = plan.outcome.packages if plan.outcome is not None else {}
    for name in dict.fromkeys(name for name, _ in lacking):
        versions = ", ".join(version for other, version in lacking if other == name)
        taken = f"{packages[name]} is planned instead" if name in packages else "the plan does without it"
        yield f"Your package index has no {name} {versions}: {taken}."


def as_data(plan: Plan) -> dict[str, Any]:
    """The contract's ``data`` of a plan."""
    data: dict[str, Any] = to_json(plan)
    data["proved"] = data["proved"] or False
    return data


def with_dataset(session: Session, outcome: Outcome) -> Outcome:
    """``outcome`` with the dataset's version in it."""
    return dataclasses.replace(outcome, dataset=session.dataset.version)


def save(plan: Plan, path: str) -> None:
    """Write ``plan`` to ``path``, for ``apply``."""
    write(json.dumps(to_json(plan), indent=1) + "\n", path)


def write(text: str, path: str) -> None:
    """Write ``text`` to ``path`` whole or not at all, through a temporary file beside it; raises UsageError.

    A link is followed. Devices and pipes are refused: a file that takes their place would break them.
    """
    try:
        target = os.path.realpath(path)
        mode = _mode_of(target)
        beside = f"{target}.{os.getpid()}.new"
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
                if mode is not None:
                    os.fchmod(handle, mode)
            os.replace(beside, target)
        except BaseException:
            os.unlink(beside)
            raise
    except (OSError, ValueError) as error:
        raise UsageError("cannot-write", f"--out {path}: {getattr(error, 'strerror', None) or error}") from error


def _mode_of(path: str) -> int | None:
    """The permission bits of the file that is there; None where there is none. Raises OSError for anything but a file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "expected the name of a file; without --out it goes to stdout")
    return stat.S_IMODE(found.st_mode)


def pretty(value: Any) -> str:
    """A JSON value as a document of its own."""
    return json.dumps(value, indent=2) + "\n"


def read(path: str) -> Plan:
    """A saved plan; raises UsageError where it is malformed and StalePlanError where it has another format."""
    from fixer.probes import machine_file

    try:
        content = machine_file.content(path, _LARGEST)
    except (OSError, ValueError) as error:
        raise UsageError("unreadable-plan", f"{path}: {getattr(error, 'strerror', error)}") from error
    if len(content) > _LARGEST:
        raise UsageError("malformed-plan", f"{path}: expected a plan of at most {_LARGEST >> 20} MiB")
    data = machine_file.parse(content, path)
    if not isinstance(data, dict):
        raise UsageError("malformed-plan", f"{path}: expected a JSON object, a saved plan")
    if data.get("format") != FORMAT:
        raise StalePlanError(
            "plan-format",
            f"{path}: format {str(data.get('format'))[:40]!r}, expected {FORMAT!r}",
            "make it anew: convfix plan --out FILE",
        )
    plan: Plan = from_json(Plan, data, path)
    return plan
