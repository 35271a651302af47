"""Laws of planning over machines that nobody thought of: an answer with a contract's code, and a fixed point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from fixer import exit_codes
from fixer.dataset.questions import Dataset
from fixer.model import codec, installers
from fixer.model.needed_packages import BY_KERAS, BY_TENSORFLOW
from fixer.model.plan import Plan
from tests.planning import checker, harness
from tests.planning.drawn import machines, wishes

CODES = {exit_codes.HEALTHY, exit_codes.PROBLEMS, exit_codes.CANNOT_TELL, exit_codes.PERSON_ONLY, exit_codes.NO_STACK}
DATASET = Dataset.open()

def _plan(described: dict[str, Any], wish: dict[str, Any]) -> Plan:
    return harness.plan_of(described, harness.wish_of(wish), DATASET)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(described=machines(), wish=wishes)
def test_any_machine_gets_a_sound_answer(described: dict[str, Any], wish: dict[str, Any]) -> None:
    plan = _plan(described, wish)
    assert plan.exit_code in CODES
    assert (plan.outcome is None) == (plan.exit_code in (exit_codes.CANNOT_TELL, exit_codes.NO_STACK)), harness.told(plan)
    assert (plan.exit_code == exit_codes.PROBLEMS) == bool(plan.actions), harness.told(plan)
    if plan.exit_code in (exit_codes.CANNOT_TELL, exit_codes.NO_STACK):
        assert plan.notes
    if plan.exit_code == exit_codes.NO_STACK:
        assert plan.rejected
    if described.get("os") == "linux" and described.get("arch") == "x86_64":
        assert not checker.problems(plan, described, DATASET), harness.told(plan)
    again = codec.from_json(Plan, json.loads(json.dumps(codec.to_json(plan))), "plan")
    assert codec.to_json(again) == codec.to_json(plan)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(described=machines(), wish=wishes)
def test_a_plan_applied_to_its_machine_leaves_nothing_to_install(described: dict[str, Any], wish: dict[str, Any]) -> None:
    plan = _plan(described, wish)
    if plan.outcome is None or not plan.actions:
        return
    after = _plan(_applied(described, plan), wish)
    assert after.outcome is not None, harness.told(plan) + "\n--- then ---\n" + harness.told(after)
    # A machine file cannot say that the hook is there; everything else must be done.
    left = [action.kind for action in after.actions if action.kind != "preload_hook"]
    assert not left, harness.told(plan) + "\n--- then ---\n" + harness.told(after)


def _applied(described: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The described machine as ``plan`` leaves it."""
    assert plan.outcome is not None
    environment = dict(described.get("environment") or {})
    packages = dict(plan.outcome.packages)
    variables = dict(described.get("variables") or {})
    for action in plan.actions:
        if action.kind == "new_environment":
            kind = "conda" if action.params["manager"] in installers.CONDA_MANAGERS else "venv"
            environment = {"kind": kind, "owner": None, "python": plan.outcome.python}
        by_conda = action.params.get("requirements", ()) if action.kind == "conda_packages" else action.params.get("conda", ())
        if any(text.startswith("tensorflow=") for text in by_conda):
            # conda's TensorFlow is a shell around this package.
            packages["tensorflow-base"] = packages["tensorflow"]
        if action.kind == "activation_script":
            variables = _activated(variables, action.params)
    for step in plan.human_steps:
        # What a person is asked to take away is gone.
        if step.summary.startswith("Take the variable away"):
            variables = {name: value for name, value in variables.items() if name not in _blamed(plan)}
    asked = [name for one in plan.findings if one.code == "requirement-missing" for name in one.subject["packages"].split(",")]
    if packages.get("tensorflow") != (described.get("environment") or {}).get("packages", {}).get("tensorflow") or _anew(plan):
        asked += [*BY_TENSORFLOW, *BY_KERAS]
    # The installer brings what metadata asks for, in a version that the dataset does not know either.
    environment["packages"] = {**dict.fromkeys(asked, "1"), **packages}
    beside = dict(described.get("x-convfix") or {})
    if "patient" in beside:
        beside["patient"] = {**beside["patient"], "broken": []}
    return {**described, "environment": environment, "variables": variables, "x-convfix": beside}


def _anew(plan: Plan) -> bool:
    return any(action.kind == "new_environment" for action in plan.actions)


def _blamed(plan: Plan) -> set[str]:
    """The variables that what blocks rests on."""
    named = (one.fact for finding in plan.findings if finding.severity == "blocks" for one in finding.evidence)
    return {fact.removeprefix("variables.") for fact in named if fact.startswith("variables.")}


def _activated(variables: dict[str, str], change: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a terminal in which the environment is activated."""
    made = {name: value for name, value in variables.items() if name not in change.get("unset", ())} | change.get("set", {})
    for name, folders in change.get("drop", {}).items():
        made[name] = ":".join(one for one in made.get(name, "").split(":") if one.rstrip("/") not in folders)
    for name, folders in change.get("prepend", {}).items():
        old = [one for one in made.get(name, "").split(":") if one and one not in folders]
        made[name] = ":".join((*folders, *old))
    return made


@pytest.mark.parametrize("name", harness.names())
def test_a_case_applied_to_its_machine_leaves_nothing_to_install(name: str) -> None:
    case = harness.load(name)
    plan = _plan(case["machine"], case["wish"])
    if plan.outcome is None or not plan.actions or any(a.kind in ("activation_script", "profile_block") for a in plan.actions):
        return
    if any(text.startswith(("tensorflow=", "cudatoolkit=")) and "==" not in text for a in plan.actions for text in a.params.get("conda", ())):
        return  # A machine file cannot say that a package is conda's build, or what libraries conda put into an environment.
    after = _plan(_applied(case["machine"], plan), case["wish"])
    assert not [a.kind for a in after.actions if a.kind != "preload_hook"], harness.told(after)


def test_remembered_answers_are_the_answers() -> None:
    """The same machine gives the same bytes, first, again, and after others."""
    first = {name: codec.to_json(_plan(harness.load(name)["machine"], harness.load(name)["wish"])) for name in harness.names()}
    for name in reversed(harness.names()):
        assert codec.to_json(_plan(harness.load(name)["machine"], harness.load(name)["wish"])) == first[name]
