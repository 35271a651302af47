"""Every planning case: a described machine, a wish, and what the plan must be; pairs differ in one decisive fact."""

from __future__ import annotations

import json

import pytest

from fixer.dataset.questions import Dataset
from fixer.model import machine
from fixer.model.codec import to_json
from fixer.planning import make_plan
from fixer.rules import judge
from tests.planning import checker, harness


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open()


@pytest.mark.parametrize("name", harness.names())
def test_case(name: str, dataset: Dataset) -> None:
    case = harness.load(name)
    plan = harness.plan_of(case["machine"], harness.wish_of(case["wish"]), dataset)
    failed = harness.wrong(plan, case["expect"], case["machine"])
    assert not failed, "\n".join((*failed, "", harness.told(plan)))
    problems = checker.problems(plan, case["machine"], dataset)
    assert not problems, "\n".join((*problems, "", harness.told(plan)))


@pytest.mark.parametrize("name", harness.names())
def test_the_machine_file_of_the_facts_gives_the_same_plan(name: str, dataset: Dataset) -> None:
    case = harness.load(name)
    wish = harness.wish_of(case["wish"])
    facts = machine.decode(case["machine"])
    again = machine.decode(json.loads(json.dumps(machine.encode(facts))))
    first = make_plan(facts, judge(facts, dataset, wish), dataset, wish, "0")
    second = make_plan(again, judge(again, dataset, wish), dataset, wish, "0")
    assert to_json(first) == to_json(second)


def test_each_pair_differs_in_one_fact() -> None:
    names = harness.names()
    pairs = {name[:-3] for name in names if name.endswith("--a")}
    assert len(pairs) >= 50
    for stem in sorted(pairs):
        one, other = harness.load(f"{stem}--a"), harness.load(f"{stem}--b")
        assert one["flip"] == other["flip"]
        assert (one["machine"], one["wish"]) != (other["machine"], other["wish"]), stem
        assert one["expect"] != other["expect"], stem
