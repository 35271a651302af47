"""Input of any size that is never whole in memory: made piece by piece, as often as it is read.

The unit is a ``Streamed``: it is sliced like ``bytes``, and a file is written of it by ``write``. A reader gets its caller's
part of either: ``data[:limit]``, or a file.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

_PIECE = 1 << 16
Pieces = Iterator[bytes]


class Streamed:
    """The bytes of ``pieces()``, which gives the same each time, in pieces of some kilobytes."""

    def __init__(self, pieces: Callable[[], Pieces]) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return sum(map(len, self.pieces()))

    def __getitem__(self, part: slice) -> bytes:
        start, end = part.start or 0, part.stop
        assert start >= 0 and part.step is None and (end is None or end >= 0)
        made, at = bytearray(), 0
        for piece in self.pieces():
            made += piece[max(0, start - at) : None if end is None else max(0, end - at)]
            at += len(piece)
            if end is not None and at >= end:
                break
        return bytes(made)


Data = bytes | Streamed


def repeated(unit: bytes, count: int) -> Pieces:
    """``unit``, ``count`` times."""
    many = max(1, _PIECE // max(1, len(unit)))
    whole = unit * min(many, count)
    for _ in range(count // many):
        yield whole
    yield unit * (count % many)


def numbered(form: bytes, count: int) -> Pieces:
    """``form % number`` for each number below ``count``."""
    for first in range(0, count, 1000):
        yield b"".join(form % number for number in range(first, min(first + 1000, count)))


def joined(*parts: bytes | Pieces) -> Pieces:
    """All parts in their order."""
    return itertools.chain.from_iterable((part,) if isinstance(part, bytes) else part for part in parts)


def write(path: str, data: Data) -> None:
    """Let the file ``path`` hold ``data``."""
    with open(path, "wb") as file:
        for piece in (data,) if isinstance(data, bytes) else data.pieces():
            file.write(piece)


def reading(data: Data) -> Callable[[int], bytes]:
    """``read(size)`` of a stream of ``data``."""
    pieces: Any = iter((data,) if isinstance(data, bytes) else data.pieces())
    held = bytearray()

    def read(size: int) -> bytes:
        while len(held) < size and (piece := next(pieces, None)) is not None:
            held.extend(piece)
        made = bytes(held[:size])
        del held[:size]
        return made

    return read
