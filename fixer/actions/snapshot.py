"""An environment's files before an installer works on them, kept so that they can all come back.

The unit is a ``Snapshot`` in ``<prefix>/.convfix/<run>-<token>``: ``keep/N``, hard links (copies where links
are refused) of every file that an installer may touch, and ``manifest.json``, which says what each one was.
The manifest is durable before the installer starts; without it nothing has been started and nothing needs
restoring. ``after.json`` is written once the new set is checked: what it created and what it replaced.
Links share the file's content, so an installer that wrote in place would change both: hashes tell.
Which packages change, and whether the result is right, is decided elsewhere; ``restore`` brings all back.
"""

from __future__ import annotations

import json
import os
from typing import Any, Iterable, Mapping, Sequence

from fixer.actions import distributions, uv_lock
from fixer.actions.base import StepFailed
from fixer.actions.tree import STORE, Mark, listing, mark
from fixer.host import durable
from fixer.model.record import record

_LARGEST = 512 << 20
# Where wheels put files besides site-packages and scripts.
_DATA_FOLDERS = ("etc", "include", "man", "share")


@record(frozen=True)
class Place:
    """Where a snapshot is: the environment, the store inside it, and the folders that an installer writes to."""

    prefix: str
    store: str
    sites: tuple[str, ...]
    scripts: str

    @property
    def manifest(self) -> str:
        return os.path.join(self.store, "manifest.json")

    @property
    def after(self) -> str:
        return os.path.join(self.store, "after.json")

    @property
    def keep(self) -> str:
        return os.path.join(self.store, "keep")

    @property
    def linked(self) -> tuple[str, ...]:
        """The folders that are the installer's: what is new there after a kill is its work."""
        return (*self.sites, self.scripts)

    @property
    def data(self) -> tuple[str, ...]:
        """The folders into which wheels put their data, as a rule."""
        return tuple(os.path.join(self.prefix, name) for name in _DATA_FOLDERS)

    @property
    def listed(self) -> tuple[str, ...]:
        """The folders of which every file is kept, and which are listed before and after: a wheel's data may go anywhere."""
        if os.path.isfile(os.path.join(self.prefix, "pyvenv.cfg")):
            return (self.prefix,)
        return (*self.linked, *self.data)


@record(frozen=True)
class Before:
    """The manifest: a mark per path, the number of the kept file per path, hashes of what will be replaced.

    ``names`` are the packages that the installer may change.
    """

    marks: Mapping[str, Mark]
    kept: Mapping[str, int]
    hashes: Mapping[str, str]
    names: tuple[str, ...] = ()


def take(place: Place, touched: Iterable[str], names: Sequence[str]) -> Before:
    """Keep everything in the listed folders, and ``touched`` files wherever they are. Durable when this returns."""
    wanted = set(touched)
    marks = listing(place.listed)
    for path in wanted - marks.keys():
        found = mark(path)
        if found is not None and found.kind in "fl":
            marks[path] = found
    parent = os.path.dirname(place.store)
    if not os.path.isdir(parent):
        durable.make_dir(parent)
    durable.make_dir(place.store)
    durable.make_dir(place.keep)
    kept: dict[str, int] = {}
    for path, found in marks.items():
        if found.kind == "f":
            second(path, os.path.join(place.keep, str(len(kept))))
            kept[path] = len(kept)
    hashes = {path: durable.hash_file(path) for path in sorted(wanted & kept.keys())}
    durable.sync_folder(place.keep)
    content = {"marks": marks, "kept": kept, "hashes": hashes, "names": list(names)}
    durable.write_new(place.manifest, json.dumps(content, separators=(",", ":")).encode("ascii"))
    return Before(marks, kept, hashes, tuple(names))


def read(place: Place) -> Before | None:
    """The manifest; None when none was finished. Raises StepFailed for a damaged one."""
    data = _json(place.manifest)
    if data is None:
        return None
    try:
        marks = {path: Mark(*fields) for path, fields in data["marks"].items()}
        return Before(marks, dict(data["kept"]), dict(data["hashes"]), tuple(str(name) for name in data.get("names", ())))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StepFailed("damaged-backup", f"{place.manifest} is damaged") from None


@record(frozen=True)
class Change:
    """What differs from the manifest: paths that are new, that were replaced or edited, and that are gone."""

    created: Mapping[str, Mark]
    changed: Mapping[str, Mark]
    gone: frozenset[str]


