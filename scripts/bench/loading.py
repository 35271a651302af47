"""One question to the dataset as it is, and to one with ten times the rows: sub-linear in bytes and in time.

The larger dataset is made of copies of every row under names and versions of their own. Whole processes are
timed (``data show --data-dir``, which checks every row that it reads); bytes are counted inside this one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from fixer.dataset.load import Files
from fixer.dataset.locate import Folder
from fixer.dataset.questions import Dataset
from fixer.harvest.write import as_it_is, write
from scripts.bench import harness
from scripts.bench.places import ROOT, Places, convfix, variables

TIMES = 10
GOAL_ROWS, GOAL_TIME = 1.5, 1.5
QUESTIONS = (("a release", "tensorflow-gpu==2.10.1"), ("a GPU", "10de:2206"))


def main(options: argparse.Namespace, places: Places) -> bool:
    """Measure and print; whether ten times the rows stay below both goals."""
    data = ROOT / "compat_data"
    with tempfile.TemporaryDirectory() as folder:
        one, ten = Path(folder, "one"), Path(folder, "ten")
        for target, times in ((one, 1), (ten, TIMES)):
            rows = _grown(data, target, times)
            print(f"{target.name}: {rows} rows, {sum(path.stat().st_size for path in target.iterdir())} bytes")
        met = True
        for title, ask in (("the row of a release", _release), ("a GPU by its id", _gpu)):
            small, large = _bytes(one, ask), _bytes(ten, ask)
            met = met and large[1] < GOAL_ROWS * small[1] and sum(large) < TIMES * sum(small)
            words = " and ".join(f"{count} bytes of {name}" for count, name in zip(small, ("the index", "rows")))
            more = " and ".join(map(str, large))
            print(f"{title}: {words}; with ten times the rows {more}: {sum(large) / sum(small):.2f} times")
        print(harness.HEADING)
        for title, query in QUESTIONS:
            known = variables(XDG_CACHE_HOME=folder)
            slow, fast = (
                harness.Command(f"{title}, {place.name}", convfix("data", "show", query, "--json", "--data-dir", str(place)), known)
                for place in (ten, one)
            )
            made = harness.compare(slow, fast, options.rounds)
            print(harness.row(f"data show {query}, today's rows", made.fast))
            print(harness.row(f"data show {query}, ten times", made.slow))
            print(f"ten times the rows take {made.ratio:.2f} times as long")
            met = met and made.ratio < GOAL_TIME
    return met


def _grown(data: Path, target: Path, times: int) -> int:
    """Write the dataset with every key ``times`` times; the number of rows."""
    files: dict[str, Any] = {}
    count = 0
    for path in data.glob("*.json"):
        if path.name == "manifest.json":
            continue
        sections, note = as_it_is(path)
        grown = {
            name: {f"{key}{_mark(copy)}": rows for key, rows in groups.items() for copy in range(times)}
            for name, groups in sections.items()
        }
        count += sum(len(rows) for groups in grown.values() for rows in groups.values())
        files[path.name] = grown, note
    write(target, files, "2026-01-01")
    return count


def _mark(copy: int) -> str:
    return f"~{copy}" if copy else ""


def _release(dataset: Dataset) -> object:
    return dataset.tensorflow_row("tensorflow", "2.15.1")


def _gpu(dataset: Dataset) -> object:
    return dataset.gpu("10de:2206")


def _bytes(folder: Path, ask: Any) -> tuple[int, int]:
    """Bytes of the manifest and bytes of rows that a question reads."""
    read: list[tuple[str, int]] = []

    class Counted(Folder):
        def part(self, name: str, offset: int, length: int) -> bytes:
            found = super().part(name, offset, length)
            read.append((name, len(found)))
            return found

    if ask(Dataset(Files(Counted(str(folder), bundled=True)))) is None:
        raise RuntimeError("the question has no answer")
    of_index = sum(count for name, count in read if name == "manifest.json")
    return of_index, sum(count for _, count in read) - of_index
