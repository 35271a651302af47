"""No smaller change would have done: plans against the enumeration of all changes in small worlds."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from fixer.model.plan import Plan, Wish
from tests.planning import checker, harness, worlds

WORLDS = tuple(worlds.package_worlds())
CARDS = ("3.7", "5.2", "6.1", "7.0", "7.5", "8.6", "8.9", "9.0", "10.0", "12.0")
DRIVERS = ("450.248.02", "470.256.02", "525.147.05", "535.183.01", "545.23.08", "550.144.03", "570.133.20", "580.95.05")
PRESENT = ("2.10.1", "2.14.1", "2.15.1", "2.16.2", "2.18.1", "2.20.0", "2.21.0")


def _changed(plan: Plan, before: dict[str, str]) -> list[str]:
    assert plan.outcome is not None, harness.told(plan)
    return [name for name, version in before.items() if plan.outcome.packages.get(name) != version]


@pytest.mark.parametrize(("packages", "python"), WORLDS, ids=["+".join(p.values()) for p, _ in WORLDS])
def test_no_fewer_packages_would_do(packages: dict[str, str], python: str) -> None:
    machine = worlds.described(environment={"kind": "venv", "python": python, "owner": None, "packages": packages})
    plan = harness.plan_of(machine, Wish(), worlds.DATASET)
    least = worlds.fewest_changes(packages, python.rpartition(".")[0], "2.35", 2)
    assert not checker.problems(plan, machine, worlds.DATASET), harness.told(plan)
    changed = _changed(plan, packages)
    if least is None:
        assert len(changed) > 2 or "tensorflow" in changed, harness.told(plan)
    else:
        assert len(changed) == least and "tensorflow" not in changed, (least, changed, harness.told(plan))


def test_the_worlds_are_not_all_alike() -> None:
    """The enumeration finds sound ones, and ones that need one change and two."""
    found = {worlds.fewest_changes(packages, python.rpartition(".")[0], "2.35", 2) for packages, python in WORLDS}
    assert {0, 1, 2} <= found


def _machine(capability: str, driver: str, environment: Any) -> dict[str, Any]:
    card = {"name": f"card {capability}", "compute_capability": capability}
    return worlds.described(gpus=[card], driver={"version": driver, "kernel_module": driver}, environment=environment)


@pytest.mark.parametrize(("capability", "driver"), list(itertools.product(CARDS, DRIVERS)))
def test_a_new_environment_holds_a_stack_where_there_is_one(capability: str, driver: str) -> None:
    """The GPU is used on the present driver exactly where the rows have a stack for it, and then by the newest without a flaw."""
    plan = harness.plan_of(_machine(capability, driver, None), Wish(device="gpu"), worlds.DATASET)
    fitting = [row.version for row in worlds.tensorflows() if worlds.serves(row, capability, driver, "3.11", "2.35")]
    outcome = plan.outcome
    branch = int(driver.split(".")[0])
    family = next(one for one in worlds.DATASET.families() if capability in one.compute_capabilities)
    dropped = family.last_driver_branch is not None and branch > family.last_driver_branch
    if fitting and not dropped:
        assert outcome is not None and outcome.driver == "keep", harness.told(plan)
        assert outcome.tensorflow in fitting, (fitting, harness.told(plan))
    else:
        assert outcome is None or outcome.driver != "keep", (fitting, harness.told(plan))


@pytest.mark.parametrize(("capability", "driver"), list(itertools.product(CARDS[2:], DRIVERS[1:]))[::3])
def test_no_smaller_step_of_tensorflow_would_do(capability: str, driver: str) -> None:
    for present in PRESENT:
        environment = {"kind": "venv", "python": "3.11.7", "owner": None, "packages": {"tensorflow": present}}
        machine = _machine(capability, driver, environment)
        plan = harness.plan_of(machine, Wish(device="gpu"), worlds.DATASET)
        outcome = plan.outcome
        if outcome is None or outcome.driver != "keep" or any(one.kind == "new_environment" for one in plan.actions):
            continue
        least = worlds.smallest_step(present, lambda row: worlds.serves(row, capability, driver, "3.11", "2.35"))
        row = next((one for one in worlds.tensorflows() if one.version == outcome.tensorflow), None)
        assert row is not None and least is not None, harness.told(plan)
        assert worlds.step(row, present) == least, (present, least, harness.told(plan))
