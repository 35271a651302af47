"""Work that is shared out among processes on this machine's cores, its results in the order of the work.

The unit is ``shared_out(count, work)``: worker ``k`` is a fork that sends the blocks of ``work(k)`` through a pipe of
its own; they are taken in turns. A pipe holds little, so no worker runs ahead, and one whose reader is gone ends at
its next block: nothing is left behind, however the reader ends. What a block means is the caller's affair.
"""

from __future__ import annotations

import gc
import itertools
import os
import signal
import struct
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn

from fixer.errors import ConvfixError

Work = Callable[[int], Iterator[bytes]]
_HEAD = struct.Struct("<cQ")
_BLOCK, _END, _FORESEEN, _BUG = b"b", b"e", b"f", b"x"
_APART = "\0"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def shared_out(count: int, work: Work) -> Iterator[bytes]:
    """The first block of each worker in turn, then the second ones, until one has no more; raises what a worker raised."""
    # What is there by now is never collected, so its memory stays shared.
    gc.freeze()
    pipes: list[int] = []
    children: list[int] = []
    try:
        for number in range(count):
            end, other = os.pipe()
            child = _fork()
            if child == 0:
                _be_worker(other, [end, *pipes], work, number)
            os.close(other)
            pipes.append(end)
            children.append(child)
        yield from _in_turns(pipes)
    finally:
        for end in pipes:
            os.close(end)
        for child in children:
            os.waitpid(child, 0)
        gc.unfreeze()


def _fork() -> int:
    try:
        return os.fork()
    except OSError as error:
        why = f"cannot start a process to share the work with: {error.strerror}"
        raise ConvfixError("no-worker", why, "on one core there is one process: taskset -c 0 convfix ...") from None


def _in_turns(pipes: list[int]) -> Iterator[bytes]:
    for end in itertools.cycle(pipes):
        block = _next(end)
        if block is None:
            # The others have come to their end as well, or to an error.
            for other in pipes:
                if other != end:
                    _next(other)
            return
        yield block


def _next(end: int) -> bytes | None:
    """The next block that came through a pipe; None at its orderly end; raises what the worker raised."""
    kind, length = _HEAD.unpack(_exactly(end, _HEAD.size))
    content = _exactly(end, length)
    if kind == _FORESEEN:
        raise ConvfixError(*content.decode("utf-8").split(_APART))
    if kind == _BUG:
        raise RuntimeError(content.decode("utf-8"))
    return content if kind == _BLOCK else None


def _exactly(end: int, length: int) -> bytes:
    made = bytearray()
    while len(made) < length:
        piece = os.read(end, min(length - len(made), 1 << 20))
        if not piece:
            raise ConvfixError(
                "worker-ended", "one of the processes that share this work was ended from outside; the lines before this one stand",
                "was there too little memory? on one core there is one process: taskset -c 0 convfix ...",
            )  # fmt: skip
        made += piece
    return bytes(made)


def _be_worker(pipe: int, others: list[int], work: Work, number: int) -> NoReturn:
    """Send the blocks and end; never returns into the caller's program, whose buffers and handlers are not ours."""
    try:
        # Ctrl-C reaches every process of the terminal: the reader ends, and with it the workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for end in others:
            os.close(end)
        try:
            for block in work(number):
                _send(pipe, _BLOCK, block)
            _send(pipe, _END, b"")
        except ConvfixError as error:
            _send(pipe, _FORESEEN, _APART.join((error.code, error.message, error.hint)).encode("utf-8", "replace"))
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - a bug in a worker is reported by the process that the person started
            _send(pipe, _BUG, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(0)


def _send(pipe: int, kind: bytes, content: bytes) -> None:
    left = memoryview(_HEAD.pack(kind, len(content)) + content)
    while left:
        left = left[os.write(pipe, left) :]
