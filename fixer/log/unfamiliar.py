"""Keeps what no wording is known of: the lines of a log that nothing was recognised in; bounded, judges nothing.

The unit is ``UnfamiliarLine``. Of a long log the first and the last lines are kept: what failed is told at one of its ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator

from fixer.log.batches import SHAPE
from fixer.log.hit import Hit
from fixer.log.line import Line
from fixer.model.events import UnfamiliarLine

_AT_AN_END = 400
_MOST, _SHOWN = 400, 400


class Ends:
    """Lines as they come, of which the first and the last are kept."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self._first: list[Line] = []
        self._last: deque[Line] = deque(maxlen=_AT_AN_END)

    def __iter__(self) -> Iterator[Line]:
        for line in self._lines:
            (self._first if len(self._first) < _AT_AN_END else self._last).append(line)
            yield line

    def unfamiliar(self, hits: Iterable[Hit], others: Collection[int] = (), name: str = "log") -> tuple[UnfamiliarLine, ...]:
        """The kept lines of which no hit is one, nor one of the ``others`` by its number, each but for its digits once.

        ``name`` is what the log's lines are called.
        """
        known = {number for hit in hits for number in (hit.line, hit.last)} | set(others)
        kept = [Line(line.number, line.text.strip()[:_SHOWN]) for line in (*self._first, *self._last)]
        # What is said again with another time was recognised, too.
        seen = {_shape(line) for line in kept if line.number in known}
        return tuple(_once(kept, seen, name))


def _once(lines: Iterable[Line], seen: set[str], name: str) -> Iterator[UnfamiliarLine]:
    told = 0
    for line in lines:
        shape = _shape(line)
        if line.text and shape not in seen and told < _MOST:
            seen.add(shape)
            told += 1
            yield UnfamiliarLine(line.text, f"{name} line {line.number}", line.number)


def _shape(line: Line) -> str:
    return line.text.translate(SHAPE)
