"""What the frameworks that share a machine's CUDA libraries pin: PyTorch, and JAX with its CUDA plugins.

The unit is a row of ``torch.json`` or ``jax.json``. PyTorch's newer releases pin the package cuda-toolkit,
which holds no library and pins one wheel for each component; its pins are written out here. The same
package tells which CUDA release a component's wheel belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from fixer.harvest.index import Index
from fixer.harvest.releases import (
    LINUX,
    bounds,
    dependency_fields,
    newest_python,
    package_rows,
    requirements,
    wheel_families,
)

TORCH, TOOLKIT = "torch", "cuda-toolkit"
JAX = ("jax", "jaxlib", "jax-cuda12-pjrt", "jax-cuda12-plugin", "jax-cuda13-pjrt", "jax-cuda13-plugin")
OLDEST_JAX = "0.4.13"
ANY_PYTHON = "3.12"
PIN = re.compile(r"==(\d[\d.]*?)(\.\*)?")
Row = dict[str, Any]


class Toolkits:
    """The releases of the package cuda-toolkit, and the wheels that each of them pins."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.pages: dict[str, set[Version]] = {}
        files = {version: newest_python(family) for (version, _), family in wheel_families(index.project(TOOLKIT)).items()}
        finals = sorted(version for version in files if not version.is_prerelease)
        texts = index.each(index.metadata, [files[version] for version in finals])
        self.needs = {version: requirements(text or "") for version, text in zip(finals, texts, strict=True)}

    def releases_of(self) -> dict[tuple[str, str], list[str]]:
        """(name, version) of a component's wheel -> the CUDA releases that it is part of, oldest first."""
        found: dict[tuple[str, str], list[str]] = {}
        for version, needs in self.needs.items():
            for name, text in bounds(needs, LINUX, ANY_PYTHON, "all").items():
                pin = PIN.fullmatch(text)
                if pin:
                    found.setdefault((name, str(Version(pin[1]))), []).append(str(version))
        return found

    def written_out(self, need: Requirement) -> dict[str, str]:
        """The pins of the components that ``need`` (cuda-toolkit[cublas,...]==13.0.3) takes."""
        fitting = [version for version in self.needs if version in need.specifier]
        if not fitting:
            return {}
        found: dict[str, str] = {}
        for extra in sorted(need.extras):
            found.update(bounds(self.needs[max(fitting)], LINUX, ANY_PYTHON, extra))
        return {name: self._exact(name, text) for name, text in found.items()}

    def _exact(self, name: str, text: str) -> str:
        """A pin of the form ==1.2.3.* as the one release that it admits; as it is where it admits several."""
        pin = PIN.fullmatch(text)
        if pin is None or not pin[2]:
            return text
        if name not in self.pages:
            self.pages[name] = {version for version, _ in wheel_families(self.index.project(name))}
        releases = {version for version in self.pages[name] if version in SpecifierSet(text)}
        return f"=={releases.pop()}" if len(releases) == 1 else text


def torch_rows(index: Index, toolkits: Toolkits, oldest: str) -> list[Row]:
    """PyTorch's releases as rows of packages.json, with the toolkit's pins written out among their bounds."""
    families = wheel_families(index.project(TORCH))
    rows = package_rows(index, TORCH, {TORCH: oldest})
    for row in rows:
        file = newest_python(families[Version(row["version"]), LINUX])
        for need in requirements(index.metadata(file) or ""):
            if need.name == TOOLKIT:
                row["bounds"] = dict(sorted({**toolkits.written_out(need), **row["bounds"]}.items()))
    return rows


def torch_pins(row: Row) -> Row:
    """A row of torch.json: the nvidia wheels that a release pins, and the CUDA that they are of."""
    pins = {name: text for name, text in row.get("bounds", {}).items() if name.startswith("nvidia-")}
    runtime = next((PIN.fullmatch(text) for name, text in pins.items() if name.startswith("nvidia-cuda-runtime")), None)
    kept: Row = {key: row[key] for key in ("version", "requires_python", "python", "glibc", "size_bytes", "yanked") if key in row}
    return {**kept, "cuda": ".".join(runtime[1].split(".")[:2]) if runtime else None, "pins": pins}


def jax_rows(index: Index) -> dict[str, list[Row]]:
    """JAX, jaxlib and the CUDA plugins by name, newest first; ``extras`` holds those that bring CUDA."""
    groups: dict[str, list[Row]] = {}
    for name in JAX:
        families = wheel_families(index.project(name))
        rows = package_rows(index, name, {name: OLDEST_JAX})
        for row in rows:
            family = families.get((Version(row["version"]), LINUX)) or families[Version(row["version"]), "any"]
            extras = dependency_fields(index.metadata(newest_python(family)) or "", LINUX, row["python"]).get("extras", {})
            chosen = {key: value for key, value in extras.items() if "cuda" in key}
            row.update({"extras": chosen} if chosen else {})
            match = re.fullmatch(r"jax-cuda(\d+)-\w+", name)
            row.update({"cuda_major": int(match[1])} if match else {})
        groups[name] = rows
    return groups


def nvidia_pins(rows: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Every specifier by which rows of any kind ask for an nvidia wheel, by the wheel's name."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for asked in (row.get("bounds", {}), row.get("pins", {}), *row.get("extras", {}).values()):
            for name, text in asked.items():
                if name.startswith("nvidia-"):
                    found.setdefault(name, set()).add(text)
    return found
