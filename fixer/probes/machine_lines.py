"""Read many described machines from one file, a machine file on each line, one at a time.

The unit is ``read(path)``: for each line that is not blank its facts, or the error that is wrong with it, which
names the line; a bad line does not end the reading. What a line may hold is ``machine_file``'s affair.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterator

from fixer.errors import UsageError
from fixer.model import machine
from fixer.model.facts import Facts
from fixer.probes import machine_file


def size(path: str) -> int:
    """How many bytes ``path`` has; 0 for what is no file."""
    try:
        seen = os.stat(path)
    except OSError:
        return 0
    return seen.st_size if stat.S_ISREG(seen.st_mode) else 0


def read(path: str, wanted: Callable[[int], bool] = lambda place: True) -> Iterator[Facts | UsageError]:
    """The machines in ``path`` at the places that are ``wanted``; raises UsageError where the file itself cannot be read."""
    shown = f"machine file {path!r}"
    places = itertools.count()
    try:
        with os.fdopen(machine_file.open_now(path), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError("unreadable-file", f"{shown}: expected a file")
            number = 0
            while line := file.readline(machine_file.LIMIT + 1):
                number += 1
                if (line.strip() or len(line) > machine_file.LIMIT) and wanted(next(places)):
                    yield _machine(line, f"{shown}, line {number}")
                while len(line) > machine_file.LIMIT and not line.endswith(b"\n"):
                    line = file.readline(machine_file.LIMIT + 1)
    except OSError as error:
        raise UsageError("unreadable-file", f"{shown}: {error.strerror or error}") from None


def _machine(line: bytes, shown: str) -> Facts | UsageError:
    try:
        if len(line) > machine_file.LIMIT:
            raise UsageError("file-too-large", f"{shown}: larger than {machine_file.LIMIT >> 20} MiB, which no machine is")
        return machine.decode(machine_file.parse(line, shown), shown)
    except UsageError as error:
        return error
