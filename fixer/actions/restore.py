"""Bringing an environment's files back from a snapshot: exactly the former set, offline, as often as needed.

The unit is ``restore(place, names)``. After a finished run the record of the new set decides, and anything
that is neither as it was before nor as the run left it is somebody else's change: then nothing is touched
and it is reported. After an interrupted run everything that differs goes back, except the files of
packages that the run had no business with and that somebody installed since.
"""

from __future__ import annotations

import csv
import os
from typing import Iterable

from fixer.actions import distributions, snapshot, uv_lock
from fixer.actions.base import StepFailed
from fixer.actions.snapshot import Before, Change, Place
from fixer.actions.tree import Mark, mark
from fixer.host import durable
from fixer.model.record import record

_SHOWN = 5


@record(frozen=True)
class _Work:
    """What has to go and what has to come back; paths."""

    remove: frozenset[str]
    bring_back: frozenset[str]
    folders: frozenset[str]


def restore(place: Place, names: Iterable[str]) -> tuple[str, ...]:
    """Bring all back; ``names`` are the packages that the run may have changed, where the manifest does not say.

    Returns what was left, and why.

    Raises StepFailed or OSError when something that had to come back could not; calling it again is safe.
    """
    before = snapshot.read(place)
    if before is None:
        return ()
    after = snapshot.read_after(place)
    change = snapshot.compare(place, before)
    if after is None:
        work = _interrupted(place, before, change, frozenset(before.names or names))
    else:
        foreign = _drift(place, before, after, change)
        if foreign:
            more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
            shown = ", ".join(sorted(foreign)[:_SHOWN])
            return (f"packages in {place.prefix}: changed since by another program ({shown}{more})",)
        work = _finished(before, after, change)
    _carry_out(place, before, work)
    return ()


def _interrupted(place: Place, before: Before, change: Change, names: frozenset[str]) -> _Work:
    foreign = _foreign(place, before, change, names)
    inside = tuple(folder.rstrip("/") + "/" for folder in place.linked)
    data = tuple(folder + "/" for folder in place.data)
    ours = {path for found in distributions.installed(place.sites) if found.name in names for path in found.paths}
    last = max((_changed_at(path) for path in change.created if path.startswith(inside)), default=0)
    remove = set()
    for path, found in change.created.items():
        if path in foreign or found.kind == "d":
            continue
        theirs = path in ours or uv_lock.is_one(path, found, place.prefix)
        if theirs or path.startswith(inside) or (path.startswith(data) and _changed_at(path) <= last):
            remove.add(path)
    back = {path for path in {*change.changed, *change.gone} if path not in foreign}
    remove -= _compiled_by_others(remove, before, back)
    return _Work(frozenset(remove), frozenset(back), _folders(change) - foreign)


def _finished(before: Before, after: Change, change: Change) -> _Work:
    ours = {path for path, found in after.created.items() if found.kind != "d" and path in change.created}
    back = {path for path in {*after.changed, *after.gone} if path in change.changed or path in change.gone}
    # Compiled files that Python wrote meanwhile for modules of ours go with their modules.
    modules = {path for path in {*after.created, *after.changed, *after.gone} if path.endswith(".py")}
    for path in change.created:
        if path.endswith(".pyc") and distributions.source(path) in modules:
            ours.add(path)
    for path in {*change.changed, *change.gone}:
        if path.endswith(".pyc") and distributions.source(path) in modules:
            back.add(path)
    back = {path for path in back if path in before.marks}
    return _Work(frozenset(ours), frozenset(back), _folders(after) | _folders(change))


def _folders(change: Change) -> frozenset[str]:
    """New folders: those that are empty in the end go."""
    return frozenset(path for path, found in change.created.items() if found.kind == "d")


def _drift(place: Place, before: Before, after: Change, change: Change) -> list[str]:
    """Paths of the new set that are neither as the run left them nor as they were before."""
    foreign = []
    for path, left in {**after.created, **after.changed}.items():
        if path.endswith(".pyc") or left.kind == "d":
            continue
        now = mark(path)
        if left.same(now):
            continue
        if path in before.marks and snapshot.is_former(path, now, before, place):
            continue
        if now is not None and now.inode == _kept_inode(path, place, before):
            # The kept file itself, its mode or time not yet given back: a restore was killed here.
            continue
        if now is not None or path in before.marks:
            foreign.append(path)
    for path in after.gone:
        now = mark(path)
        if now is not None and now.kind != "d" and not path.endswith(".pyc") and path in change.changed:
            foreign.append(path)
    return foreign


def _kept_inode(path: str, place: Place, before: Before) -> int | None:
    number = before.kept.get(path)
    found = mark(os.path.join(place.keep, str(number))) if number is not None else None
    return found.inode if found is not None else None


