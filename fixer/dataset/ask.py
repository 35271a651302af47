"""Questions to the dataset whose answers do not change, remembered per dataset.

The unit is one question. Planning judges a thousand machines a second: a row is looked for once. Nothing
is decided here; a question that the dataset cannot answer gives None or an empty tuple.
"""

from __future__ import annotations

from functools import lru_cache

from fixer.dataset import rows
from fixer.dataset.questions import Dataset
from fixer.model.architectures import coverage
from fixer.model.compare import glibc as as_glibc
from fixer.model.compare import release, within

_REMEMBERED = 2048


@lru_cache(maxsize=_REMEMBERED)
def tensorflow_rows(dataset: Dataset, distribution: str, version: str) -> tuple[rows.TensorFlowRow, ...]:
    """Every row of one release."""
    return dataset.tensorflow(distribution, version)


@lru_cache(maxsize=_REMEMBERED)
def wheel(dataset: Dataset, distribution: str, version: str, platform: str) -> rows.TensorFlowRow | None:
    """The index's wheel of exactly this release."""
    return dataset.tensorflow_row(distribution, version, platform)


@lru_cache(maxsize=_REMEMBERED)
def neighbour(dataset: Dataset, distribution: str, version: str, platform: str) -> rows.TensorFlowRow | None:
    """The wheel of the nearest release of the same minor version, where this very one has no row."""
    wanted = release(version)
    same = [
        row
        for row in releases(dataset, distribution)
        if row.platform == platform and not row.build and release(row.version)[:2] == wanted[:2]
    ]
    below = [row for row in same if release(row.version) <= wanted]
    return below[0] if below else (same[-1] if same else None)


@lru_cache(maxsize=_REMEMBERED)
def looked_into(dataset: Dataset, distribution: str, version: str, platform: str) -> rows.TensorFlowRow | None:
    """The nearest release of the same minor version whose wheel was looked into, and so names its libraries."""
    wanted = release(version)
    same = [
        row
        for name in dict.fromkeys((distribution, "tensorflow"))
        for row in releases(dataset, name)
        if row.platform == platform and not row.build and row.sonames and release(row.version)[:2] == wanted[:2]
    ]
    below = [row for row in same if release(row.version) <= wanted]
    return below[0] if below else (same[-1] if same else None)


@lru_cache(maxsize=64)
def releases(dataset: Dataset, distribution: str) -> tuple[rows.TensorFlowRow, ...]:
    """Every row of a distribution, newest first."""
    return dataset.tensorflow_releases(distribution)


@lru_cache(maxsize=_REMEMBERED)
def cuda_that_opens(dataset: Dataset, soname: str) -> tuple[str, ...]:
    """The CUDA versions of the TensorFlow builds that open a library of this name."""
    rows_ = (row for name in ("tensorflow", "tensorflow-gpu") for row in releases(dataset, name))
    return tuple(sorted({row.cuda for row in rows_ if row.cuda and soname in row.sonames}))


@lru_cache(maxsize=_REMEMBERED)
def package_releases(dataset: Dataset, name: str) -> tuple[rows.ReleaseRow, ...]:
    """The releases of a package that the dataset follows."""
    return dataset.releases(name)


@lru_cache(maxsize=_REMEMBERED)
def some_stack_serves(dataset: Dataset, capability: str) -> bool:
    """Whether any published TensorFlow for Linux has code for this GPU."""
    return any(
        row.is_cuda_build is not False
        and row.platform == "linux_x86_64"
        and coverage(row.compute_capabilities, row.ptx, capability) in ("machine code", "ptx")
        for name in ("tensorflow", "tensorflow-gpu")
        for row in releases(dataset, name)
    )


@lru_cache(maxsize=_REMEMBERED)
def some_wheel_has_code(dataset: Dataset, capability: str) -> bool:
    """Whether any wheel of the index has machine code for this GPU."""
    return any(
        row.platform == "linux_x86_64" and not row.build and coverage(row.compute_capabilities, (), capability) == "machine code"
        for name in ("tensorflow", "tensorflow-gpu")
        for row in releases(dataset, name)
    )


@lru_cache(maxsize=32)
def fault_index(dataset: Dataset) -> dict[str, tuple[rows.PackageFaultRow, ...]]:
    """What happens when packages meet, by package."""
    found: dict[str, list[rows.PackageFaultRow]] = {}
    for row in dataset.package_faults():
        found.setdefault(row.package, []).append(row)
    return {name: tuple(group) for name, group in found.items()}


