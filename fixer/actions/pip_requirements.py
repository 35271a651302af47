"""Packages of an existing environment, changed by pip or uv, and brought back exactly.

The unit is one set of exact pins. pip and uv are not atomic: both leave a mixture when they are killed. So
every file that they may touch is kept first (``snapshot``), the installer works, every file of the result
is checked against its RECORD, and anything less than the whole new set goes back to the old one. The
installer's exit status alone is never believed.
"""

from __future__ import annotations

import os
import secrets
from typing import Any, Mapping

from fixer.actions import distributions, dry_run, held, restore, snapshot, space, uv_lock
from fixer.actions.base import Params, Pin, StepFailed, Workplace
from fixer.actions.installer_world import environment
from fixer.actions.interpreter import ask, install_problem
from fixer.actions.snapshot import Place
from fixer.actions.tree import STORE, mark
from fixer.host.base import Host
from fixer.model import installers, pep440
from fixer.model.action import ActionSpec, Preview
from fixer.model.journal import JournalEntry

_KNOWN = ("interpreter", "prefix", "manager", "requirements", "remove", "reinstall")
_LEAST_FREE = 64 << 20
_LEAST_INODES = 1000
_SHOWN = 5


class PipRequirements:
    """See the module's docstring."""

    kind = "pip_requirements"

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        interpreter, prefix, pins = _read(spec)
        if not os.path.isdir(prefix):
            return (f"{prefix}: no such environment",)
        try:
            problem = install_problem(ask(interpreter, host), prefix)
            dry_run.located(installers.pip_requirements(spec.params)[0], host)
        except StepFailed as error:
            return (error.message,)
        room = space.short(str(spec.params["manager"]), prefix, spec.download_bytes, spec.disk_bytes, host)
        problem = problem or snapshot.unfinished(prefix)
        return tuple(text for text in (problem, _space_problem(prefix, spec) or "; ".join(room)) if text)

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        _read(spec)
        return Preview(commands=installers.pip_requirements(spec.params))

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        interpreter, prefix, pins = _read(spec)
        scheme = ask(interpreter, host)
        commands = installers.pip_requirements(spec.params)
        place = Place(
            prefix, os.path.join(prefix, STORE, f"{work.run}-{secrets.token_hex(4)}"), scheme.sites, scheme.scripts
        )
        # The intention comes first; which packages change is known only by the dry run, and goes to the manifest.
        work.intend({"deed": "packages", **_record(place), "lock": uv_lock.missing(prefix)})
        removed = Params(spec, _KNOWN).names("remove")
        gone = {d.name: d.version for d in distributions.installed(place.sites, read_records=False) if d.name in removed}
        change = dry_run.after_removal(dry_run.of_commands(commands, host, prefix), pins, gone)
        manager = str(spec.params["manager"])
        hold = held.Hold(manager, os.path.join(place.store, "held"), prefix, held.hashes(change, manager, interpreter, host, prefix))
        names = sorted({*change.names, *removed})
        touched = [d for d in distributions.installed(place.sites) if d.name in names]
        former = _files(touched)
        before = snapshot.take(place, former, names)
        world = hold.world(environment(host.environ))
        for argv in commands:
            work.say("running " + " ".join(argv[:6]) + (" ..." if len(argv) > 6 else ""))
            with uv_lock.not_left(prefix):
                ran = work.child(dry_run.located(argv, host), world, prefix)
            if not ran.ok:
                raise StepFailed("installer-failed", f"{os.path.basename(argv[0])} failed: {dry_run.said(ran)}")
            hold.check(argv)
        now = snapshot.compare(place, before)
        wrong = _faults(place, before, now, former, {**change.install}, pins, removed)
        if wrong:
            more = f" (and {len(wrong) - _SHOWN} more)" if len(wrong) > _SHOWN else ""
            raise StepFailed("not-whole", f"the installer ended well, but: {'; '.join(wrong[:_SHOWN])}{more}")
        snapshot.finish(place, before, now)
        work.done({"installed": dict(change.install), "removed": sorted({*change.remove, *removed})})
        snapshot.trim(place, before, now)

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        interpreter, prefix, pins = _read(spec)
        scheme = ask(interpreter, host)
        found = distributions.installed(scheme.sites)
        pinned = {pin.name for pin in pins}
        if any(d.name in Params(spec, _KNOWN).names("remove") and d.name not in pinned for d in found):
            return False
        return not _unmet(pins, found) and not any(distributions.faults(d) for d in found if d.name in pinned)

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        place = _place(spec, entry.before)
        if not os.path.isdir(place.prefix):
            work.say(f"the environment {place.prefix} is gone; there is nothing to take back in it")
            return ()
        left: tuple[str, ...] = ()
        if os.path.isdir(place.store):
            names = entry.before.get("names")  # only an older convfix wrote them here
            left = restore.restore(place, [str(name) for name in names] if isinstance(names, list) else [])
        elif entry.after:
            left = (f"packages in {place.prefix}: the kept files in {place.store} are gone",)
        if entry.before.get("lock") is True and not left:
            uv_lock.forget(place.prefix)
        return left

    def tidy(self, spec: ActionSpec, entry: JournalEntry) -> None:
        """Remove the store of an intention that has been taken back; idempotent."""
        snapshot.drop(_place(spec, entry.before))


