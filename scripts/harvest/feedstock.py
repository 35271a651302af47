"""Reads conda-forge's TensorFlow builds from the recipe's history, for the packages themselves are on no index here.

The unit is a row of ``tables/conda_builds.json``, one for each release, platform and CUDA version, as the last
commit that built them has it: the variants in ``.ci_support`` (CUDA, cuDNN, Pythons, C library) and
the capabilities that the build script exports for that CUDA. What the recipe asks of other packages is
not read: conda solves that itself.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from packaging.version import Version

from scripts.harvest.reads import Reads

TABLE = "conda_builds.json"
OLDEST = Version("2.6")
SCRIPTS = ("recipe/build_common.sh", "recipe/build.sh")
VARIANT = re.compile(r"\.ci_support/linux_(?P<arch>64|aarch64)_.*cuda_compiler_version(?P<cuda>None|\d+\.\d+).*\.yaml")
PLATFORMS = {"64": "linux_x86_64", "aarch64": "linux_aarch64"}
# A recipe may name a variant in .ci_support for a while and yet build none of it.
SKIPPED = re.compile(r'^\s*skip: true\s+# \[aarch64 and cuda_compiler_version != "None"\]', re.MULTILINE)
VERSION = re.compile(r'set version = "([^"]+)"')
TARGETS = re.compile(r"export \w*CUDA_COMPUTE_CAPABILITIES=(\S+)")
BRANCH = re.compile(r'(?:el)?if \[\[ "?\$\{cuda_compiler_version\}"? == ([\d.*]+) \]\]')


def write_table(clone: Path) -> str:
    """Renew the table from a clone of the feedstock (a work tree or a bare repository); one line that says what was found."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for commit in _git(clone, "log", "--reverse", "--format=%h", "--", "recipe/meta.yaml", ".ci_support").split():
        recipe = _git(clone, "show", f"{commit}:recipe/meta.yaml")
        version = VERSION.search(recipe)
        if version is None or Version(version[1]) < OLDEST or Version(version[1]).is_prerelease:
            continue
        for (platform, cuda), files in _variants(clone, commit).items():
            row = _row(clone, commit, version[1], platform, cuda, files)
            if row["python"]:
                found[version[1], platform, cuda] = row
        if SKIPPED.search(recipe):
            unbuilt = [key for key in found if key[:2] == (version[1], "linux_aarch64") and key[2] != "None"]
            found = {key: row for key, row in found.items() if key not in unbuilt}
    table = Reads(TABLE, ("version", "platform", "build"))
    table.rows = list(found.values())
    table.save()
    return f"{TABLE}: {len(found)} builds of {len({version for version, *_ in found})} releases"


def _git(clone: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, text=True, timeout=300, check=False)
    return ran.stdout if ran.returncode == 0 else ""


def _variants(clone: Path, commit: str) -> dict[tuple[str, str], list[str]]:
    """The variant files by platform and CUDA."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in _git(clone, "ls-tree", "--name-only", commit, ".ci_support/").splitlines():
        match = VARIANT.fullmatch(name)
        if match:
            groups.setdefault((PLATFORMS[match["arch"]], match["cuda"]), []).append(name)
    return groups


def _row(clone: Path, commit: str, version: str, platform: str, cuda: str, files: list[str]) -> dict[str, Any]:
    texts = [_git(clone, "show", f"{commit}:{name}") for name in files]
    pythons = {python for text in texts for python in re.findall(r"^- '?(3\.\d+)\.\* ", text, re.MULTILINE)}
    glibc = {found for text in texts for found in _values(text, "c_stdlib_version", "sysroot_linux_64")}
    day = _git(clone, "log", "-1", "--format=%cs", commit).strip()
    row: dict[str, Any] = {
        "distribution": "tensorflow", "version": version, "python": sorted(pythons, key=Version), "platform": platform,
        "build": "cpu" if cuda == "None" else f"cuda{cuda.replace('.', '')}", "is_cuda_build": cuda != "None",
    }  # fmt: skip
    row.update({"glibc": min(glibc, key=Version)} if glibc else {})
    if cuda != "None":
        row["cuda"] = cuda
        cudnn = {found.split(".")[0] for text in texts for found in _values(text, "cudnn")}
        row.update({"cudnn_major": int(next(iter(cudnn)))} if len(cudnn) == 1 else {})
        row.update(_targets("\n".join(_git(clone, "show", f"{commit}:{script}") for script in SCRIPTS), cuda))
    row["sources"] = [f"conda-forge/tensorflow-feedstock@{commit} ({day}): .ci_support and the build script"]
    return row


def _values(text: str, *names: str) -> set[str]:
    """The values of a list in a variant file that can be versions."""
    found = (re.search(rf"^{name}:\n((?:- .*\n)+)", text, re.MULTILINE) for name in names)
    return {item for match in found if match for item in re.findall(r"- '?(\d+(?:\.\d+)?)'?\n", match[1])}


def _targets(script: str, cuda: str) -> dict[str, Any]:
    """The capabilities that the build script exports in the branch for ``cuda``."""
    branch = ""
    for line in script.splitlines():
        entered = BRANCH.search(line)
        branch = entered[1] if entered else branch
        targets = TARGETS.search(line)
        if targets and branch and re.fullmatch(re.escape(branch).replace(r"\*", ".*"), cuda):
            found = [re.fullmatch(r"(sm|compute)_(\d+)(\d[af]?)", one) for one in targets[1].strip("\"'").split(",")]
            # To TensorFlow's build compute_XY means PTX and machine code, sm_XY machine code alone.
            code = [f"{one[2]}.{one[3]}" for one in found if one]
            return {
                "compute_capabilities": list(dict.fromkeys(code)),
                "ptx": [f"{one[2]}.{one[3]}" for one in found if one and one[1] == "compute"],
            }
    return {}
