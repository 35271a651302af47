"""What a program said while it ran: one recognised line of a log, of a notebook's output, or of a child's.

The unit is ``Event``: the symptom's id in the dataset, the values that the line carries, the line itself and
its place. An event is a fact like any other; what it means is the rules' affair.
"""

from __future__ import annotations

from dataclasses import field
from typing import Mapping

from fixer.model.record import record


@record(frozen=True)
class Event:
    """One recognised line. ``line`` counts from 1; ``times`` is how often the same was said, at least, ``last`` the last line that said it.

    ``part`` says that some of the wording is missing in the log; ``among`` are the symptoms that the rest fits, where it fits several.
    """

    symptom: str
    text: str
    source: str
    line: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    part: bool = False
    among: tuple[str, ...] = ()
    last: int = 0


@record(frozen=True)
class UnfamiliarLine:
    """One line of a log in which nothing was recognised; ``line`` counts from 1."""

    text: str
    source: str
    line: int
