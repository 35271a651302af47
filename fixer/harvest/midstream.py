"""Reads the end of a deflate stream without its beginning.

A library's dynamic section lies near its end, and a wheel keeps the library as one deflate stream of
hundreds of megabytes. A stream can be entered wherever a block begins; what the missing 32 KiB before
it held is not known, so the stream is inflated twice, over two windows that differ in every byte: a
byte that comes out the same both times did not come from the window. An entry counts only when
inflating from it ends exactly where the stream ends. The unit is ``Entry``; nothing is fetched here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

WINDOW = 32 << 10
LONGEST_BLOCK = 256 << 10
TRIAL_BYTES = 16 << 10
PIECE = 1 << 20
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
ONE = bytes(at * 7 % 251 for at in range(WINDOW))
OTHER = bytes(255 - byte for byte in ONE)


@dataclass(frozen=True)
class Entry:
    """A stream from a block on that can be entered, and how many bytes it inflates to, up to its end."""

    stream: bytes
    inflated: int

    def slice(self, size: int, start: int, length: int) -> bytes | None:
        """Bytes ``start`` to ``start + length`` of the ``size`` that the whole stream inflates to.

        None: they lie before the entry, or some of them repeat what lies before it.
        """
        skip = start - (size - self.inflated)
        if skip < 0:
            return None
        one, other = (_cut(self.stream, window, skip, length) for window in (ONE, OTHER))
        return one if one == other and len(one) == length else None


def enter(end: bytes) -> Entry | None:
    """The first place where the last bytes of a raw stream can be entered; None when there is none in them."""
    for bit in _headers(end):
        stream = _shifted(end, bit)
        inflated = _length(stream)
        if inflated is not None:
            return Entry(stream, inflated)
    return None


def _headers(data: bytes) -> Iterator[int]:
    """The bits at which a block with its own Huffman codes can begin, first to last."""
    for at in range(min(len(data) - 300, LONGEST_BLOCK)):
        word = int.from_bytes(data[at : at + 12], "little")
        for bit in range(8):
            head = word >> bit
            if head & 7 == 4 and _plausible(head >> 3) and _inflates(_shifted(data[at : at + TRIAL_BYTES], bit)):
                yield at * 8 + bit


def _plausible(head: int) -> bool:
    """Whether the code of the code lengths is complete, as zlib writes and demands it."""
    if head & 31 > 29 or head >> 5 & 31 > 29:
        return False
    room = 128
    lengths = head >> 14
    for at in range((head >> 10 & 15) + 4):
        length = lengths >> 3 * at & 7
        room -= 128 >> length if length else 0
    return room == 0


def _shifted(data: bytes, bit: int) -> bytes:
    whole = data[bit // 8 :]
    return (int.from_bytes(whole, "little") >> bit % 8).to_bytes(len(whole), "little") if bit % 8 else whole


def _inflates(stream: bytes) -> bool:
    try:
        return len(zlib.decompressobj(-15, zdict=ONE).decompress(stream)) > 0
    except zlib.error:
        return False


def _pieces(stream: bytes, window: bytes) -> Iterator[bytes]:
    """The inflated bytes; ends with zlib.error where the stream does not end where ``stream`` ends."""
    inflate = zlib.decompressobj(-15, zdict=window)
    for at in range(0, len(stream), PIECE):
        yield inflate.decompress(stream[at : at + PIECE])
    if not inflate.eof or inflate.unused_data.strip(b"\0"):
        raise zlib.error("the stream does not end here")


def _length(stream: bytes) -> int | None:
    try:
        return sum(map(len, _pieces(stream, ONE)))
    except zlib.error:
        return None


def _cut(stream: bytes, window: bytes, skip: int, length: int) -> bytes:
    kept, at = bytearray(), 0
    for piece in _pieces(stream, window):
        if at + len(piece) > skip:
            kept += piece[max(0, skip - at) : skip + length - at]
        at += len(piece)
        if at >= skip + length:
            break
    return bytes(kept)
