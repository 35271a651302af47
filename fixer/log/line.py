"""A line of a log, or a piece of one: its number, counted from 1 as an editor counts, its text, and whether its end is gone or may be."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """A line or a piece of one; ``torn`` says that its end was cut off, as that of every line of its length.

    ``edge`` says that it ends where a window may have ended: one or two lines alone do not tell.
    """

    number: int
    text: str
    torn: bool = False
    edge: bool = False
