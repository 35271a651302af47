"""A log that was cut, wrapped, coloured, re-encoded or mixed with other output still names its cause, or wavers: never another one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from scripts.bench import explain as bench
from tests.log.spoil import FAITHFUL, LOSSY, Way

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
