"""Each cause by what its programs print, and the same log with its one decisive fact turned: then the cause is not told.

The unit is a pair of ``pairs.json``: a log (with a report's words where they decide), the cause that it must name, first or, with
``named``, among its candidates; and flips: what was turned, and the cause that must come first ``instead``, where one must.
A flipped log may still weigh the cause among others. It must not prove it, call it likely, or (unless ``weak``) put it first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixer.rules.causes import CAUSES
from tests.log.heard import hear

PAIRS: list[dict[str, Any]] = json.loads((Path(__file__).resolve().parents[1] / "cases" / "explain" / "pairs.json").read_text("utf-8"))
FLIPS = [(pair, flip) for pair in PAIRS for flip in pair["flips"]]
# Causes that no line of a log tells, and why.
UNHEARD = {
    "nvidia-wheel-collision": "two wheels that own one file: seen on disk alone",
    "interrupted-apply": "a journal of convfix's own: seen on disk alone",
    "unresolved-other": "what remains where nothing else fits",
}


def told(row: dict[str, Any], whole: dict[str, Any]) -> list[tuple[str, str]]:
    """Each cause with its certainty for a pair or a flip of it."""
    answer = hear(row.get("log", whole["log"]), row.get("environment", whole.get("environment"))).answer
    return [(cause.cause, cause.certainty) for cause in answer.causes]


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["id"] for pair in PAIRS])
def test_the_cause_is_named(pair: dict[str, Any]) -> None:
    causes = told(pair, pair)
    named = [cause for cause, _ in causes]
    if pair.get("named"):
        assert pair["cause"] in named and causes[0][1] != "proven", causes
    else:
        assert named[:1] == [pair["cause"]], causes
    assert all(cause == pair["cause"] for cause, certainty in causes if certainty == "proven"), causes


@pytest.mark.parametrize(("pair", "flip"), FLIPS, ids=[f"{pair['id']}: {flip['what']}" for pair, flip in FLIPS])
def test_with_its_decisive_fact_turned_it_is_not(pair: dict[str, Any], flip: dict[str, Any]) -> None:
    causes = told(flip, pair)
    assert (pair["cause"], "proven") not in causes and (pair["cause"], "likely") not in causes, causes
    if not flip.get("weak"):
        assert causes[:1] == [] or causes[0][0] != pair["cause"], causes
    if "instead" in flip:
        assert causes and causes[0][0] == flip["instead"], causes
    else:
        assert all(certainty != "proven" for _, certainty in causes[1:]), causes


def test_every_cause_has_a_pair() -> None:
    assert {pair["cause"] for pair in PAIRS} | set(UNHEARD) == set(CAUSES)
    assert len({pair["id"] for pair in PAIRS}) == len(PAIRS) and all(pair["flips"] for pair in PAIRS)
