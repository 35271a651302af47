"""/etc/ld.so.cache: which file ldconfig recorded for a soname.

The unit is ``Cache``, an index of the entries for 64-bit x86 programs; entries of other ABIs are left out.
Both layouts that carry the new format are read: alone, and behind the table of libc5's days. The layout is
that of glibc's sysdeps/generic/dl-cache.h; which of several entries wins is ``search_cache`` of
elf/dl-cache.c. A file that is cut short or has offsets that point outside is ``None``: unknown, not empty.
"""

from __future__ import annotations

import struct

from fixer.model.record import record

PATH = "/etc/ld.so.cache"
LARGEST = 64 << 20
OLD_MAGIC = b"ld.so-1.7.0"
NEW_MAGIC = b"glibc-ld.so.cache1.1"
EXTENSION_MAGIC = 0xEAA42174
TAG_HWCAPS = 1
FLAG_X86_64 = 0x0303  # FLAG_X8664_LIB64 | FLAG_ELF_LIBC6
HWCAP_EXTENSION = 1 << 62
HWCAP_TLS = 1 << 63
LEGACY_BITS = {"sse2": 1 << 0, "x86_64": 1 << 1, "avx512_1": 1 << 2, "tls": HWCAP_TLS}
LEGACY_PLATFORMS = {"i586": 1 << 48, "i686": 1 << 49, "haswell": 1 << 50, "xeon_phi": 1 << 51}
_PLATFORM_MASK = sum(LEGACY_PLATFORMS.values())
_HEADER, _ENTRY = 48, 24


@record(frozen=True)
class Entry:
    """One line of ``ldconfig -p``. ``hwcap`` is the legacy bit set, ``subfolder`` the name below glibc-hwcaps."""

    path: str
    hwcap: int = 0
    subfolder: str | None = None


@record(frozen=True)
class Cache:
    """The entries by soname, in the order of the file (the loader's order of preference among equals)."""

    entries: dict[str, tuple[Entry, ...]]

    def lookup(self, soname: str, hwcaps: tuple[str, ...] = (), legacy: tuple[str, ...] = ()) -> str | None:
        """The path the loader takes for ``soname``.

        ``hwcaps`` are the active glibc-hwcaps folders, best first; ``legacy`` the active names of the older
        scheme, empty from glibc 2.37 on.
        """
        best: tuple[int, str] | None = None
        allowed = sum(LEGACY_BITS[name] for name in set(legacy) if name in LEGACY_BITS)
        platforms = {LEGACY_PLATFORMS[name] for name in legacy if name in LEGACY_PLATFORMS}
        for entry in self.entries.get(soname, ()):
            if entry.subfolder is not None:
                if entry.subfolder in hwcaps:
                    rank = hwcaps.index(entry.subfolder)
                    if best is None or rank < best[0]:
                        best = (rank, entry.path)
                continue
            if best is not None:
                break
            platform = entry.hwcap & _PLATFORM_MASK
            if entry.hwcap & ~(allowed | _PLATFORM_MASK) or (platform and platform not in platforms):
                continue
            return entry.path
        return best[1] if best else None

    def all(self, soname: str) -> tuple[str, ...]:
        """Every path recorded for ``soname``, whether this machine would take it or not."""
        return tuple(entry.path for entry in self.entries.get(soname, ()))


def parse_cache(data: bytes) -> Cache | None:
    """``data`` as a cache; None when it is damaged or in no format that this module knows."""
    start = _start(data)
    if start is None or len(data) < start + _HEADER:
        return None
    count, strings, flags, extension = struct.unpack_from("<IIBxxxI", data, start + len(NEW_MAGIC))
    if flags & 3 not in (0, 2) or count > (len(data) - start - _HEADER) // _ENTRY:
        return None
    if start + _HEADER + count * _ENTRY + strings > len(data):
        return None
    try:
        names = _hwcap_names(data, start, extension) if extension else ()
        return Cache(_entries(data, start, count, names))
    except (struct.error, ValueError, LookupError):
        return None


def _start(data: bytes) -> int | None:
    if data.startswith(NEW_MAGIC):
        return 0
    if data.startswith(OLD_MAGIC) and len(data) >= 16:
        end = 16 + struct.unpack_from("<I", data, 12)[0] * 12
        start = (end + 7) & ~7
        return start if data[start : start + len(NEW_MAGIC)] == NEW_MAGIC else None
    return None


def _entries(data: bytes, start: int, count: int, names: tuple[str, ...]) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, list[Entry]] = {}
    # Names do not overlap in a real cache; without a limit a few kilobytes could name gigabytes.
    left = 2 * len(data)
    for flags, key, value, _, hwcap in struct.iter_unpack(
        "<iIIIQ", data[start + _HEADER : start + _HEADER + count * _ENTRY]
    ):
        if flags != FLAG_X86_64:
            continue
        subfolder = None
        if (hwcap >> 32) & ~0x3FF == HWCAP_EXTENSION >> 32:
            subfolder = names[hwcap & 0xFFFFFFFF]
        entry = Entry(_string(data, start + value), hwcap, subfolder)
        name = _string(data, start + key)
        left -= len(name) + len(entry.path)
        if left < 0:
            raise ValueError("more names than the file can hold")
        found.setdefault(name, []).append(entry)
    return {name: tuple(entries) for name, entries in found.items()}


def _hwcap_names(data: bytes, start: int, extension: int) -> tuple[str, ...]:
    """The names of glibc-hwcaps folders: offsets of sections count from the start of the file."""
    magic, count = struct.unpack_from("<II", data, extension)
    if magic != EXTENSION_MAGIC or count > 64:
        raise ValueError("no extension section")
    for number in range(count):
        tag, _, offset, size = struct.unpack_from("<IIII", data, extension + 8 + number * 16)
        if tag == TAG_HWCAPS and size % 4 == 0 and offset + size <= len(data):
            return tuple(_string(data, start + at) for (at,) in struct.iter_unpack("<I", data[offset : offset + size]))
    return ()


def _string(data: bytes, offset: int) -> str:
    end = data.index(b"\0", offset, offset + 4097) if offset < len(data) else -1
    if end < 0:
        raise ValueError("a string outside the file")
    return data[offset:end].decode("utf-8", "surrogateescape")
