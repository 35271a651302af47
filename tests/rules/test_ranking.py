"""The choice of the primary cause, and the exit code, on findings made by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from fixer.model.finding import Evidence, Finding, Remedy
from fixer.rules.ranking import exit_code, rank
from fixer.rules.say import finding


def make(cause: str, severity: str = "blocks", certainty: str = "proven") -> Finding:
    needs = ("something",) if certainty == "cannot-tell" else ()
    return finding(cause, severity, certainty, cause, (Evidence("a", "b", "c"),), "do", needs=needs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "first, second",
    [
        ("numpy-abi", "driver-not-loaded"),
        ("tensorflow-missing", "no-nvidia-gpu"),
        ("gpu-arch-too-old", "driver-too-old"),
        ("driver-too-old", "cuda-libs-missing"),
        ("driver-library-mismatch", "ld-library-path-shadows-env"),
        ("ld-library-path-shadows-env", "cudnn-shadowed"),
        ("ld-library-path-missing", "cuda-libs-wrong-version"),
        ("cudnn-shadowed", "cudnn-too-old"),
        ("cudnn-too-old", "cudnn-missing"),
        ("cuda-libs-missing", "gpu-memory-held"),
    ],
)
def test_the_contract_s_order(first: str, second: str) -> None:
    for pair in itertools.permutations((make(first), make(second))):
        ranked = rank(pair)
        assert [found.cause for found in ranked] == [first, second]
        assert [found.primary for found in ranked] == [True, False]


def test_only_what_blocks_is_primary() -> None:
    ranked = rank([make("numpy-abi", "risks"), make("no-nvidia-gpu", "note")])
    assert not any(found.primary for found in ranked)
    assert [exit_code(ranked, level) for level in ("blocks", "risks", "note")] == [0, 1, 1]
    assert exit_code(rank([make("no-nvidia-gpu", "note")]), "risks") == 0


def test_certainty_breaks_ties_of_a_stage() -> None:
    proven, likely = make("driver-too-old"), make("secure-boot", certainty="likely")
    unknown = make("driver-not-loaded", certainty="cannot-tell")
    assert [found.cause for found in rank([unknown, likely, proven])] == ["driver-too-old", "secure-boot", "driver-not-loaded"]
    assert exit_code(rank([unknown, proven])) == 1


def test_an_unknown_of_an_earlier_stage_could_change_the_answer() -> None:
    unknown, proven = make("driver-not-loaded", certainty="cannot-tell"), make("cuda-libs-missing")
    ranked = rank([proven, unknown])
    assert ranked[0].cause == "driver-not-loaded" and ranked[0].primary
    assert exit_code(ranked) == 6
    assert exit_code(rank([make("numpy-abi"), unknown])) == 1


def test_ranking_is_stable_and_keeps_each_finding_once() -> None:
    several = [make("cudnn-missing"), make("cudnn-missing"), replace(make("numpy-abi"), primary=True, remedy=Remedy("x"))]
    assert rank(several) == rank(reversed(several)) == rank(rank(several))
    assert len(rank(several)) == 2


def test_nothing_found_is_healthy() -> None:
    assert rank([]) == () and exit_code(()) == 0
