"""``convfix plan --machine FILE.jsonl`` for 10,000 machines that all differ: how many a second, in how much memory.

One process, from its start to its end; its own resident memory is read from /proc while it runs, so a memory that
grew with the fleet would show between the first thousands and the last. Some lines are compared with runs alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

from scripts.bench.machines import machines
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
        lines, seconds, memory = _run(convfix("plan", "--machine", str(fleet)), known)
        same = all(_alone(Path(folder), described[place], known) == lines[place] for place in range(0, COUNT, COUNT // ALONE))
    speed = COUNT / seconds
    half, last = memory[len(memory) // 2], memory[-1]
    print(f"{COUNT} distinct machines in {seconds:.1f} s: {speed:.0f} a second; {sum(map(len, lines)) >> 20} MiB of answers")
    print(f"resident: {half} MiB in the middle, {last} MiB at the end, {max(memory)} MiB at most")
    print(f"the lines of {ALONE} machines are {'the' if same else 'NOT the'} bytes of their runs alone")
    return speed >= GOAL and last <= half * GROWTH and same


def _run(argv: list[str], environ: dict[str, str]) -> tuple[list[str], float, list[int]]:
    """The lines of a run, its seconds from start to end, and its resident memory in MiB every thousand lines."""
    began = time.perf_counter()
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        lines, memory = [], []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if len(lines) % (COUNT // 10) == 0:
                memory.append(_resident(process.pid))
    return lines, time.perf_counter() - began, memory


def _resident(number: int) -> int:
    text = Path(f"/proc/{number}/status").read_text(encoding="ascii")
    return next((int(line.split()[1]) >> 10 for line in text.splitlines() if line.startswith("VmRSS")), 0)


def _alone(folder: Path, machine: str, environ: dict[str, str]) -> str:
    path = folder / "alone.json"
    path.write_text(machine, encoding="utf-8")
    made = subprocess.run(convfix("plan", "--json", "--machine", str(path)), env=environ, stdout=subprocess.PIPE, encoding="utf-8")
    return json.dumps(json.loads(made.stdout), separators=(",", ":"))
