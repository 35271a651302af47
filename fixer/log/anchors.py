"""Says which anchors a long text need not be searched for.

The unit is ``Anchors``, made once of all anchors: most of them stand in no part of most logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

# A long text is divided into pieces of so many characters, to see which anchors it cannot hold.
_PIECE, _WORTH_DIVIDING = 4, 1 << 14


class Anchors:
    """The anchors, and which of them a text may hold."""

    def __init__(self, anchors: tuple[str, ...]) -> None:
        self._anchors = anchors

    def that_may_stand_in(self, text: str) -> Iterator[str]:
        """Those that ``text`` may hold, in their order: wherever one stands, the pieces of one of its divisions are pieces of the text."""
        if len(text) < _WORTH_DIVIDING:
            yield from self._anchors
            return
        pieces = {text[at : at + _PIECE] for at in range(0, len(text), _PIECE)}
        for anchor, divisions in self._divided:
            if not divisions or any(map(pieces.issuperset, divisions)):
                yield anchor

    @cached_property
    def _divided(self) -> tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]:
        """Each anchor with its divisions into whole pieces, one for each place where the first may begin; none of a short one."""
        return tuple((anchor, _divisions(anchor)) for anchor in self._anchors)


def _divisions(anchor: str) -> tuple[tuple[str, ...], ...]:
    if len(anchor) < 2 * _PIECE - 1:
        return ()
    ends = len(anchor) - _PIECE + 1
    return tuple(tuple(anchor[at : at + _PIECE] for at in range(first, ends, _PIECE)) for first in range(_PIECE))
