"""Copies of the libraries that TensorFlow opens, as a described machine tells of them.

The unit is ``Copy``: one file that answers to a soname, where it lies, and which search would find it.
A live machine needs none of this: there the loader was asked. A folder is compared by what it means
(/usr/local/cuda is the one toolkit that is there; lib64 is targets/x86_64-linux/lib), never by reading
the disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from fixer.dataset.rows import LibraryRow
from fixer.model import compare
from fixer.model.facts import Library, Toolkit
from fixer.model.record import record
from fixer.rules.case import Case

Place = Literal["LD_LIBRARY_PATH", "RPATH", "RUNPATH", "default folder", ""]
_DEFAULT_FOLDERS = (
    "/lib",
    "/usr/lib",
    "/lib64",
    "/usr/lib64",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/wsl/lib",
)
_CONDA_FOLDER = re.compile(r"(conda|mamba|miniforge|/envs/)[^:]*/lib$")
_CUDA_NAMES = ("cudatoolkit", "cuda-cudart", "cuda-runtime", "cuda-toolkit", "cuda-version")


@record(frozen=True)
class Copy:
    """A file that answers to a soname. ``place`` is "" where no search reaches it; ``rank`` orders one place."""

    path: str
    version: str | None
    in_environment: bool
    place: Place
    rank: int = 0


def entries(case: Case) -> tuple[str, ...]:
    """LD_LIBRARY_PATH's folders, empty ones left out, each in its compared form."""
    known: tuple[str, ...] | None = case.memory.get("entries")
    if known is None:
        named = case.variables.get("LD_LIBRARY_PATH", "").split(":")
        known = case.memory["entries"] = tuple(folder(case, entry) for entry in named if entry)
    return known


def folder(case: Case, path: str) -> str:
    """A folder in its compared form."""
    text = re.sub(r"/+", "/", path).rstrip("/") or "/"
    text = re.sub(r"/targets/x86_64-linux/lib$", "/lib64", text)
    alias = re.match(r"(/usr/local/cuda)(-\d+)?(?=/|$)(?!-\d+\.)", text)
    if alias:
        wanted = (alias.group(0) + ".") if alias.group(2) else "/usr/local/cuda-"
        roots = {one.path.rstrip("/") for one in case.facts.toolkits.or_else(()) if one.path.startswith(wanted)}
        if len(roots) == 1:
            text = roots.pop() + text[alias.end() :]
    return text


def soname_number(soname: str) -> str:
    """What follows ``.so.``: 8 for libcudnn.so.8, 11.0 for libcudart.so.11.0."""
    return soname.partition(".so.")[2]


def toolkit_serves(version: str | None, built: str | None, library: str) -> bool:
    """Whether a toolkit of CUDA ``version`` has this library under the soname that a build for ``built`` opens.

    Before 11 every minor version has its own sonames. From 11 on they hold for a major, except cuSOLVER,
    which changed between 11.0 and 11.1.
    """
    have, want = compare.cuda(version), compare.cuda(built)
    if have is None or want is None or have.major != want.major:
        return False
    if have.major < 11:
        return have.minor == want.minor
    if have.major == 11 and library == "cusolver":
        return (have.minor == 0) == (want.minor == 0)
    return True


def wheel_serves(case: Case, name: str, version: str, row: LibraryRow, soname: str) -> bool:
    """Whether an nvidia wheel holds the file under this soname."""
    built = compare.cuda(case.cuda_built)
    suffix = re.search(r"-cu(\d+)$", name)
    major = int(suffix.group(1)) if suffix else 13
    if built is None or major != built.major:
        return False
    if row.name == "cudnn":
        return compare.release(version)[:1] == compare.release(soname_number(soname))[:1]
    return not (row.name == "cusolver" and built.major == 11 and built.minor == 0)


def wheels(case: Case, row: LibraryRow, soname: str) -> Iterator[Copy]:
    """The environment's own wheels for this soname."""
    build_row = case.code_row
    reached = entries(case)
    site = case.patient.site_packages if case.patient is not None else "site-packages"
    for name in row.wheels:
        version = case.packages.get(name)
        if version is None or row.wheel_folder is None or not wheel_serves(case, name, version, row, soname):
            continue
        tail = f"nvidia/{row.wheel_folder}/lib"
        ranks = [rank for rank, entry in enumerate(reached) if entry.endswith("/" + tail)]
        searched = build_row is not None and row.wheel_folder in build_row.search_path
        place: Place = "LD_LIBRARY_PATH" if ranks else "RUNPATH" if searched else ""
        yield Copy(f"{site}/{tail}/{soname}", library_version(row, version), True, place, ranks[0] if ranks else 0)


def library_version(row: LibraryRow, version: str) -> str:
    """A wheel's version as its library says it: 8.9.4 for 8.9.4.25."""
    return ".".join(map(str, compare.release(version)[:3])) if row.name == "cudnn" else version


