"""Which libraries must be loaded first, by absolute path and in which order, so that TensorFlow gets the right ones.

The unit is ``Preload``: what would resolve wrongly after the plan's packages are in place, with the parts of
cuDNN and everything that those libraries need themselves. On a live machine the loader's own prediction
names the files; for a described one, and for wheels that the plan installs, they follow from the rows.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import Iterable, Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import LibraryRow, TensorFlowRow
from fixer.model import compare
from fixer.model.record import record
from fixer.planning.gates import wheel
from fixer.planning.situation import Situation

REQUIRED = ("libcudart", "libcublas", "libcublasLt", "libcufft", "libcurand", "libcusolver", "libcusparse", "libcudnn")
# Parts that only the newest cuDNN has; naming one that is not there would be a mistake.
_LATE_PARTS = {"cudnn_ext": (9, 28), "cudnn_engines_tensor_ir": (9, 28)}
_FIRST_RUNPATH = (2, 7)


@record(frozen=True)
class Preload:
    """Absolute paths in load order, and the folders that hold them."""

    paths: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(posixpath.dirname(path) for path in self.paths))


def unsearched(dataset: Dataset, row: TensorFlowRow) -> tuple[str, ...]:
    """The sonames of TensorFlow's own check whose wheel folder the opening library does not search."""
    return _unsearched(dataset, row.distribution, row.platform, row.version)


@lru_cache(maxsize=1024)
def _unsearched(dataset: Dataset, distribution: str, platform: str, version: str) -> tuple[str, ...]:
    row = wheel(dataset, distribution, platform, version)
    if row is None or not row.is_cuda_build:
        return ()
    found = []
    for soname in row.sonames:
        known = dataset.library(soname)
        if _stem(soname) in REQUIRED and known is not None and known.wheel_folder not in (None, *row.search_path):
            found.append(soname)
    return tuple(found)


def preload(
    situation: Situation, row: TensorFlowRow, nvidia: Mapping[str, str], site_packages: str, wrong: Iterable[str]
) -> Preload:
    """What to load first for ``row`` when the wheels ``nvidia`` lie in ``site_packages``; ``wrong`` are more sonames."""
    if not row.is_cuda_build:
        return Preload()
    wanted = dict.fromkeys((*unsearched(situation.dataset, row), *_overtaken(situation, row), *wrong))
    if not wanted:
        return Preload()
    known = situation.dataset, row.distribution, row.platform, row.version
    files = _files(*known, tuple(wanted), tuple(sorted(nvidia.items())))
    return Preload(tuple([posixpath.join(site_packages, file) for file in files]))


@lru_cache(maxsize=1024)
def _files(
    dataset: Dataset, distribution: str, platform: str, version: str, wanted: tuple[str, ...], nvidia: tuple[tuple[str, str], ...]
) -> tuple[str, ...]:
    """The files of the wheels ``nvidia`` that hold ``wanted`` and all that they need, in load order, below site-packages."""
    row = wheel(dataset, distribution, platform, version)
    if row is None:
        return ()
    held = dict(nvidia)
    found = (_in_wheels(dataset, row, soname, held) for soname in _with_needs(dataset, row, wanted, held))
    return tuple(path for path in found if path is not None)


def in_folder(dataset: Dataset, row: TensorFlowRow, folder: str) -> Preload:
    """Everything that ``row`` opens and its check asks for, and what that needs, as files of one folder."""
    wanted = [soname for soname in row.sonames if _stem(soname) in REQUIRED]
    return Preload(tuple(posixpath.join(folder, soname) for soname in _with_needs(dataset, row, wanted, {})))


def outside(situation: Situation, row: TensorFlowRow | None, sonames: Iterable[str], folders: Iterable[str]) -> Preload:
    """The same for copies outside the environment that a finding named by folder."""
    known = tuple(folders)
    copies = _copies(situation)
    paths = []
    wanted = list(dict.fromkeys(sonames))
    chain = _with_needs(situation.dataset, row, wanted, {}) if row is not None else wanted
    for soname in chain:
        there = [path for path in copies.get(soname, ()) if posixpath.dirname(path) in known]
        if there:
            paths.append(there[0])
        elif soname in wanted and known:
            paths.append(posixpath.join(known[0] if len(known) == 1 else _likely(soname, known), soname))
    return Preload(tuple(dict.fromkeys(paths)))


def _likely(soname: str, folders: tuple[str, ...]) -> str:
    stem = _stem(soname).removeprefix("lib")
    return next((folder for folder in folders if stem in folder), folders[0])


