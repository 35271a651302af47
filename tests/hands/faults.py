"""Faults at any mutating system call of ours: a kill, a torn write, an error; counted per call.

``durable`` is the only module that writes, and it writes through ``os``. ``Faulty`` stands in its place and
counts every call that changes something. A kill is a real SIGKILL of a forked child. The product knows
nothing of this.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from fixer.host import durable

CHANGING = frozenset(
    {
        "open", "write", "link", "rename", "replace", "unlink", "mkdir", "rmdir", "chmod", "fchmod", "fchown", "utime",
        "fsync", "fdatasync", "ftruncate", "symlink", "setxattr",
    }
)  # fmt: skip


class Faulty:
    """The module ``os`` with something wrong at call number ``at`` (from 0): kill, torn, or an errno.

    ``sticky`` makes every later call of the same kind fail as well, as a full disk does; calls that only
    take away still work then.
    """

    def __init__(self, at: int | None = None, what: str | int = "kill", sticky: bool = False) -> None:
        self.at, self.what, self.sticky = at, what, sticky
        self.calls: list[str] = []
        self.hit = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CHANGING:
            return real

        def call(*given: Any, **more: Any) -> Any:
            if name == "open" and not (given[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
                return real(*given, **more)
            number = len(self.calls)
            self.calls.append(name)
            if number == self.at or (self.hit and self.sticky and name in ("open", "write", "mkdir", "link", "symlink", "fsync")):
                self.hit = True
                self.break_down(name, real, given)
            return real(*given, **more)

        return call

    def break_down(self, name: str, real: Callable[..., Any], given: tuple[Any, ...]) -> None:
        if self.what == "torn" and name == "write":
            real(given[0], bytes(given[1])[: max(1, len(given[1]) // 2)])
        if self.what in ("kill", "torn"):
            os.kill(os.getpid(), signal.SIGKILL)
        assert isinstance(self.what, int)
        raise OSError(self.what, os.strerror(self.what))


def with_faults(faulty: Faulty, deed: Callable[[], object]) -> None:
    """Run ``deed`` in this process with ``faulty`` in place."""
    durable.os = faulty  # type: ignore[attr-defined]
    try:
        deed()
    finally:
        durable.os = os  # type: ignore[attr-defined]


def killed_at(at: int, deed: Callable[[], object], what: str = "kill") -> bool:
    """Run ``deed`` in a child that is killed at call ``at``; False when it ended before."""
    child = os.fork()
    if child == 0:
        status = 3
        try:
            with_faults(Faulty(at, what), deed)
            status = 0
        except BaseException:  # noqa: BLE001 - the child must end here, whatever it is
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed instead of being killed; see stderr"
    return False


def calls_of(deed: Callable[[], object]) -> list[str]:
    """The changing calls that ``deed`` makes."""
    faulty = Faulty()
    with_faults(faulty, deed)
    return faulty.calls


ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EMFILE)
