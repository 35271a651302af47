"""What ``convfix explain --json`` says of logs whose cause is known, and of logs in which nothing is wrong.

The unit is a ``Score``: one case (a line of cases.jsonl: log, environment, cause, confidence) and the causes that convfix
named. Runs in this process, since a start costs more than an answer; the first cases go through the real command too, and
both must say the same. Cases without a log count apart: nothing can be read there.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.advice import harm
from scripts.bench.places import ROOT, Places, convfix

KNOWN = ROOT / "tests" / "cases" / "explain"
CASES = KNOWN / "cases.jsonl"
FIELD = KNOWN / "field.jsonl"
CLASSES = KNOWN / "classes.json"
HEALTHY = KNOWN / "healthy"
THROUGH_THE_COMMAND = 3
# What may be said of a log in which nothing is wrong.
HARMLESS = ("benign-noise", "no-nvidia-gpu")
GOAL_FIRST, GOAL_NAMED = 0.85, 0.95


@dataclass(frozen=True)
class Score:
    """One case and the answer to it: ``causes`` are explain's own rows."""

    case: dict[str, Any]
    code: int
    causes: tuple[dict[str, Any], ...]
    classes: dict[str, str]

    @property
    def truth(self) -> str:
        return str(self.case["cause"])

    @property
    def named(self) -> list[str]:
        """The slugs in the order in which they were named."""
        return list(dict.fromkeys(str(row["cause"]) for row in self.causes))

    @property
    def first(self) -> str:
        return self.named[0] if self.causes else "-"

    @property
    def wavers(self) -> bool:
        return bool(self.causes) and self.causes[0]["certainty"] == "cannot-tell"

    @property
    def is_first(self) -> bool:
        return self.first == self.truth

    @property
    def in_three(self) -> bool:
        return self.truth in self.named[:3]

    @property
    def candidate(self) -> bool:
        """Whether the answer wavers and the truth is among what it wavers between."""
        return self.wavers and any(row["cause"] == self.truth for row in self.causes if row["certainty"] == "cannot-tell")

    @property
    def reached(self) -> bool:
        return self.in_three or self.candidate

    @property
    def wrongly_proven(self) -> list[str]:
        return [row["cause"] for row in self.causes if row["certainty"] == "proven" and row["cause"] != self.truth]

    @property
    def wrong_plans(self) -> list[str]:
        """Remedies whose class is not the vocabulary's."""
        return [
            f"{row['cause']}: {row['remedy']['plan']}, not {self.classes[row['cause']]}"
            for row in self.causes
            if row["remedy"]["plan"] != self.classes.get(row["cause"])
        ]

    @property
    def harmful(self) -> list[str]:
        driver = str(self.case.get("environment", {}).get("driver", ""))
        found = ((argv, harm(argv, driver)) for row in self.causes for argv in row["remedy"]["commands"])
        return [f"{' '.join(argv)}: {why}" for argv, why in found if why]


def read(path: Path) -> list[dict[str, Any]]:
    """The cases of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def half(case: dict[str, Any]) -> str:
    """``tune`` or ``check``: which half of the cases one belongs to, by a hash of its name. Read one, measure the other.

    Reports of the field name theirs: A was read while rules were made, the others were counted first.
    """
    if "half" in case:
        return str(case["half"])
    return ("tune", "check")[int(hashlib.sha256(case["id"].encode()).hexdigest(), 16) % 2]


@contextlib.contextmanager
def _written(log: str | bytes, environment: dict[str, Any]) -> Iterator[list[str]]:
    """The arguments that explain ``log`` with ``environment``."""
    with tempfile.TemporaryDirectory() as folder:
        place, beside = Path(folder, "log.txt"), Path(folder, "environment.json")
        place.write_bytes(log if isinstance(log, bytes) else log.encode("utf-8"))
        beside.write_text(json.dumps(environment), encoding="utf-8")
        yield ["explain", "--json", "--environment", str(beside), str(place)]


def explain(log: str | bytes, environment: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of ``convfix explain --json``, run in this process."""
    from fixer.cli import main

    said = io.StringIO()
    with _written(log, environment or {}) as arguments, contextlib.redirect_stdout(said):
        try:
            main(arguments)
        except SystemExit as ending:
            code = int(ending.code or 0)
    document = json.loads(said.getvalue())
    if document["errors"]:
        raise RuntimeError(f"explain ended with {code}: {document['errors']}")
    return code, document


