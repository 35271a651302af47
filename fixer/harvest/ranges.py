"""Reads members of a wheel on the index by HTTP range requests: the central directory, then only what is asked for.

The unit is ``RemoteZip``. ``Member.head`` inflates only as much of a member as is needed. Zip64 is
understood; an index without ranges is served by a whole download into the cache folder.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fixer.harvest.index import File, Index

TAIL = 64 << 10
PIECE = 1 << 20
END, ENTRY, LOCATOR64, END64 = b"PK\x05\x06", b"PK\x01\x02", b"PK\x06\x07", b"PK\x06\x06"
BIG = 0xFFFFFFFF


@dataclass(frozen=True)
class Member:
    """One entry of the central directory; sizes in bytes."""

    name: str
    method: int
    packed: int
    size: int
    offset: int


class RemoteZip:
    """A wheel that stays on the index. ``read`` counts the bytes fetched for it."""

    def __init__(self, index: Index, file: File) -> None:
        self.index = index
        self.file = file
        self.size = index.size(file)
        self.read = 0
        self.members = {member.name: member for member in self._directory()}

    def named(self, wanted: Callable[[str], bool]) -> bytes | None:
        """The whole of the first member whose name is wanted."""
        for name, member in self.members.items():
            if wanted(name):
                return self.head(member, member.size)
        return None

    def head(self, member: Member, length: int) -> bytes:
        """The first ``length`` inflated bytes of a member (fewer when it is shorter)."""
        out = bytearray()
        for piece in self.pieces(member):
            out += piece
            if len(out) >= length:
                break
        return bytes(out[:length])

    def pieces(self, member: Member, piece: int = PIECE) -> Iterator[bytes]:
        """The inflated bytes of a member, piece by piece, fetched as they are asked for."""
        fixed = self._part(member.offset, member.offset + 30)
        start = member.offset + 30 + sum(struct.unpack("<HH", fixed[26:30]))
        inflate = zlib.decompressobj(-15) if member.method == 8 else None
        at = start
        while at < start + member.packed:
            upto = min(at + piece, start + member.packed)
            data = self._part(at, upto)
            at = upto
            yield inflate.decompress(data) if inflate else data
        if inflate:
            yield inflate.flush()

    def _part(self, start: int, end: int) -> bytes:
        self.read += end - start
        return self.index.part(self.file, start, end)

    def _directory(self) -> list[Member]:
        base = max(0, self.size - TAIL)
        tail = self._part(base, self.size)
        at = tail.rfind(END)
        if at < 0:
            raise ValueError(f"{self.file.filename}: no central directory")
        length, start = struct.unpack("<LL", tail[at + 12 : at + 20])
        locator = tail.rfind(LOCATOR64, 0, at)
        if start == BIG and locator >= 0:
            (place,) = struct.unpack("<Q", tail[locator + 8 : locator + 16])
            record = self._part(place, place + 56)
            length, start = struct.unpack("<QQ", record[40:56])
        data = tail[start - base : start - base + length] if start >= base else self._part(start, start + length)
        return list(_entries(data))


def _entries(data: bytes) -> Iterator[Member]:
    at = 0
    while data[at : at + 4] == ENTRY:
        method, packed, size = struct.unpack("<H", data[at + 10 : at + 12]) + struct.unpack("<LL", data[at + 20 : at + 28])
        name_len, extra_len, note_len = struct.unpack("<HHH", data[at + 28 : at + 34])
        (offset,) = struct.unpack("<L", data[at + 42 : at + 46])
        name = data[at + 46 : at + 46 + name_len].decode("utf-8", "replace")
        extra = data[at + 46 + name_len : at + 46 + name_len + extra_len]
        size, packed, offset = _zip64(extra, size, packed, offset)
        yield Member(name, method, packed, size, offset)
        at += 46 + name_len + extra_len + note_len


def _zip64(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack("<HH", extra[at : at + 4])
        if kind == 1:
            values = iter(struct.unpack(f"<{length // 8}Q", extra[at + 4 : at + 4 + length // 8 * 8]))
            size = next(values, size) if size == BIG else size
            packed = next(values, packed) if packed == BIG else packed
            offset = next(values, offset) if offset == BIG else offset
        at += 4 + length
    return size, packed, offset
