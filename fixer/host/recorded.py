"""A recorded machine as a host: it answers what it was asked when it was recorded, and runs nothing.

The unit is one ``RecordedHost`` over a ``Recording``. What nobody asked for then is unknown: the probe that
asks for it now fails with ``Unrecorded`` and its fact stays unknown, unless the recording says ``absent``.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any, Mapping, Sequence

from fixer.host.base import DEFAULT_LIMIT, Host, Ran, Vantage
from fixer.host.recorder import CONVFIX, MARKER, PYTHON, marker_of, neutral
from fixer.host.recording import Path, Recording


class Unrecorded(LookupError):
    """The recording does not say: nobody asked for it when it was made."""


class RecordedHost(Host):
    """Looks at ``kept``. The clock, this machine's files and its programs play no part."""

    def __init__(self, kept: Recording, timeout: float = 20.0) -> None:
        self.sys_root: str | None = None
        self._kept = kept
        self.timeout = timeout
        self._next: dict[tuple[str, ...], int] = {}

    @property
    def environ(self) -> Mapping[str, str]:
        return self._kept.environ

    @property
    def vantage(self) -> Vantage:
        return self._kept.vantage

    @property
    def is_data(self) -> bool:
        return False

    @property
    def remembers(self) -> bool:
        return False

    def read(self, path: str, limit: int = DEFAULT_LIMIT) -> bytes:
        try:
            return self._kept.files[path][:limit]
        except KeyError:
            raise self._failed(path) from None

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        for start, data in self._kept.pieces.get(path, {}).items():
            if start <= offset and offset + size <= start + len(data):
                return data[offset - start : offset - start + size]
        parts = self._kept.pieces.get(path, {})
        if offset in parts:
            return parts[offset][:size]
        try:
            return self._kept.files[path][offset : offset + size]
        except KeyError:
            raise self._failed(path) from None

    def _failed(self, path: str) -> Exception:
        """Why a file cannot be read: the error of then, or that nobody tried."""
        known = self._kept.tree.get(path)
        if known is not None and known.error:
            return OSError(known.error, os.strerror(known.error), path)
        if known is not None and known.status == ():
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self._must_be_listed(path)
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def _must_be_listed(self, path: str) -> None:
        """Raise Unrecorded unless the recording says that what it does not list is not there."""
        folder, _, name = path.rstrip("/").rpartition("/")
        beside = self._kept.tree.get(folder or "/")
        if beside is not None and beside.entries is not None and name not in beside.entries:
            return
        if self._kept.unlisted == "unknown":
            raise Unrecorded(f"the recording says nothing of {path}")

    def _path(self, path: str) -> Path:
        known = self._kept.tree.get(path)
        if known is None:
            self._must_be_listed(path)
            return Path((), ())
        return known

    def entries(self, path: str) -> tuple[str, ...]:
        known = self._path(path)
        if known.entries is None:
            self._must_be_listed(path + "/.")
            return ()
        return known.entries

    def stat(self, path: str) -> os.stat_result | None:
        known = self._kept.tree.get(path)
        if known is None or known.status is None:
            try:
                size = len(self._kept.files[path])
            except KeyError:
                if known is None or known.entries is None:
                    self._must_be_listed(path)
                    return None
                return _status((stat.S_IFDIR | 0o755, 0, 0, 0, 0, 0, 0))
            return _status((stat.S_IFREG | 0o644, size, 0, 0, 0, 0, 0))
        return _status(known.status) if known.status else None

    def may_write(self, path: str) -> bool:
        return self._path(path).writable is True

    def real_path(self, path: str) -> str:
        known = self._kept.tree.get(path)
        return known.real if known is not None and known.real is not None else os.path.normpath(path)

    def which(self, name: str) -> str | None:
        if name not in self._kept.which and self._kept.unlisted == "unknown":
            raise Unrecorded(f"the recording does not say where {name} is")
        return self._kept.which.get(name)

    def disk_free(self, path: str) -> int | None:
        known = self._kept.tree.get(path)
        return None if known is None else known.free

    def run(self, argv: Sequence[str], **how: Any) -> Ran:
        """The answer of then; of a program that was asked twice, the answers in their order. Nothing is run."""
        python = self.vantage.python
        words = tuple(neutral(word, argv, python) for word in argv)
        meanwhile = how.get("meanwhile")
        if meanwhile is not None:
            meanwhile()
        answers = [ran for ran in self._kept.runs if ran.argv == words]
        if not answers:
            if self._kept.unlisted == "unknown":
                raise Unrecorded(f"the recording did not run {words[0]}")
            return Ran(tuple(argv), None, "", "not recorded", missing=True)
        turn = self._next.get(words, 0)
        self._next[words] = turn + 1
        kept = answers[min(turn, len(answers) - 1)]
        out, err = (_own(stream, argv, python) for stream in (kept.stdout, kept.stderr))
        return Ran(tuple(argv), kept.status, out, err, kept.timed_out, kept.missing, kept.cut)


def _own(text: str, argv: Sequence[str], python: str) -> str:
    """Put back what ``neutral`` took out: this run's own marker, the recorded Python, our folder's name."""
    return text.replace(MARKER, marker_of(argv) or MARKER).replace(PYTHON, python).replace(CONVFIX, "fixer")


def _status(values: tuple[int, ...]) -> os.stat_result:
    mode, size, changed, device, inode, uid, gid = values
    seconds = changed // 1_000_000_000
    times = dict.fromkeys(("st_atime_ns", "st_mtime_ns", "st_ctime_ns"), changed)
    return os.stat_result((mode, inode, device, 1, uid, gid, size, seconds, seconds, seconds), times)
