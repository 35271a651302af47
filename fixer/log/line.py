"""A line of a log, or a piece of one: its number, counted from 1 as an editor counts, its text, and whether its end is gone."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """A line or a piece of one; ``torn`` says that its end was cut off, as that of every line of its length."""

    number: int
    text: str
    torn: bool = False
