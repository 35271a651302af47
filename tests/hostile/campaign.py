"""Feeds spoiled input to every reader in a process of its own, whose memory and processor time are limited.

``python -m tests.hostile.campaign FOLDER COUNT SEED [PART PARTS [NAME]]`` prints one JSON line: inputs by reader, and what went
wrong. Of ``PARTS`` processes each feeds another part of the same inputs.
"""

from __future__ import annotations

import json
import random
import re
import resource
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fixer.errors import ConvfixError
from tests.hostile.mutate import spoiled
from tests.hostile.readers import ALLOWED, Reader, make

MEMORY = 256 << 20
LONGEST_MESSAGE = 4000
_MOST_FAULTS = 40


def limit_memory() -> int:
    """Hold what this process may allocate from now on; the bytes that it may hold in all."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    return MEMORY


def peak_kib() -> int:
    """The most memory that this process has held, in KiB.

    Not getrusage(2)'s ``ru_maxrss``: exec(2) keeps the parent's there, so a large test process would be told for its child.
    """
    told = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert told is not None, "the kernel does not tell VmHWM"
    return int(told[1])


def fault(reader: Reader, data: bytes) -> str | None:
    """What is wrong with how ``reader`` meets ``data``; None when it answers or refuses in one clear line."""
    try:
        reader.read(data)
    except (ConvfixError, *ALLOWED) as error:
        message = getattr(error, "message", str(error))
        if not message or len(message) > LONGEST_MESSAGE:
            return f"a message of {len(message)} characters: {message[:200]!r}"
        return None
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        if isinstance(error, KeyboardInterrupt):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} at {re.sub('.*/fixer/', 'fixer/', frame.filename)}:{frame.lineno}"
    return None


def shares(readers: tuple[Reader, ...], count: int) -> Iterator[tuple[Reader, int]]:
    """How many of ``count`` inputs each reader gets, by its weight."""
    whole = sum(reader.weight for reader in readers)
    for reader in readers:
        yield reader, max(1, -(-count * reader.weight // whole))


def run(folder: Path, count: int, seed: int, part: int = 0, parts: int = 1, only: str | None = None) -> dict[str, Any]:
    """Feed a part of ``count`` inputs; the answer says how many each reader got, and the faults with the input's number."""
    readers = tuple(one for one in make(folder) if only is None or one.name == only)
    limit_memory()
    done: dict[str, int] = {}
    faults: list[str] = []
    seen: set[str] = set()
    for reader, share in shares(readers, count):
        numbers = range(part, share, parts)
        for number in numbers:
            chance = random.Random(f"{seed} {reader.name} {number}")
            data = spoiled(chance.choice(reader.samples), chance)
            wrong = fault(reader, data)
            if wrong is not None and f"{reader.name} {wrong.rpartition(' at ')[2]}" not in seen and len(faults) < _MOST_FAULTS:
                seen.add(f"{reader.name} {wrong.rpartition(' at ')[2]}")
                faults.append(f"{reader.name} #{number}: {wrong}; input {data[:120]!r}")
        done[reader.name] = len(numbers)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"inputs": done, "faults": faults, "peak_kib": peak_kib(), "seconds": round(used.ru_utime + used.ru_stime, 1)}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), *map(int, sys.argv[2:6]), *sys.argv[6:])))  # type: ignore[arg-type]
