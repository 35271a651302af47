"""Work shared out among processes: in order, with what goes wrong in one told in one line, and nobody left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from fixer.errors import ConvfixError, UsageError
from fixer.host import workers


def _children() -> set[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return set(map(int, file.read().split()))


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    before = _children()
    yield
    assert _children() == before


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("blocks", [0, 1, 2, 6, 7, 8, 50])
def test_blocks_come_in_the_order_of_the_work(count: int, blocks: int) -> None:
    def work(number: int) -> Iterator[bytes]:
        for place in range(number, blocks, count):
            # An empty block and one that no pipe holds.
            yield str(place).encode() + b"x" * (place % 3 * 100_000)

    found = list(workers.shared_out(count, work))
    assert [int(one.rstrip(b"x")) for one in found] == list(range(blocks))
    assert all(len(one) > 100_000 for one in found[1::3])


def test_a_foreseen_error_is_the_one_line_that_it_is_alone() -> None:
    def work(number: int) -> Iterator[bytes]:
        yield b"first"
        if number == 1:
            raise UsageError("unreadable-file", "machine file 'x': gone", "look there")

    given = workers.shared_out(2, work)
    assert [next(given), next(given)] == [b"first", b"first"]
    with pytest.raises(ConvfixError, match="machine file 'x': gone") as caught:
        list(given)
    assert (caught.value.code, caught.value.hint, caught.value.exit_code) == ("unreadable-file", "look there", 2)


def test_a_bug_in_a_worker_is_raised_with_its_own_traceback() -> None:
    def work(number: int) -> Iterator[bytes]:
        raise KeyError("of the worker")
        yield b""

    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*in work.*KeyError: 'of the worker'"):
        list(workers.shared_out(2, work))


def test_a_worker_that_is_ended_from_outside_is_one_line() -> None:
    def work(number: int) -> Iterator[bytes]:
        yield b"one"
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield b"two"

    given = workers.shared_out(2, work)
    assert [next(given), next(given), next(given)] == [b"one", b"one", b"two"]
    with pytest.raises(ConvfixError, match="ended from outside") as caught:
        next(given)
    assert "\n" not in caught.value.message


def test_a_reader_that_stops_early_leaves_nobody_behind() -> None:
    def work(number: int) -> Iterator[bytes]:
        while True:
            yield b"x" * 200_000

    given = workers.shared_out(3, work)
    assert len(next(given)) == 200_000
    given.close()  # type: ignore[attr-defined]


def test_workers_end_when_their_reader_is_killed() -> None:
    """Not even a parent that had no time to say so leaves them running."""
    told, tell = os.pipe()
    parent = os.fork()
    if parent == 0:
        def work(number: int) -> Iterator[bytes]:
            os.write(tell, f"{os.getpid()}\n".encode())
            while True:
                yield b"x" * 200_000

        next(workers.shared_out(2, work))
        signal.pause()
    os.close(tell)
    with os.fdopen(told, encoding="ascii") as file:
        running = [int(file.readline()) for _ in range(2)]
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        # The pipe's end comes when the last of them is gone.
        assert file.read() == ""
    for number in running:
        for _ in range(100):
            if not os.path.exists(f"/proc/{number}") or "Z" in open(f"/proc/{number}/stat", encoding="ascii").read().rpartition(")")[2][:3]:
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"worker {number} is still running")
