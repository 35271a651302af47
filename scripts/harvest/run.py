"""One harvest from end to end: gathers every section, writes the data files, and reports in lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fixer.dataset.meaning import violations
from fixer.dataset.questions import Dataset
from fixer.harvest.configuration import configuration
from fixer.harvest.index import HarvestError, Index
from fixer.harvest.releases import INDEX_SOURCE, package_rows, tensorflow_rows
from fixer.harvest.write import Sections, as_it_is, write
from fixer.host.real import RealHost
from fixer.planning.faults import refusal
from fixer.rules.causes import CAUSES
from scripts.harvest import builds, schemas, tables

DISTRIBUTIONS = ("tensorflow", "tensorflow-gpu", "tensorflow-cpu")
DAY_FILE = tables.TABLES / "harvest.json"
FROM_INDEX = ("tensorflow.json", "packages.json")


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
    else:
        index = Index(cache, None if offline else configuration(RealHost()))
        if wheels:
            yield from builds.read_wheels(index, wheels)
        files["tensorflow.json"] = _tensorflow(index, today), ""
        files["packages.json"] = _packages(index, today), ""
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


def _tensorflow(index: Index, day: str) -> dict[str, dict[str, list[dict[str, Any]]]]:
    known = builds.Knowledge()
    sections: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for distribution in DISTRIBUTIONS:
        rows = tensorflow_rows(index, distribution)
        sections[distribution] = {
            version: [{**known.completed(row), "checked": day} for row in group] for version, group in rows.items()
        }
    for row in known.conda_rows():
        sections[row["distribution"]].setdefault(row["version"], []).append(row)
    return sections


def _packages(index: Index, day: str) -> dict[str, dict[str, list[dict[str, Any]]]]:
    follow = tables.load("packages.json")["follow"]
    groups = {}
    for name in sorted(follow):
        rows = package_rows(index, name, follow)
        groups[name] = [{**row, "source": INDEX_SOURCE, "checked": day} for row in rows]
    return {"rows": groups}