def explain_by_command(log: str, environment: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The same by a process of its own."""
    with _written(log, environment) as arguments:
        done = subprocess.run(convfix(*arguments), capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout)


@contextlib.contextmanager
def _not_counted(truth: str) -> Iterator[None]:
    """Takes the report that is judged out of the counts of reports: an answer must not rest on its own case."""
    from fixer.rules import base_rates
    from fixer.rules.topics import topics

    def rates(case: Any) -> Any:
        known = counted(case)
        less = {topic: _less(known.topics[topic], truth) for topic in topics(case) if topic in known.topics}
        return base_rates.Rates(_less(known.causes, truth), {**known.topics, **less})

    counted = base_rates.rates
    base_rates.rates = rates
    try:
        yield
    finally:
        base_rates.rates = counted


def _less(counts: Mapping[str, int], cause: str) -> dict[str, int]:
    return {**counts, cause: max(0, counts.get(cause, 0) - 1)}


def score(case: dict[str, Any], classes: dict[str, str]) -> Score:
    """One case, explained and judged; the counts of reports are those of the others."""
    with _not_counted(str(case["cause"])):
        code, document = explain(case["log"], case["environment"])
    return Score(case, code, tuple(document["data"].get("causes", ())), classes)


def false_alarms(log: str, environment: dict[str, Any] | None = None) -> list[str]:
    """What is blamed in a log in which nothing is wrong: cause and certainty.

    On a machine without a GPU TensorFlow prints what it prints where the GPU cannot be reached. There an answer may waver,
    if that nothing is wrong is among what it wavers between.
    """
    _, document = explain(log, environment)
    causes = document["data"].get("causes", ())
    wavers = any(row["cause"] in HARMLESS for row in causes) and all(
        row["certainty"] == "cannot-tell" for row in causes if row["cause"] not in HARMLESS
    )
    return [] if wavers else [f"{row['cause']} ({row['certainty']})" for row in causes if row["cause"] not in HARMLESS]


def healthy_logs(folder: Path = HEALTHY) -> Iterator[dict[str, Any]]:
    """The kept logs of healthy runs: ``name``, ``log``, and ``environment`` where the run's is needed."""
    for path in sorted(folder.glob("*.jsonl")):
        yield from read(path)


def main(options: argparse.Namespace, places: Places) -> bool:
    """Score the cases and the healthy logs, print; whether every goal is met."""
    classes = json.loads(CLASSES.read_text(encoding="utf-8"))
    every = read(options.cases or CASES)
    cases = [case for case in every if options.half in ("both", half(case))]
    if not cases:
        raise SystemExit(f"no case is of {options.half!r}; expected both or one of {', '.join(sorted(set(map(half, every))))}")
    told = [case for case in cases if case["log"].strip()]
    scores = [score(case, classes) for case in told]
    print(f"{len(cases)} cases ({options.half}), {len(told)} with a log")
    met = _print_totals(scores)
    _print_causes(scores)
    _print_confusions(scores, options.show)
    met = _print_faults(scores) and met
    if options.cases is None:
        _print_field(classes)
    met = _print_healthy() and met
    return _same_by_command(told[:THROUGH_THE_COMMAND]) and met


def _print_totals(scores: Sequence[Score]) -> bool:
    print(f"{'':12} {'n':>4} {'first':>7} {'in three':>9} {'or candidate':>13} {'wavers':>7} {'nothing':>8} {'wrong first':>12}")
    met = True
    for title, chosen in (
        ("confirmed", [one for one in scores if one.case["confidence"] == "confirmed"]),
        ("likely", [one for one in scores if one.case["confidence"] != "confirmed"]),
        ("all", list(scores)),
    ):
        if not chosen:
            continue
        first, three, reached = (_share(chosen, name) for name in ("is_first", "in_three", "reached"))
        nothing = sum(not one.causes for one in chosen)
        wrong = sum(bool(one.causes) and not one.wavers and not one.is_first for one in chosen)
        wavers = sum(one.wavers for one in chosen)
        print(f"{title:12} {len(chosen):4} {first:7.1%} {three:9.1%} {reached:13.1%} {wavers:7} {nothing:8} {wrong:12}")
        if title == "confirmed":
            met = first >= GOAL_FIRST and reached >= GOAL_NAMED
    return met


def _print_field(classes: dict[str, str]) -> None:
    """The reports of the field, a row a half: totals only, so that counting does not spoil them."""
    told = [case for case in read(FIELD) if case["log"].strip()]
    print(f"\n{'field':12} {'n':>4} {'first':>7} {'or candidate':>13} {'wrong proven':>13} {'harmful':>8} {'plan class':>11}")
    for name in sorted({half(case) for case in told}):
        chosen = [score(case, classes) for case in told if half(case) == name]
        faults = [sum(bool(getattr(one, fault)) for one in chosen) for fault in ("wrongly_proven", "harmful", "wrong_plans")]
        first, reached = _share(chosen, "is_first"), _share(chosen, "reached")
        print(f"{name:12} {len(chosen):4} {first:7.1%} {reached:13.1%} {faults[0]:13} {faults[1]:8} {faults[2]:11}")
    print()


def _share(scores: Sequence[Score], name: str) -> float:
    return sum(bool(getattr(one, name)) for one in scores) / len(scores)


def _print_causes(scores: Iterable[Score]) -> None:
    by_cause: dict[str, list[Score]] = defaultdict(list)
    for one in scores:
        by_cause[one.truth].append(one)
    print(f"\n{'cause':30} {'n':>3} {'first':>6} {'three':>6} {'reached':>8}   named first instead")
    for cause, group in sorted(by_cause.items(), key=lambda row: (-len(row[1]), row[0])):
        counts = [sum(bool(getattr(one, name)) for one in group) for name in ("is_first", "in_three", "reached")]
        instead = Counter(one.first for one in group if not one.is_first)
        shown = ", ".join(f"{name} {count}" for name, count in instead.most_common())
        print(f"{cause:30} {len(group):3} {counts[0]:6} {counts[1]:6} {counts[2]:8}   {shown}")


def _print_confusions(scores: Iterable[Score], show: str | None) -> None:
    print("\nnot reached:")
    for one in scores:
        if not one.reached:
            answer = ", ".join(f"{row['cause']} ({row['certainty']})" for row in one.causes[:4])
            print(f"  {one.case['id']} {one.case['confidence']:9} {one.truth} <- {answer or 'nothing'} [{one.code}]")
        if show and show in (one.case["id"], one.truth):
            print(json.dumps(one.causes, indent=1, ensure_ascii=False))


def _print_faults(scores: Iterable[Score]) -> bool:
    clean = True
    for title, name in (("wrongly proven", "wrongly_proven"), ("harmful commands", "harmful"), ("plan class", "wrong_plans")):
        rows = [f"  {one.case['id']} ({one.truth}) {row}" for one in scores for row in getattr(one, name)]
        print(f"{title}: {len(rows)}")
        print("\n".join(rows[:40]) + "\n" if rows else "", end="")
        clean = clean and not rows
    return clean


def _print_healthy() -> bool:
    logs = list(healthy_logs())
    alarms = [(row["name"], said) for row in logs for said in [false_alarms(row["log"], row.get("environment"))] if said]
    print(f"healthy logs: {len(logs)}, false alarms: {len(alarms)}")
    for name, said in alarms[:40]:
        print(f"  {name}: {', '.join(said)}")
    return not alarms


def _same_by_command(cases: Iterable[dict[str, Any]]) -> bool:
    same = True
    for case in cases:
        here = explain(case["log"], case["environment"])
        if explain_by_command(case["log"], case["environment"]) != here:
            same = False
            print(f"{case['id']}: the command says something else than the call in this process", file=sys.stderr)
    return same
