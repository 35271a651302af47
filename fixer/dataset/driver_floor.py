"""The oldest driver on which CUDA's libraries run, by NVIDIA's two tables.

Minor-version compatibility gives each major a floor (docs.nvidia.com/deploy/cuda-compatibility): ``of_major``, for
whoever installs libraries and may take another minor release than TensorFlow was built with. A release came with a
driver of its own, which is older at times (CUDA 11.0): ``of_release``, for whoever judges what is there. Under WSL2
the driver is Windows' own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from fixer.dataset import ask
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import CudaMajorRow, CudaRow
from fixer.model import compare
from fixer.model.versions import DriverRelease


class Floor(NamedTuple):
    """A driver's release and the row that asks for it."""

    driver: DriverRelease
    row: CudaRow | CudaMajorRow


@lru_cache(maxsize=512)
def of_major(dataset: Dataset, cuda: str, windows: bool, wsl: bool) -> Floor | None:
    """For any release of the major of ``cuda``, for this one where the major has no row; None where nobody knows."""
    return next(iter(_floors(dataset, cuda, windows, wsl)), None)


@lru_cache(maxsize=512)
def of_release(dataset: Dataset, cuda: str, windows: bool, wsl: bool) -> Floor | None:
    """For the libraries of ``cuda`` itself; None where nobody knows."""
    return min(reversed(_floors(dataset, cuda, windows, wsl)), key=lambda one: one.driver, default=None)


def _floors(dataset: Dataset, cuda: str, windows: bool, wsl: bool) -> tuple[Floor, ...]:
    """The major's and the release's own, as far as known."""
    version = compare.cuda(cuda)
    rows = () if version is None else (ask.cuda_major(dataset, version.major), ask.cuda(dataset, str(version)))
    known = [(_driver(row, windows, wsl), row) for row in rows if row is not None]
    return tuple(Floor(driver, row) for driver, row in known if driver is not None)


def _driver(row: CudaRow | CudaMajorRow, windows: bool, wsl: bool) -> DriverRelease | None:
    if windows:
        return compare.driver(row.windows_driver)
    return compare.driver(row.windows_driver or row.linux_driver) if wsl else compare.driver(row.linux_driver)
