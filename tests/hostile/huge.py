"""Huge, deep and endless input for every reader, in a process whose memory and processor time are limited.

``python -m tests.hostile.huge FOLDER SIZE [NAME]`` prints one JSON line. The unit is a shape: a function from a reader's sample
and a size to about that many bytes, in pieces, so that what is larger than memory can be read from a file. Work is counted in calls of functions, of Python's and of C's: four times the input may cost about
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
from tests.hostile.streamed import Pieces, Streamed, joined, numbered, repeated

# Of processor time, for one input; a hundred megabytes of empty lines take a log's reader some minutes.
_SECONDS = 600
# Some read a head first and more of it when that was not enough: twice the work, once.
_SLACK = 8.0
_FEW = 3000
# Growth is measured at an input small enough to count each call of, and at four times as much.
_COUNTED = 1 << 14
Shape = Callable[[bytes, int], Pieces]

SHAPES: dict[str, Shape] = {
    "deep lists": lambda sample, size: repeated(b"[", size),
    "deep objects": lambda sample, size: repeated(b'{"a":', size // 5),
    "closed lists": lambda sample, size: joined(repeated(b"[", size // 2), repeated(b"]", size // 2)),
    "many lists": lambda sample, size: joined(b"[", repeated(b"[],", size // 3), b"[]]"),
    "many keys": lambda sample, size: joined(b"{", numbered(b'"%d":0,', size // 10), b'"x":0}'),
    "one number": lambda sample, size: repeated(b"9", size),
    "one text": lambda sample, size: joined(b'"', repeated(b"a", size), b'"'),
    "one line": lambda sample, size: repeated(b"A", size),
    "empty lines": lambda sample, size: repeated(b"\n", size),
    "short lines": lambda sample, size: repeated(b"a=b\n", size // 4),
    "spaces": lambda sample, size: repeated(b" ", size),
    "zeros": lambda sample, size: repeated(b"\0", size),
    "escapes": lambda sample, size: repeated(b"\x1b[", size // 2),
    "carriage returns": lambda sample, size: repeated(b"ab\r", size // 3),
    "the sample again": lambda sample, size: repeated(sample, size // max(1, len(sample)) + 1),
    "the sample's lines": lambda sample, size: repeated(sample.rstrip(b"\n") + b"\n", size // (len(sample) + 1) + 1),
    "the sample and rubbish": lambda sample, size: joined(sample, repeated(b"\xff", size)),
    "rubbish and the sample": lambda sample, size: joined(repeated(b"\xfe", size), sample),
    "UTF-16": lambda sample, size: joined(b"\xff\xfe", repeated(sample.decode("latin-1").encode("utf-16-le"), size // (2 * len(sample)) + 1)),
}  # fmt: skip

# Of the same size whatever is asked for.
FIXED: dict[str, Shape] = {
    "lists 100,000 deep": lambda sample, size: joined(repeated(b"[", 100_000), repeated(b"]", 100_000)),
    "objects 100,000 deep": lambda sample, size: joined(repeated(b'{"a":', 100_000), b"0", repeated(b"}", 100_000)),
    "1,000,000 lines": lambda sample, size: repeated(b"a=b\n", 1_000_000),
}  # fmt: skip


def made(shape: Shape, reader: Reader, size: int) -> Streamed:
    """Input of that shape, made while it is read."""
    return Streamed(lambda: shape(reader.samples[0], size))


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


def growth(reader: Reader, shape: Shape, size: int) -> str | None:
    """Why the work for an input four times as large is more than about four times as much; None when it is not."""
    small, _ = calls(reader, made(shape, reader, size)[:])
    large, _ = calls(reader, made(shape, reader, 4 * size)[:])
    return f"{small} calls for {size} bytes, {large} for four times as many" if large > _FEW and large > _SLACK * small else None


def run(folder: Path, size: int, only: str | None = None) -> dict[str, Any]:
    """Every shape for every reader; the faults with their reader and shape, and the longest that one input took in seconds."""
    readers = tuple(one for one in make(folder) if only is None or one.name == only)
    limit_memory()
    faults, count, longest = [], 0, (0.0, "")
    for reader in readers:
        for name, shape in {**SHAPES, **FIXED}.items():
            began = seconds()
            # What is printed last names a reader that hangs: the limit then ends the process at it.
            resource.setrlimit(resource.RLIMIT_CPU, (int(began) + _SECONDS, resource.RLIM_INFINITY))
            print(f"{began:.0f} {reader.name}: {name}", file=sys.stderr, flush=True)
            wrong = fault(reader, made(shape, reader, size))
            longest = max(longest, (round(seconds() - began, 1), f"{reader.name}: {name}"))
            count += 1
            if wrong is None and name in SHAPES:
                wrong = growth(reader, shape, _COUNTED)
                count += 2
            if wrong is not None:
                faults.append(f"{reader.name}: {name}: {wrong}")
    return {"inputs": count, "faults": faults, "peak_kib": peak_kib(), "seconds": round(seconds(), 1), "longest": longest}


def seconds() -> float:
    """The processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)))
