"""No smaller change would have done: plans against the enumeration of all changes in small worlds."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from fixer.model.plan import Plan, Wish
from tests.planning import checker, harness, worlds

WORLDS = (*worlds.package_worlds(), *worlds.neighbour_worlds())
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


PYTHONS = ("3.8.10", "3.9.19", "3.10.12", "3.11.7", "3.12.3", "3.13.1", "3.14.0")
SPECS = ("", "==2.10.*", "==2.13.*", "==2.15.*", "==2.16.*", "==2.20.*")
AT_HAND: tuple[tuple[str, ...], ...] = ((), ("3.11",), ("3.9", "3.12"))


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("python", PYTHONS)
def test_no_smaller_change_of_python_would_do(python: str, spec: str) -> None:
    """An empty environment gets its TensorFlow; another Python only where its own has none, one at hand before one that is fetched."""
    own = ".".join(python.split(".")[:2])
    for others, manager in itertools.product(AT_HAND, ("pip", "uv")):
        at_hand = tuple(dict.fromkeys((own, *others)))
        environment = {"kind": "venv", "python": python, "owner": None, "packages": {}}
        machine = worlds.described(environment=environment, pythons=list(at_hand), managers=[manager])
        plan = harness.plan_of(machine, Wish((f"tensorflow{spec}",)), worlds.DATASET)
        least = worlds.python_change(spec, own, at_hand, manager == "uv", "2.35")
        new = [one for one in plan.actions if one.kind == "new_environment"]
        outcome = plan.outcome
        if least is None:
            assert plan.exit_code == 9 and plan.rejected, harness.told(plan)
            continue
        assert outcome is not None and outcome.python is not None and outcome.tensorflow is not None, harness.told(plan)
        assert not checker.problems(plan, machine, worlds.DATASET), harness.told(plan)
        assert outcome.tensorflow in [row.version for row in worlds.on_python(spec, outcome.python, "2.35")], harness.told(plan)
        if least == "stays":
            assert not new and outcome.python == own, harness.told(plan)
            assert outcome.tensorflow == worlds.on_python(spec, own, "2.35")[0].version, harness.told(plan)
        else:
            assert new and (outcome.python in at_hand) == (least == "at hand"), harness.told(plan)


@pytest.mark.parametrize(("capability", "driver"), list(itertools.product(CARDS, DRIVERS))[::5])
def test_the_cpu_asks_nothing_of_card_and_driver(capability: str, driver: str) -> None:
    """With the CPU wished for a sound TensorFlow stays, and a new one brings no library of NVIDIA's."""
    for present in PRESENT:
        environment = {"kind": "venv", "python": "3.11.7" if present != "2.10.1" else "3.10.12", "owner": None, "packages": {"tensorflow": present}}
        plan = harness.plan_of(_machine(capability, driver, environment), Wish(device="cpu"), worlds.DATASET)
        assert (plan.exit_code, plan.actions, plan.human_steps) == (0, (), ()), harness.told(plan)
    fresh = harness.plan_of(_machine(capability, driver, None), Wish(device="cpu"), worlds.DATASET)
    assert fresh.outcome is not None and not fresh.human_steps, harness.told(fresh)
    assert not [name for name in fresh.outcome.packages if name.startswith("nvidia-")] and fresh.outcome.device == "cpu"


@pytest.mark.parametrize("managers", [["uv"], ["pip", "uv"], ["pip", "conda"], ["conda", "uv", "pip"]], ids="+".join)
def test_the_manager_changes_the_commands_and_nothing_else(managers: list[str]) -> None:
    """Which installers are at hand decides who is called: neither the packages nor, where pins do, a bigger change."""
    for packages, python in WORLDS[::3]:
        environment = {"kind": "venv", "python": python, "owner": None, "packages": packages}
        by_pip, other = (
            harness.plan_of(worlds.described(environment=environment, managers=one), Wish(), worlds.DATASET) for one in (["pip"], managers)
        )
        assert by_pip.outcome is not None and other.outcome is not None
        assert [one.kind for one in other.actions] == [one.kind for one in by_pip.actions], harness.told(other)
        assert other.outcome.packages == by_pip.outcome.packages, harness.told(other)
        assert all(argv[0] == "uv" for one in other.actions for argv in one.commands) == ("uv" in managers or not other.actions)
