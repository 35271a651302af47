"""What apply's safety costs: fsyncs and milliseconds per file step, beside the bare durable replace of one file.

A step creates a file or edits one, as an activation by profile does (a script, a profile). The bare replace is the
least that is durable: write beside, fsync, rename, fsync the folder. Interleaved in one run, on one filesystem; the
fsyncs are counted, not timed, and do not depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fixer.apply.state import State
from fixer.apply.transaction import apply as carry_out
from fixer.apply.undo import undo
from fixer.host import durable, within
from fixer.host.real import RealHost
from fixer.model.action import ActionSpec
from fixer.model.plan import FORMAT, Plan, Wish
from scripts.bench.places import Places

MOST_FSYNCS = 9.0


class Counting:
    """The module ``os``, counting the calls that wait for the disk."""

    def __init__(self) -> None:
        self.waits = 0

    def __getattr__(self, name: str) -> object:
        if name in ("fsync", "fdatasync"):
            self.waits += 1
        return getattr(os, name)


class Case:
    """A home with a profile, and a plan of two file steps in it."""

    def __init__(self, folder: Path) -> None:
        self.profile = folder / ".bashrc"
        self.profile.write_bytes(b"export A=1\n" * 200)
        env = folder / "env"
        (env / "bin").mkdir(parents=True)
        self.host = RealHost({**os.environ, "HOME": str(folder), "CONVFIX_STATE_DIR": str(folder / "state")})
        self.state = State.open(self.host)
        script = str(env / "share" / "on.sh")
        common = {"interpreter": str(env / "bin" / "python"), "prefix": str(env), "shell": "bash", "path": script}
        actions = (
            ActionSpec("script", "activation_script", {**common, "prepend": {"LD_LIBRARY_PATH": ["/opt/lib"]}}, "a new file"),
            ActionSpec("profile", "profile_block", {"shell": "bash", "path": str(self.profile), "source": script}, "an edited file"),
        )
        self.steps = len(actions)
        self.plan = Plan(FORMAT, "0", "0", None, Wish(), (), None, (), actions, (), {}, 1)

    def apply(self) -> None:
        carry_out(self.plan, self.host, self.state, _quiet)

    def undo(self) -> None:
        undo(None, self.host, self.state, _quiet)

    def replace(self) -> None:
        """The bare durable replace of the same profile."""
        content = self.profile.read_bytes()
        beside = self.profile.with_name(".beside")
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.profile)
        handle = os.open(self.profile.parent, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _quiet(text: str) -> None:
    """Nobody listens."""


def _seconds(deed: Callable[[], None]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def waits_of(deed: Callable[[], None]) -> int:
    """How often ``deed`` waits for the disk through the durable layer."""
    counting = Counting()
    durable.os = within.os = counting  # type: ignore[attr-defined, assignment]
    try:
        deed()
    finally:
        durable.os = within.os = os  # type: ignore[attr-defined]
    return counting.waits


def main(options: argparse.Namespace, places: Places) -> bool:
    """Measure and print; whether a step waits for the disk no oftener than it may."""
    with tempfile.TemporaryDirectory() as folder:
        case = Case(Path(folder))
        case.apply()
        case.undo()
        per_apply = waits_of(case.apply)
        per_undo = waits_of(case.undo)
        pairs = []
        for _ in range(max(1, options.rounds)):
            bare, whole, back = _seconds(case.replace), _seconds(case.apply), _seconds(case.undo)
            pairs.append((bare, whole / case.steps, back / case.steps))
    bare, whole, back = (statistics.median(column) * 1000 for column in zip(*pairs))
    print(f"{'':28} {'fsyncs':>7} {'ms':>8} {'times the bare replace':>24}")
    print(f"{'bare durable replace':28} {2:7} {bare:8.2f} {1:24.1f}")
    for title, waits, row, number in (("apply, per file step", per_apply, whole, 1), ("undo, per file step", per_undo, back, 2)):
        ratio = statistics.median(pair[number] / pair[0] for pair in pairs)
        print(f"{title:28} {waits / case.steps:7.1f} {row:8.2f} {ratio:24.1f}")
    return per_apply / case.steps <= MOST_FSYNCS