def _copies(situation: Situation) -> dict[str, list[str]]:
    """Every known copy by the soname it answers to, as far as names tell."""
    found: dict[str, list[str]] = {}
    for one in situation.facts.resolutions.or_else(()):
        for path in (*((one.path,) if one.path else ()), *(path for path, _ in one.passed_over)):
            found.setdefault(one.soname, []).append(path)
    for library in situation.facts.libraries.or_else(()):
        name = posixpath.basename(library.path)
        soname = re.match(r"(lib[\w+-]+\.so\.\d+)(\.\d+)?", name)
        if soname:
            found.setdefault(soname[1], []).append(library.path)
        if soname and soname[2]:  # libcudart.so.11.0 is a soname too
            found.setdefault(soname[0], []).append(library.path)
    return found


def _overtaken(situation: Situation, row: TensorFlowRow) -> list[str]:
    """Sonames of which LD_LIBRARY_PATH names another copy: it comes before the wheel's own search."""
    entries = {
        part.rstrip("/") for part in situation.variables.get("LD_LIBRARY_PATH", "").split(":") if part.startswith("/")
    }
    if not entries or compare.minor(row.version) < _FIRST_RUNPATH:
        return []
    entries |= _toolkit_folders(situation, entries)
    site = situation.site_packages
    there = {
        soname
        for soname, paths in _copies(situation).items()
        for path in paths
        if posixpath.dirname(path) in entries and not path.startswith(site)
    }
    return [soname for soname in row.sonames if soname in there and _stem(soname) in REQUIRED]


def _toolkit_folders(situation: Situation, entries: set[str]) -> set[str]:
    """The real folders behind /usr/local/cuda in a list of folders, where one toolkit alone is there."""
    toolkits = situation.facts.toolkits.or_else(())
    if len(toolkits) != 1:
        return set()
    real = toolkits[0].path.rstrip("/")
    return {real + entry[len("/usr/local/cuda") :] for entry in entries if re.match(r"/usr/local/cuda(/|$)", entry)}


def _stem(soname: str) -> str:
    return soname.partition(".so")[0]


def _with_needs(dataset: Dataset, row: TensorFlowRow, wanted: Iterable[str], nvidia: Mapping[str, str]) -> list[str]:
    """``wanted`` with cuDNN's parts and all needs, what is needed first."""
    names = {known.name: known for known in _libraries(dataset)}
    order: list[str] = []

    def visit(known: LibraryRow, path: tuple[str, ...]) -> None:
        if known.name in path:
            return
        for need in known.needs:
            if need in names:
                visit(names[need], (*path, known.name))
        soname = _soname(known, row)
        if soname is not None and soname not in order:
            order.append(soname)

    for soname in wanted:
        known = dataset.library(soname)
        if known is None:
            continue
        visit(known, ())
        if known.name == "cudnn":
            for part in names.values():
                if part.name.startswith("cudnn_") and _has_part(part, row, nvidia):
                    visit(part, ())
    return order


@lru_cache(maxsize=16)
def _libraries(dataset: Dataset) -> tuple[LibraryRow, ...]:
    return dataset.libraries()


def _soname(known: LibraryRow, row: TensorFlowRow) -> str | None:
    """The soname of a library in this TensorFlow's CUDA generation."""
    own = [soname for soname in known.sonames if soname in row.sonames]
    if own:
        return own[0]
    number = row.cudnn_major if known.name.startswith("cudnn") else (compare.cuda(row.cuda) or _NO_CUDA).major
    ends = (f".so.{number}",)
    return next((soname for soname in known.sonames if soname.endswith(ends)), None)


class _NoCuda:
    major = 0


_NO_CUDA = _NoCuda()


def _has_part(part: LibraryRow, row: TensorFlowRow, nvidia: Mapping[str, str]) -> bool:
    if _soname(part, row) is None:
        return False
    late = _LATE_PARTS.get(part.name)
    version = next((compare.minor(version) for name, version in nvidia.items() if "cudnn" in name), ())
    return late is None or version >= late


def _in_wheels(dataset: Dataset, row: TensorFlowRow, soname: str, nvidia: Mapping[str, str]) -> str | None:
    """The file in the environment's wheels, below site-packages; None where no wheel of this generation holds it."""
    known = dataset.library(soname)
    built = compare.cuda(row.cuda)
    if known is None or known.wheel_folder is None or built is None:
        return None
    if not any(name in nvidia and name.endswith(f"-cu{built.major}") for name in known.wheels):
        return None
    return posixpath.join("nvidia", known.wheel_folder, "lib", soname)
