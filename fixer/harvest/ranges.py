"""Reads members of a wheel on the index by HTTP range requests: the central directory, then only what is asked for.

The unit is ``RemoteZip``. It inflates only as much of a member as is needed, from its beginning or from
its end. Zip64 is understood; an index without ranges is served by a whole download into the cache folder.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from fixer.harvest.midstream import enter
from fixer.harvest.pages import File

TAIL = 64 << 10
FIRST, PIECE = 16 << 10, 1 << 20
HEADER, DEFLATED = 30, 8
DIRECTORY = "central directory"
END, ENTRY, LOCATOR64 = b"PK\x05\x06", b"PK\x01\x02", b"PK\x06\x07"
BIG = 0xFFFFFFFF
LARGEST_DIRECTORY = 32 << 20
LARGEST_MEMBER = 2 << 30


@dataclass(frozen=True)
class Member:
    """One entry of the central directory; sizes in bytes."""

    name: str
    method: int
    packed: int
    size: int
    offset: int


class Parts(Protocol):
    """What serves parts of files: an ``index.Index``."""

    def size(self, file: File) -> int:
        """The file's size in bytes."""

    def part(self, file: File, start: int, end: int) -> bytes:
        """Its bytes from ``start`` up to ``end``, exclusive."""


class RemoteZip:
    """A wheel that stays on the index. ``spent`` counts the bytes fetched for it, by the fact that asked for them."""

    def __init__(self, index: Parts, file: File) -> None:
        self.index = index
        self.file = file
        self.size = index.size(file)
        self.spent: Counter[str] = Counter()
        self._fact = DIRECTORY
        self._beginnings: dict[str, Beginning] = {}
        self._ends: dict[str, bytes] = {}
        self.members = {member.name: member for member in self._directory()}

    @contextmanager
    def fact(self, name: str) -> Iterator[None]:
        """What is fetched inside counts for the fact ``name``."""
        outer, self._fact = self._fact, name
        try:
            yield
        finally:
            self._fact = outer

    @property
    def read(self) -> int:
        """The bytes fetched so far."""
        return self.spent.total()

    def named(self, wanted: Callable[[str], bool], most: int = LARGEST_MEMBER) -> bytes | None:
        """The whole of the first member whose name is wanted; ValueError when it is longer than ``most`` bytes."""
        for name, member in self.members.items():
            if wanted(name):
                if member.size > most:
                    raise ValueError(f"{self.file.filename}: {name[:100]} is longer than {most} bytes")
                return self.head(member, member.size)
        return None

    def head(self, member: Member, length: int) -> bytes:
        """The first ``length`` inflated bytes of a member (fewer when it is shorter)."""
        return self._beginning(member).upto(length)

    def slice(self, member: Member, start: int, length: int) -> bytes:
        """Inflated bytes ``start`` to ``start + length``: from the beginning of the member or from its end, what costs less."""
        beginning = self._beginning(member)
        if member.method != DEFLATED:
            return self._part(beginning.start + start, beginning.start + start + length)
        behind, left = member.size - start, (member.packed - beginning.fetched) * start // max(1, member.size)
        # What lies behind packs better than the rest as a rule (symbols), so a part of its share is tried first.
        back = TAIL + member.packed * behind // max(1, member.size) // 4
        while start + length > beginning.inflated and back < left:
            entry = enter(self._end(member, back))
            found = entry.slice(member.size, start, length) if entry else None
            if found is not None:
                return found
            short = entry is not None and entry.inflated < behind
            back = max(back * 5 // 4, back * behind // entry.inflated * 11 // 10) if entry and short else 2 * back
        return beginning.upto(start + length)[start:]

    def _end(self, member: Member, length: int) -> bytes:
        """At least the last ``length`` packed bytes of a member, kept for the next question."""
        known = self._ends.get(member.name, b"")
        if len(known) < length:
            end = self._beginning(member).start + member.packed - len(known)
            known = self._part(end - (length - len(known)), end) + known
            self._ends[member.name] = known
        return known

    def _beginning(self, member: Member) -> Beginning:
        if member.name not in self._beginnings:
            first = self._part(member.offset, min(self.size, member.offset + HEADER + len(member.name.encode()) + FIRST))
            skip = HEADER + sum(struct.unpack("<HH", first[26:30]))
            self._beginnings[member.name] = Beginning(self._part, member, member.offset + skip, first[skip:])
        return self._beginnings[member.name]

    def _part(self, start: int, end: int) -> bytes:
        self.spent[self._fact] += end - start
        return self.index.part(self.file, start, end)

    def _directory(self) -> list[Member]:
        base = max(0, self.size - TAIL)
        tail = self._part(base, self.size)
        at = tail.rfind(END)
        if at < 0:
            raise ValueError(f"{self.file.filename}: it is no wheel, there is no central directory")
        length, start = struct.unpack("<LL", tail[at + 12 : at + 20])
        locator = tail.rfind(LOCATOR64, 0, at)
        if start == BIG and locator >= 0:
            (place,) = struct.unpack("<Q", tail[locator + 8 : locator + 16])
            record = self._part(place, place + 56)
            length, start = struct.unpack("<QQ", record[40:56])
        if length > LARGEST_DIRECTORY or start + length > self.size:
            raise ValueError(f"{self.file.filename}: its central directory cannot be read")
        data = tail[start - base : start - base + length] if start >= base else self._part(start, start + length)
        return list(_entries(data))


class Beginning:
    """The beginning of one member, inflated as far as it was asked for and kept."""

    def __init__(self, part: Callable[[int, int], bytes], member: Member, start: int, first: bytes) -> None:
        self._part = part
        self._member = member
        self.start = start
        self.fetched = 0
        self._data = bytearray()
        self._inflate = zlib.decompressobj(-15) if member.method == DEFLATED else None
        self._take(first[: member.packed])

    @property
    def inflated(self) -> int:
        return len(self._data)

    def upto(self, length: int) -> bytes:
        """The first ``length`` inflated bytes; pieces grow, so that little costs little and much costs few requests."""
        piece = FIRST
        while len(self._data) < length and self.fetched < self._member.packed:
            at = self.start + self.fetched
            self._take(self._part(at, min(at + piece, self.start + self._member.packed)))
            piece = min(2 * piece, PIECE)
        return bytes(self._data[:length])

    def _take(self, packed: bytes) -> None:
        self.fetched += len(packed)
        if self._inflate is None:
            self._data += packed
            return
        # One byte more than the directory promises is enough to know that it lies.
        self._data += self._inflate.decompress(packed, max(1, min(self._member.size, LARGEST_MEMBER) + 1 - len(self._data)))
        if len(self._data) > self._member.size or self._inflate.unconsumed_tail:
            raise ValueError(f"{self._member.name[:100]} unpacks to more than the directory says")


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
