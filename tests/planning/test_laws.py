"""Laws that hold between two plans: more freedom is never worse, less knowledge never more certain, order never counts.

Preference is as the order of changes says (``fixer/planning/order.py`` and the contract's exit codes), written here anew.
"""

from __future__ import annotations

import json
import random
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fixer import exit_codes
from fixer.dataset.questions import Dataset
from fixer.model import codec, machine
from fixer.model.plan import Plan
from tests.planning import harness
from tests.planning.drawn import machines, wishes

DATASET = Dataset.open()
CHECKED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], derandomize=True)
# The change that each kind of action is, least first; a person's step is the biggest of all.
CHANGES = ("preload_hook", "pip_requirements", "activation_script", "kernelspec", "profile_block", "conda_packages", "new_environment")


def plan(described: dict[str, Any], wish: dict[str, Any]) -> Plan:
    return harness.plan_of(described, harness.wish_of(wish), DATASET)


def badness(made: Plan) -> tuple[int, int, int] | None:
    """How bad a plan is, for plans of one machine: none at all, not for the GPU, how big its biggest change is. None: nobody can tell."""
    if made.exit_code == exit_codes.CANNOT_TELL:
        return None
    if made.outcome is None:
        return 1, 0, 0
    biggest = max((CHANGES.index(one.kind) + 1 for one in made.actions), default=0)
    return 0, int(made.outcome.device != "gpu"), len(CHANGES) + 1 if made.human_steps else biggest


def with_manager(described: dict[str, Any]) -> dict[str, Any]:
    return {**described, "managers": [*described["managers"], "uv"]} if "managers" in described else described


def with_python(described: dict[str, Any]) -> dict[str, Any]:
    return {**described, "pythons": sorted({*described["pythons"], "3.12"})} if "pythons" in described else described


def with_room(described: dict[str, Any]) -> dict[str, Any]:
    return {**described, "disk_free_mib": 900_000}


def with_newer_driver(described: dict[str, Any]) -> dict[str, Any]:
    """The newest driver that still serves every card, where there is a driver already."""
    cards = described.get("gpus") or []
    known = [one for card in cards for one in DATASET.families() if card.get("compute_capability") in one.compute_capabilities]
    present = (described.get("driver") or {}).get("version")
    lasts = [one.last_driver_branch for one in known if one.last_driver_branch is not None]
    branch = min([580, *lasts])
    if not known or len(known) < len(cards) or present is None or int(present.split(".")[0]) > branch:
        return described
    if any((one.first_driver_branch or 0) > branch for one in known):
        return described
    return {**described, "driver": {"version": f"{branch}.999", "kernel_module": f"{branch}.999"}}


FREEDOMS = (with_manager, with_python, with_room, with_newer_driver)


