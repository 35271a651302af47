"""Reads NVIDIA's wheels: which libraries one brings, what they need and search, and for which GPUs they have code.

The unit is a row of ``tables/nvidia_reads.json``, by file name and hash. Only versions are read that an
extra of TensorFlow, a pin of PyTorch or of JAX's plugins can resolve to: the pinned ones, and the newest
patch of every minor version. The GPUs are read from the first fat binaries of the libraries that decide
(cuDNN's, which every convolution takes, and cuBLAS's); a wheel's other libraries are not looked into.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from fixer.harvest.index import File, Index
from fixer.harvest.library import Library, read_library
from fixer.harvest.ranges import Member, RemoteZip
from fixer.harvest.releases import LINUX, WHEEL, dependency_fields, newest_python, platform_of, wheel_families
from fixer.harvest.wheels import device_code
from fixer.model.wheel_folders import nvidia_folders
from scripts.harvest import tables
from scripts.harvest.reads import Reads, cost

READS = "nvidia_reads.json"
SHARED = re.compile(r"nvidia/(?P<folder>[^/]+)/(lib|bin)/")
LIBRARY = re.compile(r"nvidia/[^/]+/lib/(?P<soname>lib[^/]+\.so\.[^/]+)")
DECIDING = re.compile(r"/libcu(blas\.so\.\d+|dnn_(ops|cnn)\.so\.\d+|dnn_ops_infer\.so\.\d+)$")
FAMILY = re.compile(r"lib(cu|nv|nccl)")
Groups = dict[str, list[dict[str, Any]]]


def wanted(index: Index, pins: Mapping[str, Iterable[str]]) -> list[tuple[str, str, File]]:
    """The wheels to read: (name, version, file). ``pins`` maps a name to the specifiers that may pick a version."""
    found = []
    for name in sorted(pins):
        families = wheel_families(index.project(name))
        files = {version: newest_python(family) for (version, place), family in families.items() if place == LINUX}
        finals = [version for version in files if not (version.is_prerelease or version.is_devrelease)]
        chosen = {max(group) for group in _minors(finals).values()}
        for text in set(pins[name]):
            fitting = [version for version in finals if version in SpecifierSet(text)]
            chosen.update({max(fitting)} if fitting else ())
        found += [(name, str(version), files[version]) for version in sorted(chosen)]
    return found


def _minors(versions: Iterable[Version]) -> dict[tuple[int, ...], list[Version]]:
    groups: dict[tuple[int, ...], list[Version]] = {}
    for version in versions:
        groups.setdefault(version.release[:2], []).append(version)
    return groups


def read(index: Index, pins: Mapping[str, Iterable[str]], most: int) -> Iterator[str]:
    """Read up to ``most`` wheels that the table does not hold; every read is kept at once."""
    table = Reads(READS, ("name", "version", "file"))
    known = {(row["file"], row["sha256"]) for row in table.rows}
    todo = [item for item in wanted(index, pins) if (item[2].filename, item[2].sha256) not in known][:most]
    for name, version, file in todo:
        facts = read_wheel(index, file)
        table.add({"file": file.filename, "sha256": file.sha256, "name": name, "version": version, **facts})
        yield f"{file.filename}: {cost(facts['bytes_read'], file.size)}"
    if todo:
        yield f"{len(table.rows)} nvidia wheels read so far: {cost(table.spent())}"


def read_wheel(index: Index, file: File) -> dict[str, Any]:
    """One wheel's facts; ``bytes_read`` says what each of them cost."""
    wheel = RemoteZip(index, file)
    libraries: dict[str, Library] = {}
    for name, member in sorted(wheel.members.items()):
        match = LIBRARY.fullmatch(name)
        if match:
            with wheel.fact("sonames and search path"):
                libraries[name] = read_library(functools.partial(wheel.slice, member))
    row: dict[str, Any] = {"folders": sorted({match["folder"] for name in wheel.members if (match := SHARED.match(name))})}
    row["libraries"] = {
        library.soname or name.rsplit("/", 1)[-1]: sorted(need for need in library.needed if FAMILY.match(need))
        for name, library in libraries.items()
    }
    folders = [nvidia_folders(library.search, name.rsplit("/", 1)[0]) for name, library in libraries.items()]
    row["search_path"] = list(dict.fromkeys(one for part in folders for one in part))
    row["search_kinds"] = sorted({library.search_kind for library in libraries.values() if library.search_kind})
    row["glibc"] = max((library.glibc for library in libraries.values() if library.glibc), key=Version, default=None)
    with wheel.fact("machine code"):
        row.update(_code([member for name, member in wheel.members.items() if DECIDING.search(name)], wheel))
    row["bytes_read"] = dict(wheel.spent)
    return row


def _code(members: list[Member], wheel: RemoteZip) -> dict[str, Any]:
    """For which capabilities each deciding library has machine code and PTX; a card needs it in every one of them."""
    code, ptx, containers = [], [], 0
    for member in members:
        found = device_code(wheel, member)
        if found is not None:
            code.append(set(found.machine_code))
            ptx.append(set(found.ptx))
            containers += found.containers
    if not code:
        return {}
    return {
        "compute_capabilities": sorted(set.intersection(*code), key=Version),
        "ptx": sorted(set.intersection(*ptx), key=Version),
        "containers": containers,
    }


def rows(index: Index, pins: Mapping[str, Iterable[str]], toolkits: Mapping[tuple[str, str], list[str]], day: str) -> Groups:
    """The rows of nvidia_wheels.json by package. ``toolkits`` maps (name, version) to the CUDA release it belongs to."""
    reads = {(row["file"], row["sha256"]): row for row in tables.load(READS)["rows"]}
    chosen = [(name, version, file) for name, version, file in wanted(index, pins) if (file.filename, file.sha256) in reads]
    owners: dict[str, set[str]] = {}
    for name, _, file in chosen:
        for folder in reads[file.filename, file.sha256]["folders"]:
            for soname in reads[file.filename, file.sha256]["libraries"]:
                owners.setdefault(f"{folder}/{soname}", set()).add(name)
    groups: Groups = {}
    for name, version, file in chosen:
        seen = reads[file.filename, file.sha256]
        row: dict[str, Any] = {"name": name, "version": version, "cuda": toolkits.get((name, version), []), "size_bytes": file.size}
        place = platform_of(WHEEL.fullmatch(file.filename)["plat"])  # type: ignore[index]
        row["glibc"] = place[1] if place else None
        row.update({key: seen[key] for key in ("folders", "libraries", "search_path", "compute_capabilities", "ptx") if seen.get(key)})
        if len(seen["search_kinds"]) == 1:
            row["search_kind"] = seen["search_kinds"][0]
        own = [f"{folder}/{soname}" for folder in seen["folders"] for soname in seen["libraries"]]
        row["shares_files_with"] = sorted({other for key in own for other in owners[key]} - {name})
        metadata = index.metadata(file)
        fields = dependency_fields(metadata or "", LINUX, ["3.11"])
        row.update({"bounds": fields["bounds"]} if fields.get("bounds") else {})
        code = f"; machine code: the first {seen['containers']} fat binaries of the deciding libraries" if seen.get("containers") else ""
        row["source"] = f"{file.filename}: file name, METADATA, central directory, dynamic sections{code}"
        groups.setdefault(name, []).append({**row, "checked": day})
    return groups
