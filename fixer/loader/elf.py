"""One ELF file as the dynamic loader sees it: what it needs, what it is called, where it makes the loader look.

The unit is ``Elf``, or ``Refused`` for a file that the loader does not take: passed over, an error that
ends the search, or a file so damaged that it kills the process. Only program headers count, as for the
loader; section headers may be missing or garbage. No answer needs more than BUDGET bytes, and no input
raises. Who reads the bytes (``Bytes``) and who remembers the answers (``remember.py``) is not decided here.
"""

from __future__ import annotations

import errno
import struct
from typing import Any, Callable, Iterator

from fixer.model.record import record

BUDGET = 16 << 20
READS = 60_000
HEAD = 832  # the first read of the loader: sizeof (struct filebuf) in elf/dl-load.c for 64-bit objects
EHDR_SIZE = 64
PHDR_SIZE = 56
PAGE = 4096
EM_X86_64 = 62
ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC = 1, 2
DF_1_NODEFLIB, DF_1_PIE = 0x800, 0x08000000

Bytes = Callable[[int, int], bytes]
"""``read(offset, size)``: fewer bytes at the end of the file."""


@record(frozen=True)
class Elf:
    """A shared object or executable for this machine. Strings are file-system decoded.

    ``rpath`` is None where the object has a ``runpath``: the loader ignores it then. ``version_needs``
    maps a needed file to the strong version names wanted of it; ``versions`` is None when the object
    defines no versions at all, which satisfies every need.
    """

    soname: str | None = None
    needed: tuple[str, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    interpreter: str | None = None
    flags_1: int = 0
    is_executable: bool = False
    version_needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    versions: tuple[str, ...] | None = None

    @property
    def no_default_places(self) -> bool:
        """Linked with ``-z nodefaultlib``: neither the cache's default folders nor the defaults are searched."""
        return bool(self.flags_1 & DF_1_NODEFLIB)


@record(frozen=True)
class Refused:
    """Why the loader does not take a file.

    ``kind``: ``absent`` (it cannot be opened; ``number`` is the errno), ``other`` (another class or
    machine: the search goes on), ``error`` (the search ends here with ``text``), ``kills`` (cut
    short: the process dies at the first byte that is missing), ``unknown`` (we could not judge it). ``while_mapping`` tells the two stages
    apart: the loader's message then quotes the name that was asked for instead of the file's path.
    """

    kind: str
    text: str
    number: int = 0
    while_mapping: bool = False

    @property
    def ends_search(self) -> bool:
        return self.kind in ("error", "kills", "unknown")


def check_header(head: bytes, read: Bytes) -> Refused | None:
    """The checks of ``open_verify`` in glibc's elf/dl-load.c on the first bytes of a file, in its order."""
    if len(head) < EHDR_SIZE:
        return Refused("error", "file too short")
    if head[:4] != b"\x7fELF":
        return Refused("error", "invalid ELF header")
    if head[4] != 2:
        return Refused("other", "wrong ELF class: ELFCLASS32")
    problem = _ident_problem(head)
    if problem:
        return Refused("error", problem)
    kind, machine, version = struct.unpack_from("<HHI", head, 16)
    offset, entry_size, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
    if version != 1:
        return Refused("error", "ELF file version does not match current one")
    if machine != EM_X86_64:
        return Refused("other", f"built for another machine (ELF machine {machine})")
    if kind not in (ET_EXEC, ET_DYN):
        return Refused("error", "only ET_DYN and ET_EXEC can be loaded")
    if entry_size != PHDR_SIZE:
        return Refused("error", "ELF file's phentsize not the expected size")
    if len(read(offset, count * PHDR_SIZE)) != count * PHDR_SIZE:
        return Refused("error", "cannot read file data")
    return None


def _ident_problem(head: bytes) -> str | None:
    data, version, abi, abi_version = head[5:9]
    if data != 1:
        return "ELF file data encoding not little-endian"
    if version != 1:
        return "ELF file version ident does not match current one"
    if abi not in (0, 3):
        return "ELF file OS ABI invalid"
    # sysdeps/gnu/ldsodefs.h: no ABI version for System V, fewer than LIBC_ABI_MAX for GNU.
    if (abi == 0 and abi_version != 0) or (abi == 3 and abi_version >= 4):
        return "ELF file ABI version invalid"
    if any(head[9:16]):
        return "nonzero padding in e_ident"
    return None


def read_elf(read: Bytes, size: int, as_library: bool = True) -> Elf | Refused:
    """Judge and read a file of ``size`` bytes. ``as_library`` False allows executables (the process's own)."""
    try:
        window = _Window(read, size)
        head = window.at(0, HEAD)
        refused = check_header(head, window.at)
        if refused is None:
            refused = _check_segments(window, head, as_library)
        if refused is not None:
            return refused
        return _with_library_rules(_parse(window, head), as_library)
    except _Spent as error:
        return Refused("unknown", str(error))
    except OSError as error:
        return Refused("unknown", f"cannot be read: {error.strerror}", error.errno or errno.EIO)


def _with_library_rules(elf: Elf | Refused, as_library: bool) -> Elf | Refused:
    if not isinstance(elf, Elf) or not as_library:
        return elf
    if elf.flags_1 & DF_1_PIE:
        return Refused("error", "cannot dynamically load position-independent executable", while_mapping=True)
    if elf.is_executable:
        return Refused("error", "cannot dynamically load executable", while_mapping=True)
    return elf


@record(frozen=True)
class _Segment:
    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    align: int


def _segments(window: _Window, head: bytes) -> Iterator[_Segment]:
    offset, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<H", head, 56)
    table = window.at(offset, count * PHDR_SIZE)
    for start in range(0, len(table), PHDR_SIZE):
        kind, flags, place, address, _, file_size, memory_size, align = struct.unpack_from("<IIQQQQQQ", table, start)
        yield _Segment(kind, flags, place, address, file_size, memory_size, align)


def _check_segments(window: _Window, head: bytes, as_library: bool) -> Refused | None:
    """What ``_dl_map_object_from_fd`` refuses, and what it maps though the bytes are not there."""
    loads, dynamic = [], None
    for segment in _segments(window, head):
        if segment.kind == PT_DYNAMIC:
            dynamic = segment
        if segment.kind != PT_LOAD:
            continue
        if (segment.address - segment.offset) & (PAGE - 1):
            return Refused("error", "ELF load command address/offset not page-aligned", while_mapping=True)
        loads.append(segment)
    if not loads:
        return Refused("error", "object file has no loadable segments", while_mapping=True)
    if dynamic is None:
        return Refused("error", "object file has no dynamic section", while_mapping=True) if as_library else None
    ends = max(segment.offset + segment.file_size for segment in loads)
    if ends > window.size:
        # The loader maps it all the same; the first access beyond the end is a SIGBUS.
        return Refused("kills", f"truncated: {window.size} bytes of {ends}")
    return None


def _parse(window: _Window, head: bytes) -> Elf | Refused:
    """The dynamic section by pyelftools, bounded by the window; imported here because it costs 60 ms."""
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    try:
        # The window reads lazily; it has what pyelftools uses of a file.
        file: Any = ELFFile(window)  # type: ignore[arg-type]
        tags: dict[str, list[int]] = {}
        interpreter = None
        for segment in file.iter_segments():
            if segment["p_type"] == "PT_INTERP":
                interpreter = window.string(segment["p_offset"])
            if segment["p_type"] == "PT_DYNAMIC":
                for tag in segment.iter_tags():
                    tags.setdefault(str(tag.entry.d_tag), []).append(int(tag.entry.d_val))
        return _elf(window, list(_segments(window, head)), tags, interpreter, struct.unpack_from("<H", head, 16)[0])
    except (ELFError, ConstructError, struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        # pyelftools answers garbage with whatever Python raises; the loader would read beyond its maps.
        return Refused("kills", f"dynamic section is garbage ({type(error).__name__})")
    except (OverflowError, RecursionError, AssertionError, MemoryError) as error:
        return Refused("unknown", f"dynamic section cannot be read ({type(error).__name__})")


def _elf(
    window: _Window, segments: list[_Segment], tags: dict[str, list[int]], interpreter: str | None, kind: int
) -> Elf | Refused:
    if not tags and interpreter is None and kind == ET_EXEC:
        return Elf(is_executable=True)
    if "DT_STRTAB" not in tags:
        return Refused("kills", "no dynamic string table")
    base = _place(segments, tags["DT_STRTAB"][-1])

    def text(tag: str) -> str | None:
        return window.string(base + tags[tag][-1]) if tag in tags else None

    runpath = text("DT_RUNPATH")
    return Elf(
        soname=text("DT_SONAME"),
        needed=tuple(window.string(base + offset) for offset in tags.get("DT_NEEDED", ())),
        rpath=None if runpath is not None else text("DT_RPATH"),
        runpath=runpath,
        interpreter=interpreter,
        flags_1=tags.get("DT_FLAGS_1", [0])[-1],
        is_executable=kind == ET_EXEC,
        version_needs=tuple(_version_needs(window, segments, base, tags)),
        versions=tuple(_versions(window, segments, base, tags)) if "DT_VERDEF" in tags else None,
    )


def _place(segments: list[_Segment], address: int) -> int:
    """The file offset of a virtual address."""
    for segment in segments:
        if segment.kind == PT_LOAD and segment.address <= address < segment.address + segment.file_size:
            return segment.offset + address - segment.address
    raise ValueError(f"address {address:#x} is in no segment")


def _version_needs(
    window: _Window, segments: list[_Segment], base: int, tags: dict[str, list[int]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    if "DT_VERNEED" not in tags:
        return
    place = _place(segments, tags["DT_VERNEED"][-1])
    while True:
        _, count, name, first, following = struct.unpack("<HHIII", window.at(place, 16))
        wanted = []
        entry = place + first
        for _ in range(count):
            _, flags, _, version, step = struct.unpack("<IHHII", window.at(entry, 16))
            if not flags & 2:  # VER_FLG_WEAK: its absence is not an error
                wanted.append(window.string(base + version))
            if not step:
                break
            entry += step
        yield window.string(base + name), tuple(wanted)
        if not following:
            return
        place += following


def _versions(window: _Window, segments: list[_Segment], base: int, tags: dict[str, list[int]]) -> Iterator[str]:
    place = _place(segments, tags["DT_VERDEF"][-1])
    while True:
        _, _, _, count, _, first, following = struct.unpack("<HHHHIII", window.at(place, 20))
        if count:
            yield window.string(base + struct.unpack("<II", window.at(place + first, 8))[0])
        if not following:
            return
        place += following


class _Spent(Exception):
    """The file asked for more reading than any real library needs."""


class _Window:
    """The file as pyelftools wants it: seek, read, tell; with the section headers hidden and a budget."""

    BLOCK = 1 << 14

    def __init__(self, read: Bytes, size: int) -> None:
        self._read, self.size = read, size
        self._blocks: dict[int, bytes] = {}
        self._position = 0
        self._left, self._reads_left = BUDGET, READS

    def at(self, offset: int, size: int) -> bytes:
        self._left -= size
        self._reads_left -= 1
        if self._left < 0 or self._reads_left < 0:
            raise _Spent("its dynamic section has no end")
        if offset < 0 or offset >= self.size:
            return b""
        size = min(size, self.size - offset)
        first, last = offset // self.BLOCK, (offset + size) // self.BLOCK
        return b"".join(self._block(number) for number in range(first, last + 1))[
            offset - first * self.BLOCK : offset - first * self.BLOCK + size
        ]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            data = self._read(number * self.BLOCK, self.BLOCK)
            if number == 0:
                # e_shoff, then e_shentsize, e_shnum, e_shstrndx: the loader never looks at sections.
                data = data[:40] + bytes(8) + data[48:58] + bytes(6) + data[64:] if len(data) >= EHDR_SIZE else data
            self._blocks[number] = data
        return self._blocks[number]

    def string(self, offset: int) -> str:
        collected = b""
        while b"\0" not in collected:
            piece = self.at(offset + len(collected), 256)
            if not piece:
                raise ValueError("a string without an end")
            collected += piece
            if len(collected) > 1 << 20:
                raise _Spent("a string of more than a mebibyte")
        return collected.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self.size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        data = self.at(self._position, self.size - self._position if size < 0 else size)
        self._position += len(data)
        return data

    def close(self) -> None:
        """pyelftools may close what it was given; the bytes belong to the caller."""