@pytest.mark.parametrize("freer", FREEDOMS, ids=lambda one: one.__name__)
def test_more_freedom_never_gives_a_worse_plan(freer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    @CHECKED
    @given(described=machines(), wish=wishes)
    def law(described: dict[str, Any], wish: dict[str, Any]) -> None:
        free = freer(described)
        assume(free != described)
        before, after = plan(described, wish), plan(free, wish)
        worst, best = badness(before), badness(after)
        if worst is not None and best is not None:
            assert best <= worst, f"{harness.told(before)}\n--- with more freedom ---\n{harness.told(after)}"

    law()


@CHECKED
@given(described=machines(), wish=wishes, place=st.integers(0, 1))
def test_a_wish_less_never_gives_a_worse_plan(described: dict[str, Any], wish: dict[str, Any], place: int) -> None:
    assume(len(wish["requirements"]) > place)
    fewer = {**wish, "requirements": [one for number, one in enumerate(wish["requirements"]) if number != place]}
    # Whether what was chosen fits on the disk is asked last, and a smaller release may fit where the best one does not.
    described = with_room(described)
    before, after = plan(described, wish), plan(described, fewer)
    worst, best = badness(before), badness(after)
    if worst is not None and best is not None:
        assert best <= worst, f"{harness.told(before)}\n--- with a wish less ---\n{harness.told(after)}"


@CHECKED
@given(described=machines(), wish=wishes, seed=st.integers(0, 999))
def test_the_order_in_a_machine_file_does_not_count(described: dict[str, Any], wish: dict[str, Any], seed: int) -> None:
    dice = random.Random(seed)

    def shuffled(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            keys = list(value)
            dice.shuffle(keys)
            return {key: shuffled(value[key], key) for key in keys}
        if name in ("pythons", "managers", "cpu_flags"):
            return dice.sample(value, len(value))
        return value

    assert codec.to_json(_bare(plan(shuffled(described), wish))) == codec.to_json(_bare(plan(described, wish)))


def _bare(made: Plan) -> dict[str, Any]:
    """A plan without the hashes of lists whose order differs."""
    return {**vars(made), "fingerprint": {}}


@CHECKED
@given(described=machines(), wish=wishes)
def test_the_machine_file_of_the_facts_gives_the_same_plan(described: dict[str, Any], wish: dict[str, Any]) -> None:
    told = json.loads(json.dumps(machine.encode(machine.decode(described))))
    assert codec.to_json(plan(told, wish)) == codec.to_json(plan(described, wish))


@CHECKED
@given(described=machines(), wish=wishes)
def test_keys_that_begin_with_x_change_nothing(described: dict[str, Any], wish: dict[str, Any]) -> None:
    noted = json.loads(json.dumps(described))
    for one in (noted, *(noted.get("gpus") or ()), noted.get("driver"), noted.get("environment"), noted.get("distro")):
        if isinstance(one, dict):
            one["x-note"] = {"glibc": "1.0", "gpus": None}
    assert codec.to_json(plan(noted, wish)) == codec.to_json(plan(described, wish))


# What people leave out is presumed ordinary; taking one of these away is another machine, not less knowledge.
PRESUMED = ("os", "arch", "wsl", "container")


@CHECKED
@given(described=machines(), wish=wishes, pick=st.integers(0, 99))
def test_less_knowledge_is_never_more_certain(described: dict[str, Any], wish: dict[str, Any], pick: int) -> None:
    """What is proven from a part of the facts is not taken back when the rest is told, nor is a cannot-tell settled by silence."""
    # An environment that nobody tells of is presumed to be no conda's.
    by_conda = (described.get("environment") or {}).get("kind") == "conda"
    names = sorted(set(described) - {*PRESUMED, *(("environment",) if by_conda else ())})
    assume(names)
    # An Alpine with a glibc contradicts itself: either half alone says something else.
    assume(not (described.get("glibc") and (described.get("distro") or {}).get("id") == "alpine"))
    left = {key: value for key, value in described.items() if key != names[pick % len(names)]}
    before, after = plan(described, wish), plan(left, wish)
    proven = {(one.cause, one.code) for one in after.findings if one.primary and one.certainty == "proven"}
    told = {(one.cause, one.code) for one in before.findings if one.severity == "blocks" and one.certainty == "proven"}
    assert proven <= told, f"without {names[pick % len(names)]}: {proven - told}\n{harness.told(before)}\n--- then ---\n{harness.told(after)}"


@CHECKED
@given(described=machines(), wish=wishes)
def test_the_exit_code_is_the_first_of_the_contracts_order(described: dict[str, Any], wish: dict[str, Any]) -> None:
    made = plan(described, wish)
    hold = {0}
    hold |= {1} if any(one.privilege == "user" for one in made.actions) else set()
    hold |= {8} if made.human_steps else set()
    if made.outcome is None:
        assert made.exit_code in (9, 6) and not made.actions and not made.human_steps
    else:
        assert made.exit_code == next(code for code in (1, 8, 0) if code in hold), harness.told(made)


def test_of_several_codes_the_contracts_first_holds() -> None:
    order = (130, 143, 70, 2, 7, 4, 3, 9, 6, 5, 1, 8, 0)
    for place, code in enumerate(order[2:], 2):
        assert exit_codes.strongest(order[place:]) == code == exit_codes.strongest(reversed(order[place:]))
    assert exit_codes.strongest([130, 70]) == 130 and exit_codes.strongest([143, 70]) == 143
