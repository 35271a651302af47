"""Comparisons that rules make again and again, remembered: PEP 440 ranges, releases, compute capabilities.

The unit is a pure function of strings. What cannot be read gives None, never an error: a dataset or a
machine file may hold a version that nobody foresaw, and a rule then stays silent.
"""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from typing import Callable, TypeVar

from fixer.model.versions import CudaVersion, CudnnVersion, DriverRelease, GlibcVersion

_REMEMBERED = 8192
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
def release(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``(2, 15, 1)`` for 2.15.1; ``()`` when there are none."""
    head = re.match(r"\s*v?(\d{1,9}(?:\.\d{1,9}){0,7})", version)
    return tuple(int(part) for part in head.group(1).split(".")) if head else ()


def minor(version: str) -> tuple[int, ...]:
    """Major and minor: ``(2, 15)`` for 2.15.1."""
    return release(version)[:2]


@lru_cache(maxsize=_REMEMBERED)
def _parsed(kind: type[V], text: str) -> V | None:
    try:
        return kind.parse(text)
    except ValueError:
        return None


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
def capability(text: str) -> tuple[int, int, str] | None:
    """A compute capability as major, minor and suffix: ``(9, 0, "a")`` for 9.0a; None when unreadable."""
    parts = re.fullmatch(r"(\d{1,2})\.(\d)([a-z]?)", text)
    return (int(parts.group(1)), int(parts.group(2)), parts.group(3)) if parts else None


@lru_cache(maxsize=_REMEMBERED)
def coverage(machine_code: tuple[str, ...], ptx: tuple[str, ...], wanted: str) -> str:
    """How code serves a GPU: "machine code", "ptx" (the driver compiles it first), "none", or "unknown".

    Machine code for X.Y runs on X.Z with Z >= Y. PTX runs on its target and later, except a target with
    a suffix: "9.0a" runs on 9.0 alone. A wheel that carries such a target beside plain ones holds two
    groups of kernels, and the group with the suffix has nothing for a later GPU.
    """
    gpu = capability(wanted)
    if gpu is None or not (machine_code or ptx):
        return "unknown"
    for text in machine_code:
        code = capability(text)
        if code and code[0] == gpu[0] and code[1] <= gpu[1] and (not code[2] or code[:2] == gpu[:2]):
            return "machine code"
    targets = [target for target in map(capability, ptx) if target]
    if any(target[2] and target[:2] != gpu[:2] for target in targets):
        return "none"
    return "ptx" if any(target[:2] <= gpu[:2] for target in targets) else "none"


@lru_cache(maxsize=_REMEMBERED)
def older_than_all(codes: tuple[str, ...], wanted: str) -> bool:
    """Whether a GPU is older than the newest architecture in ``codes``: the wheel left it behind, or skipped it."""
    gpu = capability(wanted)
    known = [code[:2] for code in map(capability, codes) if code]
    return gpu is not None and bool(known) and gpu[:2] < max(known)
