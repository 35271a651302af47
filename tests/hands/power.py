"""What a disk may hold after the power went: a run's changing calls, recorded, and the states that they allow.

The unit is a ``Recording``: the tree before, then every changing call in its order, as changes of inodes and of names.
A change is on disk once its file or folder was synced after it. Until then any of the pending changes may have come
through and any not, in whatever order, and a write may have come in part, or as a hole (ALICE's model, rewritten:
https://www.usenix.org/conference/osdi14/technical-sessions/presentation/pillai). ``states`` gives each such tree
once; ``lay_down`` makes one of them real, so that the real recovery can be run on it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fixer.host import durable
from tests.hands.crash import CHANGING, faults

PAGE = 4096
# All subsets of so many pending changes are tried; of more, the prefixes, all but one, one alone, and some at random.
MOST_PENDING = 8
AT_RANDOM = 40
# How a pending write may have come through: cut at a place, or with holes.
CUTS = ("1/8", "2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8")
TORN = (*CUTS, "hole", "page", "last page")
# A test may take links away from the filesystem; not from its own tools.
_link = os.link


@dataclass(frozen=True)
class Inode:
    """A file, folder or link. ``data`` is a file's content, ``target`` what a link says."""

    kind: str
    mode: int
    mtime: int = 0
    data: bytes = b""
    target: str = ""


@dataclass(frozen=True)
class Change:
    """One changing call: ``names`` that lead elsewhere or nowhere now, or an inode that ``becomes`` another.

    ``needs`` are the inodes that must be synced before it is certain; ``written`` is where and what a write put.
    """

    needs: frozenset[int]
    names: tuple[tuple[int, str, int | None], ...] = ()
    inode: int | None = None
    mode: int | None = None
    mtime: int | None = None
    size: int | None = None
    written: tuple[int, bytes] | None = None


@dataclass(frozen=True)
class Sync:
    """A call that waits for the disk: of one inode, or of all (None)."""

    inode: int | None


@dataclass
class Tree:
    """Inodes and names; the names that no path from ``root`` leads to are not reached."""

    root: int
    inodes: dict[int, Inode] = field(default_factory=dict)
    names: dict[tuple[int, str], int] = field(default_factory=dict)

    def paths(self) -> list[tuple[str, int]]:
        """Every path below the root with its inode, folders before what is in them."""
        within_folder: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), inode in self.names.items():
            within_folder.setdefault(folder, []).append((name, inode))
        found = []
        waiting = [("", self.root)]
        while waiting:
            here, folder = waiting.pop()
            for name, inode in sorted(within_folder.get(folder, ())):
                path = f"{here}/{name}"
                found.append((path, inode))
                if self.inodes[inode].kind == "folder":
                    waiting.append((path, inode))
        return found

    def signature(self) -> int:
        """Equal trees have equal ones."""
        return hash(tuple((path, inode, self.inodes[inode]) for path, inode in self.paths()))


def read_tree(folder: Path) -> Tree:
    """The tree below ``folder`` as it is."""
    tree = Tree(os.lstat(folder).st_ino)
    tree.inodes[tree.root] = look_at(str(folder))
    for here, folders, names in os.walk(folder):
        inside = os.lstat(here).st_ino
        for name in (*folders, *names):
            path = os.path.join(here, name)
            inode = os.lstat(path).st_ino
            tree.inodes[inode] = look_at(path)
            tree.names[inside, name] = inode
    return tree


def look_at(path: str) -> Inode:
    found = os.lstat(path)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return Inode("link", mode, target=os.readlink(path))
    if stat.S_ISDIR(found.st_mode):
        return Inode("folder", mode)
    with open(path, "rb") as file:
        return Inode("file", mode, found.st_mtime_ns, file.read())


