"""Counts what real reports turned out to be, by what they are about: ``python -m scripts.harvest.count_reports``.

Reads the reports beside the tests (a log, what was told of the machine, the cause that its thread found), asks convfix for
the topics of each, and writes ``tables/reports.json``: how many reports with a topic had which cause. To be run when reports,
or the words of ``fixer.rules.topics``, have changed.
"""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import EVERY_REPORT
from fixer.log.facts import joined
from fixer.log.hearing import hear
from fixer.log.matcher import Matcher
from fixer.model.plan import Wish
from fixer.probes import environment_file
from fixer.rules.case import Case
from fixer.rules.topics import topics
from scripts.harvest.tables import TABLES

REPORTS = TABLES.parents[2] / "tests" / "cases" / "explain"
FILES = ("cases.jsonl", "field.jsonl")
TABLE = TABLES / "reports.json"
SOURCE = "counted in the reports of tests/cases/explain, each of which names its own source"


def case_of(report: Mapping[str, Any], dataset: Dataset, matcher: Matcher) -> Case:
    """A report as rules see it."""
    texts = {str(key).lower(): str(value) for key, value in report["environment"].items()}
    log = hear(io.BytesIO(report["log"].encode()).read, matcher)
    return Case(joined(log.facts, environment_file.facts(texts)), dataset, Wish())


def counted(reports: Iterable[Mapping[str, Any]], dataset: Dataset) -> list[dict[str, Any]]:
    """The rows: one a topic, by name, and one for all reports."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    matcher = Matcher(dataset.symptoms())
    for report in reports:
        if not report["log"].strip():
            continue
        for topic in (EVERY_REPORT, *topics(case_of(report, dataset, matcher))):
            counts[topic][report["cause"]] += 1
    return [{"topic": topic, "causes": dict(sorted(counts[topic].items()))} for topic in sorted(counts)]


def reports() -> list[dict[str, Any]]:
    """Every report beside the tests."""
    texts = ((REPORTS / name).read_text(encoding="utf-8") for name in FILES)
    return [json.loads(line) for text in texts for line in text.splitlines() if line.strip()]


def main() -> None:
    """Write the table."""
    day = json.loads((TABLES / "harvest.json").read_text(encoding="utf-8"))["day"]
    rows = counted(reports(), Dataset.open(str(TABLES.parents[2] / "compat_data")))
    head = json.dumps({"source": SOURCE, "checked": day, "confidence": "inference"})[1:-1]
    lines = ",\n".join(json.dumps(row) for row in rows)
    Path(TABLE).write_text(f'{{\n{head},\n"rows": [\n{lines}\n]\n}}\n', encoding="utf-8")
    print(f"{len(rows)} topics")


if __name__ == "__main__":
    main()
