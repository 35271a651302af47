"""Reads what a shared library says to the loader, fetching only the parts that say it.

The unit is ``Library``: its soname, what it needs, its search path and the versions of glibc and
libstdc++ that it asks for. ``read(offset, length)`` hands out parts of the file; the dynamic section
and the strings and version needs that it points to are all that is asked for. It judges nothing.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile
from packaging.version import Version

HEAD = 4096
LONGEST_NAME = 4096
VERSION_NEEDS = 4096
MOST_NEEDS = VERSION_NEEDS // 16
NAMES = {"DT_NEEDED": "needed", "DT_SONAME": "soname", "DT_RPATH": "RPATH", "DT_RUNPATH": "RUNPATH"}
Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Library:
    """``search_kind`` is RPATH or RUNPATH, None without a search path; ``search`` is its raw text."""

    soname: str | None
    needed: tuple[str, ...]
    search_kind: str | None
    search: str
    glibc: str | None
    glibcxx: str | None


def read_library(read: Read) -> Library:
    """The library behind ``read``. Raises ValueError where there is none."""
    try:
        return _Reader(read).library()
    except (ELFError, ConstructError, LookupError, OverflowError) as error:
        # ConstructError: a structure ends early. LookupError: a tag that every library has is missing.
        raise ValueError(f"no library: {error}") from None


def section(read: Read, name: str) -> tuple[int, int] | None:
    """Where a section lies in the file and how long it is; None when there is none of this name."""
    head = read(0, HEAD)
    try:
        elf = _opened(head)
    except (ELFError, ConstructError, OverflowError) as error:
        raise ValueError(f"no library: {error}") from None
    start, step, count, names_at = struct.unpack_from("<Q10xHHH", head, 40)
    if not names_at < count:
        return None
    table = read(start, step * count)
    rows = [elf.structs.Elf_Shdr.parse(table[at : at + step]) for at in range(0, step * count, step)]
    names = read(rows[names_at].sh_offset, rows[names_at].sh_size)
    for row in rows:
        if names[row.sh_name :].startswith(name.encode() + b"\0"):
            return int(row.sh_offset), int(row.sh_size)
    return None


def _opened(head: bytes) -> Any:
    # The section headers lie at the end of the file and are not fetched: the header must not promise them.
    return ELFFile(io.BytesIO(head[:40] + b"\0" * 8 + head[48:58] + b"\0" * 6 + head[64:]))


class _Reader:
    def __init__(self, read: Read) -> None:
        self.read = read
        self.elf = _opened(read(0, HEAD))
        self.loads = [part for part in self.elf.iter_segments() if part["p_type"] == "PT_LOAD"]
        self.tags = self._tags()
        self.places: dict[str, int] = {tag: value for tag, value in self.tags if tag not in NAMES}

    def _tags(self) -> list[tuple[str, int]]:
        segment = next((part for part in self.elf.iter_segments() if part["p_type"] == "PT_DYNAMIC"), None)
        if segment is None:
            raise ValueError("no dynamic section")
        data = self.read(segment["p_offset"], segment["p_filesz"])
        step = self.elf.structs.Elf_Dyn.sizeof()
        parsed = [self.elf.structs.Elf_Dyn.parse(data[at : at + step]) for at in range(0, len(data) - step + 1, step)]
        kinds = [str(entry.d_tag) for entry in parsed]
        used = kinds.index("DT_NULL") if "DT_NULL" in kinds else len(kinds)
        return [(kind, int(entry.d_val)) for kind, entry in zip(kinds[:used], parsed, strict=False)]

    def offset(self, tag: str) -> int:
        """Where in the file the address in ``tag`` lies."""
        address = self.places[tag]
        for part in self.loads:
            if part["p_vaddr"] <= address < part["p_vaddr"] + part["p_filesz"]:
                return int(part["p_offset"] + address - part["p_vaddr"])
        raise ValueError(f"{tag} points out of the file")

    def library(self) -> Library:
        versions = self._version_names()
        wanted = [value for tag, value in self.tags if tag in NAMES] + versions
        text = self._strings(wanted)
        named: dict[str, list[str]] = {name: [] for name in NAMES.values()}
        for tag, value in self.tags:
            if tag in NAMES:
                named[NAMES[tag]].append(text[value])
        kind = "RUNPATH" if named["RUNPATH"] else ("RPATH" if named["RPATH"] else None)
        needs = [text[value] for value in versions]
        return Library(
            next(iter(named["soname"]), None), tuple(named["needed"]), kind, ":".join(named[kind]) if kind else "",
            _newest(needs, "GLIBC_"), _newest(needs, "GLIBCXX_"),
        )  # fmt: skip

    def _strings(self, wanted: list[int]) -> dict[int, str]:
        if not wanted:
            return {}
        first, end = min(wanted), min(max(wanted) + LONGEST_NAME, self.places["DT_STRSZ"])
        data = self.read(self.offset("DT_STRTAB") + first, end - first)
        found = {}
        for value in set(wanted):
            stop = data.find(b"\0", value - first)
            found[value] = data[value - first : stop if stop >= 0 else None].decode("utf-8", "replace")
        return found

    def _version_names(self) -> list[int]:
        """The places of the needed versions' names among the strings."""
        if "DT_VERNEED" not in self.places:
            return []
        data = self.read(self.offset("DT_VERNEED"), VERSION_NEEDS)
        need, aux = self.elf.structs.Elf_Verneed, self.elf.structs.Elf_Vernaux
        found, at = [], 0
        for _ in range(min(self.places.get("DT_VERNEEDNUM", 0), MOST_NEEDS)):
            entry = need.parse(data[at:])
            where = at + entry.vn_aux
            for _ in range(entry.vn_cnt):
                one = aux.parse(data[where:])
                found.append(int(one.vna_name))
                where += one.vna_next
                if len(found) > MOST_NEEDS:
                    raise ValueError("its version needs go round in circles")
            at += entry.vn_next
        return found


def _newest(names: list[str], prefix: str) -> str | None:
    found = [name.removeprefix(prefix) for name in names if re.fullmatch(prefix + r"\d[\d.]*", name)]
    return max(found, key=Version, default=None)
