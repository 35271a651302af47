"""``python -m scripts.bench [NAME...]``: run the named measurements, or all of them."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from scripts.bench import places

# Explicit: the name and what it measures. Each is a module here with ``main(options)``.
MEASUREMENTS = {
    "doctor": "convfix doctor --json on a sick TensorFlow, beside import tensorflow in a healthy one; warm and cold",
    "hook": "a Python start that never imports TensorFlow, with the preload hook and without it",
    "plan": "convfix plan --machine beside pip install --dry-run 'tensorflow[and-cuda]'",
    "fleet": "convfix plan --machine FILE.jsonl for 10,000 distinct machines: speed, memory, bytes",
    "apply": "what a file step of apply waits for the disk, beside a bare durable replace",
    "loading": "questions to the dataset as it is and to one with ten times the rows: time, bytes, blocks",
    "counts": "what start-up and doctor import, open, spawn and connect",
    "explain": "the causes that explain names in logs whose cause is known, and in healthy logs",
}


def main() -> int:
    """Parse the arguments and run; 0, or 1 when a measurement misses its goal."""
    listed = "\n".join(f"  {name:10} {about}" for name, about in MEASUREMENTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench", epilog=f"measurements:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=11, help="interleaved pairs (default 11)")
    parser.add_argument("--cold-rounds", type=int, default=3, help="pairs with empty caches (default 3)")
    parser.add_argument("--sick", metavar="PYTHON", help="the interpreter of a TensorFlow 2.15.1 with NumPy 2 (default: made)")
    parser.add_argument("--healthy", metavar="PYTHON", help="the interpreter of a healthy TensorFlow 2.15.1 (default: made)")
    parser.add_argument("--cases", metavar="FILE", type=Path, help="explain: the cases (default: those of the tests)")
    parser.add_argument("--half", default="both", help="explain: tune, check, a letter of the field's halves, or both (default)")
    parser.add_argument("--show", metavar="CASE", help="explain: print the answers to this case, or to this cause's cases")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"no measurement named {unknown[0]!r}")
    found = places.Places(options.sick, options.healthy)
    missed = [
        name
        for name in options.names or MEASUREMENTS
        if not importlib.import_module(f"scripts.bench.{name}").main(options, found)
    ]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
