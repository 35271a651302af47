"""What the rest of convfix asks of the dataset; each question reads the rows that it needs and no more.

The unit is ``Dataset``: one method per question, typed rows as answers, None or an empty tuple for
"not in the dataset". It judges nothing: what a row means for a machine is the rules' affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

from fixer.dataset import rows as kinds
from fixer.dataset.gpu_names import name_keys, short_names
from fixer.dataset.load import Files, build
from fixer.dataset.locate import MANIFEST, Folder, locate
from fixer.errors import ConvfixError
from fixer.model.compare import within
from fixer.model.facts import Distro
from fixer.model.finding import RowRef
from fixer.model.pep440 import normal_name

R = TypeVar("R")
TENSORFLOW, PACKAGES, FAULTS = "tensorflow.json", "packages.json", "package_faults.json"
CUDA, CUDNN, GPUS, LIBRARIES = "cuda.json", "cudnn.json", "gpus.json", "libraries.json"
KNOWN_FAULTS, DRIVERS, DISTROS, CONDA = "known_faults.json", "drivers.json", "distros.json", "conda.json"
SYMPTOMS, REPORTS = "symptoms.json", "reports.json"
NVIDIA, TORCH, JAX, DISAGREEMENTS = "nvidia_wheels.json", "torch.json", "jax.json", "disagreements.json"
ROWS, MAJORS, FAMILIES, RESERVES, NAMES = "rows", "majors", "families", "reserves", "names"
TABLES: dict[type, tuple[str, str, tuple[str, ...]]] = {
    kinds.TensorFlowRow: (TENSORFLOW, "*", ("distribution", "version", "platform", "build")),
    kinds.ReleaseRow: (PACKAGES, ROWS, ("name", "version")),
    kinds.PackageFaultRow: (FAULTS, ROWS, ("id",)),
    kinds.CudaRow: (CUDA, ROWS, ("version",)),
    kinds.CudaMajorRow: (CUDA, MAJORS, ("major",)),
    kinds.CudnnRow: (CUDNN, ROWS, ("versions",)),
    kinds.GpuRow: (GPUS, ROWS, ("pci_id",)),
    kinds.GpuFamilyRow: (GPUS, FAMILIES, ("name",)),
    kinds.ReserveRow: (GPUS, RESERVES, ("id",)),
    kinds.LibraryRow: (LIBRARIES, ROWS, ("name",)),
    kinds.KnownFaultRow: (KNOWN_FAULTS, ROWS, ("id",)),
    kinds.DriverStepRow: (DRIVERS, ROWS, ("distro", "versions", "branch", "module")),
    kinds.CondaRow: (CONDA, ROWS, ("name",)),
    kinds.DistroRow: (DISTROS, ROWS, ("id", "version")),
    kinds.NvidiaWheelRow: (NVIDIA, ROWS, ("name", "version")),
    kinds.TorchRow: (TORCH, ROWS, ("version",)),
    kinds.JaxRow: (JAX, ROWS, ("name", "version")),
    kinds.DisagreementRow: (DISAGREEMENTS, ROWS, ("distribution", "version", "platform", "about")),
    kinds.SymptomRow: (SYMPTOMS, "*", ("id",)),
    kinds.TopicRow: (REPORTS, ROWS, ("topic",)),
}
_MOST_KEPT = 4096


class Dataset:
    """One dataset folder. Nothing is read until a question needs it; what was read is kept."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._lists: dict[tuple[type, str], tuple[Any, ...]] = {}
        self._sonames: dict[str, kinds.LibraryRow] | None = None
        self._cuda: tuple[kinds.CudaRow, ...] = ()
        self._steps: dict[Distro, tuple[kinds.DriverStepRow, ...]] = {}
        self._refs: dict[int, tuple[Any, RowRef]] = {}
        # Datasets with one row more that were made from this one, by that row.
        self.own: dict[str, Dataset] = {}

    @classmethod
    def open(cls, data_dir: str | None = None) -> Dataset:
        """The dataset at ``data_dir``, CONVFIX_DATA_DIR, or convfix's own; raises ConvfixError on a damaged one.

        While its manifest is the same file, the same dataset is given: what was asked of it is remembered by others, too.
        """
        folder = locate(data_dir)
        return _opened(folder, folder.state(MANIFEST))

    @property
    def version(self) -> str:
        """The dataset's version, a date: 2026.11.24."""
        return self.files.version

    def ref(self, row: Any) -> RowRef:
        """What names ``row`` in a finding: its file, its key and its source."""
        # By identity, and the row is kept with it: rows hold mappings, so they cannot be hashed.
        known = self._refs.get(id(row))
        if known is None:
            if len(self._refs) >= _MOST_KEPT:
                self._refs.clear()
            known = self._refs[id(row)] = (row, self._ref(row))
        return known[1]

    def _ref(self, row: Any) -> RowRef:
        name, _, fields = TABLES[type(row)]
        key = " ".join(str(getattr(row, field)) for field in fields if getattr(row, field) not in ("", None))
        source = row.sources[0] if isinstance(row, kinds.TensorFlowRow) and row.sources else getattr(row, "source", "")
        return RowRef(name.removesuffix(".json"), key, source)

    def source_of(self, named: str) -> str:
        """Where the row comes from that a reason names as ``table: key``; "" for a name that no row bears."""
        table, _, key = named.partition(": ")
        for kind, (name, usual, _) in TABLES.items():
            if name.removesuffix(".json") != table:
                continue
            # The rows of TensorFlow are kept by distribution, which leads their key.
            section = key.partition(" ")[0] if usual == "*" else None
            found: tuple[Any, ...] = self.all(kind, section)
            for ref in map(self.ref, found):
                if ref.key == key:
                    return ref.source
        return ""

    def all(self, kind: type[R], section: str | None = None) -> tuple[R, ...]:
        """Every row of a kind (of one section of its file, when it has several), in file order."""
        name, usual, _ = TABLES[kind]
        chosen = section or usual
        wanted = self.files.sections(name) if chosen == "*" else (chosen,)
        known = self._lists.get((kind, chosen))
        if known is None:
            known = tuple(
                build(self.files, name, kind, raw)
                for part in wanted
                for _, group in self.files.groups(name, part)
                for raw in group
            )
            self._lists[kind, chosen] = known
        return known

    def _group(self, kind: type[R], key: str, section: str | None = None) -> tuple[R, ...]:
        name, usual, _ = TABLES[kind]
        return tuple(build(self.files, name, kind, raw) for raw in self.files.group(name, section or usual, key))

    # TensorFlow and the packages around it

    def tensorflow(self, distribution: str, version: str) -> tuple[kinds.TensorFlowRow, ...]:
        """Every row of one release: all platforms, and conda-forge's builds. The names are matched as PEP 503 and 440 say."""
        name = normal_name(distribution)
        found = self._group(kinds.TensorFlowRow, version, name)
        if not found:
            canonical = _canonical(version)
            found = self._group(kinds.TensorFlowRow, canonical, name) if canonical and canonical != version else ()
        return found

    def tensorflow_row(
        self, distribution: str, version: str, platform: str = "linux_x86_64"
    ) -> kinds.TensorFlowRow | None:
        """The row of the index's wheel for a platform; conda-forge's builds are passed over."""
        return next(
            (row for row in self.tensorflow(distribution, version) if row.platform == platform and not row.build), None
        )

    def tensorflow_releases(self, distribution: str = "tensorflow") -> tuple[kinds.TensorFlowRow, ...]:
        """Every row of a distribution, newest release first: index wheels of all platforms and conda-forge's builds."""
        found = self.all(kinds.TensorFlowRow, normal_name(distribution))
        return tuple(_newest_first(found, lambda row: row.version))

    def releases(self, name: str) -> tuple[kinds.ReleaseRow, ...]:
        """The known releases of a package, newest first; empty for a package that the dataset does not follow."""
        return self._group(kinds.ReleaseRow, normal_name(name))

    def package_faults(self, package: str | None = None) -> tuple[kinds.PackageFaultRow, ...]:
        """What happens when ``package`` (or any) meets TensorFlow."""
        if package is None:
            return self.all(kinds.PackageFaultRow)
        return self._group(kinds.PackageFaultRow, normal_name(package))

    def glibc_needs(self) -> tuple[str, ...]:
        """Every glibc that some wheel of a package asks for."""
        groups = self.files.groups(PACKAGES, ROWS)
        return tuple(sorted({raw["glibc"] for _, rows in groups for raw in rows if isinstance(raw.get("glibc"), str)}))

    def nvidia_wheels(self, name: str) -> tuple[kinds.NvidiaWheelRow, ...]:
        """The wheels of one of NVIDIA's packages that were read, newest first; empty for a package that was not."""
        return tuple(_newest_first(self._group(kinds.NvidiaWheelRow, normal_name(name)), lambda row: row.version))

    def torch(self) -> tuple[kinds.TorchRow, ...]:
        """Every release of PyTorch with the nvidia wheels that it pins, newest first."""
        return tuple(_newest_first(self.all(kinds.TorchRow), lambda row: row.version))

    def jax(self, name: str = "jax") -> tuple[kinds.JaxRow, ...]:
        """Every release of JAX, jaxlib or one of the CUDA plugins, newest first."""
        return tuple(_newest_first(self._group(kinds.JaxRow, normal_name(name)), lambda row: row.version))

    def disagreements(self, distribution: str, version: str) -> tuple[kinds.DisagreementRow, ...]:
        """Where a published table and the artefacts of a release differ; the artefact is right."""
        name = normal_name(distribution)
        return tuple(row for row in self._group(kinds.DisagreementRow, version) if row.distribution == name)

    # CUDA and cuDNN

    def cuda(self, version: str) -> kinds.CudaRow | None:
        """A CUDA release: "12.2.1" that very one, "12.2" the first of the minor version, "12.2.140" the nearest below."""
        return _nearest_release(self.cuda_releases(), version)

    def cuda_releases(self) -> tuple[kinds.CudaRow, ...]:
        """Every CUDA release, newest first."""
        if not self._cuda:
            self._cuda = tuple(sorted(self.all(kinds.CudaRow), key=lambda row: _numbers(row.version), reverse=True))
        return self._cuda

    def cuda_major(self, major: int) -> kinds.CudaMajorRow | None:
        """The minor-version floor of a CUDA major; None for majors without one (10 and older)."""
        return next(iter(self._group(kinds.CudaMajorRow, str(major), MAJORS)), None)

    def cudnn(self, version: str) -> kinds.CudnnRow | None:
        """The range that a cuDNN version ("8.9.4", "9.10.2.21") falls into."""
        return next((row for row in self.all(kinds.CudnnRow) if contains(row.versions, version)), None)

    # GPUs

    def gpu(self, pci_id: str) -> kinds.GpuRow | None:
        """The device with this PCI id, "10de:2206" in either case."""
        return next(iter(self._group(kinds.GpuRow, pci_id.strip().lower().removeprefix("0x"))), None)

    def gpus_named(self, name: str) -> tuple[kinds.GpuRow, ...]:
        """The devices that a name can mean: "NVIDIA GeForce RTX 3080", "RTX 3080", "Tesla V100-SXM2-16GB", "V100"."""
        # The list of PCI ids knows some boards by their carrier alone: HGX GB200.
        carried = (f"hgx{key}" for key in short_names(name))
        for key in (*name_keys(name), *short_names(name), *carried):
            ids = [raw["pci_id"] for raw in self.files.group(GPUS, NAMES, key) if isinstance(raw.get("pci_id"), str)]
            if ids:
                return tuple(row for row in map(self.gpu, ids) if row is not None)
        return ()

    def family(self, compute_capability: str) -> kinds.GpuFamilyRow | None:
        """The architecture of a compute capability, "8.6"."""
        return next((row for row in self.families() if compute_capability in row.compute_capabilities), None)

    def families(self) -> tuple[kinds.GpuFamilyRow, ...]:
        """Every architecture."""
        return self.all(kinds.GpuFamilyRow, FAMILIES)

    def reserves(self, tensorflow: str | None) -> tuple[kinds.ReserveRow, ...]:
        """How a release of TensorFlow may divide a GPU's free memory; every way that there is where nobody knows the release."""
        rows = self.all(kinds.ReserveRow, RESERVES)
        return tuple(row for row in rows if not row.tensorflow or tensorflow is None or within(row.tensorflow, tensorflow) is not False)

    # Libraries, faults, drivers, distributions

    def libraries(self) -> tuple[kinds.LibraryRow, ...]:
        """Every library of the CUDA family."""
        return self.all(kinds.LibraryRow)

    def library(self, soname: str) -> kinds.LibraryRow | None:
        """The library that a soname ("libcudnn.so.8") belongs to."""
        if self._sonames is None:
            self._sonames = {soname: row for row in self.libraries() for soname in row.sonames}
        return self._sonames.get(soname)

    def conda_libraries(self) -> tuple[kinds.CondaRow, ...]:
        """What conda-forge has of CUDA for TensorFlow's own wheels."""
        return self.all(kinds.CondaRow)

    def known_faults(self, distribution: str, version: str) -> tuple[kinds.KnownFaultRow, ...]:
        """The faults that a release has as published."""
        name = normal_name(distribution)
        rows = self.all(kinds.KnownFaultRow)
        return tuple(row for row in rows if row.distribution == name and contains(row.versions, version))

    def symptoms(self) -> tuple[kinds.SymptomRow, ...]:
        """Every line that programs print and that convfix knows, family by family."""
        return self.all(kinds.SymptomRow)

    def reported_topics(self) -> tuple[kinds.TopicRow, ...]:
        """What reports of a topic turned out to be, topic by topic."""
        return self.all(kinds.TopicRow)

    def driver_steps(self, distro: Distro) -> tuple[kinds.DriverStepRow, ...]:
        """How a person installs a driver there. A derivative gets the parent's steps only where they hold for any version."""
        known = self._steps.get(distro)
        if known is None:
            if len(self._steps) >= _MOST_KEPT:
                self._steps.clear()
            known = self._steps[distro] = self._driver_steps(distro)
        return known

    def _driver_steps(self, distro: Distro) -> tuple[kinds.DriverStepRow, ...]:
        own = self._group(kinds.DriverStepRow, distro.id)
        if own:
            return tuple(row for row in own if not row.versions or contains(row.versions, distro.version or ""))
        for parent in distro.like:
            rows = tuple(row for row in self._group(kinds.DriverStepRow, parent) if not row.versions)
            if rows:
                return rows
        return ()

    def distro(self, id: str, version: str) -> kinds.DistroRow | None:
        """What a distribution's release brings; "9.4" falls back to "9", an empty version to a rolling one."""
        rows = self._group(kinds.DistroRow, id)
        for wanted in (version, version.split(".")[0], ""):
            for row in rows:
                if row.version == wanted:
                    return row
        return None


