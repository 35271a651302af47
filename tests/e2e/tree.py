"""A folder as a value: every path with its kind, mode, bytes and time, so that "byte for byte" can be asserted."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

_hashes: dict[tuple[int, ...], str] = {}
# Python writes these by itself whenever it runs; they are nobody's change.
_LARGE = 100_000
_NOT_OURS = {"__pycache__"}


def tree(root: Path, times: bool = True) -> dict[str, tuple]:
    """``{relative path: (kind, mode, content hash or link target, mtime in ns)}`` of everything below ``root``."""
    seen: dict[str, tuple] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _NOT_OURS]
        for name in folders + files:
            path = os.path.join(folder, name)
            seen[os.path.relpath(path, root)] = _one(path, times)
    return seen


def _one(path: str, times: bool) -> tuple:
    found = os.lstat(path)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return ("link", mode, os.readlink(path), 0)
    if stat.S_ISDIR(found.st_mode):
        return ("folder", mode, "", 0)
    return ("file", mode, _content(path, found), found.st_mtime_ns if times else 0)


def _content(path: str, found: os.stat_result) -> str:
    """The hash of a file; a large one that the kernel says is untouched since it was read is not read again."""
    same = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if same not in _hashes or found.st_size < _LARGE:
        with open(path, "rb") as file:
            _hashes[same] = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()
    return _hashes[same]


def different(before: dict[str, tuple], after: dict[str, tuple]) -> dict[str, tuple]:
    """What differs between two trees: ``{path: (before or None, after or None)}``."""
    return {path: (before.get(path), after.get(path)) for path in sorted({*before, *after}) if before.get(path) != after.get(path)}
