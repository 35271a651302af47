"""A host that keeps every question and every answer, so that the machine can be looked at again elsewhere.

The unit is one ``Recorder`` around a live host: it answers as that host does and fills a ``Recording``.
It keeps of the environment only the variables that somebody asked for by name, and those that ``matters``.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, ItemsView, Iterator, Mapping, Sequence

from fixer.host.base import DEFAULT_LIMIT, Host, Ran, Vantage
from fixer.host.recording import Recording

MARKER, PYTHON, CONVFIX = "<marker>", "<python>", "<convfix>"
_RANDOM = re.compile(r"[0-9a-f]{32}")
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def neutral(text: str, argv: Sequence[str], python: str) -> str:
    """``text`` without what differs from run to run: the random marker of ``argv``, our own Python and folder."""
    marker = marker_of(argv)
    if marker is not None:
        text = text.replace(marker, MARKER)
    return text.replace(_OWN + "/", CONVFIX + "/").replace(python, PYTHON)


def marker_of(argv: Sequence[str]) -> str | None:
    """The random word between which a payload prints its answer; None when ``argv`` has none."""
    return next((word for word in argv if _RANDOM.fullmatch(word)), None)


class Recorder(Host):
    """Looks through ``host`` and keeps what it saw in ``kept``."""

    def __init__(self, host: Host, python: str | None, matters: Callable[[str], bool]) -> None:
        self._host = host
        self._asked: dict[str, str] = {name: value for name, value in host.environ.items() if matters(name)}
        self._environ = _Asked(host.environ, self._asked)
        self.kept = Recording(host.vantage, self._asked, python)
        self.sys_root, self.timeout = host.sys_root, host.timeout

    @property
    def environ(self) -> Mapping[str, str]:
        return self._environ

    @property
    def vantage(self) -> Vantage:
        return self._host.vantage

    @property
    def is_data(self) -> bool:
        return self._host.is_data

    @property
    def remembers(self) -> bool:
        return False

    def read(self, path: str, limit: int = DEFAULT_LIMIT) -> bytes:
        content: bytes = self._failing(path, lambda: self._host.read(path, limit))
        if len(content) >= len(self.kept.files.get(path, b"")):
            self.kept.files[path] = content
        return content

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        content: bytes = self._failing(path, lambda: self._host.read_at(path, offset, size))
        parts = self.kept.pieces.setdefault(path, {})
        if len(content) >= len(parts.get(offset, b"")):
            parts[offset] = content
        return content

    def _failing(self, path: str, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except OSError as error:
            self.kept.at(path).error = error.errno or 0
            raise

    def entries(self, path: str) -> tuple[str, ...]:
        names = self.kept.at(path).entries = self._host.entries(path)
        return names

    def stat(self, path: str) -> os.stat_result | None:
        seen = self._host.stat(path)
        self.kept.at(path).status = () if seen is None else (
            seen.st_mode, seen.st_size, seen.st_mtime_ns, seen.st_dev, seen.st_ino, seen.st_uid, seen.st_gid
        )  # fmt: skip
        return seen

    def may_write(self, path: str) -> bool:
        may = self.kept.at(path).writable = self._host.may_write(path)
        return may

    def real_path(self, path: str) -> str:
        real = self.kept.at(path).real = self._host.real_path(path)
        return real

    def which(self, name: str) -> str | None:
        path = self.kept.which[name] = self._host.which(name)
        return path

    def disk_free(self, path: str) -> int | None:
        free = self.kept.at(path).free = self._host.disk_free(path)
        return free

    def run(self, argv: Sequence[str], **how: Any) -> Ran:
        """As ``Host.run``; the answer is kept with its marker and our own paths made neutral."""
        ran = self._host.run(argv, **how)
        python = self.vantage.python
        out, err = (neutral(stream, ran.argv, python) for stream in (ran.stdout, ran.stderr))
        words = tuple(neutral(word, ran.argv, python) for word in ran.argv)
        self.kept.runs.append(Ran(words, ran.status, out, err, ran.timed_out, ran.missing, ran.cut))
        return ran


class _Asked(Mapping[str, str]):
    """The environment, which remembers the names that were asked for."""

    def __init__(self, environ: Mapping[str, str], asked: dict[str, str]) -> None:
        self._environ, self._kept = environ, asked

    def __getitem__(self, name: str) -> str:
        value = self._environ[name]
        self._kept[name] = value
        return value

    def items(self) -> ItemsView[str, str]:
        # Who goes through all of them asked for none by name: the ones that matter are kept already.
        return self._environ.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