@lru_cache(maxsize=4)
def _opened(folder: Folder, state: tuple[int, ...]) -> Dataset:
    return Dataset(Files(folder))


def contains(specifier: str, version: str) -> bool:
    """Whether a PEP 440 specifier admits ``version``, pre-releases included; False for what is no version."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidVersion:
        return False
    except InvalidSpecifier:
        raise ConvfixError("dataset-damaged", f"the dataset holds {specifier!r}, which is no version range") from None


def _canonical(version: str) -> str | None:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version))
    except InvalidVersion:
        return None


def _newest_first(found: Iterable[R], version: Any) -> list[R]:
    from packaging.version import InvalidVersion, Version

    rows = list(found)
    try:
        keys = {one: Version(one) for one in {version(row) for row in rows}}
        return sorted(rows, key=lambda row: keys[version(row)], reverse=True)
    except InvalidVersion as error:
        raise ConvfixError("dataset-damaged", f"the dataset holds a release that is no version: {error}") from None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:6])


def _nearest_release(found: Iterable[kinds.CudaRow], version: str) -> kinds.CudaRow | None:
    wanted = _numbers(version)
    if len(wanted) < 2:
        return None
    same = [row for row in found if _numbers(row.version)[:2] == wanted[:2]]
    below = [row for row in same if _numbers(row.version) <= (*wanted, 0, 0)[:3]]
    return below[0] if below else (same[-1] if same else None)
