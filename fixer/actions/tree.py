"""A listing of folders by status alone: what is there, of which kind, size, time and mode.

The unit is a ``Mark`` per path. Two marks that are equal mean that nobody wrote the file in between, as
far as size and time tell; contents are hashed elsewhere. It changes nothing.
"""

from __future__ import annotations

import os
import stat
from typing import Iterable, NamedTuple

STORE = ".convfix"


class Mark(NamedTuple):
    """``kind`` is f, d, l (a link, ``target`` is what it says) or o (a socket, a pipe); times in ns."""

    kind: str
    size: int
    mtime: int
    mode: int
    inode: int
    target: str = ""

    def same(self, other: Mark | None) -> bool:
        """Whether ``other`` is the same thing by kind, size, time, mode and target; a folder by kind and mode."""
        if other is None or self.kind != other.kind or self.mode != other.mode:
            return False
        if self.kind == "d":
            return True
        if self.kind == "l":
            return self.target == other.target
        return self.size == other.size and self.mtime == other.mtime


def mark(path: str) -> Mark | None:
    """The mark of one path, links not followed; None when there is nothing."""
    try:
        found = os.lstat(path)
        return _mark(path, found)
    except (FileNotFoundError, NotADirectoryError):
        return None


def listing(folders: Iterable[str]) -> dict[str, Mark]:
    """The marks of everything in and below ``folders``, these included; links are not followed."""
    made: dict[str, Mark] = {}
    waiting = [folder for folder in folders if os.path.isdir(folder)]
    while waiting:
        folder = waiting.pop()
        if folder in made:
            continue
        own = mark(folder)
        if own is None or own.kind != "d":
            continue
        made[folder] = own
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == STORE:
                    continue
                try:
                    found = _mark(entry.path, entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue
                if found.kind == "d":
                    waiting.append(entry.path)
                else:
                    made[entry.path] = found
    return made


def _mark(path: str, found: os.stat_result) -> Mark:
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISREG(found.st_mode):
        return Mark("f", found.st_size, found.st_mtime_ns, mode, found.st_ino)
    if stat.S_ISDIR(found.st_mode):
        return Mark("d", 0, found.st_mtime_ns, mode, found.st_ino)
    if stat.S_ISLNK(found.st_mode):
        return Mark("l", 0, found.st_mtime_ns, mode, found.st_ino, os.readlink(path))
    return Mark("o", 0, found.st_mtime_ns, mode, found.st_ino)
