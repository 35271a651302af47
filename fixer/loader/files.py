"""The files that a search asks for, as a protocol, and the answers of a real machine.

The unit is one path: what the loader would make of it (``look``), which file it really is (``identity``).
Answers hold for one run; what was read of an ELF file is remembered across runs.
"""

from __future__ import annotations

import errno
from typing import Protocol

from fixer.host.base import Host
from fixer.loader.elf import HEAD, Elf, Refused, check_header, read_elf
from fixer.loader.remember import Memory

Identity = tuple[int, int]


class Files(Protocol):
    """A view of a file system. Paths are as the loader builds them and may hold ``..`` and links."""

    def look(self, path: str, as_library: bool = True) -> Elf | Refused:
        """What the loader makes of the file; ``absent`` with the errno when it cannot be opened."""

    def identity(self, path: str) -> Identity | None:
        """Device and inode, links followed."""

    def is_folder(self, path: str) -> bool: ...


class HostFiles:
    """The files of ``host``; relative paths are taken from ``cwd``."""

    def __init__(self, host: Host, memory: Memory | None = None, cwd: str = "/") -> None:
        self._host, self._memory, self._cwd = host, memory or Memory(), cwd
        self._looked: dict[tuple[str, bool], Elf | Refused] = {}
        self._folders: dict[str, bool] = {}

    def look(self, path: str, as_library: bool = True) -> Elf | Refused:
        key = (path, as_library)
        if key not in self._looked:
            self._looked[key] = self._look(self._full(path), as_library)
        return self._looked[key]

    def identity(self, path: str) -> Identity | None:
        status = self._host.stat(self._full(path))
        return None if status is None else (status.st_dev, status.st_ino)

    def is_folder(self, path: str) -> bool:
        if path not in self._folders:
            self._folders[path] = self._host.is_dir(self._full(path))
        return self._folders[path]

    def _full(self, path: str) -> str:
        return path if path.startswith("/") else self._cwd.rstrip("/") + "/" + path

    def _look(self, path: str, as_library: bool) -> Elf | Refused:
        try:
            head = self._host.read_at(path, 0, HEAD)
        except OSError as error:
            return self._unopened(error)
        except ValueError:
            return Refused("absent", "No such file or directory", errno.ENOENT)
        status = self._host.stat(path)
        if status is None:
            return Refused("absent", "No such file or directory", errno.ENOENT)

        def read(offset: int, size: int) -> bytes:
            try:
                return self._host.read_at(path, offset, size)
            except OverflowError:
                return b""

        refused = check_header(head, read)
        if refused is not None:
            return refused
        known = (self._host.real_path(path), status.st_size, status.st_mtime_ns, as_library)
        answer = self._memory.get(known)
        if answer is None:
            answer = read_elf(read, status.st_size, as_library)
            self._memory.put(known, answer)
        return answer

    def _unopened(self, error: OSError) -> Refused:
        number = error.errno or errno.EIO
        if number == errno.EISDIR:
            # The loader opens a folder without complaint and fails to read it.
            return Refused("error", "cannot read file data: Is a directory", number)
        if number == errno.EINVAL:
            return Refused("unknown", "not a regular file", number)
        return Refused("absent", error.strerror or "cannot be opened", number)
