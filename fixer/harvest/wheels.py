"""Reads how one TensorFlow wheel was built, from the wheel itself, fetching only the members that tell.

The unit is a row of ``tables/wheels.json``: ``build_info`` (CUDA, cuDNN, capabilities) and what the
library that opens the CUDA libraries says to the loader (search path, NEEDED, glibc and libstdc++ needs).
Which sonames TensorFlow opens, and the cuDNN that it was compiled with, stand in code and are measured
elsewhere (``tables/measured_builds.json``).
"""

from __future__ import annotations

import ast
import functools
import posixpath
import re
from typing import Any

from fixer.harvest.fatbins import Targets, targets
from fixer.harvest.index import File, Index
from fixer.harvest.library import Library, read_library, section
from fixer.harvest.ranges import Member, RemoteZip
from fixer.harvest.releases import LINUX
from fixer.model.wheel_folders import nvidia_folders

FRAMEWORK = re.compile(r"libtensorflow_framework\.so(\.\d+)?$")
INTERNAL = "python/_pywrap_tensorflow_internal.so"
BUILD_INFO = "python/platform/build_info.py"
KERNELS = ("tensorflow/libtensorflow_cc.so.2", INTERNAL)
CODE_SECTION = ".nv_fatbin"
SAMPLE, MOST_SAMPLED, CONTAINERS = 8 << 20, 64 << 20, 24
LARGEST_INFO = 1 << 20


def read_wheel(index: Index, file: File) -> dict[str, Any]:
    """One wheel's facts; ``bytes_read`` says what each of them cost."""
    wheel = RemoteZip(index, file)
    with wheel.fact("build_info"):
        info = wheel.named(lambda name: name.endswith(BUILD_INFO), LARGEST_INFO)
    row: dict[str, Any] = {"platform": LINUX, **build_facts(info.decode("utf-8", "replace") if info else "")}
    opener = opener_of(wheel, row)
    if opener is not None:
        row["opener"] = posixpath.basename(opener.name)
        with wheel.fact("search path and needs"):
            library = read_library(functools.partial(wheel.slice, opener))
        row.update(opener_facts(library, package_folder(opener.name)))
    if row["is_cuda_build"] and not row["compute_capabilities"]:
        with wheel.fact("machine code"):
            row.update(_kernels(wheel))
    row["bytes_read"] = dict(wheel.spent)
    return row


def _kernels(wheel: RemoteZip) -> dict[str, Any]:
    """For which GPUs the kernels were compiled, where build_info does not say: from their first fat binaries."""
    member = next((item for name, item in wheel.members.items() if name.endswith(KERNELS)), None)
    found = device_code(wheel, member) if member is not None else None
    if found is None:
        return {}
    return {"compute_capabilities": list(found.machine_code), "ptx": list(found.ptx), "containers": found.containers}


def device_code(wheel: RemoteZip, member: Member) -> Targets | None:
    """What the first fat binaries of a library were compiled for; None when it has no whole one with machine code."""
    read = functools.partial(wheel.slice, member)
    place = section(read, CODE_SECTION)
    if place is None:
        return None
    length = min(place[1], SAMPLE)
    found = targets(wheel.head(member, place[0] + length)[place[0] :], CONTAINERS)
    while not found.containers and length < min(place[1], MOST_SAMPLED):
        length = min(place[1], 2 * length)
        found = targets(wheel.head(member, place[0] + length)[place[0] :], CONTAINERS)
    return found if found.containers else None


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


def opener_facts(library: Library, folder: str) -> dict[str, Any]:
    """The fields of a row that the opening library gives, which will lie in ``folder`` of site-packages."""
    facts: dict[str, Any] = {"needed": list(library.needed), "search_kind": library.search_kind}
    facts["search_path"] = nvidia_folders(library.search, folder)
    facts.update({"glibc": library.glibc} if library.glibc else {})
    facts.update({"glibcxx": library.glibcxx} if library.glibcxx else {})
    return facts