def _read(spec: ActionSpec) -> tuple[str, str, tuple[Pin, ...]]:
    params = Params(spec, _KNOWN)
    prefix = params.path("prefix")
    interpreter = params.path("interpreter")
    params.choice("manager", installers.PIP_MANAGERS)
    pins = params.pins("requirements") if spec.params.get("requirements") else ()
    removed = params.names("remove")
    params.names("reinstall")
    if not pins and not removed:
        raise params.error("requirements", "is empty")
    return interpreter, prefix, pins


def _record(place: Place) -> dict[str, Any]:
    return {"prefix": place.prefix, "store": place.store, "sites": list(place.sites), "scripts": place.scripts}


def _place(spec: ActionSpec, record: Mapping[str, Any]) -> Place:
    """The snapshot's place from the journal; it must be the environment of the action, whatever the journal says."""
    prefix = Params(spec, _KNOWN).path("prefix")
    sites, scripts, store = record.get("sites"), record.get("scripts"), record.get("store")
    inside = prefix.rstrip("/") + "/"
    paths = [store, scripts, *(sites if isinstance(sites, list) else [None])]
    if not all(isinstance(path, str) and os.path.normpath(path) == path for path in paths):
        raise StepFailed("damaged-journal", "the journal's record of a package step is damaged")
    if os.path.dirname(str(store)) != inside + STORE or not all(str(path).startswith(inside) for path in paths):
        raise StepFailed("damaged-journal", f"the journal names folders outside of {prefix}")
    return Place(prefix, str(store), tuple(str(site) for site in paths[2:]), str(scripts))


def _files(found: list[distributions.Distribution]) -> set[str]:
    paths = {path for distribution in found for path in distribution.paths}
    paths |= {path for module in list(paths) for path in distributions.compiled(module)}
    return {path for path in paths if (kind := mark(path)) is not None and kind.kind in "fl"}


def _faults(
    place: Place,
    before: snapshot.Before,
    now: snapshot.Change,
    former: set[str],
    incoming: Mapping[str, str],
    pins: tuple[Pin, ...],
    removed: tuple[str, ...],
) -> list[str]:
    """Why the environment is not the whole new set, and nothing but that; ``former`` are the old packages' files."""
    found = distributions.installed(place.sites)
    there = {d.name for d in found}
    wrong = [f"{name} is still there" for name in removed if name in there and name not in incoming]
    wrong += _unmet(pins, found)
    for name, version in incoming.items():
        of_name = [d for d in found if d.name == name]
        if len(of_name) != 1:
            wrong.append(f"{name} is installed {len(of_name)} times")
        elif not pep440.same(of_name[0].version, version):
            wrong.append(f"{name} is {of_name[0].version}, the dry run said {version}")
        else:
            wrong += distributions.faults(of_name[0])
    wrong += [f"left over: {path}" for path in now.created if _is_litter(path, place)]
    theirs = {path for d in found if d.name in incoming for path in d.paths} | former
    for path in {*now.created, *now.changed, *now.gone} - theirs:
        inside = any(path.startswith(site + "/") for site in place.sites)
        known = now.created.get(path) or now.changed.get(path) or before.marks[path]
        if inside and not path.endswith(".pyc") and known.kind != "d":
            what = "is new" if path in now.created else "was changed"
            wrong.append(f"{path} {what}, and belongs to none of the packages")
    return wrong


def _is_litter(path: str, place: Place) -> bool:
    """pip's own leftovers: a name that begins with ``~`` right in site-packages."""
    return os.path.basename(path).startswith("~") and os.path.dirname(path) in place.sites


def _unmet(pins: tuple[Pin, ...], found: tuple[distributions.Distribution, ...]) -> list[str]:
    wrong = []
    for pin in pins:
        versions = [d.version for d in found if d.name == pin.name]
        if len(versions) != 1 or not pep440.same(versions[0], pin.version):
            wrong.append(f"{pin.name} is {' and '.join(versions) or 'not installed'}, not {pin.version}")
    return wrong


def _space_problem(prefix: str, spec: ActionSpec) -> str | None:
    """Why the disk has no room: bytes for what comes (four times the download, when only that is known), and inodes."""
    held = os.statvfs(prefix)
    need = spec.disk_bytes or 4 * (spec.download_bytes or 0)
    free = held.f_bavail * held.f_frsize
    if free < need + _LEAST_FREE:
        return f"{prefix}: {free >> 20} MiB free, {(need + _LEAST_FREE) >> 20} MiB needed"
    # Some filesystems count no inodes and say 0 of 0.
    if held.f_files and held.f_favail < _LEAST_INODES:
        return f"{prefix}: {held.f_favail} inodes free, {_LEAST_INODES} needed"
    return None
