"""Faults at any changing call of ours: a kill, a torn write, an error, a signal; counted per call and per call site.

``host.durable`` and ``host.within`` alone write, through ``os`` and one call of their own (``exchange``).
``Faulty`` stands in for both and counts every call that changes something. A kill is a real SIGKILL of a forked
child, which has everything imported already: a point costs milliseconds, not an interpreter's start. The product
knows nothing of this.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from fixer.host import durable, within

CHANGING = frozenset(
    {
        "open", "write", "link", "rename", "replace", "unlink", "mkdir", "rmdir", "chmod", "fchmod", "fchown", "utime",
        "fsync", "fdatasync", "ftruncate", "symlink", "setxattr", "exchange",
    }
)  # fmt: skip
MAKING = ("open", "write", "mkdir", "link", "symlink", "fsync", "fdatasync")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EMFILE, errno.EINTR)
_PRODUCT = str(Path(durable.__file__).parents[1])


class Call(NamedTuple):
    """One changing call: its name, and where in the product it is made (``durable``'s line and its caller's)."""

    name: str
    site: str


class Faulty:
    """The module ``os`` with something wrong at call number ``at`` (from 0).

    ``what`` is kill, torn (a part of a write, then a kill; ``torn 1`` and ``torn -1`` are a byte, and all but one), short
    (half of a write, and its length is told), an errno, or a function that is called before the call. ``sticky`` makes every later call that makes something fail as well, as a
    full disk does; calls that only take away still work then.
    """

    def __init__(self, at: int | None = None, what: str | int | Callable[[], None] = "kill", sticky: bool = False) -> None:
        self.at, self.what, self.sticky = at, what, sticky
        self.calls: list[Call] = []
        self.hit = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._wrapped(name, real) if name in CHANGING else real

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            if name == "open" and not (given[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
                return real(*given, **more)
            number = len(self.calls)
            self.calls.append(Call(name, site(sys._getframe(1))))
            if number == self.at or (self.hit and self.sticky and name in MAKING):
                self.hit = True
                short = self._break_down(name, real, given)
                if short is not None:
                    return short
            return real(*given, **more)

        return call

    def _break_down(self, name: str, real: Callable[..., Any], given: tuple[Any, ...]) -> int | None:
        if callable(self.what):
            self.what()
            return None
        if self.what == "short":
            return int(real(given[0], bytes(given[1])[: max(1, len(given[1]) // 2)])) if name == "write" else None
        if isinstance(self.what, str):
            if self.what != "kill" and name == "write":
                part = int(self.what.partition(" ")[2] or len(given[1]) // 2)
                real(given[0], bytes(given[1])[:part])
            os.kill(os.getpid(), signal.SIGKILL)
        assert isinstance(self.what, int)
        raise OSError(self.what, os.strerror(self.what))


def site(frame: FrameType | None) -> str:
    """Where a call is made: the line of ``durable``, and the line outside of it that asked for it."""
    inner = outer = ""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_PRODUCT):
            place = f"{path[len(_PRODUCT) + 1 :]}:{frame.f_lineno}"
            if not path.startswith(os.path.join(_PRODUCT, "host")):
                outer = place
                break
            inner = inner or place
        frame = frame.f_back
    return f"{inner} < {outer}"


@contextmanager
def faults(faulty: Faulty) -> Iterator[Faulty]:
    """``faulty`` in place while inside."""
    exchange = within.exchange
    durable.os = within.os = faulty  # type: ignore[attr-defined]
    within.exchange = faulty._wrapped("exchange", exchange)
    try:
        yield faulty
    finally:
        durable.os = within.os = os  # type: ignore[attr-defined]
        within.exchange = exchange


def with_faults(faulty: Faulty, deed: Callable[[], object]) -> None:
    """Run ``deed`` in this process with ``faulty`` in place."""
    with faults(faulty):
        deed()


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


def calls_of(deed: Callable[[], object]) -> list[Call]:
    """The changing calls that ``deed`` makes."""
    faulty = Faulty()
    with_faults(faulty, deed)
    return faulty.calls


def shared_out(points: Sequence[Any], work: Callable[[int, Sequence[Any]], Iterable[str]]) -> list[str]:
    """``work(worker, points)`` in as many forked processes as there are cores, each with its share of the points.

    A worker makes its own scene. Its answers (texts) come back together; one that fails fails the test.
    """
    count = max(1, min(len(os.sched_getaffinity(0)), len(points)))
    pipes = []
    for worker in range(count):
        end, start = os.pipe()
        child = os.fork()
        if child == 0:
            status = 3
            try:
                answers = list(work(worker, points[worker::count]))
                with os.fdopen(start, "w") as file:
                    json.dump(answers, file)
                status = 0
            except BaseException:  # noqa: BLE001 - the child must end here, whatever it is
                with os.fdopen(os.dup(start), "w") as file:
                    file.write(traceback.format_exc())
            finally:
                os._exit(status)
        os.close(start)
        pipes.append((child, end))
    told: list[str] = []
    wrong: list[str] = []
    for child, end in pipes:
        with os.fdopen(end) as file:
            text = file.read()
        _, status = os.waitpid(child, 0)
        if status == 0:
            told += json.loads(text)
        else:
            wrong.append(text or f"a worker ended with status {status}")
    assert not wrong, "\n".join(wrong)
    return told
