"""One recognised line.

The unit is ``Hit``: a symptom, the values of the line, its number and text, and how often and where last the same was said.
"""

from __future__ import annotations

from collections.abc import Mapping

from fixer.dataset.rows import SymptomRow
from fixer.model.record import record


@record(frozen=True)
class Hit:
    """``place`` and ``end`` are where the wording stands in the batch of lines it was found in.

    ``part`` says that some of the wording is missing; ``among`` are all symptoms that the rest fits, where there are several.
    ``last`` is the last line that said the same.
    """

    symptom: SymptomRow
    values: Mapping[str, str]
    line: int
    place: int
    end: int
    text: str
    times: int = 1
    part: bool = False
    among: tuple[str, ...] = ()
    last: int = 0


def trimmed(value: str) -> str:
    """A value without what ends a sentence or parts it from the next, of a bounded length."""
    return value.strip().rstrip(".,;:").strip()[:300]
