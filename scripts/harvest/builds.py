"""What is known of how each TensorFlow wheel was built: reads of the wheels first, official tables only after them.

The unit is ``Knowledge``, which completes a row of ``releases`` with CUDA, cuDNN, capabilities and the
search path, names the published faults, and writes down where an artefact and a table disagree. Reads
of wheels are kept in ``tables/wheels.json``, by file name and hash, so that a harvest repeats none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from packaging.version import Version

from fixer.dataset.questions import contains
from fixer.harvest.index import File, Index
from fixer.harvest.releases import LINUX, newest_python, wheel_families, without_cuda
from scripts.harvest import tables
from scripts.harvest.reads import Reads, cost

OLDEST = Version("1.13")
WHEELS = "wheels.json"
CUDART = re.compile(r"libcudart\.so\.(\d+\.\d+)")
GPU_LIBRARY = re.compile(r"lib(cu(?!da\.)|nccl)")
SHARED = ("cudnn_compiled", "sonames", "ptx", "ptx_versions", "partly_compiled")
MEASURED = (*SHARED, "cuda", "cudnn_major", "compute_capabilities")
ARTEFACT = (
    "is_cuda_build", "cuda", "cudnn_major", "cudnn_compiled", "compute_capabilities", "ptx", "search_kind", "search_path",
    "sonames", "opener", "needed", "glibcxx",
)  # fmt: skip


class Knowledge:
    """Everything that the tables say of builds."""

    def __init__(self) -> None:
        self.wheels: dict[str, dict[str, Any]] = {row["file"]: row for row in tables.load(WHEELS)["rows"]}
        self.read = {(row["distribution"], row["version"], row["platform"]): row for row in self.wheels.values()}
        tested = tables.load("tested_builds.json")
        self.measured = {row["release"]: row for row in tables.load("measured_builds.json")["rows"]}
        self.tested = {(row["release"], row["platform"]): row for row in tested["rows"]}
        self.published = [*tested["rows"], *tested["superseded"]]
        self.tested_source = str(tested["source"])
        self.faults = tables.load("known_faults.json")["rows"]
        self.conda = tables.load("conda_builds.json")

    def completed(self, row: dict[str, Any]) -> dict[str, Any]:
        """``row`` with what is known of its build, its published faults, and its confidence."""
        done = {**row, "confidence": "primary"}
        read = self.read.get((row["distribution"], row["version"], row["platform"]))
        if read:
            done.update({key: read[key] for key in ARTEFACT if read.get(key) not in (None, [])})
            exact = f" (cuda_version {read['cuda_exact']})" if read.get("cuda_exact") else ""
            code = f"; machine code: the first {read['containers']} fat binaries of the kernels" if read.get("containers") else ""
            done["sources"] = [*row["sources"], f"{read['file']}: build_info.py{exact} and {read.get('opener')} read by ranges{code}"]
            self._add_minor_version(done)
            self._add_measured(done)
            if read.get("glibc") and Version(read["glibc"]) > Version(row.get("glibc", "0")):
                done["glibc"] = read["glibc"]
        else:
            done.update(self._without_artefact(row))
            done["sources"] = [*row["sources"], *done["sources"]] if done["sources"] is not row["sources"] else row["sources"]
        faults = [
            fault["id"]
            for fault in self.faults
            if fault["distribution"] == row["distribution"]
            and contains(fault["versions"], row["version"])
            and fault["platform"] in (row["platform"], "any")
        ]
        if faults:
            done["known_faults"] = faults
        return done

    def _add_minor_version(self, done: dict[str, Any]) -> None:
        """Where build_info.py says CUDA 10 and no minor version: from NEEDED, else from the official table."""
        if not done.get("is_cuda_build") or "." in done.get("cuda", ""):
            return
        needed = [match[1] for name in done.get("needed", ()) if (match := CUDART.fullmatch(name))]
        version = Version(done["version"])
        tested = self.tested.get((f"{version.major}.{version.minor}", done["platform"]))
        if needed:
            linked = [name for name in done["needed"] if GPU_LIBRARY.match(name)]
            done.update(
                {"cuda": needed[0], "sonames": linked, "sources": [*done["sources"], "cuda, sonames: NEEDED of the opener"]}
            )
            cudnn = next((name.rsplit(".", 1)[-1] for name in linked if name.startswith("libcudnn.so.")), None)
            done.update({"cudnn_major": int(cudnn)} if cudnn else {})
        elif tested and done.get("cuda") == tested["cuda"].split(".")[0]:
            done.update(
                {"cuda": tested["cuda"], "sources": [*done["sources"], f"the minor version of CUDA: {self.tested_source}"]}
            )

    def _add_measured(self, done: dict[str, Any]) -> None:
        """What stands in code and was measured on one release of the same minor with the same CUDA."""
        version = Version(done["version"])
        found = self.measured.get(f"{version.major}.{version.minor}")
        if found is None or not done.get("is_cuda_build"):
            return
        itself = done["version"] == found["measured"]
        # A build_info.py that names no CUDA says nothing: then only what was measured on this very release holds.
        if done.get("cuda") != found["cuda"] and (done.get("cuda") or not itself):
            return
        done.update({key: found[key] for key in (MEASURED if itself else SHARED) if found.get(key)})
        where = "this release" if itself else f"{found['measured']}, of the same minor"
        told = found.get("source") or f"measured on {where}"
        done["sources"] = [*done["sources"], f"cudnn_compiled, sonames and PTX versions: {told}"]

    def conda_rows(self) -> list[dict[str, Any]]:
        """conda-forge's builds as rows of their own."""
        return [tables.signed(self.conda, row) for row in self.conda["rows"]]

    def _without_artefact(self, row: dict[str, Any]) -> dict[str, Any]:
        platform, version = row["platform"], Version(row["version"])
        why = without_cuda(row["distribution"], platform, version)
        if why is not None:
            return {"is_cuda_build": False, "sources": [why]}
        tested = self.tested.get((f"{version.major}.{version.minor}", platform))
        if tested is None or platform not in (LINUX, "win_amd64") or not self._gpu_name(row["distribution"], version):
            return {"sources": row["sources"]}
        return {
            "is_cuda_build": True, "cuda": tested["cuda"], "cudnn_major": int(tested["cudnn"].split(".")[0]),
            "confidence": "secondary", "sources": [self.tested_source],
        }  # fmt: skip

    @staticmethod
    def _gpu_name(distribution: str, version: Version) -> bool:
        # Before 2.1 the name "tensorflow" was the CPU build (1.15.0 apart); nothing is guessed there.
        return distribution == "tensorflow-gpu" or version >= Version("2.1")

    def disagreements(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Where a published table says something else than ``row``, whose facts come from the artefact."""
        version = Version(row["version"])
        release = f"{version.major}.{version.minor}"
        if row.get("build") or not row.get("opener") or not row.get("is_cuda_build"):
            return []
        found = []
        for table in (one for one in self.published if (one["release"], one["platform"]) == (release, row["platform"])):
            for about, artefact in (("cuda", row.get("cuda")), ("cudnn", row.get("cudnn_compiled"))):
                if artefact and not _same(table[about], artefact):
                    found.append(self._disagreement(row, about, table, artefact))
            if table.get("python") and _pythons(table["python"]) != row["python"]:
                found.append(self._disagreement(row, "python", table, ", ".join(row["python"])))
        return found

    def _disagreement(self, row: dict[str, Any], about: str, table: dict[str, Any], artefact: str) -> dict[str, Any]:
        return {
            "distribution": row["distribution"], "version": row["version"], "platform": row["platform"], "about": about,
            "published": table[about], "artefact": artefact, "published_by": table.get("source", self.tested_source),
            "source": row["sources"][-1], "checked": row["checked"],
        }  # fmt: skip


def _same(published: str, artefact: str) -> bool:
    """Whether a published "8.6" and an artefact's "8.6.0" say the same, as far as the shorter one goes."""
    return all(one == other for one, other in zip(published.split("."), artefact.split("."), strict=False))


def _pythons(published: str) -> list[str]:
    """The versions that a published "2.7, 3.5-3.7" means."""
    found = []
    for part in published.split(", "):
        first, _, last = part.partition("-")
        major, minor = first.split(".")
        found += [f"{major}.{one}" for one in range(int(minor), int((last or first).split(".")[1]) + 1)]
    return found


def wanted(index: Index) -> list[tuple[str, str, File]]:
    """The one wheel of every Linux x86_64 release to read: (distribution, version, file), newest first."""
    found = []
    for distribution in ("tensorflow", "tensorflow-gpu"):
        for (version, platform), family in wheel_families(index.project(distribution)).items():
            if platform == LINUX and version >= OLDEST:
                found.append((version, distribution, newest_python(family)))
    found.sort(key=lambda item: (not item[0].is_prerelease, item[0], item[1]), reverse=True)
    return [(distribution, str(version), file) for version, distribution, file in found]


def read_wheels(index: Index, most: int) -> Iterator[str]:
    """Read up to ``most`` wheels that ``wheels.json`` does not hold; every read is kept at once (resumable)."""
    from fixer.harvest.wheels import read_wheel

    table = Reads(WHEELS, ("distribution", "version", "file"))
    known = {(row["file"], row["sha256"]) for row in table.rows}
    todo = [item for item in wanted(index) if (item[2].filename, item[2].sha256) not in known][:most]
    for distribution, version, file in todo:
        facts = read_wheel(index, file)
        table.add({"file": file.filename, "sha256": file.sha256, "distribution": distribution, "version": version, **facts})
        yield f"{file.filename}: {cost(facts['bytes_read'], file.size)}"
    if todo:
        yield f"{len(table.rows)} wheels read so far: {cost(table.spent())}"
