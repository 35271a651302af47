"""A line of a log, or a piece of one: its number, counted from 1 as an editor counts, its text, and where some of it may be gone."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """A line or a piece of one.

    ``cuts`` are the places in ``text`` behind which the rest may be missing; ``torn`` says that its end surely is.
    """

    number: int
    text: str
    cuts: tuple[int, ...] = ()
    torn: bool = False
