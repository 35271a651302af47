"""Exact versions of the packages beside TensorFlow: which release is the newest that fits.

The unit is one pick; JAX's own packages are asked like all others. Only final releases that were not
withdrawn count, with a wheel for the Python and the C library: a plan never builds from source.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Callable, Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import JaxRow, PackageFaultRow, ReleaseRow
from fixer.model import compare
from fixer.model.record import record

Release = ReleaseRow | JaxRow
LINUX = "linux_x86_64"


@record(frozen=True)
class Asked:
    """For which Python and C library, and within which range."""

    python: str
    glibc: str | None
    within: str = ""


@lru_cache(maxsize=4096)
def releases(dataset: Dataset, name: str) -> tuple[Release, ...]:
    """The known releases of a package, newest first, remembered."""
    return dataset.jax(name) if name.startswith("jax") else dataset.releases(name)


@lru_cache(maxsize=2048)
def release_row(dataset: Dataset, name: str, version: str) -> Release | None:
    """The row of one release."""
    return next((row for row in releases(dataset, name) if row.version == version), None)


@lru_cache(maxsize=65536)
def installable(dataset: Dataset, name: str, python: str, glibc: str | None, platform: str = LINUX) -> tuple[Release, ...]:
    """The final releases with a wheel for this Python, C library and platform, newest first."""
    present = compare.glibc(glibc)
    found = []
    for row in releases(dataset, name):
        needed = compare.glibc(row.glibc)
        too_old = present is not None and needed is not None and present < needed
        if (
            not row.prerelease
            and not row.yanked
            and python in (row.elsewhere.get(platform, row.python) if platform != LINUX else row.python)
            and not too_old
            and compare.is_final(row.version)
        ):
            found.append(row)
    return tuple(found)


def newest(dataset: Dataset, name: str, asked: Asked, fits: Callable[[str], bool]) -> str | None:
    """The newest release of ``name`` that is asked for and ``fits``; None when there is none."""
    for row in installable(dataset, name, asked.python, asked.glibc):
        if (not asked.within or compare.within(asked.within, row.version)) and fits(row.version):
            return row.version
    return None


@lru_cache(maxsize=16384)
def archive_bytes(dataset: Dataset, name: str, version: str) -> int | None:
    """How big a release's wheel is; None where no row tells."""
    known = release_row(dataset, name, version)
    if known is not None and known.size_bytes is not None:
        return known.size_bytes
    read = dataset.nvidia_wheels(name) if name.startswith("nvidia-") else ()
    return next((row.size_bytes for row in read if row.version == version), None)


def bounds(row: Release, python: str) -> Mapping[str, str]:
    """What a release asks of other packages on this Python."""
    differing = row.python_bounds.get(python)
    return {**row.bounds, **differing} if differing else row.bounds


@lru_cache(maxsize=16384)
def asks(dataset: Dataset, name: str, version: str, python: str) -> Mapping[str, str]:
    """What this release asks of other packages on this Python; nothing where no row knows it."""
    row = release_row(dataset, name, version)
    return bounds(row, python) if row is not None else {}


@lru_cache(maxsize=4096)
def faults(dataset: Dataset, name: str, tensorflow: str) -> tuple[PackageFaultRow, ...]:
    """The measured pairs of ``name`` with this TensorFlow."""
    return tuple(row for row in _faults(dataset, name) if compare.within(row.tensorflow, tensorflow))


@lru_cache(maxsize=512)
def _faults(dataset: Dataset, name: str) -> tuple[PackageFaultRow, ...]:
    return dataset.package_faults(name)


@lru_cache(maxsize=64)
def fault_names(dataset: Dataset) -> tuple[str, ...]:
    """The packages for which pairs were measured."""
    return tuple(sorted({row.package for row in dataset.package_faults()}))


def breaks(
    dataset: Dataset, name: str, version: str, tensorflow: str, python: str, present: Callable[[str], str | None]
) -> PackageFaultRow | None:
    """The pair that says that ``name`` in this version breaks this TensorFlow, beside what ``present`` says is there."""
    for row in faults(dataset, name, tensorflow):
        if row.effect == "works" or (row.python and not compare.within(row.python, python)):
            continue
        others = ((spec, present(other)) for other, spec in row.beside.items())
        if compare.within(row.versions, version) and all(there is None or compare.within(spec, there) for spec, there in others):
            return row
    return None
