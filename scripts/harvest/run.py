"""One harvest from end to end: gathers every section, writes the data files, and reports in lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fixer.dataset.meaning import violations
from fixer.dataset.questions import Dataset
from fixer.harvest.configuration import configuration
from fixer.harvest.index import HarvestError, Index
from fixer.harvest.releases import INDEX_SOURCE, LINUX, package_rows, tensorflow_rows
from fixer.harvest.write import Sections, as_it_is, write
from fixer.host.real import RealHost
from fixer.planning.faults import refusal
from fixer.rules.causes import CAUSES
from scripts.harvest import builds, frameworks, nvidia, schemas, tables

Groups = dict[str, dict[str, list[dict[str, Any]]]]
DISTRIBUTIONS = ("tensorflow", "tensorflow-gpu", "tensorflow-cpu")
DAY_FILE = tables.TABLES / "harvest.json"
FROM_INDEX = ("tensorflow.json", "packages.json", "torch.json", "jax.json", "nvidia_wheels.json", "disagreements.json")


def harvest(
    out: Path, cache: Path, offline: bool, only_tables: bool, wheels: int, day: str | None
) -> Iterator[str]:
    """Make the dataset in ``out``; yields the lines of the report. Raises HarvestError, ValueError, OSError."""
    if day:
        DAY_FILE.write_text(json.dumps({"day": day}) + "\n", encoding="utf-8")
    today = str(json.loads(DAY_FILE.read_text(encoding="utf-8"))["day"])
    files: dict[str, tuple[Sections, str]] = {name: tables.curated(name) for name in tables.BUILDERS}
    if only_tables:
        files.update({name: as_it_is(out / name) for name in FROM_INDEX})
        wheels_alone, note = as_it_is(out / "tensorflow.json")
        files["tensorflow.json"] = _with_conda(wheels_alone, builds.Knowledge()), note
        told, note = as_it_is(out / "packages.json")
        files["packages.json"] = {"rows": _with_measured_bounds(told["rows"])}, note
    else:
        index = Index(cache, None if offline else configuration(RealHost()))
        if wheels:
            yield from builds.read_wheels(index, wheels)
        toolkits = frameworks.Toolkits(index)
        found = _from_the_index(index, toolkits, today)
        pins = frameworks.nvidia_pins(_asking(found))
        if wheels:
            yield from nvidia.read(index, pins, wheels)
        found["nvidia_wheels.json"] = {"rows": nvidia.rows(index, pins, toolkits.releases_of(), today)}
        for name, groups in found.items():
            files[name] = groups, ""
        yield f"fetched {index.fetched} bytes"
    changed = write(out, files, today)
    schemas.write(out)
    for name, (sections, _) in sorted(files.items()):
        counts = ", ".join(f"{sum(map(len, groups.values()))} {part}" for part, groups in sections.items())
        yield f"{name}: {counts}{' (changed)' if name in changed else ''}"
    broken = violations(Dataset.open(str(out)), CAUSES, refusal)
    if broken:
        yield from (one.line for one in broken)
        raise HarvestError(f"{len(broken)} violations in {out}")


def _from_the_index(index: Index, toolkits: frameworks.Toolkits, day: str) -> dict[str, Groups]:
    """The files whose rows come from project pages, metadata and the committed reads of TensorFlow's wheels."""
    known = builds.Knowledge()
    tensorflow = _tensorflow(index, known, day)
    packages = _packages(index, toolkits, day)
    signed = {"source": INDEX_SOURCE, "checked": day}
    torch = [{**frameworks.torch_pins(row), **signed} for row in packages[frameworks.TORCH]]
    jax = {name: [{**row, **signed} for row in rows] for name, rows in frameworks.jax_rows(index).items()}
    return {
        "tensorflow.json": tensorflow,
        "packages.json": {"rows": packages},
        "torch.json": {"rows": {row["version"]: [row] for row in torch}},
        "jax.json": {"rows": jax},
        "disagreements.json": {"rows": _disagreements(known, tensorflow)},
    }


def _tensorflow(index: Index, known: builds.Knowledge, day: str) -> Groups:
    sections: Groups = {}
    for distribution in DISTRIBUTIONS:
        rows = tensorflow_rows(index, distribution)
        sections[distribution] = {
            version: [{**known.completed(row), "checked": day} for row in group] for version, group in rows.items()
        }
    return _with_conda(sections, known)


def _with_conda(sections: Groups, known: builds.Knowledge) -> Groups:
    """``sections`` with conda-forge's builds as the table has them, behind the index's wheels of the same release."""
    made = {
        name: {version: [row for row in rows if not row.get("build")] for version, rows in groups.items()}
        for name, groups in sections.items()
    }
    for row in known.conda_rows():
        made[row["distribution"]].setdefault(row["version"], []).append(row)
    return made


def _packages(index: Index, toolkits: frameworks.Toolkits, day: str) -> dict[str, list[dict[str, Any]]]:
    follow = tables.load("packages.json")["follow"]
    groups = {}
    for name in sorted(follow):
        torch = name == frameworks.TORCH
        rows = frameworks.torch_rows(index, toolkits, follow[name]) if torch else package_rows(index, name, follow)
        groups[name] = [{**row, "source": INDEX_SOURCE, "checked": day} for row in rows]
    return _with_measured_bounds(groups)


def _with_measured_bounds(groups: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """``groups`` with the ranges that the table has beside the metadata's, and where they come from."""
    made = dict(groups)
    for name, measured in tables.load("packages.json")["measured_bounds"].items():
        made[name] = [
            {**row, "bounds": {**row.get("bounds", {}), **measured["bounds"]}, "source": f"{INDEX_SOURCE}; {measured['source']}"}
            for row in groups[name]
        ]
    return made


def _disagreements(known: builds.Knowledge, tensorflow: Groups) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for groups in tensorflow.values():
        for version, rows in groups.items():
            for row in rows:
                for one in known.disagreements(row):
                    found.setdefault(version, []).append(one)
    return found


def _asking(files: Mapping[str, Groups]) -> Iterator[dict[str, Any]]:
    """The rows whose bounds, pins and extras can bring an nvidia wheel to a Linux x86_64 machine."""
    for name in ("tensorflow.json", "torch.json", "jax.json"):
        for groups in files[name].values():
            for rows in groups.values():
                yield from (row for row in rows if row.get("platform", LINUX) == LINUX)
