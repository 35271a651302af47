"""Which PTX a driver must compile before a card runs a TensorFlow wheel, and which it can: one rule for doctor and for plans.

The unit is ``wanted``: the PTX version, None where the card has machine code for every kernel. NVIDIA's minor-version
compatibility does not cover PTX (docs.nvidia.com/deploy/cuda-compatibility, "Applications using PTX will see runtime
issues"), so a driver that meets the floor of CUDA 12 can still refuse it: with CUDA_ERROR_UNSUPPORTED_PTX_VERSION, and
then the first Mul or Cast that is launched fails. That this holds for one wheel on one card is read from the wheel's
code and was not run there: likely, never proven.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import CudaRow, TensorFlowRow
from fixer.model.versions import DriverRelease


def partly(row: TensorFlowRow, capability: str) -> bool:
    """Whether the generated kernels lack machine code that the hand-written ones have for this card (Hopper from 2.16 on)."""
    return capability in row.partly_compiled or f"{capability}a" in row.ptx


def wanted(dataset: Dataset, row: TensorFlowRow, generated_alone: bool) -> str | None:
    """The newest PTX among the kernels that are compiled first: all of them, or the generated ones alone."""
    known = row.ptx_versions[1:] if generated_alone else row.ptx_versions
    if known:
        return max(known, key=_numbers)
    return _isa(dataset, ".".join(row.cuda.split(".")[:2])) if row.cuda else None


@lru_cache(maxsize=128)
def _isa(dataset: Dataset, minor: str) -> str | None:
    """The PTX that a minor release of CUDA writes."""
    built = dataset.cuda(minor)
    return built.ptx_isa if built is not None else None


def compiles(dataset: Dataset, driver: DriverRelease, ptx: str) -> bool:
    """Whether a driver of this branch can compile it; presumed where nobody knows."""
    known = newest(dataset, driver.branch)
    return known is None or _numbers(known) >= _numbers(ptx)


@lru_cache(maxsize=128)
def newest(dataset: Dataset, branch: int) -> str | None:
    """The newest PTX that a driver branch compiles."""
    return max((ptx for ptx, floor, _ in _toolkits(dataset) if floor.branch <= branch), key=_numbers, default=None)


@lru_cache(maxsize=128)
def first(dataset: Dataset, ptx: str) -> CudaRow | None:
    """The toolkit with the oldest driver that compiles it."""
    fitting = [(floor, row) for known, floor, row in _toolkits(dataset) if _numbers(known) >= _numbers(ptx)]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _toolkits(dataset: Dataset) -> Iterator[tuple[str, DriverRelease, CudaRow]]:
    """The toolkits whose PTX and driver are known: these two, and the row."""
    for row in dataset.cuda_releases():
        with contextlib.suppress(ValueError):
            if row.ptx_isa and row.linux_driver:
                yield row.ptx_isa, DriverRelease.parse(row.linux_driver), row


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
