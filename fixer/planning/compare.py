"""Comparisons that planning makes again and again, remembered: PEP 440 ranges, releases, GPU architectures.

The unit is a pure function of strings. What cannot be read gives None or an empty value, never an error: a
machine file may hold a version that nobody foresaw.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from fixer.model.versions import CudaVersion, CudnnVersion, DriverRelease, GlibcVersion

_REMEMBERED = 65536
_LONGEST = 8
# Sorted as PEP 440 says: 1.0.dev1 before 1.0a1, b1, rc1, and these before 1.0.
_BEFORE_PRE, _FINAL = "", "~"


@lru_cache(maxsize=_REMEMBERED)
def within(specifier: str, version: str) -> bool:
    """Whether the PEP 440 ``specifier`` admits ``version``, pre-releases too; what is unreadable admits nothing."""
    from packaging.version import InvalidVersion

    made = _specifiers(specifier)
    try:
        return made is not None and bool(made.contains(version, prereleases=True))
    except InvalidVersion:
        return False


@lru_cache(maxsize=_REMEMBERED)
def _specifiers(text: str) -> Any:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


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
    """A Python version as wheels are tagged: 3.11 for 3.11.7."""
    numbers = release(version)[:2] if version else ()
    return f"{numbers[0]}.{numbers[1]}" if len(numbers) == 2 else None


def driver(text: str | None) -> DriverRelease | None:
    """A driver release, or None."""
    made: DriverRelease | None = _read(DriverRelease, text)
    return made


def cuda(text: str | None) -> CudaVersion | None:
    """A CUDA version, major and minor, or None."""
    made: CudaVersion | None = _read(CudaVersion, ".".join(map(str, minor(text))) if text else None)
    return made


def cudnn(text: str | None) -> CudnnVersion | None:
    """A cuDNN version, or None."""
    made: CudnnVersion | None = _read(CudnnVersion, ".".join(map(str, release(text)[:4])) if text else None)
    return made


def glibc(text: str | None) -> GlibcVersion | None:
    """A glibc version, or None."""
    made: GlibcVersion | None = _read(GlibcVersion, text)
    return made


@lru_cache(maxsize=_REMEMBERED)
def _read(kind: Any, text: str | None) -> Any:
    try:
        return kind.parse(text) if text else None
    except ValueError:
        return None


@lru_cache(maxsize=_REMEMBERED)
def capability(text: str) -> tuple[int, int, str] | None:
    """A compute capability as major, minor, suffix: ``(9, 0, "a")`` for 9.0a."""
    parts = re.fullmatch(r"(\d{1,2})\.(\d)([a-z]?)", text)
    return (int(parts.group(1)), int(parts.group(2)), parts.group(3)) if parts else None


@lru_cache(maxsize=_REMEMBERED)
def coverage(machine_code: tuple[str, ...], ptx: tuple[str, ...], wanted: str) -> str:
    """How a wheel's code serves a GPU: "machine code", "ptx" (the driver compiles it first), "none" or "unknown".

    Machine code for X.Y runs on X.Z with Z >= Y; PTX on its target and later, but a target with a suffix on
    that one alone: a wheel that carries such a target has kernels that no later GPU can compile.
    """
    gpu = capability(wanted)
    if gpu is None or not (machine_code or ptx):
        return "unknown"
    for code in filter(None, map(capability, machine_code)):
        if code[0] == gpu[0] and code[1] <= gpu[1] and (not code[2] or code[:2] == gpu[:2]):
            return "machine code"
    targets = [target for target in map(capability, ptx) if target]
    if any(target[2] and target[:2] != gpu[:2] for target in targets):
        return "none"
    return "ptx" if any(target[:2] <= gpu[:2] for target in targets) else "none"
