"""A line of a log, or a piece of one: its number, counted from 1 as an editor counts, and its text."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """A line or a piece of one: its number, and its text."""

    number: int
    text: str
