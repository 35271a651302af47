"""Harvests the dataset: ``python -m scripts.harvest`` from the checkout (or ``python scripts/harvest``).

Reads the user's package index, the committed reads of wheels, and the curated tables, and writes
``compat_data``. With nothing new it leaves every byte as it was. ``--wheels`` reads wheels that have
not been read yet, by ranges; ``--tables`` touches no network at all.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __package__ in (None, ""):
    # Run as a folder: Python put the folder itself on the path, which would hide the standard library's names.
    sys.path[:] = [str(ROOT), *(part for part in sys.path if Path(part or ".").resolve() != Path(__file__).resolve().parent)]


def main() -> int:
    """Run the harvest; 0 when it is done, 1 with one line when it cannot be."""
    import requests

    from fixer.harvest.index import HarvestError
    from scripts.harvest.feedstock import write_table
    from scripts.harvest.run import harvest

    asked = _arguments()
    try:
        if asked.feedstock:
            print(write_table(asked.feedstock))
        for line in harvest(asked.out, asked.cache, asked.offline, asked.tables, asked.wheels, asked.day):
            print(line)
    except (HarvestError, ValueError, OSError, requests.RequestException) as error:
        print(f"harvest: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="harvest", description="make compat_data from the index, the wheels and the tables")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--out", type=Path, default=ROOT / "compat_data", help="where to write (compat_data)")
    parser.add_argument("--cache", type=Path, default=home / "convfix-harvest", help="where answers are kept")
    parser.add_argument("--offline", action="store_true", help="use the cache alone")
    parser.add_argument("--tables", action="store_true", help="renew only what the curated tables make; no network")
    parser.add_argument("--wheels", type=int, default=0, metavar="N", help="read at most N wheels of each kind that were not read yet")
    parser.add_argument("--feedstock", type=Path, metavar="CLONE", help="renew conda-forge's builds from a clone of its feedstock")
    parser.add_argument("--day", help="the day of this harvest (YYYY-MM-DD), which its rows carry from now on")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
