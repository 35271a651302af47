"""Keeps what was read in artefacts: one table a kind, one read a line, written after every read.

The unit is ``Reads``. A read is known by the file's name and hash and never repeated; what it cost is
counted by fact. It does not know what was read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.version import Version

from scripts.harvest import tables


class Reads:
    """The rows of one table, and how they are sorted: by ``keys``, of which "version" counts as a version."""

    def __init__(self, name: str, keys: Sequence[str]) -> None:
        table = tables.load(name)
        self.name, self.keys = name, keys
        self.head = {key: value for key, value in table.items() if key != "rows"}
        self.rows: list[dict[str, Any]] = table["rows"]

    def add(self, row: dict[str, Any]) -> None:
        """Keep one more read, on the disk at once."""
        self.rows.append(row)
        self.save()

    def spent(self) -> Counter[str]:
        """The bytes of all reads, by fact."""
        total: Counter[str] = Counter()
        for row in self.rows:
            total.update(row["bytes_read"])
        return total

    def save(self) -> None:
        """Write the table in its one form."""
        rows = sorted(self.rows, key=lambda row: [Version(row[key]) if key == "version" else row[key] for key in self.keys])
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in self.head.items()]
        body = ",\n".join(json.dumps(row) for row in rows)
        path = tables.TABLES / self.name
        part = path.with_suffix(".part")
        part.write_text("{\n" + ",\n".join(lines) + ',\n"rows": [\n' + body + "\n]\n}\n", encoding="utf-8")
        part.replace(path)


def cost(spent: Mapping[str, int], size: int | None = None) -> str:
    """Bytes by fact, and their share of the file where its size is known."""
    total = sum(spent.values())
    share = f" of {size} ({100 * total / size:.1f} %)" if size else ""
    return f"{total} bytes{share}: " + ", ".join(f"{fact} {count}" for fact, count in Counter(spent).most_common())
