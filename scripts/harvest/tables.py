"""Turns the curated tables beside this file into the sections of data files: what no artefact on an index tells.

The unit is a table, ``tables/<name>.json``: rows as a person writes them, one a line, with a source for
all or for each. It adds what follows from the rows themselves (a GPU's capability from its chip, the
index of names) and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fixer.dataset.gpu_names import name_keys, short_names

TABLES = Path(__file__).parent / "tables"
Row = dict[str, Any]
Groups = dict[str, list[Row]]


def load(name: str) -> Row:
    """A table as it is written; raises ValueError that names it."""
    try:
        table: Row = json.loads((TABLES / name).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{TABLES / name}: {error}") from None
    return table


def curated(name: str) -> tuple[dict[str, Groups], str]:
    """The sections of the data file that a table makes, and its note."""
    table = load(name)
    return BUILDERS[name](table), str(table.get("note", ""))


def signed(table: Row, row: Row) -> Row:
    """A row with the table's source, day and confidence where it has none of its own."""
    common = {key: table[key] for key in ("source", "checked", "confidence") if key in table}
    return {**row, **{key: value for key, value in common.items() if key not in row}}


def _grouped(table: Row, part: str, key: Callable[[Row], str]) -> Groups:
    groups: Groups = {}
    for row in table[part]:
        groups.setdefault(key(row), []).append(signed(table, row))
    return groups


def _by(field: str) -> Callable[[Row], dict[str, Groups]]:
    return lambda table: {"rows": _grouped(table, "rows", lambda row: str(row[field]))}


def _cuda(table: Row) -> dict[str, Groups]:
    return {
        "rows": _grouped(table, "rows", lambda row: str(row["version"])),
        "majors": _grouped(table, "majors", lambda row: str(row["major"])),
    }


def _gpus(table: Row) -> dict[str, Groups]:
    chips = {row["chip"]: row["compute_capability"] for row in table["chips"]}
    families = {capability: row for row in table["families"] for capability in row["compute_capabilities"]}
    devices: Groups = {}
    names: dict[str, list[str]] = {}
    for pci, chip, name in table["devices"]:
        capability = chips[chip]
        last = families[capability]["last_driver_branch"] if capability else None
        row = {"pci_id": f"10de:{pci}", "name": name, "chip": chip, "compute_capability": capability}
        row.update({"last_driver_branch": last} if last else {})
        row.update({"confidence": "inference"} if chip in table["weak_chips"] else {})
        devices[row["pci_id"]] = [signed(table, row)]
        if capability:
            for meant in _meant(name):
                for key in (*name_keys(meant), *short_names(meant)):
                    names.setdefault(key, []).append(row["pci_id"])
    index = {key: [{"pci_id": pci} for pci in sorted(set(ids))] for key, ids in names.items()}
    families = _grouped(table, "families", lambda row: str(row["name"]))
    return {"rows": devices, "families": families, "reserves": _grouped(table, "reserves", lambda row: str(row["id"])), "names": index}


def _symptoms(table: Row) -> dict[str, Groups]:
    """One section a family, from the folder of that name: one file a family."""
    sections = {}
    for path in sorted((TABLES / "symptoms").glob("*.json")):
        family = load(f"symptoms/{path.name}")
        sections[path.stem] = _grouped({**table, **family}, "rows", lambda row: str(row["id"]))
    return sections


def _meant(name: str) -> list[str]:
    """A name with alternatives as each of them: "Quadro RTX 6000/8000" is two cards with one id."""
    match = re.search(r"(?<=\s)(\d{3,4})/(\d{3,4})(?=\s|$)", name)
    return [name] if match is None else [name, *(name.replace(match[0], part) for part in match.groups())]


BUILDERS: dict[str, Callable[[Row], dict[str, Groups]]] = {
    "cuda.json": _cuda,
    "cudnn.json": _by("versions"),
    "gpus.json": _gpus,
    "libraries.json": _by("name"),
    "known_faults.json": _by("id"),
    "conda.json": _by("name"),
    "drivers.json": _by("distro"),
    "distros.json": _by("id"),
    "package_faults.json": _by("package"),
    "symptoms.json": _symptoms,
    "reports.json": _by("topic"),
}