@lru_cache(maxsize=_REMEMBERED)
def known_faults(dataset: Dataset, distribution: str, version: str) -> tuple[rows.KnownFaultRow, ...]:
    """The faults that a release has as published."""
    of_it = (row for row in dataset.all(rows.KnownFaultRow) if row.distribution == distribution)
    return tuple(row for row in of_it if within(row.versions, version))


@lru_cache(maxsize=_REMEMBERED)
def cuda(dataset: Dataset, version: str) -> rows.CudaRow | None:
    """One CUDA release."""
    return dataset.cuda(version)


@lru_cache(maxsize=32)
def cuda_releases(dataset: Dataset) -> tuple[rows.CudaRow, ...]:
    """Every CUDA release."""
    return dataset.cuda_releases()


@lru_cache(maxsize=_REMEMBERED)
def cuda_major(dataset: Dataset, major: int) -> rows.CudaMajorRow | None:
    """The driver floor of a CUDA major."""
    return dataset.cuda_major(major)


@lru_cache(maxsize=_REMEMBERED)
def cudnn(dataset: Dataset, version: str) -> rows.CudnnRow | None:
    """The range that a cuDNN version falls into."""
    return next((row for row in dataset.all(rows.CudnnRow) if within(row.versions, version)), None)


@lru_cache(maxsize=_REMEMBERED)
def gpu(dataset: Dataset, pci_id: str) -> rows.GpuRow | None:
    """The device with a PCI id."""
    return dataset.gpu(pci_id)


@lru_cache(maxsize=_REMEMBERED)
def gpus_named(dataset: Dataset, name: str) -> tuple[rows.GpuRow, ...]:
    """The devices that a name can mean."""
    return dataset.gpus_named(name)


@lru_cache(maxsize=_REMEMBERED)
def capability(dataset: Dataset, pci_id: str | None, name: str | None) -> str | None:
    """The compute capability of a card by its PCI id, else by its name where all cards of that name agree."""
    row = gpu(dataset, pci_id.lower()) if pci_id else None
    if row is not None and row.compute_capability:
        return row.compute_capability
    known = {one.compute_capability for one in gpus_named(dataset, name)} if name else set()
    return known.pop() if len(known) == 1 else None


@lru_cache(maxsize=_REMEMBERED)
def family(dataset: Dataset, capability: str) -> rows.GpuFamilyRow | None:
    """The architecture of a compute capability."""
    return dataset.family(capability)


@lru_cache(maxsize=_REMEMBERED)
def library(dataset: Dataset, soname: str) -> rows.LibraryRow | None:
    """The library that a soname belongs to."""
    return dataset.library(soname)


@lru_cache(maxsize=_REMEMBERED)
def distro(dataset: Dataset, id: str, version: str) -> rows.DistroRow | None:
    """What a distribution's release brings."""
    return dataset.distro(id, version)


@lru_cache(maxsize=_REMEMBERED)
def glibc_step(dataset: Dataset, glibc: str) -> str:
    """The newest C library that some wheel asks for and ``glibc`` satisfies; itself where it satisfies none."""
    present = as_glibc(glibc)
    steps = [one for one in map(as_glibc, dataset.glibc_needs()) if one is not None and present is not None]
    return str(max((one for one in steps if present is not None and one <= present), default=glibc))


def delegate(row: rows.TensorFlowRow) -> dict[str, str]:
    """The package that does an empty wheel's work, with its version.

    On aarch64 (2.10 to 2.15), Windows (2.11 to 2.18) and Apple silicon (2.13 to 2.15) the wheel named tensorflow is
    empty and asks for one package of its own version alone.
    """
    if len(row.bounds) != 1:
        return {}
    ((name, spec),) = row.bounds.items()
    mine = name.startswith("tensorflow-") and spec.startswith("==")
    return {name: spec[2:].replace("-rc", "rc")} if mine else {}


def working(dataset: Dataset, row: rows.TensorFlowRow) -> rows.TensorFlowRow:
    """The row whose bounds hold: an empty wheel's package asks for what the wheel for Linux of this release asks for."""
    return dataset.tensorflow_row(row.distribution, row.version) or row if delegate(row) else row
