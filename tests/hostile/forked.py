"""Runs convfix as a process of its own without paying for a start: a fork of this one, in which its modules are loaded.

The unit is ``run(arguments, ...) -> Answer``. Descriptors, variables and the folder are the child's own, as for any
process; what is shared is imported code. What hangs beyond ``limit`` seconds is killed and said so (``code`` None).
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

_ROOMS = (
    "fixer.cli", "fixer.commands.apply", "fixer.commands.doctor", "fixer.commands.explain", "fixer.commands.facts", "fixer.commands.plan",
    "fixer.commands.report", "fixer.commands.undo", "fixer.commands.why_not", "fixer.commands.activate", "fixer.commands.verify",
    "fixer.commands.data", "fixer.commands.history", "fixer.report.text", "fixer.report.as_json", "fixer.report.bug_report", "fixer.rules",
    "fixer.planning", "fixer.planning.why_not", "fixer.apply.transaction", "fixer.apply.undo", "fixer.probes", "fixer.verify", "rich.table",
    "rich.padding", "fixer.actions.foreseen", "packaging.requirements", "fixer.dataset.meaning", "fixer.host.recording",
)  # fmt: skip


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Answer:
    """How the process ended: its exit code (negative for a signal, None where it hung) and what it wrote."""

    code: int | None
    out: bytes
    err: bytes

    @property
    def stdout(self) -> str:
        return self.out.decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self.err.decode("utf-8", "replace")


def run(
    arguments: Sequence[str | bytes],
    variables: Mapping[str, str] | None = None,
    folder: str | None = None,
    stdin: bytes = b"",
    closed: Sequence[int] = (),
    limit: float = 60.0,
    before: Callable[[], None] | None = None,
    during: Callable[[int], None] | None = None,
) -> Answer:
    """Run convfix with exactly ``variables``; ``closed`` names descriptors that it does not have.

    ``before`` is called in the child, ``during`` here with the child's process id.
    """
    for name in _ROOMS:
        importlib.import_module(name)
    given, out, err = os.pipe(), os.pipe(), os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal that comes before convfix has begun waits until it has.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    child = os.fork()
    if child == 0:
        _child(arguments, variables or {}, folder, given[0], out[1], err[1], closed, before)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for end in (given[0], out[1], err[1]):
        os.close(end)
    with contextlib.suppress(BrokenPipeError), open(given[1], "wb") as pipe:
        pipe.write(stdin)
    if during is not None:
        during(child)
    return _answer(child, out[0], err[0], limit)


def _answer(child: int, out: int, err: int, limit: float) -> Answer:
    said = {out: bytearray(), err: bytearray()}
    deadline = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        for end in said:
            selector.register(end, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(0.2):
                data = os.read(key.fd, 1 << 16)
                said[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
            if not selector.get_map():
                break
        hung = bool(selector.get_map())
    if hung:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(out)
    os.close(err)
    return Answer(None if hung else os.waitstatus_to_exitcode(status), bytes(said[out]), bytes(said[err]))


def _child(
    arguments: Sequence[str | bytes],
    variables: Mapping[str, str],
    folder: str | None,
    given: int,
    out: int,
    err: int,
    closed: Sequence[int],
    before: Callable[[], None] | None,
) -> NoReturn:
    code = 99
    try:
        for end, number in ((given, 0), (out, 1), (err, 2)):
            os.dup2(end, number)
        os.closerange(3, 256)
        for number in closed:
            os.close(number)
        streams = [None if number in closed else open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False) for number in range(3)]
        sys.stdin, sys.stdout, sys.stderr = streams  # type: ignore[assignment]
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(variables)
        if folder is not None:
            os.chdir(folder)
        if before is not None:
            before()
        from fixer.cli import main

        sys.argv = ["convfix"]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        main([os.fsdecode(word) for word in arguments])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 98
    except BaseException:  # noqa: BLE001 - what ends it otherwise is what is looked for
        import traceback

        with contextlib.suppress(OSError, ValueError):
            os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
        code = 97
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
                stream.flush()
        os._exit(code)
