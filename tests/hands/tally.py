"""What the numbered tests counted: one line per row of numbers, printed when pytest ends.

A row is R1 to R14 or S1 to S7 of the reliability list; the count is what really ran, with the distinct call sites
where faults were set. ``at_least`` turns a number that was promised into an assertion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Row:
    """How often something was tried, and at which places in the product."""

    count: int = 0
    sites: set[str] = field(default_factory=set)


ROWS: dict[str, Row] = {}


def add(row: str, count: int, sites: Iterable[str] = ()) -> None:
    """Count ``count`` more of ``row``."""
    there = ROWS.setdefault(row, Row())
    there.count += count
    there.sites.update(sites)


def at_least(row: str, promised: int) -> None:
    """Fail when fewer ran than are promised."""
    assert ROWS[row].count >= promised, f"{row}: {ROWS[row].count} of {promised}"


def lines() -> list[str]:
    """The table's lines."""
    made = []
    for name in sorted(ROWS, key=lambda text: (text[0], int("".join(c for c in text.split()[0] if c.isdecimal()) or 0), text)):
        row = ROWS[name]
        places = f" at {len(row.sites)} call sites" if row.sites else ""
        made.append(f"{name}: {row.count}{places}")
    return made