def by_conda(case: Case, row: LibraryRow, soname: str) -> Iterator[Copy]:
    """The conda environment's own packages: their files lie in the prefix's lib folder."""
    if case.kind != "conda":
        return
    prefix = case.patient.prefix if case.patient is not None else "$CONDA_PREFIX"
    version = None
    if row.name == "cudnn":
        names = [name for name in ("cudnn", "libcudnn") if name in case.packages]
        version = case.packages[names[0]] if names else None
        good = version is not None and compare.release(version)[:1] == compare.release(soname_number(soname))[:1]
    else:
        names = [name for name in _CUDA_NAMES if name in case.packages]
        version = case.packages[names[0]] if names else None
        good = toolkit_serves(version, case.cuda_built, row.name)
    if good:
        place, rank = _place(case, f"{prefix}/lib")
        yield Copy(f"{prefix}/lib/{soname}", version, True, place, rank)


def outside(case: Case, row: LibraryRow, soname: str) -> Iterator[Copy]:
    """Copies outside the environment's wheels: libraries by name, and what a toolkit brings."""
    listed = set()
    for one in case.facts.libraries.or_else(()):
        if answers(case, one, row, soname):
            base = one.path.rpartition("/")[0] if ".so" in one.path.rpartition("/")[2] else one.path
            place, rank = _place(case, base)
            listed.add(folder(case, base))
            inside = _in_environment(case, one.path)
            yield Copy(one.path, one.version, inside, place, rank)
    if row.name == "cudnn":
        return
    for toolkit in case.facts.toolkits.or_else(()):
        base = toolkit_folder(toolkit)
        if folder(case, base) not in listed and toolkit_serves(toolkit_version(toolkit), case.cuda_built, row.name):
            place, rank = _place(case, base)
            yield Copy(f"{base}/{soname}", toolkit_version(toolkit), False, place, rank)


def toolkit_folder(toolkit: Toolkit) -> str:
    """Where a toolkit keeps its libraries; a distribution's own toolkit uses the system's folder."""
    path = toolkit.path.rstrip("/")
    return "/usr/lib/x86_64-linux-gnu" if path in ("/usr", "/usr/lib/cuda", "/usr/lib/nvidia-cuda-toolkit") else f"{path}/lib64"


def toolkit_version(toolkit: Toolkit) -> str | None:
    """A toolkit's version, from its folder's name where nobody gives it."""
    if toolkit.version:
        return toolkit.version
    named = re.search(r"cuda-(\d+\.\d+)", toolkit.path)
    return named.group(1) if named else None


def library_name(one: Library) -> str:
    """The dataset's name of a listed library: cudnn for libcudnn, cuDNN or its file."""
    base = re.match(r"lib([A-Za-z_]+)\.so", one.path.rpartition("/")[2])
    return base.group(1) if base else one.name.lower().removeprefix("lib")


def answers(case: Case, one: Library, row: LibraryRow, soname: str) -> bool:
    """Whether a listed library is found under this soname."""
    base = one.path.rpartition("/")[2]
    if base == soname or base.startswith(soname + "."):
        return True
    stem = soname.partition(".so.")[0]
    if base.startswith(stem + ".so.") or library_name(one).lower() != row.name.lower():
        return False
    if one.version is None:
        return base == stem + ".so"
    if row.name == "cudnn":
        return compare.release(one.version)[:1] == compare.release(soname_number(soname))[:1]
    return toolkit_serves(one.version, case.cuda_built, row.name)


def _in_environment(case: Case, path: str) -> bool:
    """Whether a path is the environment's own: below its prefix, an nvidia wheel's folder that it reads, or a conda prefix."""
    wheel, patient = "-packages/nvidia/" in path, case.patient
    if patient is not None and path.startswith(patient.prefix.rstrip("/") + "/"):
        return wheel or patient.prefix not in ("/usr", "/usr/local", "/")
    if wheel:
        # Another environment's wheels are no more this one's than a toolkit is; those of the user's own folder may be.
        roots = () if patient is None else (patient.site_packages, patient.base_prefix or patient.site_packages)
        return patient is None or "/.local/lib/" in path or any(path.startswith(root.rstrip("/") + "/") for root in roots)
    return case.kind == "conda" and bool(_CONDA_FOLDER.search(path.rpartition("/")[0]))


in_environment = _in_environment


def _place(case: Case, base: str) -> tuple[Place, int]:
    """Which search reaches the folder ``base``."""
    compared = folder(case, base)
    reached = entries(case)
    if compared in reached:
        return "LD_LIBRARY_PATH", reached.index(compared)
    conda = compared.startswith("$CONDA_PREFIX") or bool(_CONDA_FOLDER.search(compared))
    if conda:
        ranks = [rank for rank, entry in enumerate(reached) if _CONDA_FOLDER.search(entry)]
        if compared.startswith("$CONDA_PREFIX") and ranks:
            return "LD_LIBRARY_PATH", ranks[0]
        # An RPATH of the interpreter counts for what it loads, as long as the loading object has no RUNPATH.
        if case.kind == "conda" and case.code_row is not None and case.code_row.search_kind == "RPATH":
            return "RPATH", 0
    if compared in _DEFAULT_FOLDERS:
        return "default folder", 0
    return "", 0
