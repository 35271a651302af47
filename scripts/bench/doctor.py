"""``convfix doctor --json`` on a TensorFlow 2.15.1 that NumPy 2 broke, beside ``import tensorflow`` in a healthy one.

Whole processes, interleaved in one run. Warm: all files in the page cache and convfix's cache filled.
Cold: the page cache dropped before each run (root only) and convfix's cache folder empty.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from scripts.bench import harness
from scripts.bench.places import Places, convfix, variables

GOAL = 20.0


def main(options: argparse.Namespace, places: Places) -> bool:
    """Measure and print; whether the warm ratio reaches the goal."""
    with tempfile.TemporaryDirectory() as folder:
        known = variables(XDG_CACHE_HOME=folder, CONVFIX_STATE_DIR=f"{folder}/state")
        slow = harness.Command("import tensorflow", [places.healthy, "-c", "import tensorflow"], variables())
        fast = harness.Command("convfix doctor", convfix("doctor", "--json", "--python", places.sick), known, (1,))
        for command in (slow, fast):
            harness.once(command)
        warm = harness.compare(slow, fast, options.rounds)
        print(harness.HEADING)
        print(harness.row("python -c 'import tensorflow' (2.15.1), warm", warm.slow))
        print(harness.row("convfix doctor --json, warm", warm.fast))
        _print_ratio("warm", warm)
        _cold(options.cold_rounds, slow, places)
    return warm.ratio >= GOAL


def _cold(rounds: int, slow: harness.Command, places: Places) -> None:
    if not harness.drop_page_cache():
        print("cold: not measured, the page cache can be dropped by root only")
        return
    with tempfile.TemporaryDirectory() as folder:

        def forget() -> None:
            _empty(Path(folder))
            harness.drop_page_cache()

        known = variables(XDG_CACHE_HOME=folder, CONVFIX_STATE_DIR=f"{folder}/state")
        fast = harness.Command("convfix doctor", convfix("doctor", "--json", "--python", places.sick), known, (1,))
        cold = harness.compare(slow, fast, rounds, forget)
    print(harness.row("python -c 'import tensorflow' (2.15.1), cold", cold.slow))
    print(harness.row("convfix doctor --json, cold", cold.fast))
    _print_ratio("cold", cold)


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _print_ratio(title: str, made: harness.Comparison) -> None:
    print(
        f"{title}: {made.ratio:.1f} times faster (median of the pairs' ratios; {min(made.ratios):.1f} to {max(made.ratios):.1f})"
    )
