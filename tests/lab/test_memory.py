"""Memory that TensorFlow takes, that another program holds, and a setting that has no effect: proved by the pair of runs.

A glance at a machine cannot tell whether TensorFlow's grip on all memory starves cuDNN. ``verify`` runs the convolution, and
when it fails once more with memory growth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.lab.machine import Lab, Machine
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.lab.scenarios.scenario import Stage
from tests.lab.ward import Told, Ward, primary

HEALTHY = {one.id: one for one in SCENARIOS if one.cause is None}
ERAS = ["2.4.4-toolkit-on-the-path", "2.10.1-toolkit-on-the-path", "2.15.1-healthy", "2.20.0-healthy"]
# A display card of 4 GB: TensorFlow leaves some hundred MiB, and this cuDNN wants more to start.
SMALL: dict[str, Any] = {"gpu": "GTX 1050 Ti", "settings": {"FAKEGPU_CUDNN_NEEDS_MIB": "900"}}
GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"


def beside(lab: Lab, staged_at: Callable[[Scenario], Stage], era: str, used_mib: int = 100, growth: str = "") -> Ward:
    """The healthy scenario ``era`` on the small card; ``growth`` is what the person set."""
    healthy = HEALTHY[era]
    variables = {GROWTH: growth} if growth else {}
    machine: Machine = replace(healthy.machine, used_mib=used_mib, **SMALL)
    return Ward(lab, replace(healthy, machine=machine, variables={**healthy.variables, **variables}), staged_at(healthy))


def proof(ward: Ward) -> tuple[Told, dict[str, Any]]:
    told = ward.ask("verify", "--level", "convolution", "--device", "gpu")
    return told, {step["name"]: step for step in told.data["steps"]}


@pytest.mark.long
@pytest.mark.parametrize("era", ERAS)
def test_all_memory_grabbed_is_proved_by_the_pair_and_mended_by_the_variable(lab: Lab, staged_at: Callable[[Scenario], Stage], era: str) -> None:
    told, steps = proof(beside(lab, staged_at, era))
    assert told.code == 1 and not steps["convolution"]["passed"], told
    assert steps["convolution-with-memory-growth"]["detail"].startswith("it works with memory growth"), told
    told, steps = proof(beside(lab, staged_at, era, growth="true"))
    assert told.code == 0 and "convolution-with-memory-growth" not in steps, told


@pytest.mark.long
@pytest.mark.parametrize("era", ["2.10.1-toolkit-on-the-path", "2.15.1-healthy"])
def test_memory_that_another_program_holds_is_not_mended_by_growth(lab: Lab, staged_at: Callable[[Scenario], Stage], era: str) -> None:
    ward = beside(lab, staged_at, era, used_mib=3900)
    assert primary(ward.doctor()[1]) == "gpu-memory-held"
    told, steps = proof(ward)
    assert told.code == 1, told
    assert "convolution-with-memory-growth" not in steps or not steps["convolution-with-memory-growth"]["passed"], told


@pytest.mark.long
@pytest.mark.parametrize("value", ["1", "TRUE"])
def test_a_value_that_means_nothing_is_named_and_the_pair_proves_that_growth_is_not_on(
    lab: Lab, staged_at: Callable[[Scenario], Stage], value: str
) -> None:
    ward = beside(lab, staged_at, "2.15.1-healthy", growth=value)
    assert "gpu-memory-setting-misused" in [one["cause"] for one in ward.doctor()[1]]
    told, steps = proof(ward)
    assert told.code == 1 and steps["convolution-with-memory-growth"]["passed"], told
    right = beside(lab, staged_at, "2.15.1-healthy", growth="true")
    assert "gpu-memory-setting-misused" not in [one["cause"] for one in right.doctor()[1]]
