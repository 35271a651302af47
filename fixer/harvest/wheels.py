"""Reads how one TensorFlow wheel was built, from the wheel itself, fetching only the members that tell.

The unit is a row of ``tables/wheels.json``: ``build_info`` (CUDA, cuDNN, capabilities) and the dynamic
section of the library that opens the CUDA libraries (search path, NEEDED, glibc and libstdc++ needs).
It reads that library only up to its dynamic section. Which sonames TensorFlow opens, and the cuDNN that
it was compiled with, stand in code and are measured elsewhere (``tables/measured_builds.json``).
"""

from __future__ import annotations

import ast
import io
import posixpath
import re
import struct
from typing import Any

from elftools.elf.elffile import ELFFile
from packaging.version import Version

from fixer.harvest.index import File, Index
from fixer.harvest.ranges import Member, RemoteZip
from fixer.harvest.releases import LINUX

FRAMEWORK = re.compile(r"libtensorflow_framework\.so(\.\d+)?$")
INTERNAL = "python/_pywrap_tensorflow_internal.so"
BUILD_INFO = "python/platform/build_info.py"
PT_LOAD, PT_DYNAMIC = 1, 2
DT_STRTAB, DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_VERNEED, DT_VERNEEDNUM = 5, 1, 15, 29, 0x6FFFFFFE, 0x6FFFFFFF


def read_wheel(index: Index, file: File) -> dict[str, Any]:
    """One wheel's facts; ``bytes_read`` says what they cost."""
    wheel = RemoteZip(index, file)
    info = wheel.named(lambda name: name.endswith(BUILD_INFO))
    row: dict[str, Any] = {"platform": LINUX, **build_facts(info.decode("utf-8", "replace") if info else "")}
    opener = opener_of(wheel, row)
    if opener is not None:
        row["opener"] = posixpath.basename(opener.name)
        row.update(dynamic_facts(head_to_dynamic(wheel, opener), package_folder(opener.name)))
    row["bytes_read"] = wheel.read
    return row


def opener_of(wheel: RemoteZip, row: dict[str, Any]) -> Member | None:
    """The library that opens (or, in 1.13's GPU builds, needs) the CUDA libraries."""
    framework = next((item for name, item in wheel.members.items() if FRAMEWORK.search(name)), None)
    linked = framework is not None and framework.name.endswith(".so") and row.get("is_cuda_build")
    if linked:
        return next((item for name, item in wheel.members.items() if name.endswith(INTERNAL)), framework)
    return framework


def package_folder(member: str) -> str:
    """The folder of a member as it will lie in site-packages, for $ORIGIN."""
    folder = posixpath.dirname(member)
    return re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", folder + "/").rstrip("/")


def build_facts(text: str) -> dict[str, Any]:
    """What build_info.py says; older ones are assignments, newer ones one mapping."""
    values: dict[str, Any] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values.update(_assigned(node.targets[0].id, node.value))
    facts: dict[str, Any] = {"is_cuda_build": values.get("is_cuda_build")}
    if not facts["is_cuda_build"]:
        return facts
    cuda = str(values.get("cuda_version") or values.get("cuda_version_number") or "")
    cudnn = str(values.get("cudnn_version") or values.get("cudnn_version_number") or "")
    if cuda:
        facts["cuda"], facts["cuda_exact"] = ".".join(cuda.split(".")[:2]), cuda
    if cudnn:
        facts["cudnn_major"] = int(cudnn.split(".")[0])
    listed = [str(item) for item in values.get("cuda_compute_capabilities", [])]
    targets = [re.fullmatch(r"(sm|compute)_(\d+)(\d[af]?)", item) for item in listed]
    found = [match for match in targets if match]
    facts["compute_capabilities"] = [f"{match[2]}.{match[3]}" for match in found]
    facts["ptx"] = [f"{match[2]}.{match[3]}" for match in found if match[1] == "compute"]
    return facts


