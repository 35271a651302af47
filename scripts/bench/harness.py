"""Time whole processes: spawn, wait4, and nothing in between; two commands interleaved, compared pair by pair.

The unit is a ``Run`` (seconds of wall and of CPU, CPU with the process's own children). Ratios are taken
within a pair, so that a machine that slows down for a while slows both sides of it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Before = Callable[[], None]


@dataclass(frozen=True)
class Command:
    """What is measured: its name in the table, argv, variables, and the exit codes that count as having worked."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Run:
    """One whole process, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Comparison:
    """The runs of two commands, the slow one first, pair by pair."""

    slow: tuple[Run, ...]
    fast: tuple[Run, ...]

    @property
    def ratios(self) -> list[float]:
        """How many times faster the fast one was, in each pair, by wall time."""
        return [slow.wall / fast.wall for slow, fast in zip(self.slow, self.fast)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


def once(command: Command) -> Run:
    """Run ``command`` with its output thrown away; raises RuntimeError for another exit code."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
        began = time.perf_counter()
        child = os.posix_spawn(command.argv[0], list(command.argv), dict(command.environ), file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        wall = time.perf_counter() - began
    finally:
        os.close(null)
    code = os.waitstatus_to_exitcode(status)
    if code not in command.codes:
        raise RuntimeError(f"{command.name}: exit code {code}, expected {command.codes}: {' '.join(command.argv)[:200]}")
    return Run(wall, usage.ru_utime + usage.ru_stime)


def compare(slow: Command, fast: Command, rounds: int, before: Before = lambda: None) -> Comparison:
    """``rounds`` pairs, each run after ``before``; which of the two goes first alternates."""
    runs: dict[str, list[Run]] = {slow.name: [], fast.name: []}
    for number in range(rounds):
        for command in (slow, fast) if number % 2 else (fast, slow):
            before()
            runs[command.name].append(once(command))
    return Comparison(tuple(runs[slow.name]), tuple(runs[fast.name]))


def drop_page_cache() -> bool:
    """Forget all file pages, so that the next run reads from the disk; False where that is not allowed."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3\n")
    except OSError:
        return False
    return True


def row(title: str, runs: Sequence[Run]) -> str:
    """One line of the table: median and least wall, median CPU, in milliseconds."""
    walls = sorted(run.wall * 1000 for run in runs)
    cpu = statistics.median(run.cpu * 1000 for run in runs)
    return f"{title:44} {statistics.median(walls):9.1f} {walls[0]:9.1f} {cpu:9.1f}   n={len(runs)}"


HEADING = f"{'':44} {'median ms':>9} {'least':>9} {'CPU':>9}"
