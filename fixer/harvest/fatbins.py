"""Reads for which GPUs a piece of device code was compiled, from the fat binaries in it.

A fat binary is a container with one entry per target: machine code ("sm") or PTX, each with its
architecture in its header; the code itself is not looked at. The unit is ``Targets``. A container that
is cut off by the end of the bytes is left out, since its other targets are not known.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\x50\xed\x55\xba\x01\x00\x10\x00"
HEADER, LEAST_ENTRY, MOST_ENTRY = 16, 32, 4096
PTX, MACHINE_CODE = 1, 2


@dataclass(frozen=True)
class Targets:
    """``machine_code`` and ``ptx`` as compute capabilities ("8.6"), over ``containers`` whole containers."""

    machine_code: tuple[str, ...]
    ptx: tuple[str, ...]
    containers: int


def targets(data: bytes, most: int) -> Targets:
    """What the first ``most`` whole containers with machine code in ``data`` were compiled for."""
    code: set[int] = set()
    ptx: set[int] = set()
    containers, at = 0, data.find(MAGIC)
    while 0 <= at < len(data) - HEADER and containers < most:
        (size,) = struct.unpack_from("<Q", data, at + 8)
        end = at + HEADER + size
        found = _entries(data, at + HEADER, end) if end <= len(data) else None
        if found is None:
            at = data.find(MAGIC, at + len(MAGIC))
            continue
        code.update(arch for kind, arch in found if kind == MACHINE_CODE)
        ptx.update(arch for kind, arch in found if kind == PTX)
        containers += any(kind == MACHINE_CODE for kind, _ in found)
        at = data.find(MAGIC, end)
    return Targets(_capabilities(code), _capabilities(ptx), containers)


def _entries(data: bytes, at: int, end: int) -> list[tuple[int, int]] | None:
    """(kind, architecture) of every entry of a container; None when its entries do not fill it exactly."""
    found = []
    while at + LEAST_ENTRY <= end:
        kind, _, header, size = struct.unpack_from("<HHIQ", data, at)
        if not LEAST_ENTRY <= header <= MOST_ENTRY or at + header + size > end:
            return None
        (arch,) = struct.unpack_from("<I", data, at + 28)
        found.append((kind, arch))
        at += header + size
    return found


def _capabilities(archs: set[int]) -> tuple[str, ...]:
    return tuple(f"{arch // 10}.{arch % 10}" for arch in sorted(archs))
