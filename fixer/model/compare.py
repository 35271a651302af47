"""Comparisons that judging and planning make again and again, remembered: PEP 440 ranges, releases, NVIDIA's versions.

The unit is a pure function of strings. What cannot be read gives None or an empty value, never an error: a
dataset or a machine file may hold a version that nobody foresaw, and a rule then stays silent.
"""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from typing import Any, Callable, TypeVar

from fixer.model.versions import CudaVersion, CudnnVersion, DriverRelease, GlibcVersion

_REMEMBERED = 65536
_PLAIN = re.compile(r"\d{1,9}(\.\d{1,9}){0,7}", re.ASCII)
_CLAUSE = re.compile(r"(>=|<=|==|!=|~=|>|<)\s*(\d{1,9}(?:\.\d{1,9}){0,7})(\.\*|dev)?", re.ASCII)
_OPERATORS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_LONGEST = 8
# Sorted as PEP 440 says: 1.0.dev1 before 1.0a1, b1, rc1, and these before 1.0.
_BEFORE_PRE, _FINAL = "", "~"
V = TypeVar("V", DriverRelease, CudaVersion, CudnnVersion, GlibcVersion)


@lru_cache(maxsize=_REMEMBERED)
def within(specifier: str, version: str) -> bool | None:
    """Whether the PEP 440 ``specifier`` admits ``version`` (pre-releases too); None when either is unreadable.

    Plain releases and plain clauses, nearly all there are, are compared here: loading ``packaging`` costs
    more than all rules together. Everything else is asked of ``packaging``; a test holds the two equal.
    """
    quick = _within_plain(specifier, version)
    return _within_any(specifier, version) if quick is None else quick


def _within_any(specifier: str, version: str) -> bool | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return None


def _within_plain(specifier: str, version: str) -> bool | None:
    """The same for a version of numbers alone and clauses of numbers alone; None where that is not so."""
    if not _PLAIN.fullmatch(version):
        return None
    have = _numbers(version)
    answer = True
    for clause in _clauses(specifier):
        if clause is None:
            return None
        sign, wanted, prefix = clause
        width = max(len(have), len(wanted))
        left, right = _padded(have, width), _padded(wanted, width)
        if prefix or sign == "~=":
            length = len(wanted) if prefix else len(wanted) - 1
            same = _padded(have, length)[:length] == wanted[:length]
            answer = answer and (not same if sign == "!=" else same and (bool(prefix) or left >= right))
        else:
            answer = answer and _OPERATORS[sign](left, right)
    return answer


@lru_cache(maxsize=_REMEMBERED)
def _clauses(specifier: str) -> tuple[tuple[str, tuple[int, ...], bool] | None, ...]:
    """A specifier's clauses as operator, numbers and "ends in .*"; None for a clause that is not plain."""
    found: list[tuple[str, tuple[int, ...], bool] | None] = []
    for text in specifier.split(",") if specifier.strip() else ():
        parts = _CLAUSE.fullmatch(text.strip())
        sign, numbers, prefix = parts.groups() if parts else ("", "0", None)
        # "<5.0.0dev" draws the line at 5.0.0 for every release of numbers alone.
        odd = (prefix == "dev" and sign != "<") or (prefix == ".*" and sign not in ("==", "!="))
        odd = odd or (sign == "~=" and "." not in numbers)
        found.append((sign, _numbers(numbers), prefix == ".*") if parts and not odd else None)
    return tuple(found)


@lru_cache(maxsize=_REMEMBERED)
def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def _padded(numbers: tuple[int, ...], width: int) -> tuple[int, ...]:
    return numbers + (0,) * (width - len(numbers))


@lru_cache(maxsize=_REMEMBERED)
def key(version: str) -> Any:
    """A sort key for PEP 440 versions; unreadable ones come first."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        return Version("0.dev0")


@lru_cache(maxsize=_REMEMBERED)
def order(version: str) -> tuple[object, ...]:
    """What ``key`` orders by, as a plain tuple: sorting many versions by it takes no call for each comparison."""
    made = key(version)
    numbers = made.release + (0,) * (_LONGEST - len(made.release))
    early = made.pre or ((_BEFORE_PRE if made.is_devrelease and made.post is None else _FINAL), 0)
    never = float("inf")
    return (made.epoch, numbers, early, -1 if made.post is None else made.post, never if made.dev is None else made.dev)


@lru_cache(maxsize=_REMEMBERED)
def is_final(version: str) -> bool:
    """Whether ``version`` is a final release: neither pre-release nor development release."""
    return not (key(version).is_prerelease or key(version).is_devrelease)


@lru_cache(maxsize=_REMEMBERED)
def release(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``(2, 15, 1)``; () when there are none."""
    head = re.match(r"\s*v?(?:\d{1,9}!)?(\d{1,9}(?:\.\d{1,9}){0,7})", version)
    return tuple(int(part) for part in head.group(1).split(".")) if head else ()


def minor(version: str) -> tuple[int, ...]:
    """Major and minor, ``(2, 15)`` for 2.15.1; a version without numbers is ``(0, 0)``."""
    return (*release(version), 0, 0)[:2]


def feature(version: str | None) -> str | None:
    """A Python version as wheels are tagged: 3.11 for 3.11.7, 3.13t for a free-threaded 3.13.2t."""
    numbers = release(version)[:2] if version else ()
    threads = "t" if version and version.endswith("t") else ""
    return f"{numbers[0]}.{numbers[1]}{threads}" if len(numbers) == 2 else None


def driver(text: str | None) -> DriverRelease | None:
    """A driver's release, or None."""
    return None if text is None else _parsed(DriverRelease, text)


def cuda(text: str | None) -> CudaVersion | None:
    """A CUDA version, or None."""
    return None if text is None else _parsed(CudaVersion, text)


def cudnn(text: str | None) -> CudnnVersion | None:
    """A cuDNN version, or None; a package's local or post part is passed over."""
    if text is None:
        return None
    numbers = release(text)
    return _parsed(CudnnVersion, ".".join(map(str, numbers[:5]))) if numbers else None


def glibc(text: str | None) -> GlibcVersion | None:
    """A glibc version, or None."""
    return None if text is None else _parsed(GlibcVersion, text)


@lru_cache(maxsize=_REMEMBERED)
def _parsed(kind: type[V], text: str) -> V | None:
    try:
        return kind.parse(text)
    except ValueError:
        return None
