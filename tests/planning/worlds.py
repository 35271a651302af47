"""Small worlds in which every change can be tried: the enumeration that plans are held against.

It reads rows and shares no code with the planner. A world is an environment of few packages, or a card with a
driver; ``fewest_changes`` tries all sets of packages, ``steps`` all TensorFlows, least change first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import ReleaseRow, TensorFlowRow
from tests.planning import checker

DATASET = Dataset.open()
PLATFORM = "linux_x86_64"


@lru_cache(maxsize=4096)
def wheels_of(name: str, python: str, glibc: str) -> tuple[ReleaseRow, ...]:
    """The final releases of a package that install there."""
    return tuple(
        row for row in DATASET.releases(name)
        if python in row.python and not row.yanked and not Version(row.version).is_prerelease
        and (row.glibc is None or Version(row.glibc) <= Version(glibc))
    )  # fmt: skip


@lru_cache(maxsize=65536)
def _within(spec: str, version: str) -> bool:
    return not spec or Version(version) in SpecifierSet(spec, prereleases=True)


@lru_cache(maxsize=65536)
def breaks(name: str, version: str, tensorflow: str, python: str) -> bool:
    """Whether a measured pair says that the package breaks this TensorFlow."""
    return any(
        fault.effect != "works" and _within(fault.versions, version) and _within(fault.tensorflow, tensorflow)
        and (not fault.python or _within(fault.python, python))
        for fault in DATASET.package_faults(name)
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _bounds(name: str, version: str, python: str) -> Mapping[str, str]:
    row = next((one for one in (*DATASET.releases(name), *DATASET.jax(name)) if one.version == version), None)
    return {**row.bounds, **row.python_bounds.get(python, {})} if row else {}


def quarrels(packages: Mapping[str, str], python: str) -> set[tuple[str, str]]:
    """The pairs of packages of which one does not admit the other."""
    return {
        (name, other) for name, version in packages.items() for other, spec in _bounds(name, version, python).items()
        if other in packages and not _within(spec, packages[other])
    }  # fmt: skip


def sound(packages: Mapping[str, str], before: Mapping[str, str], python: str) -> bool:
    """Nothing breaks TensorFlow, what moved is what its metadata asks for, and no package quarrels that did not before."""
    tensorflow = packages["tensorflow"]
    row = DATASET.tensorflow_row("tensorflow", tensorflow, PLATFORM)
    asked = {**row.bounds, **row.python_bounds.get(python, {})} if row else {}
    if any(version != before[name] and not _within(asked.get(name, ""), version) for name, version in packages.items()):
        return False
    if any(breaks(name, version, tensorflow, python) for name, version in packages.items() if name != "tensorflow"):
        return False
    return quarrels(packages, python) <= quarrels(before, python)


def fewest_changes(packages: Mapping[str, str], python: str, glibc: str, most: int) -> int | None:
    """How many packages must at least change beside the same TensorFlow; None where more than ``most`` would have to.

    What TensorFlow neither asks for nor is known to quarrel with belongs to somebody else and stays.
    """
    row = DATASET.tensorflow_row("tensorflow", packages["tensorflow"], PLATFORM)
    own = {*(row.bounds if row else ()), *(fault.package for fault in DATASET.package_faults())}
    names = [name for name in packages if name in own and DATASET.releases(name)]
    for count in range(most + 1):
        for chosen in itertools.combinations(names, count):
            choices = [[row.version for row in wheels_of(name, python, glibc)] for name in chosen]
            for versions in itertools.product(*choices):
                if sound({**packages, **dict(zip(chosen, versions))}, packages, python):
                    return count
    return None


def serves(row: TensorFlowRow, capability: str, driver: str, python: str, glibc: str) -> bool:
    """Whether a wheel uses this card under this driver, with libraries that the index has."""
    if python not in row.python or (row.glibc and Version(row.glibc) > Version(glibc)):
        return False
    if not row.is_cuda_build or row.cuda is None or not row.compute_capabilities or row.yanked:
        return False
    if checker.code_for(row, capability) == "none" or any(checker._compiler(row, capability, driver, DATASET)):
        return False
    floor = DATASET.cuda_major(int(row.cuda.split(".")[0]))
    if floor is None or Version(driver) < Version(floor.linux_driver):
        return False
    family = next(one for one in DATASET.families() if capability in one.compute_capabilities)
    return Version(driver).major >= (family.first_driver_branch or 0) and _libraries(row, capability, python, glibc)


def _libraries(row: TensorFlowRow, capability: str, python: str, glibc: str) -> bool:
    """Whether the wheels that its extra names (or the extra of a later release for the same CUDA) serve the card."""
    donors = [row, *(one for one in tensorflows() if one.cuda and row.cuda and one.cuda.split(".")[0] == row.cuda.split(".")[0])]
    extra: Mapping[str, str] = next((one.extras["and-cuda"] for one in donors if "and-cuda" in one.extras), {})
    named = {name: spec for name, spec in extra.items() if name.startswith("nvidia-")}
    for name, spec in named.items():
        fitting = [one for one in wheels_of(name, python, glibc) if _within(spec, one.version)]
        if not any(_knows(name, one.version, row, capability) for one in fitting):
            return False
    return bool(named)


def _knows(name: str, version: str, row: TensorFlowRow, capability: str) -> bool:
    if "cudnn" in name:
        known = DATASET.cudnn(version)
        return known is None or not known.compute_capabilities or capability in known.compute_capabilities
    return not any(checker._card(row, capability, None, {name: version}, int(name.rpartition("-cu")[2]), DATASET))


@lru_cache(maxsize=1)
def tensorflows() -> tuple[TensorFlowRow, ...]:
    """The final releases of TensorFlow 2 on the index for Linux, newest first."""
    rows = (row for row in DATASET.tensorflow_releases() if row.platform == PLATFORM and not row.build)
    return tuple(row for row in rows if not Version(row.version).is_prerelease and row.version.startswith("2."))


def step(row: TensorFlowRow, present: str) -> int:
    """How big a change another TensorFlow in the same environment is: 0 the same, 1 a patch, 2 a minor release."""
    if row.version == present:
        return 0
    return 1 if Version(row.version).release[:2] == Version(present).release[:2] else 2


def smallest_step(present: str, fits: Any) -> int | None:
    """The least step to a TensorFlow that ``fits``; None where none does."""
    return min((step(row, present) for row in tensorflows() if fits(row)), default=None)


def described(**keys: Any) -> dict[str, Any]:
    """A machine file in which everything that decides is known."""
    return {
        "schema": "convfix-machine/1", "os": "linux", "distro": {"id": "ubuntu", "version": "22.04"}, "arch": "x86_64", "glibc": "2.35",
        "wsl": False, "container": None, "cpu_flags": ["avx", "avx2", "fma"], "gpus": [], "driver": None, "pythons": ["3.11"],
        "environment": None, "toolkits": [], "libraries": [], "variables": {}, "managers": ["pip"], "root": False, "disk_free_mib": 60000,
        **keys,
    }  # fmt: skip


def package_worlds() -> Iterator[tuple[dict[str, str], str]]:
    """Environments of few packages around a TensorFlow, sound and broken, with their Python."""
    around = {
        "2.10.1": ("3.10.12", {"numpy": ("1.23.5", "1.26.4", "2.0.2"), "protobuf": ("3.19.6", "3.20.3", "4.25.3")}),
        "2.13.1": ("3.11.7", {"numpy": ("1.24.3", "2.0.2"), "pandas": ("2.0.3", "2.2.3", "3.0.0"), "protobuf": ("4.25.3", "6.31.1")}),
        "2.15.1": ("3.11.7", {"numpy": ("1.26.4", "2.1.3"), "ml-dtypes": ("0.3.2", "0.5.3"), "protobuf": ("4.25.3", "6.33.0")}),
        "2.16.2": ("3.12.3", {"numpy": ("1.26.4", "2.2.6"), "scipy": ("1.11.4", "1.16.0"), "keras": ("3.3.3", "3.12.0")}),
        "2.20.0": ("3.13.1", {"numpy": ("2.2.6", "1.26.4"), "protobuf": ("5.26.1", "6.31.1"), "ml-dtypes": ("0.5.3", "0.4.1")}),
    }
    for tensorflow, (python, beside) in around.items():
        for versions in itertools.product(*beside.values()):
            yield {"tensorflow": tensorflow, **dict(zip(beside, versions))}, python


def neighbour_worlds() -> Iterator[tuple[dict[str, str], str]]:
    """The same with PyTorch or JAX beside, which nothing may move and whose needs bind what does move."""
    around = {
        "2.16.2": ("3.12.3", {"torch": ("2.4.1",), "numpy": ("1.26.4", "2.2.6"), "protobuf": ("4.25.3", "6.31.1")}),
        "2.18.1": ("3.11.7", {"torch": ("2.6.0",), "numpy": ("2.0.2", "1.26.4", "2.2.6"), "ml-dtypes": ("0.4.1", "0.5.3")}),
        "2.20.0": ("3.12.3", {"jax": ("0.6.2",), "jaxlib": ("0.6.2",), "numpy": ("1.26.4", "2.2.6"), "ml-dtypes": ("0.5.3", "0.4.1")}),
        "2.15.1": ("3.11.7", {"jax": ("0.4.30",), "jaxlib": ("0.4.30",), "numpy": ("1.26.4", "2.1.3"), "ml-dtypes": ("0.3.2", "0.5.3")}),
    }
    for tensorflow, (python, beside) in around.items():
        for versions in itertools.product(*beside.values()):
            yield {"tensorflow": tensorflow, **dict(zip(beside, versions))}, python


def on_python(spec: str, python: str, glibc: str) -> list[TensorFlowRow]:
    """The TensorFlows within a wish that have a wheel for this Python and C library, newest first."""
    return [
        row for row in tensorflows()
        if _within(spec, row.version) and python in row.python and not row.yanked and (not row.glibc or Version(row.glibc) <= Version(glibc))
    ]  # fmt: skip


def python_change(spec: str, present: str, at_hand: tuple[str, ...], can_fetch: bool, glibc: str) -> str | None:
    """The least change of Python: "stays", "at hand", "fetched"; None where no Python has such a TensorFlow."""
    if on_python(spec, present, glibc):
        return "stays"
    if any(on_python(spec, one, glibc) for one in at_hand):
        return "at hand"
    every = {python for row in tensorflows() for python in row.python}
    return "fetched" if can_fetch and any(on_python(spec, one, glibc) for one in every) else None
