"""``convfix plan --machine`` beside ``pip install --dry-run 'tensorflow[and-cuda]'``, whole processes in one run.

pip asks the user's index, as it does for everybody who wants to know what would be installed; what it fetched is in
its cache for every run but the first, which is not counted. convfix asks nobody: its dataset is on the disk.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from scripts.bench import harness
from scripts.bench.machines import fresh
from scripts.bench.places import Places, convfix, variables

GOAL = 100.0
WANTED = "tensorflow[and-cuda]"


def main(options: argparse.Namespace, places: Places) -> bool:
    """Measure and print; whether the ratio reaches the goal."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Path(folder) / "machine.json"
        machine.write_text(fresh(), encoding="utf-8")
        known = variables(XDG_CACHE_HOME=folder, CONVFIX_STATE_DIR=f"{folder}/state")
        asking = [places.empty, "-m", "pip", "install", "--dry-run", "--quiet", WANTED]
        slow = harness.Command("pip install --dry-run", asking, variables())
        fast = harness.Command("convfix plan", convfix("plan", "--json", "--machine", str(machine)), known, (1,))
        for command in (slow, fast):
            harness.once(command)
        made = harness.compare(slow, fast, max(3, options.cold_rounds))
        print(harness.HEADING)
        print(harness.row(f"pip install --dry-run '{WANTED}', cached", made.slow))
        print(harness.row("convfix plan --json --machine FILE", made.fast))
        least, most = min(made.ratios), max(made.ratios)
        print(f"{made.ratio:.1f} times faster (median of the pairs' ratios; {least:.1f} to {most:.1f})")
    return made.ratio >= GOAL