def compare(place: Place, before: Before) -> Change:
    """The environment now against the manifest."""
    now = listing(place.listed)
    for path in before.marks.keys() - now.keys():
        found = mark(path)
        if found is not None:
            now[path] = found
    created = {path: found for path, found in now.items() if path not in before.marks}
    changed = {
        path: found
        for path, found in now.items()
        if path in before.marks and not is_former(path, found, before, place) and not _written_to(path, found, before, place)
    }
    theirs = tuple(folder.rstrip("/") + "/" for folder in (*place.linked, *place.data))
    apart = {path for path in created if not path.startswith(theirs)}
    if apart:
        # New beside the usual places: a package's only where its RECORD says so; a person's notebook stays out of it.
        apart -= {path for found in distributions.installed(place.sites) for path in found.paths}
        created = {
            path: found
            for path, found in created.items()
            if path not in apart or found.kind == "d" or uv_lock.is_one(path, found, place.prefix)
        }
    return Change(created, changed, frozenset(before.marks.keys() - now.keys()))


def _written_to(path: str, found: Mark, before: Before, place: Place) -> bool:
    """Whether somebody wrote into a file of the environment's that is no package's, a log say: installers replace files."""
    if path in before.hashes or any(path.startswith(folder.rstrip("/") + "/") for folder in place.linked):
        return False
    return found.kind == "f" == before.marks[path].kind and found.inode == before.marks[path].inode


def is_former(path: str, found: Mark | None, before: Before, place: Place) -> bool:
    """Whether ``found`` is what was there before: the very file that is kept, or one with the same mark."""
    former = before.marks[path]
    if not former.same(found):
        return False
    # The same mark on another file: the content decides where it is known.
    if found is not None and found.kind == "f" and found.inode != former.inode and path in before.hashes:
        return durable.hash_file(path) == before.hashes[path]
    return True


def finish(place: Place, before: Before, change: Change) -> None:
    """Write down what the checked new set is. Durable when this returns; the spare links go later (``trim``)."""
    durable.sync_filesystem(place.prefix)
    content = {"created": change.created, "changed": change.changed, "gone": sorted(change.gone)}
    durable.write_new(place.after, json.dumps(content, separators=(",", ":")).encode("ascii"))


def read_after(place: Place) -> Change | None:
    """What ``finish`` wrote; None when it was not reached. Raises StepFailed for a damaged file."""
    data = _json(place.after)
    if data is None:
        return None
    try:
        marks = [{path: Mark(*fields) for path, fields in data[key].items()} for key in ("created", "changed")]
        return Change(marks[0], marks[1], frozenset(data["gone"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StepFailed("damaged-backup", f"{place.after} is damaged") from None


def second(path: str, name: str) -> None:
    """The file ``path`` under a second name: a hard link, or a synced copy where links are refused."""
    try:
        durable.link(path, name, sync=False)
    except FileExistsError:
        raise
    except OSError:
        # Another filesystem, too many links, or a file of another user's: a copy, synced, does as well.
        durable.copy(path, name)


def trim(place: Place, before: Before, change: Change) -> None:
    """Let go of the kept names of files that did not change.

    A compiled file stays kept while its module is another one now: Python may write it anew at any time, and it was there before
    even where its module was not.
    """
    new = {*change.created, *change.changed, *change.gone}
    for path, number in before.kept.items():
        compiled = path.endswith(".pyc") and distributions.source(path) in new
        if path not in change.changed and path not in change.gone and not compiled:
            durable.unlink(os.path.join(place.keep, str(number)), sync=False)


def unfinished(prefix: str) -> str | None:
    """Whose interrupted run waits in this environment: one that this user's journals do not know, or it were finished by now."""
    folder = os.path.join(prefix, STORE)
    try:
        stores = sorted(os.listdir(folder))
    except PermissionError:
        owner = os.stat(folder).st_uid
        return f"{folder}: user id {owner} has changed packages here with convfix; only they can change or undo that"
    except OSError:
        return None
    for name in stores:
        store = os.path.join(folder, name)
        if os.path.exists(os.path.join(store, "manifest.json")) and not os.path.exists(os.path.join(store, "after.json")):
            owner = os.stat(store).st_uid
            return f"{store}: user id {owner} was interrupted here, or uses another state folder; run convfix undo as that user first"
    return None


def drop(place: Place) -> None:
    """Remove the store, and the folder above it when that was the last one; idempotent."""
    if os.path.isdir(place.store):
        # The manifest goes first: without it a store is only litter, never a reason to restore.
        durable.unlink(place.manifest)
        for top, folders, names in os.walk(place.store, topdown=False):
            for name in names:
                durable.unlink(os.path.join(top, name), sync=False)
            for name in folders:
                durable.remove_dir(os.path.join(top, name), sync=False)
        durable.remove_dir(place.store)
    durable.remove_dir(os.path.join(place.prefix, STORE))


def _json(path: str) -> Any:
    try:
        content = durable.read(path, _LARGEST)
    except FileNotFoundError:
        return None
    if not content:
        # Killed where there are no hard links: the name was claimed, and nothing was written yet.
        return None
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise StepFailed("damaged-backup", f"{path} is damaged") from None
    if not isinstance(data, dict):
        raise StepFailed("damaged-backup", f"{path} is damaged")
    return data
