"""Ctrl-C, SIGTERM and SIGHUP, taken between two deeds or while a child runs, never inside a deed.

The unit is ``Watch``, a context. A signal that comes while a file is being changed is kept until the
change and its journal line are whole; one that comes while an installer runs ends the installer. While
changes are being taken back, signals are only noted. Outside the context nothing is altered.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType
from typing import Any, Iterator

from fixer import exit_codes
from fixer.errors import Interrupted


class _Arrived(BaseException):
    """A signal ended the wait for a child; no ``except Exception`` may swallow it."""


class Watch:
    """Which signal has come, and whether it may break in right now."""

    def __init__(self) -> None:
        self.came: int | None = None
        self._open = False
        self._deaf = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Watch:
        # Signals reach the main thread alone; elsewhere the caller's own handling stays.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                former = signal.getsignal(number)
                if former is not signal.SIG_IGN:
                    self._former[number] = former
                    signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.came is None:
            self.came = number
        if self._open and not self._deaf:
            raise _Arrived

    def check(self) -> None:
        """Raise Interrupted when a signal has come and may be heeded."""
        if self.came is not None and not self._deaf:
            raise self.error()

    def error(self) -> Interrupted:
        """The error for the signal that came."""
        error = Interrupted("interrupted", "interrupted; everything that was done has been taken back")
        if self.came != signal.SIGINT:
            error.exit_code = exit_codes.TERMINATED
        return error

    def deaf(self) -> None:
        """From now on signals are only noted: changes are being taken back."""
        self._deaf = True

    @contextlib.contextmanager
    def breakable(self) -> Iterator[None]:
        """Inside, a signal ends the wait at once, as Interrupted."""
        self.check()
        self._open = True
        try:
            # One that came between the check and here must not wait for the child's end.
            self.check()
            yield
        except _Arrived:
            raise self.error() from None
        finally:
            self._open = False
