"""Huge, deep and endless input for every reader, in a process whose memory and processor time are limited.

``python -m tests.hostile.huge FOLDER SIZE [NAME]`` prints one JSON line. The unit is a shape: a function from a reader's sample
and a size to that many bytes. Work is counted in calls of functions, of Python's and of C's: four times the input may cost about
four times the calls.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.hostile.campaign import fault, limit_memory, peak_kib
from tests.hostile.readers import Reader, make

_SECONDS = 900
# Some read a head first and more of it when that was not enough: twice the work, once.
_SLACK = 8.0
_FEW = 3000

SHAPES: dict[str, Callable[[bytes, int], bytes]] = {
    "deep lists": lambda sample, size: b"[" * size,
    "deep objects": lambda sample, size: b'{"a":' * (size // 5),
    "closed lists": lambda sample, size: b"[" * (size // 2) + b"]" * (size // 2),
    "many lists": lambda sample, size: b"[" + b"[]," * (size // 3) + b"[]]",
    "many keys": lambda sample, size: b"{" + b"".join(b'"%d":0,' % number for number in range(size // 10)) + b'"x":0}',
    "one number": lambda sample, size: b"9" * size,
    "one text": lambda sample, size: b'"' + b"a" * size + b'"',
    "one line": lambda sample, size: b"A" * size,
    "empty lines": lambda sample, size: b"\n" * size,
    "short lines": lambda sample, size: b"a=b\n" * (size // 4),
    "spaces": lambda sample, size: b" " * size,
    "zeros": lambda sample, size: b"\0" * size,
    "escapes": lambda sample, size: b"\x1b[" * (size // 2),
    "carriage returns": lambda sample, size: b"ab\r" * (size // 3),
    "the sample again": lambda sample, size: sample * (size // max(1, len(sample)) + 1),
    "the sample's lines": lambda sample, size: (sample.rstrip(b"\n") + b"\n") * (size // (len(sample) + 1) + 1),
    "the sample and rubbish": lambda sample, size: sample + b"\xff" * size,
    "rubbish and the sample": lambda sample, size: b"\xfe" * size + sample,
    "UTF-16": lambda sample, size: (sample.decode("latin-1") * (size // (2 * len(sample)) + 1)).encode("utf-16"),
}  # fmt: skip


def calls(reader: Reader, data: bytes) -> tuple[int, str | None]:
    """How many functions were called, and the fault, if any."""
    count = 0

    def counted(frame: FrameType, event: str, value: Any) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    sys.setprofile(counted)
    try:
        wrong = fault(reader, data)
    finally:
        sys.setprofile(None)
    return count, wrong


def growth(reader: Reader, shape: Callable[[bytes, int], bytes], size: int) -> str | None:
    """Why the work for an input four times as large is more than about four times as much; None when it is not."""
    sample = reader.samples[0]
    small, _ = calls(reader, shape(sample, size))
    large, _ = calls(reader, shape(sample, 4 * size))
    return f"{small} calls for {size} bytes, {large} for four times as many" if large > _FEW and large > _SLACK * small else None


def run(folder: Path, size: int, only: str | None = None) -> dict[str, Any]:
    """Every shape for every reader; the faults with their reader and shape."""
    readers = tuple(one for one in make(folder) if only is None or one.name == only)
    limit_memory()
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    faults, count = [], 0
    for reader in readers:
        for name, shape in SHAPES.items():
            # The processor time so far names a reader that hangs: the limit then ends the process at it.
            print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_utime:.0f} {reader.name}: {name}", file=sys.stderr, flush=True)
            wrong = fault(reader, shape(reader.samples[0], size)) or growth(reader, shape, size // 64)
            count += 3
            if wrong is not None:
                faults.append(f"{reader.name}: {name}: {wrong}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"inputs": count, "faults": faults, "peak_kib": peak_kib(), "seconds": round(used.ru_utime + used.ru_stime, 1)}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)))
