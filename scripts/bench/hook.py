"""What the preload hook costs a Python start that never imports TensorFlow: the same start with and without it.

Two environments alike, in one of which ``apply`` has written the hook; whole processes, interleaved in one run.
What decides is the difference in CPU time: the start itself takes as long as the Python at hand takes, and on a
busy machine the wall clock shows what others do. Where strace is, the system calls of both are counted too
(tests/hands/test_hook.py asserts that count).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from fixer.apply.state import State
from fixer.apply.transaction import apply
from fixer.host.real import RealHost
from fixer.model.action import ActionSpec
from fixer.model.plan import FORMAT, Plan, Wish
from scripts.bench import harness
from scripts.bench.places import Places, variables

GOAL_MS = 1.0
# A start takes some 10 ms, the hook a tenth of one: it takes many pairs to see it.
PAIRS_PER_ROUND = 20
START = "pass"


def main(options: argparse.Namespace, places: Places) -> bool:
    """Measure and print; whether the extra time stays below the goal."""
    with tempfile.TemporaryDirectory() as folder:
        plain, hooked = (environment(Path(folder) / name) for name in ("plain", "hooked"))
        install(hooked, Path(folder) / "state")
        without, with_hook = (
            harness.Command(name, [str(place / "bin" / "python"), "-c", START], variables())
            for name, place in (("without", plain), ("with", hooked))
        )
        for command in (without, with_hook):
            harness.once(command)
        seen = harness.compare(with_hook, without, options.rounds * PAIRS_PER_ROUND)
        print(harness.HEADING)
        print(harness.row("python -c pass, with the hook", seen.slow))
        print(harness.row("python -c pass, without it", seen.fast))
        extra = statistics.median(1000 * (slow.wall - fast.wall) for slow, fast in zip(seen.slow, seen.fast))
        cpu = statistics.median(1000 * (slow.cpu - fast.cpu) for slow, fast in zip(seen.slow, seen.fast))
        print(f"extra wall: {extra:.2f} ms, {seen.ratio:.3f} times the start (medians over the pairs)")
        print(f"extra CPU: {cpu:.2f} ms; goal: below {GOAL_MS:g} ms")
        if shutil.which("strace"):
            print(f"system calls: {calls(hooked)} with the hook, {calls(plain)} without it")
    return cpu < GOAL_MS


def environment(path: Path) -> Path:
    """A new environment of this Python, without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    return path


def install(place: Path, state: Path, libraries: int = 24) -> None:
    """The hook in ``place``, written by ``apply``, with as many libraries as a whole CUDA has; they are never opened here."""
    site = next(place.glob("lib/python*/site-packages"))
    held = [site / "nvidia" / "part" / "lib" / f"libpart{number}.so.12" for number in range(libraries)]
    held[0].parent.mkdir(parents=True)
    for path in held:
        path.touch()
    params = {
        "interpreter": str(place / "bin" / "python"), "prefix": str(place), "site_packages": str(site),
        "libraries": [str(path) for path in held],
    }  # fmt: skip
    spec = ActionSpec("hook", "preload_hook", params, "write the hook")
    plan = Plan(FORMAT, "0", "0", None, Wish(), (), None, (), (spec,), (), {}, 1)
    host = RealHost({**os.environ, "CONVFIX_STATE_DIR": str(state)})
    apply(plan, host, State.open(host), lambda text: None)


def calls(place: Path) -> int:
    """The system calls of one start, by strace; byte code is compiled before."""
    argv = [str(place / "bin" / "python"), "-c", START]
    subprocess.run(argv, check=True, env=variables())
    with tempfile.NamedTemporaryFile("r") as trace:
        subprocess.run(["strace", "-f", "-qq", "-o", trace.name, *argv], check=True, env=variables())
        return sum(1 for _ in trace)
