"""A batch of lines as one text, in which wordings may go on over line ends.

The unit is ``Text``: in ``text`` patterns are sought, and anchors in ``squeezed``, the same in lower case without white space.
"""

from __future__ import annotations

from bisect import bisect_right

from fixer.log.line import Line
from fixer.log.templates import SQUEEZE, as_sought


class Text:
    """A batch of lines as one text, with and without white space, and the way back from the one to the other."""

    def __init__(self, batch: list[Line]) -> None:
        self.batch = batch
        # Anchors whose wordings were known from before, by the line they stand in.
        self.again: dict[int, list[tuple[str, int]]] = {}
        self.text = "\n".join(as_sought(line.text) for line in batch)
        low = [line.text.lower() for line in batch]
        # Lower case may change a text's length (İ); such a line keeps its case, which costs one hit at most.
        low = [one if len(one) == len(line.text) else line.text for one, line in zip(low, batch, strict=True)]
        parts = [one.translate(SQUEEZE) for one in low]
        self.squeezed = "".join(parts)
        self.starts: list[int] = []
        self.squeezed_starts: list[int] = []
        at = squeezed_at = 0
        for line, part in zip(batch, parts, strict=True):
            self.starts.append(at)
            self.squeezed_starts.append(squeezed_at)
            at += len(line.text) + 1
            squeezed_at += len(part)

    def original(self, squeezed: int) -> int:
        """The place in ``text`` of the character at ``squeezed`` of the squeezed text."""
        line = self.squeezed_line(squeezed)
        left, at = squeezed - self.squeezed_starts[line], 0
        text = self.batch[line].text
        # What is kept of the next ``left`` characters is left no more.
        while left > 0 and at < len(text):
            piece = text[at : at + left]
            at += len(piece)
            left -= len(piece.translate(SQUEEZE))
        while at < len(text) and ord(text[at]) in SQUEEZE:
            at += 1
        return self.starts[line] + at if at < len(text) else self.starts[line]

    def squeezed_line(self, squeezed: int) -> int:
        return bisect_right(self.squeezed_starts, squeezed) - 1

    def line_at(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1
