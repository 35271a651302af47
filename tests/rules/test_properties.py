"""What holds for every machine file: an answer, in any order of rules, with honest certainty."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixer.dataset.questions import Dataset
from fixer.model import machine
from fixer.model.plan import Wish
from fixer.rules import as_advised, every_rule, judge, loading
from fixer.rules.case import Case
from fixer.rules.causes import CAUSES
from fixer.rules.ranking import exit_code, rank
from tests.rules.machines import machines, wishes

DATASET = Dataset.open()
EXAMPLES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@EXAMPLES
@given(described=machines, wish=wishes, seed=st.integers())
def test_every_machine_gets_one_honest_answer(described: dict[str, Any], wish: tuple[tuple[str, ...], str], seed: int) -> None:
    facts, wanted = machine.decode(described), Wish(*wish)
    findings = judge(facts, DATASET, wanted)
    assert sum(found.primary for found in findings) == (1 if any(found.severity == "blocks" for found in findings) else 0)
    for found in findings:
        assert found.cause in CAUSES and found.title and found.remedy.summary
        assert (found.certainty == "cannot-tell") == bool(found.needs), found
        assert found.evidence and all(line.fact and line.source for line in found.evidence), found
        assert not found.primary or found is findings[0]
        assert all(argv and all(isinstance(part, str) and part for part in argv) for argv in found.remedy.commands)
        assert all(isinstance(key, str) and isinstance(value, str) for key, value in found.subject.items())
    codes = {level: exit_code(findings, level) for level in ("blocks", "risks", "note")}
    assert set(codes.values()) <= {0, 1, 6}
    assert codes["blocks"] == (
        0 if not findings or not findings[0].primary else 6 if findings[0].certainty == "cannot-tell" else 1
    )
    shuffled = list(every_rule())
    random.Random(seed).shuffle(shuffled)
    case = Case(facts, DATASET, wanted)
    assert rank(as_advised(case, (found for rule in shuffled for found in rule(case)))) == findings


@EXAMPLES
@given(described=machines, wish=wishes)
def test_each_rule_stands_alone(described: dict[str, Any], wish: tuple[tuple[str, ...], str]) -> None:
    """A rule says the same on a fresh case as among the others: nothing leaks through what the case remembers."""
    facts, wanted = machine.decode(described), Wish(*wish)
    together = Case(facts, DATASET, wanted)
    for rule in every_rule():
        assert list(rule(together)) == list(rule(Case(facts, DATASET, wanted))), rule.__name__


@pytest.mark.parametrize("lists", [{}, {"libraries": []}, {"toolkits": []}, {"libraries": [], "toolkits": []}])
def test_where_nothing_lies_the_short_way_says_what_the_long_one_says(lists: dict[str, Any]) -> None:
    judged = 0
    for version in sorted({row.version for row in DATASET.tensorflow_releases("tensorflow")}):
        case = Case(machine.decode({"environment": {"packages": {"tensorflow": version}}, **lists}), DATASET, Wish())
        if case.code_row is not None and case.cuda_built is not None:
            assert loading._nothing_lies(case)
            assert loading._described(case) == loading._of_copies(case, case.code_row) != ()
            judged += 1
    assert judged > 50


@EXAMPLES
@given(described=machines)
def test_the_cpu_is_never_blocked_by_the_gpu(described: dict[str, Any]) -> None:
    """With the CPU wished for, no fault of GPU, driver or CUDA library blocks."""
    findings = judge(machine.decode(described), DATASET, Wish(device="cpu"))
    gpu_stages = {"hardware", "driver", "visibility", "setting", "shadowing", "missing", "memory"}
    assert not [found for found in findings if found.severity == "blocks" and found.stage in gpu_stages]


@EXAMPLES
@given(described=machines, wish=wishes)
def test_a_machine_file_of_the_facts_is_judged_alike(described: dict[str, Any], wish: tuple[tuple[str, ...], str]) -> None:
    facts = machine.decode(described)
    again = machine.decode(machine.encode(facts))
    assert judge(again, DATASET, Wish(*wish)) == judge(facts, DATASET, Wish(*wish))
