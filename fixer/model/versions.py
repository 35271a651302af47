"""Version numbers that look alike and mean different things, as types that do not compare by accident.

The unit is a frozen value with ``parse``. ``nvidia-smi`` prints two of them side by side: the driver's
release (535.104.05) and the newest CUDA that this driver can run (12.2), which is no installed toolkit.
Python package versions are not here: they follow PEP 440 and belong to ``packaging``.
"""

from __future__ import annotations

import re
from functools import lru_cache, total_ordering
from typing import ClassVar, TypeVar

from fixer.model.record import record

V = TypeVar("V", bound="_Dotted")


@total_ordering
@record(frozen=True)
class _Dotted:
    parts: tuple[int, ...]
    text: str

    shape: ClassVar[str] = r"[0-9]{1,9}(\.[0-9]{1,9}){0,5}"
    expected: ClassVar[str] = "numbers with dots between them"
    # What a distribution's package version has after the release, as in 550.54.15-0ubuntu1.
    tail: ClassVar[str] = r"[-~+][A-Za-z0-9.~+:-]{0,60}"

    @classmethod
    def parse(cls: type[V], text: str) -> V:
        """Read ``text``; raises ValueError that says what was expected."""
        # The patterns are compiled when first used: a start needs none of them.
        if not re.fullmatch(cls.shape, text):
            raise ValueError(f"expected {cls.expected}, not {text!r}")
        return cls(tuple(int(part) for part in text.rstrip("t").split(".")), text)

    @classmethod
    @lru_cache(maxsize=4096)
    def plain(cls, text: str) -> str:
        """The release alone: 550.54.15 for 550.54.15-0ubuntu1 and 3:550.54.15-1.fc40; ``text`` where it is nothing like it."""
        packaged = re.fullmatch(rf"(?:[0-9]{{1,2}}:)?(?P<release>{cls.shape})(?:{cls.tail})", text)
        return packaged["release"] if packaged else text

    @property
    def major(self) -> int:
        return self.parts[0]

    @property
    def minor(self) -> int:
        return self.parts[1] if len(self.parts) > 1 else 0

    def _key(self) -> tuple[int, ...]:
        parts = self.parts
        while len(parts) > 1 and parts[-1] == 0:
            parts = parts[:-1]
        return parts

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __lt__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() < other._key()

    def __str__(self) -> str:
        return self.text


class DriverRelease(_Dotted):
    """A driver's release, such as 535.104.05: of the kernel module or of the user-space library."""

    shape = r"[0-9]{2,4}(\.[0-9]{1,4}){1,3}"
    expected = "a driver release such as 535.104.05"

    @property
    def branch(self) -> int:
        """The driver branch: 535 for 535.104.05."""
        return self.major


class CudaVersion(_Dotted):
    """A CUDA version, major.minor: of a toolkit, or the newest that a driver runs. Never compare the two blindly."""

    shape = r"[0-9]{1,2}(\.[0-9]{1,3}){0,3}"
    expected = "a CUDA version such as 12.2"


class CudnnVersion(_Dotted):
    """A cuDNN version: 8.9.4 or 9.10.2.21."""

    shape = r"[0-9]{1,2}(\.[0-9]{1,3}){0,4}"
    expected = "a cuDNN version such as 8.9.4"

    @classmethod
    def from_number(cls, number: int) -> CudnnVersion:
        """Decode what cudnnGetVersion() returns: 8904 is 8.9.4, 91002 is 9.10.2 (the encoding changed at 9.0)."""
        step = 10000 if number >= 90000 else 1000
        return cls.parse(f"{number // step}.{number % step // 100}.{number % 100}")

    def satisfies(self, compiled: CudnnVersion) -> bool:
        """TensorFlow's own rule: the same major and at least the compiled minor; the patch is ignored."""
        return self.major == compiled.major and self.minor >= compiled.minor


class ComputeCapability(_Dotted):
    """A GPU's compute capability, such as 8.6."""

    shape = r"[0-9]{1,2}\.[0-9]"
    expected = "a compute capability such as 8.6"


class GlibcVersion(_Dotted):
    """The C library's version, such as 2.35."""

    shape = r"[0-9]\.[0-9]{1,3}(\.[0-9]{1,3})?"
    expected = "a glibc version such as 2.35"


class PythonVersion(_Dotted):
    """A Python version, such as 3.11 or 3.11.7; 3.13t is the free-threaded one."""

    shape = r"[0-9](\.[0-9]{1,3}){1,2}t?"
    expected = "a Python version such as 3.11"
    # 3.13.0rc2, and the plus that Debian's own builds show.
    tail = r"(a|b|c|rc)[0-9]{1,3}\+?|\+"

    @property
    def feature(self) -> str:
        """Major and minor: ``3.11`` for 3.11.7; wheels are tagged by it."""
        return f"{self.major}.{self.minor}"
