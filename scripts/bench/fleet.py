"""``convfix plan --machine FILE.jsonl`` for 10,000 machines that all differ: how many a second, in how much memory.

Twice: held on one core, where one process does it all, and on all cores, which share the lines. From start to end;
resident memory (of a process and of its workers) is read from /proc on the way, so a memory that grew with the fleet
would show between the first thousands and the last. The bytes are compared with each other, and some lines with runs alone.

The machines are drawn by ``machines`` with a fixed seed from 15 systems, 14 cards (none, one, several, two that
differ), 11 drivers, 9 stacks on two Pythons each, what breaks them, up to five packages of ten beside in versions of
their own, variables, managers, disks: no two plans rest on the same facts. A third run plans for machines as one owner
has them, sixty images on hosts that differ in kernel, user, memory, disk, driver patch and a package.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from scripts.bench.machines import estate, machines
from scripts.bench.places import Places, convfix, variables

GOAL = 1000.0
COUNT = 10_000
ALONE = 5
# The memory is full when every gate has been asked everything; from there it may not grow by more than this.
GROWTH = 1.10


def main(options: argparse.Namespace, places: Places) -> bool:
    """Measure and print; whether speed, memory and bytes are as wanted."""
    with tempfile.TemporaryDirectory() as folder:
        known = variables(XDG_CACHE_HOME=folder, CONVFIX_STATE_DIR=f"{folder}/state")
        fleet = Path(folder) / "fleet.jsonl"
        described = list(machines(COUNT))
        fleet.write_text("".join(f"{one}\n" for one in described), encoding="utf-8")
        print(f"{len(set(described))} distinct machines, {sum(map(len, described)) / COUNT:.0f} bytes each")
        asking = convfix("plan", "--machine", str(fleet))
        one = _run(asking, known, {min(os.sched_getaffinity(0))})
        all_cores = _run(asking, known, os.sched_getaffinity(0))
        fleet.write_text("".join(f"{machine}\n" for machine in estate(COUNT)), encoding="utf-8")
        owned = _run(asking, known, {min(os.sched_getaffinity(0))})
        lines = one.lines
        same = all(_alone(Path(folder), described[place], known) == lines[place] for place in range(0, COUNT, COUNT // ALONE))
    for title, run in (("one core", one), (f"{len(os.sched_getaffinity(0))} cores", all_cores), ("one owner", owned)):
        print(f"{title:9} {run.seconds:6.1f} s, {COUNT / run.seconds:5.0f} a second; {run.processor:5.1f} s of CPU, "
              f"{COUNT / run.processor:5.0f} for each; resident {run.half} MiB in the middle, {run.last} at the end")  # fmt: skip
    print(f"all cores against one: {one.seconds / all_cores.seconds:.2f} times as fast; {sum(map(len, lines)) >> 20} MiB of answers")
    print(f"both gave {'the same' if lines == all_cores.lines else 'NOT the same'} bytes; "
          f"the lines of {ALONE} machines are {'the' if same else 'NOT the'} bytes of their runs alone")  # fmt: skip
    constant = all(run.last <= run.half * GROWTH for run in (one, all_cores))
    return COUNT / all_cores.seconds >= GOAL and constant and same and lines == all_cores.lines


class Run(NamedTuple):
    """What a run gave: its lines, seconds from start to end and of CPU, resident MiB in the middle and at the end."""

    lines: list[str]
    seconds: float
    processor: float
    half: int
    last: int


def _run(argv: list[str], environ: dict[str, str], cores: set[int]) -> Run:
    """A run held on some cores."""
    began, used = time.perf_counter(), _used()
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    process = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, encoding="utf-8")
    os.sched_setaffinity(0, mine)
    with process:
        assert process.stdout is not None
        lines, memory = [], []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if len(lines) % (COUNT // 10) == 0:
                memory.append(_resident(process.pid))
    return Run(lines, time.perf_counter() - began, _used() - used, memory[len(memory) // 2], memory[-1])


def _used() -> float:
    """The CPU seconds of all children that have ended."""
    held = resource.getrusage(resource.RUSAGE_CHILDREN)
    return held.ru_utime + held.ru_stime


def _resident(number: int) -> int:
    """The private memory of a process and of its workers, what they share counted once."""
    total = 0
    for one in (number, *map(int, Path(f"/proc/{number}/task/{number}/children").read_text(encoding="ascii").split())):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
            total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return total >> 10


def _alone(folder: Path, machine: str, environ: dict[str, str]) -> str:
    path = folder / "alone.json"
    path.write_text(machine, encoding="utf-8")
    made = subprocess.run(convfix("plan", "--json", "--machine", str(path)), env=environ, stdout=subprocess.PIPE, encoding="utf-8")
    return json.dumps(json.loads(made.stdout), separators=(",", ":"))