def _foreign(place: Place, before: Before, change: Change, names: frozenset[str]) -> frozenset[str]:
    """Files of packages beyond ``names`` that somebody installed or replaced since the snapshot."""
    found: set[str] = set()
    for distribution in distributions.installed(place.sites):
        record = os.path.join(distribution.folder, "RECORD")
        if distribution.name in names or not (record in change.created or record in change.changed):
            continue
        found |= distribution.paths
        found |= {path for module in distribution.paths for path in distributions.compiled(module)}
        for path in before.kept:
            folder = os.path.dirname(path)
            if path.endswith(".dist-info/RECORD") and _name_of(folder) == distribution.name:
                found |= _former_files(place, before, path)
    return frozenset(found)


def _former_files(place: Place, before: Before, record: str) -> set[str]:
    """What the kept RECORD of a package listed, and its metadata folder."""
    folder = os.path.dirname(record)
    text = durable.read(os.path.join(place.keep, str(before.kept[record]))).decode("utf-8", "replace")
    site = os.path.dirname(folder)
    listed = {os.path.normpath(os.path.join(site, row[0])) for row in csv.reader(text.splitlines()) if row and row[0]}
    return listed | {path for path in before.marks if path == folder or path.startswith(folder + "/")}


def _name_of(folder: str) -> str:
    return distributions.normal(os.path.basename(folder).partition("-")[0])


def _compiled_by_others(paths: set[str], before: Before, back: set[str]) -> set[str]:
    """New compiled files whose source was there before and is not brought back: Python made them for others."""
    compiled = {path: distributions.source(path) for path in paths if path.endswith(".pyc")}
    return {path for path, module in compiled.items() if module in before.marks and module not in back}


def _changed_at(path: str) -> int:
    try:
        return os.lstat(path).st_ctime_ns
    except OSError:
        return 0


def _carry_out(place: Place, before: Before, work: _Work) -> None:
    for path in work.remove:
        durable.unlink(path, sync=False)
    emptied = {os.path.dirname(path) for path in work.remove} | work.folders
    _remove_empty(emptied, before, place)
    for path in sorted(work.bring_back):
        _bring_back(path, before.marks[path], place, before)
    _remove_empty(emptied, before, place)
    touched = {os.path.dirname(path) for path in {*work.remove, *work.bring_back}} | {*work.bring_back}
    for folder in sorted(touched, reverse=True):
        former = before.marks.get(folder)
        now = mark(folder)
        if former is not None and now is not None and former.kind == "d" == now.kind and former.mtime != now.mtime:
            durable.set_times(folder, former.mtime, former.mtime)
    wrong = [path for path in work.remove if mark(path) is not None]
    wrong += [path for path in work.bring_back if not snapshot.is_former(path, mark(path), before, place)]
    if wrong:
        raise StepFailed("not-restored", f"not as it was before: {', '.join(sorted(wrong)[:_SHOWN])}")
    durable.sync_filesystem(place.prefix)


def _remove_empty(folders: set[str], before: Before, place: Place) -> None:
    """Remove folders that were not there before, from the innermost outwards, where they are empty now."""
    waiting = sorted(folders, key=len, reverse=True)
    for folder in waiting:
        while folder not in before.marks and folder.startswith(place.prefix.rstrip("/") + "/"):
            if not durable.remove_dir(folder, sync=False) and os.path.lexists(folder):
                break
            folder = os.path.dirname(folder)


def _bring_back(path: str, former: Mark, place: Place, before: Before) -> None:
    now = mark(path)
    if former.kind == "d":
        if now is None:
            durable.make_dir(path, former.mode, sync=False)
        elif now.kind == "d":
            durable.set_mode(path, former.mode)
        return
    if now is not None and now.kind == "d" and not durable.remove_dir(path, sync=False):
        raise StepFailed("not-restored", f"{path}: a folder stands where a file was")
    passing = durable.temporary(path)
    durable.unlink(passing, sync=False)
    if former.kind == "l":
        durable.symlink(former.target, passing, sync=False)
        durable.rename(passing, path, sync=False)
    elif former.kind == "f":
        _link_back(path, former, passing, place, before)


def _link_back(path: str, former: Mark, passing: str, place: Place, before: Before) -> None:
    number = before.kept.get(path)
    if number is None:
        raise StepFailed("not-kept", f"{path} was changed by the installer though it belongs to none of the packages")
    kept = os.path.join(place.keep, str(number))
    found = mark(kept)
    now = mark(path)
    if found is None:
        raise StepFailed("damaged-backup", f"{path}: the kept file {kept} is gone")
    if path in before.hashes and durable.hash_file(kept) != before.hashes[path]:
        raise StepFailed("damaged-backup", f"{path}: the kept file {kept} was written to; it is not what it was")
    if path not in before.hashes and (found.size, found.mtime) != (former.size, former.mtime):
        raise StepFailed("damaged-backup", f"{path}: the kept file {kept} was written to; it is not what it was")
    if now is None or now.inode != found.inode:
        # Both names of one file: a rename would do nothing and leave the passing name behind.
        snapshot.second(kept, passing)
        durable.rename(passing, path, sync=False)
    if found.mode != former.mode:
        durable.set_mode(path, former.mode)
    if found.mtime != former.mtime:
        durable.set_times(path, former.mtime, former.mtime)
