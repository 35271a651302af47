"""The process's own streams, made so that writing to them can neither fail nor stop the work.

The unit is an ``Outlet`` around stdout or stderr. A reader who left, a full disk, a descriptor that was closed before
we started, a character that the locale cannot say: each is met here once. What became of the result, the command line
asks at the end (``Outlet.lost``). What is written is not looked at: pages clean their text themselves.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO, cast

_DESCRIPTORS = ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY))


class Outlet(io.TextIOBase):
    """A stream for text. After the first failure, kept in ``lost``, whatever is written is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            # Undecodable bytes of a file's name go out as they came; pages show them as escapes.
            stream.reconfigure(errors="surrogateescape")

    def write(self, text: str) -> int:
        if self.lost is None:
            try:
                self._put(text)
            except OSError as error:
                self._lose(error)
        return len(text)

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self.encoding
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def flush(self) -> None:
        if self.lost is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost = error
        # The interpreter flushes what is left once more at its end.
        dropped = os.open(os.devnull, os.O_WRONLY)
        os.dup2(dropped, self.fileno())
        os.close(dropped)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True


def prepare() -> None:
    """Put outlets in the place of stdout and stderr; occupy descriptors 0 to 2 where the caller closed them.

    A file of ours must not get one of these numbers: what a child or the interpreter prints would land in it. A closed
    stdin is opened for writing, so that reading it fails as reading a closed one does.
    """
    for number, name, mode in _DESCRIPTORS:
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, and all below this one are in use.
            os.set_inheritable(os.open(os.devnull, mode), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, Outlet):
            setattr(sys, name, cast(TextIO, Outlet(stream)))


def lost(stream: object) -> OSError | None:
    """Why what was written to ``stream`` did not arrive; None as far as one can tell that it did."""
    return stream.lost if isinstance(stream, Outlet) else None
