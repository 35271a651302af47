"""Every scenario of the table, run for real: doctor names what is staged, and its counterpart is not called that.

CI runs a handful in two environments; the rest is long. What each makes on disk is made once a session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixer.rules.causes import CAUSES
from tests.lab import eras
from tests.lab.machine import Lab
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.lab.scenarios.scenario import Stage, by_place
from tests.lab.ward import Ward, primary

# CI's share: one environment with a dozen machines around it, and one with a toolkit. Two releases of TensorFlow need 2.3 GB.
SHORT = {
    "2.15.1-healthy", "2.15.1-library-newer-than-module", "2.15.1-nodes-for-root-alone", "2.15.1-fallen-off-the-bus", "2.15.1-laptop-card-off",
    "2.15.1-mig-without-instance", "2.15.1-exclusive-and-taken", "2.15.1-unsigned-module", "2.15.1-slurm-gave-none", "2.15.1-docker-without-gpus", "2.4.4-toolkit-not-on-the-path",
    "None-python-3-13-for-2-15", "None-python-3-11-for-2-15", "None-tensorflow-gpu-wished", "None-extra-of-2-15-0", "2.15.1-growth-of-1", "2.15.1-two-gigabytes",
    "2.15.1-nvml-tells-another-release", "2.15.1-smi-tells-another-release", "2.4.4-cusolver-11-linked-as-10",
    "2.15.1-memory-held-on-the-first", "2.15.1-memory-held-on-the-second", "2.4.4-old-card-picked", "2.4.4-good-card-picked",
}  # fmt: skip
IN_CI = {"2.4.4", "2.15.1", None}
BY_ID = {one.id: one for one in SCENARIOS}
FAILING = [one for one in SCENARIOS if one.cause]
NAMED = [one for one in SCENARIOS if one.named]


def _marked(scenarios: list[Scenario]) -> list[Any]:
    ordered = [one for together in by_place(scenarios) for one in together]
    return [pytest.param(one, id=one.id, marks=pytest.mark.slow if one.id in SHORT else pytest.mark.long) for one in ordered]


def test_the_table_covers_what_linux_can_show() -> None:
    assert len(FAILING) >= 40 and len({one.cause for one in FAILING}) >= 30
    assert {one.release for one in FAILING} >= {"2.4.4", "2.10.1", "2.15.1", "2.20.0", "2.21.0"}
    assert len(BY_ID) == len(SCENARIOS) and {BY_ID[one].release for one in SHORT} == IN_CI
    for one in FAILING:
        other = BY_ID[one.flip_id]
        assert other.cause != one.cause and one.cause in CAUSES
    for one in NAMED:
        other = BY_ID[one.flip_id]
        assert one.named not in (other.named, other.cause) and one.named in CAUSES


def test_the_readmes_table_is_that_of_the_scenarios_and_of_what_was_run() -> None:
    ends = eras.ended()
    assert set(ends) <= {one.id for one in FAILING} and set(ends.values()) <= set(eras.ENDS)
    written = eras.README.read_text().partition(eras.FIRST)[2].partition(eras.LAST)[0]
    assert written == eras.table(ends), "python -m tests.lab.eras writes it"
    assert f"| all | {len(FAILING)} |" in written


@pytest.mark.parametrize("scenario", _marked(list(SCENARIOS)))
def test_doctor_names_what_is_staged(lab: Lab, staged_at: Callable[[Scenario], Stage], scenario: Scenario) -> None:
    code, findings = Ward(lab, scenario, staged_at(scenario)).doctor()
    said = [f"{one['cause']}:{one['severity']}:{one['certainty']} {one['title']}" for one in findings]
    assert primary(findings) == scenario.cause, said
    assert code == (1 if scenario.cause else 0), said
    # What is told apart by one fact is never called by the other's name, not even beside a right one.
    assert not scenario.named or scenario.named in {one["cause"] for one in findings}, said
    twins = {one.cause for one in FAILING if one.flip_id == scenario.id}
    assert not [one for one in findings if one["cause"] in twins - {scenario.cause} and one["severity"] == "blocks"], said
    remarks = {one.named for one in NAMED if one.flip_id == scenario.id}
    assert not remarks & {one["cause"] for one in findings}, said
