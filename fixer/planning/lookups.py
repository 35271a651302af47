"""Questions to the dataset that many machines ask alike, remembered: a card's capability, its family, a distribution.

The unit is one question. None means that the dataset does not know.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import CudaRow, DistroRow, GpuFamilyRow
from fixer.model import compare

# Folders that people name for CUDA's and the driver's sake, and the system's own: none puts another libstdc++ first.
_WITHOUT_LIBSTDCXX = re.compile(
    r"/usr/local/cuda[^/]*/(lib64(/stubs)?|lib|compat|extras/CUPTI/lib64|targets/[^/]+/lib)|/usr/lib/wsl/lib"
    r"|(/usr)?/lib(64|/[^/]+-linux-gnu)?"
)


@lru_cache(maxsize=4096)
def capability(dataset: Dataset, pci_id: str | None, name: str | None) -> str | None:
    """The compute capability of a card by its PCI id, else by its name where all cards of that name agree."""
    row = dataset.gpu(pci_id.lower()) if pci_id else None
    if row is not None and row.compute_capability:
        return row.compute_capability
    known = {one.compute_capability for one in dataset.gpus_named(name)} if name else set()
    return known.pop() if len(known) == 1 else None


@lru_cache(maxsize=256)
def family(dataset: Dataset, compute_capability: str) -> GpuFamilyRow | None:
    """The architecture of a compute capability."""
    return dataset.family(compute_capability)


@lru_cache(maxsize=256)
def cuda(dataset: Dataset, version: str) -> CudaRow | None:
    """A release of CUDA."""
    return dataset.cuda(version)


@lru_cache(maxsize=256)
def distro(dataset: Dataset, id: str, version: str) -> DistroRow | None:
    """What a distribution's release brings."""
    return dataset.distro(id, version)


def may_bring_libstdcxx(variables: Mapping[str, str]) -> bool:
    """Whether a variable leads the loader to folders that may hold a libstdc++ of their own."""
    folders = [one.rstrip("/") for one in variables.get("LD_LIBRARY_PATH", "").split(":")]
    return bool(variables.get("LD_PRELOAD")) or any(one and not _WITHOUT_LIBSTDCXX.fullmatch(one) for one in folders)


@lru_cache(maxsize=256)
def glibc_step(dataset: Dataset, glibc: str) -> str:
    """The newest C library that some wheel asks for and ``glibc`` satisfies; itself where it satisfies none."""
    present = compare.glibc(glibc)
    steps = [one for one in map(compare.glibc, dataset.glibc_needs()) if one is not None and present is not None]
    return str(max((one for one in steps if present is not None and one <= present), default=glibc))
