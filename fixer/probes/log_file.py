"""Opens a log to be heard: a file, a pipe or standard input; never something that has no end or never speaks.

The unit is ``Stream.read(size) -> bytes``, empty at the end. A log of more than ``LIMIT`` bytes is heard up to there,
and ``cut`` says so. What the bytes mean is the affair of ``fixer.log``.
"""

from __future__ import annotations

import os
import select
import stat

from fixer.errors import UsageError

# The descriptor itself: Python has no sys.stdin where the caller closed it.
STANDARD_INPUT = 0
LIMIT = 1 << 30
_SILENCE = 30.0


class Stream:
    """A log that is read once, from its beginning."""

    def __init__(self, handle: int, shown: str, waits: bool) -> None:
        self._handle = handle
        self._shown = shown
        self._waits = waits
        self._left = LIMIT
        self.cut = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; raises UsageError where reading fails or a pipe stays silent."""
        if self._left <= 0:
            self.cut = bool(os.read(self._handle, 1))
            return b""
        try:
            if self._waits and not select.select([self._handle], [], [], _SILENCE)[0]:
                raise UsageError("unreadable-file", f"{self._shown}: nothing came through this pipe for {_SILENCE:.0f} seconds")
            data = os.read(self._handle, min(size, self._left))
        except OSError as error:
            raise UsageError("unreadable-file", f"{self._shown}: {error.strerror}") from None
        self._left -= len(data)
        return data

    def close(self) -> None:
        if self._handle != STANDARD_INPUT:
            os.close(self._handle)


def opened(path: str) -> Stream:
    """The log at ``path``, "-" being standard input; raises UsageError where there is none to be read."""
    if path == "-":
        # A person may take their time to paste.
        return Stream(STANDARD_INPUT, "standard input", waits=False)
    shown = f"log {path!r}"
    try:
        # O_NONBLOCK: opening a named pipe that nobody writes to must not hang us.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError("unreadable-file", f"{shown}: {why}") from None
    kind = os.fstat(handle).st_mode
    if stat.S_ISFIFO(kind):
        return Stream(handle, shown, waits=True)
    if not stat.S_ISREG(kind):
        os.close(handle)
        what = "a folder" if stat.S_ISDIR(kind) else "no regular file"
        raise UsageError("unreadable-file", f"{shown}: it is {what}; expected a file, or - for standard input")
    return Stream(handle, shown, waits=False)
