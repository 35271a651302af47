"""The scenarios by TensorFlow release: how many are staged, and how far the long run took them.

    pytest tests/lab/test_repairs.py -m long -o junit_family=xunit1 --junitxml FILE
    python -m tests.lab.eras FILE...        keeps how each scenario of such runs ended, and writes the table into the README

How a scenario ended is ``repaired`` (planned, applied, proved, clean, undone, named again), ``partly`` (the same, with a step
left that only a person can do), or ``person`` (nothing in reach of a user: nothing was changed). ``ended.json`` keeps it.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path
from typing import Iterator, Sequence

from tests.lab.scenarios import SCENARIOS

KEPT = Path(__file__).with_name("ended.json")
README = Path(__file__).with_name("README.md")
FIRST, LAST = "<!-- eras: written by tests/lab/eras.py -->\n", "<!-- end of eras -->\n"
ENDS = ("repaired", "partly", "person")
_HEAD = "| TensorFlow | staged | causes | taken to the end | repaired, proved, undone | the same, a step left | for a person alone | seen in a process |\n|---|---|---|---|---|---|---|---|\n"


def ended() -> dict[str, str]:
    """How each scenario ended when it was last run whole, by its id."""
    kept: dict[str, str] = json.loads(KEPT.read_text())
    return kept


def table(ends: dict[str, str]) -> str:
    """The table in Markdown: a row a release, and their sum."""
    failing = [one for one in SCENARIOS if one.cause]
    releases = sorted({one.release for one in failing if one.release}, key=lambda text: [int(part) for part in text.split(".")])
    rows = [(release, [one for one in failing if one.release == release]) for release in (*releases, None)]
    made = _HEAD
    for name, among in [*((release or "none installed", among) for release, among in rows), ("all", failing)]:
        counted = Counter(ends[one.id] for one in among if one.id in ends)
        cells = [name, len(among), len({one.cause for one in among}), counted.total(), *(counted[end] for end in ENDS), sum(bool(one.first) for one in among)]
        made += "| " + " | ".join(map(str, cells)) + " |\n"
    return made


def passed(report: Path) -> Iterator[tuple[str, str]]:
    """The id and the end of each scenario that passed in a run, from its JUnit XML."""
    for case in xml.parse(report).iter("testcase"):
        ends = [str(one.get("value")) for one in case.iter("property") if one.get("name") == "ended"]
        if ends and case.find("failure") is None and case.find("error") is None:
            yield str(case.get("name")).partition("[")[2].rstrip("]"), ends[0]


def main(reports: Sequence[str]) -> int:
    known = {one.id for one in SCENARIOS if one.cause}
    ends = {name: end for name, end in (ended() | dict(pair for report in reports for pair in passed(Path(report)))).items() if name in known}
    KEPT.write_text(json.dumps(ends, indent=0, sort_keys=True) + "\n")
    before, _, rest = README.read_text().partition(FIRST)
    README.write_text(before + FIRST + table(ends) + LAST + rest.partition(LAST)[2])
    print(table(ends), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
