"""Reads ``tests/cases/rules/<cause>/<name>.json``: a machine, a wish, and what must come out of them.

``expect``: ``primary`` (a cause or null), ``exit_code``, of the primary finding ``severity`` and
``certainty``, in ``also`` what must be found beside it (``cause``, ``cause:severity`` or
``cause:severity:certainty``), in ``never`` what must not be found at all. No Python is needed to add one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixer.model import machine
from fixer.model.facts import Facts
from fixer.model.plan import Wish

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "rules"
KEYS = {"why", "machine", "wish", "expect"}
EXPECTED = {"primary", "exit_code", "severity", "certainty", "also", "never"}


@dataclass(frozen=True)
class CaseFile:
    name: str
    facts: Facts
    wish: Wish
    expect: dict[str, Any]


def read(path: Path) -> CaseFile:
    data = json.loads(path.read_text(encoding="utf-8"))
    assert set(data) <= KEYS and set(data["expect"]) <= EXPECTED, f"{path}: an unknown key"
    assert {"primary", "exit_code"} <= set(data["expect"]), f"{path}: primary and exit_code are needed"
    wish = data.get("wish", {})
    return CaseFile(
        str(path.relative_to(FOLDER).with_suffix("")),
        machine.decode(data["machine"]),
        Wish(tuple(wish.get("requirements", ())), wish.get("device", "any")),
        data["expect"],
    )


def paths() -> list[Path]:
    return sorted(FOLDER.glob("*/*.json"))