class Recording:
    """Stands in for ``os`` in the durable layer and writes down what each changing call did. See the module."""

    def __init__(self, folder: Path, vault: Path | None = None) -> None:
        """``vault``: a folder in which every inode keeps a name, so that its number still means it afterwards."""
        self.folder, self.vault = folder, vault
        self.before = read_tree(folder)
        self.born: dict[int, Inode] = {}
        self.events: list[Change | Sync] = []
        if vault is not None:
            vault.mkdir()
            for path, inode in self.before.paths():
                if self.before.inodes[inode].kind == "file":
                    self._keep(f"{folder}{path}", inode)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Inside, calls are written down; the sync of a whole filesystem too, which is not made through ``os``."""
        real = durable.sync_filesystem

        def everything(path: str) -> None:
            self.events.append(Sync(None))
            real(path)

        durable.sync_filesystem = everything
        try:
            with faults(self):  # type: ignore[arg-type]
                yield
        finally:
            durable.sync_filesystem = real

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._wrapped(name, real) if name in CHANGING else real

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        note: Callable[..., Any] = getattr(self, f"_{name}")

        def call(*given: Any, **more: Any) -> Any:
            return note(real, *given, **more)

        return call

    def _keep(self, path: str, inode: int, place: int | None = None) -> None:
        if self.vault is not None and not (kept := self.vault / str(inode)).exists():
            _link(path, kept, src_dir_fd=place, follow_symlinks=False)

    def _rename_to(self, *names: tuple[int, str, int | None]) -> None:
        self.events.append(Change(frozenset(folder for folder, _, _ in names), names=names))

    def _open(self, real: Callable[..., Any], path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        folder, name = where(path, dir_fd)
        new = flags & os.O_CREAT and not exists(path, dir_fd)
        assert not flags & os.O_TRUNC
        handle = int(real(path, flags, mode, dir_fd=dir_fd))
        if new:
            found = os.fstat(handle)
            self.born[found.st_ino] = Inode("file", stat.S_IMODE(found.st_mode), found.st_mtime_ns)
            self._rename_to((folder, name, found.st_ino))
            self._keep(path, found.st_ino, dir_fd)
        return handle

    def _write(self, real: Callable[..., Any], handle: int, data: Any) -> int:
        import fcntl

        size = os.fstat(handle).st_size
        offset = size if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_APPEND else os.lseek(handle, 0, os.SEEK_CUR)
        count = int(real(handle, data))
        found = os.fstat(handle)
        written = (offset, bytes(data)[:count])
        self.events.append(Change(frozenset([found.st_ino]), inode=found.st_ino, mtime=found.st_mtime_ns, written=written))
        return count

    def _ftruncate(self, real: Callable[..., Any], handle: int, size: int) -> None:
        real(handle, size)
        found = os.fstat(handle)
        self.events.append(Change(frozenset([found.st_ino]), inode=found.st_ino, mtime=found.st_mtime_ns, size=size))

    def _status(self, found: os.stat_result) -> None:
        mode = None if stat.S_ISLNK(found.st_mode) else stat.S_IMODE(found.st_mode)
        self.events.append(Change(frozenset([found.st_ino]), inode=found.st_ino, mode=mode, mtime=found.st_mtime_ns))

    def _fchmod(self, real: Callable[..., Any], handle: int, mode: int) -> None:
        real(handle, mode)
        self._status(os.fstat(handle))

    def _chmod(self, real: Callable[..., Any], path: str, mode: int) -> None:
        real(path, mode)
        self._status(os.stat(path))

    def _utime(self, real: Callable[..., Any], path: str | int, *given: Any, **more: Any) -> None:
        real(path, *given, **more)
        self._status(os.fstat(path) if isinstance(path, int) else os.lstat(path))

    def _fchown(self, real: Callable[..., Any], *given: Any) -> None:
        real(*given)

    def _setxattr(self, real: Callable[..., Any], *given: Any) -> None:
        real(*given)

    def _link(self, real: Callable[..., Any], one: str, other: str, **more: Any) -> None:
        real(one, other, **more)
        folder, name = where(other, more.get("dst_dir_fd"))
        self._rename_to((folder, name, os.lstat(other, dir_fd=more.get("dst_dir_fd")).st_ino))

    def _symlink(self, real: Callable[..., Any], target: str, path: str) -> None:
        real(target, path)
        inode = os.lstat(path).st_ino
        self.born[inode] = look_at(path)
        self._rename_to((*where(path, None), inode))

    def _mkdir(self, real: Callable[..., Any], path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        real(path, mode, dir_fd=dir_fd)
        found = os.lstat(path, dir_fd=dir_fd)
        self.born[found.st_ino] = Inode("folder", stat.S_IMODE(found.st_mode))
        self._rename_to((*where(path, dir_fd), found.st_ino))

    def _rename(self, real: Callable[..., Any], one: str, other: str, **more: Any) -> None:
        source, target = where(one, more.get("src_dir_fd")), where(other, more.get("dst_dir_fd"))
        inode = os.lstat(one, dir_fd=more.get("src_dir_fd")).st_ino
        real(one, other, **more)
        self._rename_to((*source, None), (*target, inode))

    _replace = _rename

    def _exchange(self, real: Callable[..., Any], place: int, one: str, other: str) -> bool:
        inodes = [os.lstat(name, dir_fd=place).st_ino for name in (one, other)]
        done = bool(real(place, one, other))
        if done:
            folder = os.fstat(place).st_ino
            self._rename_to((folder, one, inodes[1]), (folder, other, inodes[0]))
        return done

    def _unlink(self, real: Callable[..., Any], path: str, *, dir_fd: int | None = None) -> None:
        real(path, dir_fd=dir_fd)
        self._rename_to((*where(path, dir_fd), None))

    def _rmdir(self, real: Callable[..., Any], path: str) -> None:
        real(path)
        self._rename_to((*where(path, None), None))

    def _fsync(self, real: Callable[..., Any], handle: int) -> None:
        real(handle)
        self.events.append(Sync(os.fstat(handle).st_ino))

    _fdatasync = _fsync

    def states(self, every: int = 1) -> Iterator[tuple[Tree, bool]]:
        """Each tree that the disk may hold once the power went at any call, once; whether the whole run had returned.

        Of the choices of what came through only each ``every``-th is looked at.
        """
        certain = self._certain()
        chance = random.Random(5)
        seen: set[int] = set()
        choice = itertools.count()
        for crash in range(len(self.events), -1, -1):
            # Backwards, so that what may be there when all was done is known as that.
            changes = [at for at in range(crash) if isinstance(self.events[at], Change)]
            pending = [at for at in changes if certain[at] >= crash]
            there = set(changes) - set(pending)
            for chosen, torn in choices(pending, self.events, chance):
                if next(choice) % every:
                    continue
                tree = self._tree(sorted(there | chosen), torn)
                mark = tree.signature()
                if mark not in seen:
                    seen.add(mark)
                    yield tree, crash == len(self.events)

    def _certain(self) -> dict[int, int]:
        """For each change the number of the sync after which it is certain."""
        never = len(self.events) + 1
        made = {}
        for at, change in enumerate(self.events):
            if isinstance(change, Sync):
                continue
            after = [(number, one.inode) for number, one in enumerate(self.events[at:], at) if isinstance(one, Sync)]
            first = [next((number for number, inode in after if inode in (None, need)), never) for need in change.needs]
            made[at] = max(first)
        return made

    def _tree(self, numbers: list[int], torn: tuple[int, str] | None) -> Tree:
        tree = Tree(self.before.root, {**self.before.inodes, **self.born}, dict(self.before.names))
        for number in numbers:
            change = self.events[number]
            assert isinstance(change, Change)
            for folder, name, inode in change.names:
                if inode is None:
                    tree.names.pop((folder, name), None)
                else:
                    tree.names[folder, name] = inode
            if change.inode is not None:
                how = torn[1] if torn is not None and torn[0] == number else ""
                tree.inodes[change.inode] = changed(tree.inodes[change.inode], change, how)
        return tree


def where(path: str, place: int | None) -> tuple[int, str]:
    """The inode of the folder that a name is in, and the name."""
    folder, name = os.path.split(path.rstrip("/"))
    if place is not None:
        assert not folder
        return os.fstat(place).st_ino, name
    return os.stat(folder or ".").st_ino, name


def exists(path: str, place: int | None) -> bool:
    try:
        os.lstat(path, dir_fd=place)
    except FileNotFoundError:
        return False
    return True


def changed(inode: Inode, change: Change, torn: str) -> Inode:
    """The inode after the change; a torn write comes cut off, or with holes."""
    data = inode.data
    if change.size is not None:
        data = data[: change.size].ljust(change.size, b"\0")
    if change.written is not None:
        offset, put = change.written
        if torn in CUTS:
            put = put[: min(len(put) - 1, len(put) * int(torn[0]) // 8)]
        elif torn == "hole":
            put = bytes(len(put))
        elif torn == "page":
            first = PAGE - offset % PAGE
            put = bytes(min(first, len(put))) + put[first:]
        elif torn == "last page":
            last = (offset + len(put) - 1) // PAGE * PAGE - offset
            put = put[: max(0, last)] + bytes(len(put) - max(0, last))
        data = data[:offset].ljust(offset, b"\0") + put + data[offset + len(put) :]
    mode = inode.mode if change.mode is None else change.mode
    return replace(inode, data=data, mode=mode, mtime=inode.mtime if change.mtime is None else change.mtime)


def choices(
    pending: list[int], events: list[Change | Sync], chance: random.Random
) -> Iterator[tuple[set[int], tuple[int, str] | None]]:
    """Which of the pending changes came through, and which write came torn."""
    if len(pending) <= MOST_PENDING:
        for count in range(len(pending) + 1):
            for some in itertools.combinations(pending, count):
                yield set(some), None
    else:
        for number in range(len(pending) + 1):
            yield set(pending[:number]), None
        for one in pending:
            yield {one}, None
            yield set(pending) - {one}, None
        for _ in range(AT_RANDOM):
            yield {one for one in pending if chance.random() < 0.5}, None
    for one in pending:
        change = events[one]
        if isinstance(change, Change) and change.written is not None and change.written[1]:
            rest = [other for other in pending if other != one]
            some = [set(rest), {other for other in rest if other < one}, set(), *({other} for other in rest)]
            some += [{other for other in rest if chance.random() < 0.5} for _ in range(8)]
            for how, others in itertools.product(TORN, some):
                yield others | {one}, (one, how)


def lay_down(tree: Tree, folder: Path, vault: Path | None) -> None:
    """Make ``folder`` hold exactly ``tree``; one inode under two names is one file again, the vault's where there is one."""
    for name in os.listdir(folder):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    made: dict[int, str] = {}
    for path, inode in tree.paths():
        here, wanted = f"{folder}{path}", tree.inodes[inode]
        if wanted.kind == "folder":
            os.mkdir(here, 0o700)
        elif wanted.kind == "link":
            os.symlink(wanted.target, here)
        elif inode in made:
            _link(made[inode], here)
        else:
            made[inode] = here
            if vault is not None:
                _link(vault / str(inode), here)
            with open(here, "r+b" if vault is not None else "xb", buffering=0) as file:
                file.truncate(0)
                file.write(wanted.data)
            os.chmod(here, wanted.mode)
            os.utime(here, ns=(wanted.mtime, wanted.mtime))
    for path, inode in reversed(tree.paths()):
        if tree.inodes[inode].kind == "folder":
            os.chmod(f"{folder}{path}", tree.inodes[inode].mode)
