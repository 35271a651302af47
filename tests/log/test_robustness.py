"""A log that was cut, wrapped, coloured, re-encoded or mixed with other output still names its cause, or wavers: never another one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from scripts.bench import explain as bench
from tests.log.heard import hear
from tests.log.spoil import FAITHFUL, LOSSY, SHAPES, Way

CASES = [case for case in bench.read(bench.CASES) if case["log"].strip()]
SEED = 20261124


def causes(case: Mapping[str, Any], log: str | bytes) -> list[tuple[str, str]]:
    """Each cause with its certainty."""
    _, document = bench.explain(log, case["environment"])
    return [(row["cause"], row["certainty"]) for row in document["data"]["causes"]]


@pytest.fixture(scope="module")
def whole() -> dict[str, list[tuple[str, str]]]:
    """The answers to the logs as they are."""
    return {case["id"]: causes(case, case["log"]) for case in CASES}


@pytest.mark.slow
@pytest.mark.parametrize("way", FAITHFUL, ids=lambda way: way.__name__)
def test_the_same_words_give_the_same_answer(way: Way, whole: dict[str, list[tuple[str, str]]]) -> None:
    other = {}
    for case in CASES:
        said = causes(case, way(case["log"], random.Random(f"{SEED} {case['id']}")))
        if [name for name, _ in said] != [name for name, _ in whole[case["id"]]]:
            other[case["id"]] = said
    assert not other


@pytest.mark.slow
@pytest.mark.parametrize("way", LOSSY, ids=lambda way: way.__name__)
def test_a_part_names_the_same_cause_or_wavers(way: Way, whole: dict[str, list[tuple[str, str]]]) -> None:
    """Harmless lines alone name no trouble. Of a log with two troubles the lines of the first may be lost: once in all."""
    turned, invented = [], {}
    for case in CASES:
        said = causes(case, way(case["log"], random.Random(f"{SEED} {case['id']}")))
        before = [name for name, _ in whole[case["id"]]]
        if said and said[0][1] != "cannot-tell" and said[0][0] not in (*bench.HARMLESS, *before[:1]):
            turned.append(case["id"])
            if said[0][0] not in before:
                invented[case["id"]] = (before, said[0])
    assert not invented
    assert len(turned) <= 1


def heard(case: Mapping[str, Any], log: str | bytes) -> list[tuple[str, str]]:
    """The same answer, in this process."""
    return [(cause.cause, cause.certainty) for cause in hear(log, case["environment"]).answer.causes]


def is_turned(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> bool:
    """Whether another cause is told than before: neither wavering, nor nothing, nor harmless lines alone."""
    return bool(after) and after[0][1] != "cannot-tell" and after[0][0] not in (*bench.HARMLESS, *[name for name, _ in before[:1]])


@pytest.mark.slow
@pytest.mark.parametrize("way", SHAPES, ids=lambda way: way.__name__)
def test_another_shape_tells_no_other_cause(way: Way) -> None:
    """Which of two equally probable causes stands first may depend on how often a line was said: of two logs at most."""
    changed = []
    for case in CASES:
        before, after = heard(case, case["log"]), heard(case, way(case["log"], random.Random(SEED)))
        assert not is_turned(before, after), (case["id"], before[:2], after[:2])
        changed += [case["id"]] if before[:1] != after[:1] and [name for name, _ in before[:1]] != [name for name, _ in after[:1]] else []
    assert len(changed) <= (2 if way.__name__ == "said_twice" else 0)


@pytest.mark.slow
def test_no_first_or_last_lines_alone_tell_another_cause() -> None:
    """Every beginning and every end of every log. Where a log tells of two troubles, the lines of the first may be cut: once in all."""
    turned, parts = [], 0
    for case in CASES:
        lines, before = case["log"].split("\n"), heard(case, case["log"])
        for at in range(1, len(lines)):
            for part in ("\n".join(lines[:at]), "\n".join(lines[at:])):
                after = heard(case, part)
                parts += 1
                turned += [case["id"]] if is_turned(before, after) else []
                assert all(name in [one for one, _ in before] for name, certainty in after if certainty == "proven")
    assert parts > 400 and len(turned) <= 1