def _assigned(name: str, value: ast.expr) -> dict[str, Any]:
    try:
        if name != "build_info":
            return {name: ast.literal_eval(value)}
        if isinstance(value, ast.Call):
            return (
                dict(ast.literal_eval(value.args[0]))
                if value.args
                else {k.arg: ast.literal_eval(k.value) for k in value.keywords if k.arg}
            )
        return dict(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError):
        return {}


def head_to_dynamic(wheel: RemoteZip, member: Member) -> bytes:
    """The beginning of a library up to the end of its dynamic section."""
    out = bytearray()
    wanted = member.size
    for piece in wheel.pieces(member):
        out += piece
        if wanted == member.size and len(out) >= 4096:
            wanted = _dynamic_end(bytes(out[:4096])) or member.size
        if len(out) >= wanted:
            break
    return bytes(out)


def _dynamic_end(head: bytes) -> int | None:
    for kind, offset, _, size in _segments(head):
        if kind == PT_DYNAMIC:
            return offset + size
    return None


def _segments(head: bytes) -> list[tuple[int, int, int, int]]:
    (start,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    found = []
    for at in range(start, min(start + size * count, len(head) - size + 1), size):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", head, at)
        found.append((kind, offset, address, length))
    return found


def dynamic_facts(data: bytes, folder: str) -> dict[str, Any]:
    """NEEDED, search path and version needs of a library of which only the head is there."""
    # The section headers lie beyond what was fetched: the header must not promise them.
    data = data[:40] + b"\0" * 8 + data[48:58] + b"\0" * 6 + data[64:]
    elf = ELFFile(io.BytesIO(data))
    dynamic: Any = next(segment for segment in elf.iter_segments() if segment["p_type"] == "PT_DYNAMIC")
    facts: dict[str, Any] = {"needed": [], "search_kind": None, "search_path": []}
    places: dict[str, int] = {}
    for tag in dynamic.iter_tags():
        if tag.entry.d_tag == "DT_NEEDED":
            facts["needed"].append(tag.needed)
        elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
            facts["search_kind"] = tag.entry.d_tag.removeprefix("DT_")
            facts["search_path"] = nvidia_folders(getattr(tag, tag.entry.d_tag.removeprefix("DT_").lower()), folder)
        else:
            places[str(tag.entry.d_tag)] = tag.entry.d_val
    if "DT_VERNEED" in places:
        facts.update(_version_needs(elf, data, places))
    return facts


def nvidia_folders(path: str, folder: str) -> list[str]:
    """The folders below site-packages/nvidia that a search path reaches from ``folder``, in its order."""
    found = []
    for entry in path.split(":"):
        place = posixpath.normpath(entry.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", folder))
        match = re.fullmatch(r"nvidia/([^/]+)/lib", place)
        if match:
            found.append(match[1])
    return list(dict.fromkeys(found))


def _version_needs(elf: Any, data: bytes, places: dict[str, int]) -> dict[str, str]:
    def offset(address: int) -> int:
        return int(next(iter(elf.address_offsets(address)), address))

    strings, at = offset(places["DT_STRTAB"]), offset(places["DT_VERNEED"])
    names = []
    for _ in range(places.get("DT_VERNEEDNUM", 0)):
        count, aux, step = struct.unpack_from("<2xH4xII", data, at)
        where = at + aux
        for _ in range(count):
            name, following = struct.unpack_from("<8xII", data, where)
            end = data.index(b"\0", strings + name)
            names.append(data[strings + name : end].decode("ascii", "replace"))
            where += following
        at += step
    found = {}
    for field, prefix in (("glibc", "GLIBC_"), ("glibcxx", "GLIBCXX_")):
        versions = [name.removeprefix(prefix) for name in names if re.fullmatch(prefix + r"[\d.]+", name)]
        if versions:
            found[field] = max(versions, key=Version)
    return found
