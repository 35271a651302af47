"""Makes small ELF files for tests: shared objects with a chosen dynamic section, and spoilt ones.

Every object has, at CODE, a function that calls ``opener(name, flags)`` on the caller's behalf, so that the
loader takes this object for the caller of dlopen.
"""

from __future__ import annotations

import struct

CODE = 0x180
# sub rsp,8; call rdx; add rsp,8; ret
TRAMPOLINE = bytes.fromhex("4883ec08ffd24883c408c3")
NEEDED, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME, RPATH, RUNPATH = 1, 4, 5, 6, 10, 11, 14, 15, 29
VERSYM, VERDEF, VERDEFNUM, VERNEED, VERNEEDNUM, FLAGS_1 = (
    0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF, 0x6FFFFFFB,
)  # fmt: skip


def sysv_hash(name: str) -> int:
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return at


def shared_object(
    soname: str | None = None,
    needed: tuple[str, ...] = (),
    rpath: str | None = None,
    runpath: str | None = None,
    flags_1: int = 0,
    version_needs: dict[str, tuple[str, ...]] | None = None,
    versions: tuple[str, ...] = (),
    code: bytes = b"",
    symbols: dict[str, int] | None = None,
    read_only_data: bytes = b"",
) -> bytes:
    """A 64-bit x86 shared object. ``symbols`` maps exported function names to offsets within ``code``."""
    strings = _Strings()
    tags: list[tuple[int, int]] = [(NEEDED, strings.add(name)) for name in needed]
    for tag, text in ((SONAME, soname), (RPATH, rpath), (RUNPATH, runpath)):
        if text is not None:
            tags.append((tag, strings.add(text)))
    if flags_1:
        tags.append((FLAGS_1, flags_1))
    text_at = CODE + len(TRAMPOLINE) + 5
    names = list(symbols or {})
    table = bytes(24)
    for name in names:
        table += struct.pack("<IBBHQQ", strings.add(name), 0x12, 0, 1, text_at + (symbols or {})[name], 16)
    verdef = _verdef(strings, versions)
    verneed = _verneed(strings, version_needs or {})
    body = TRAMPOLINE.ljust(16, b"\x90") + code
    place = CODE + len(body)
    pieces: list[bytes] = []

    def put(data: bytes, align: int = 8) -> int:
        nonlocal place
        space = -place % align
        pieces.append(bytes(space) + data)
        place += space + len(data)
        return place - len(data)

    count = len(names) + 1
    chains = [0, *range(2, count), 0][:count] if count > 1 else [0]
    tags.append((HASH, put(struct.pack(f"<III{count}I", 1, count, 1 if count > 1 else 0, *chains))))
    tags.append((SYMTAB, put(table)))
    tags.append((SYMENT, 24))
    if verdef or verneed:
        tags.append((VERSYM, put(struct.pack("<H", 0) * count)))
    if verdef:
        tags += [(VERDEF, put(verdef)), (VERDEFNUM, len(versions))]
    if verneed:
        tags += [(VERNEED, put(verneed)), (VERNEEDNUM, len(version_needs or {}))]
    put(read_only_data)
    tags.append((STRTAB, put(strings.data)))
    tags.append((STRSZ, len(strings.data)))
    end = place
    at = put(b"".join(struct.pack("<QQ", tag, value) for tag, value in [*tags, (0, 0)]), 16)
    size = place - at
    shift = 0x100000  # the writable segment lies a megabyte above the other
    headers = [
        struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, end, end, 4096),
        struct.pack("<IIQQQQQQ", 1, 6, at, shift + at, shift + at, size, size, 4096),
        struct.pack("<IIQQQQQQ", 2, 6, at, shift + at, shift + at, size, size, 8),
        struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16),
    ]
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    ehdr = ident + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(headers), 0, 0, 0)
    return (ehdr + b"".join(headers)).ljust(CODE, b"\0") + body + b"".join(pieces)


def _verdef(strings: _Strings, versions: tuple[str, ...]) -> bytes:
    made = b""
    for number, name in enumerate(versions):
        following = 28 if number + 1 < len(versions) else 0
        made += struct.pack("<HHHHIII", 1, 1 if number == 0 else 0, number + 1, 1, sysv_hash(name), 20, following)
        made += struct.pack("<II", strings.add(name), 0)
    return made


def _verneed(strings: _Strings, needs: dict[str, tuple[str, ...]]) -> bytes:
    made = b""
    for number, (file, versions) in enumerate(needs.items()):
        following = 16 + 16 * len(versions) if number + 1 < len(needs) else 0
        made += struct.pack("<HHIII", 1, len(versions), strings.add(file), 16, following)
        for index, name in enumerate(versions):
            step = 16 if index + 1 < len(versions) else 0
            made += struct.pack("<IHHII", sysv_hash(name), 0, 2 + index, strings.add(name), step)
    return made


def _patched(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


SPOILERS = {
    "class32": lambda data: _patched(data, 4, b"\x01"),
    "class9": lambda data: _patched(data, 4, b"\x09"),
    "aarch64": lambda data: _patched(data, 18, struct.pack("<H", 183)),
    "i386": lambda data: _patched(_patched(data, 4, b"\x01"), 18, struct.pack("<H", 3)),
    "empty": lambda data: b"",
    "short": lambda data: data[:40],
    "header_only": lambda data: data[:64],
    "text": lambda data: b"INPUT(-lsomething)\n" * 8,
    "html": lambda data: b"<!DOCTYPE html><html><body>404</body></html>".ljust(300),
    "big_endian": lambda data: _patched(data, 5, b"\x02"),
    "ident_version": lambda data: _patched(data, 6, b"\x07"),
    "file_version": lambda data: _patched(data, 20, b"\x07"),
    "os_abi": lambda data: _patched(data, 7, b"\x09"),
    "gnu_abi": lambda data: _patched(data, 7, b"\x03"),
    "abi_version": lambda data: _patched(data, 8, b"\x09"),
    "padding": lambda data: _patched(data, 12, b"\x01"),
    "relocatable": lambda data: _patched(data, 16, b"\x01\x00"),
    "executable": lambda data: _patched(data, 16, b"\x02\x00"),
    "phentsize": lambda data: _patched(data, 54, b"\x20\x00"),
    "no_segments": lambda data: _patched(data, 56, b"\x00\x00"),
    "far_headers": lambda data: _patched(data, 32, struct.pack("<Q", 1 << 40)),
    "no_dynamic": lambda data: _patched(data, 64 + 2 * 56, struct.pack("<I", 0x6474E551)),
    "align": lambda data: _patched(data, 64 + 48, struct.pack("<Q", 16)),
    "misplaced": lambda data: _patched(data, 64 + 56 + 16, struct.pack("<Q", 0x100001)),
    "sections": lambda data: _patched(_patched(data, 40, struct.pack("<Q", 0x3333333333)), 58, b"\xff\xff\xff\xff\xff\x7f"),
}  # fmt: skip
"""Ways to spoil a good object; ``sections`` and ``gnu_abi`` leave it good in the loader's eyes."""
