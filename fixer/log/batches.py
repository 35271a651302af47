"""Takes lines in batches with a few lines of overlap, and leaves out what was said before but for its digits.

The unit of ``Fewer`` is a ``Line``, that of ``batches`` a list of them. Memory is bounded however long the log is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fixer.log.line import Line
from fixer.log.templates import SQUEEZE

_BATCH_LINES = 2000
_BATCH_CHARS = 1 << 18
_OVERLAP = 4
# What two lines differ in that say the same of two moments.
SHAPE = {**SQUEEZE, **{ord(char): None for char in "0123456789.=>"}}
# Of a line that says the same again and again so many at its beginning, and then one of so many.
_OF_EACH_SHAPE, _SAMPLE, _MOST_SHAPES = 12, 1000, 200_000


class Fewer:
    """Lines without those that were there before but for their digits: of each shape the first few, and a sample.

    A training run prints the same line a million times; what it states does not change with the loss.
    ``number`` is the number of the last line that was read, ``last`` that of the last one with any text.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self.number = self.last = 0

    def __iter__(self) -> Iterator[Line]:
        seen: dict[int, int] = {}
        for line in self._lines:
            self.number = line.number
            if line.text and not line.text.isspace():
                self.last = line.number
            shape = hash(line.text.translate(SHAPE))
            times = seen.get(shape, 0) + 1
            if len(seen) >= _MOST_SHAPES:
                seen.clear()
            seen[shape] = times
            if times <= _OF_EACH_SHAPE or times % _SAMPLE == 0:
                yield line


def batches(lines: Iterable[Line]) -> Iterator[tuple[list[Line], int, bool]]:
    """Lines in batches; the number says how many of a batch were already seen with the one before, the last word whether it is the last."""
    batch: list[Line] = []
    fresh = size = 0
    for line in lines:
        if len(batch) >= _BATCH_LINES or size >= _BATCH_CHARS:
            yield batch, fresh, False
            batch = batch[-_OVERLAP:]
            fresh, size = len(batch), sum(len(one.text) for one in batch)
        batch.append(line)
        size += len(line.text)
    if batch:
        yield batch, fresh, True
