"""How a TensorFlow was built that the dataset does not know (a nightly, a release candidate, an own build), from its files.

The unit is ``completed``: the build facts of ``probes.tensorflow`` and what the library that opens the CUDA
libraries and the package's own metadata add to them. Which libraries it opens stands in code; it is taken
from the newest known release with the same CUDA and cuDNN, and left unknown where there is none.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re

from fixer.dataset.questions import Dataset
from fixer.host.base import Host
from fixer.loader.elf import Elf, read_elf
from fixer.model.facts import TensorFlowBuild
from fixer.model.wheel_folders import nvidia_folders

OPENERS = ("libtensorflow_framework.so.2", "libtensorflow_framework.so.1")
_METADATA = 1 << 20
_GLIBC = re.compile(r"GLIBC_(\d{1,3}(?:\.\d{1,3}){1,2})")


def completed(
    host: Host, folders: tuple[str, ...], build: TensorFlowBuild, dataset: Dataset, name: str, version: str, python: str | None
) -> TensorFlowBuild:
    """``build`` with the search path, the needs and the bounds that the installed files tell."""
    site = next((folder for folder in folders if host.is_dir(f"{folder}/tensorflow")), None)
    opener = next((one for one in OPENERS if site and host.exists(f"{site}/tensorflow/{one}")), None)
    if site is None or opener is None:
        return build
    path = f"{site}/tensorflow/{opener}"
    status = host.stat(path)
    elf = read_elf(lambda offset, size: host.read_at(path, offset, size), status.st_size) if status is not None else None
    if not isinstance(elf, Elf):
        return build
    search = elf.runpath if elf.runpath is not None else elf.rpath
    return dataclasses.replace(
        build,
        opener=opener,
        search_kind=None if search is None else ("RUNPATH" if elf.runpath is not None else "RPATH"),
        search_path=tuple(nvidia_folders(search or "", "tensorflow")),
        glibc=_glibc(elf),
        sonames=_sonames(dataset, build),
        bounds=_bounds(host, site, name, version, python),
    )


def _glibc(elf: Elf) -> str | None:
    wanted = [match[1] for _, names in elf.version_needs for one in names if (match := _GLIBC.fullmatch(one))]
    return max(wanted, key=lambda text: tuple(map(int, text.split("."))), default=None)


def _sonames(dataset: Dataset, build: TensorFlowBuild) -> tuple[str, ...]:
    if not build.is_cuda_build or build.cuda is None or build.cudnn is None:
        return ()
    cuda, cudnn = build.cuda.split(".")[:2], int(build.cudnn.split(".")[0])
    rows = dataset.tensorflow_releases("tensorflow")
    alike = (row for row in rows if row.sonames and (row.cuda or "").split(".")[:2] == cuda and row.cudnn_major == cudnn)
    return next((row.sonames for row in alike), ())


def _bounds(host: Host, site: str, name: str, version: str, python: str | None) -> dict[str, str]:
    """What the installed distribution requires here, extras apart, by its own metadata."""
    stem = re.sub(r"[-_.]+", "_", name)
    folder = next((one for one in host.entries(site) if one.lower() == f"{stem}-{version}.dist-info"), None)
    text = host.text(posixpath.join(site, folder, "METADATA"), _METADATA) if folder is not None else None
    if text is None or python is None:
        return {}
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    here = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python, "extra": ""}
    found: dict[str, list[str]] = {}
    for line in text.split("\n\n", 1)[0].splitlines():
        if not line.startswith("Requires-Dist:"):
            continue
        try:
            need = Requirement(line.partition(":")[2])
            if need.marker is None or need.marker.evaluate(here):
                found.setdefault(canonicalize_name(need.name), []).extend(map(str, need.specifier))
        except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
            continue
    return {need_name: ",".join(sorted(set(parts))) for need_name, parts in sorted(found.items())}
