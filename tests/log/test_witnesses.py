"""One brain, three witnesses: what a log states is judged as the same fact of a machine file is."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from fixer.log.facts import joined
from fixer.model import machine
from fixer.model.facts import Facts
from fixer.model.finding import Finding
from fixer.model.plan import Wish
from fixer.rules import judge
from fixer.rules.contradictions import contradictions
from tests.log.heard import dataset, hear

LINUX = {"schema": "convfix-machine/1", "os": "linux", "wsl": False, "container": None}
CARD = {"name": "NVIDIA GeForce RTX 3080", "compute_capability": "8.6"}
PAIRS: list[tuple[str, str, dict[str, Any]]] = [
    ("driver-library-mismatch", "kernel version 535.54.3 does not match DSO version 535.104.5 -- cannot find working devices",
     {"driver": {"version": "535.104.5", "kernel_module": "535.54.3"}}),
    ("driver-library-mismatch", "Failed to initialize NVML: Driver/library version mismatch",
     {"driver": {"version": "535.104.5"}, "x-convfix": {"nvidia_smi": {"status": 18, "line": "Driver/library version mismatch"}}}),
    ("cuda-visible-devices", 'cuda_diagnostics.cc:1] env: CUDA_VISIBLE_DEVICES="-1"',
     {"gpus": [CARD], "variables": {"CUDA_VISIBLE_DEVICES": "-1"}}),
    ("gpu-memory-held", "name: Tesla K80 major: 3 minor: 7 memoryClockRate(GHz): 0.8\ntotalMemory: 11.17GiB freeMemory: 190.31MiB",
     {"gpus": [{"name": "Tesla K80", "compute_capability": "3.7", "memory_mib": 11438, "free_mib": 190}]}),
    ("gpu-memory-setting-misused",
     'The TF_FORCE_GPU_ALLOW_GROWTH environment variable is set but could not be parsed: "yes". Valid values are "true" or "false".',
     {"variables": {"TF_FORCE_GPU_ALLOW_GROWTH": "yes"}}),
]  # fmt: skip


def verdicts(facts: Facts, cause: str) -> list[tuple[str, str, str, str]]:
    """What rules on facts say of ``cause``, without what rules on lines add."""
    found = (one for one in judge(facts, dataset(), Wish()) if one.cause == cause and not one.code.startswith("said-"))
    return [_told(one) for one in found]


def _told(one: Finding) -> tuple[str, str, str, str]:
    return one.code, one.severity, one.certainty, one.title


@pytest.mark.parametrize(("cause", "text", "described"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_the_same_fact_from_a_log_and_from_a_machine_file_gives_the_same_finding(
    cause: str, text: str, described: dict[str, Any]
) -> None:
    known = {**LINUX, **({"gpus": [CARD]} if cause == "cuda-visible-devices" else {})}
    log = joined(hear(text).facts, machine.decode(known))
    expected = verdicts(machine.decode({**known, **described}), cause)
    assert expected and verdicts(log, cause) == expected
    flipped = hear("nothing of the kind").facts
    assert not verdicts(joined(flipped, machine.decode(known)), cause)


def test_each_fact_names_its_line() -> None:
    driver = hear("first\nlibcuda reported version is: 535.54.3").facts.driver.value
    assert driver is not None and driver.version.via == ("log line 2",)


def test_facts_of_a_log_round_trip_through_a_machine_file() -> None:
    facts = hear("Could not create cudnn handle: CUDNN_STATUS_ALLOC_FAILED\nkernel reported version is: 535.54.3").facts
    again = machine.decode(machine.encode(facts))
    assert again.events.value == facts.events.value and again.driver.value == facts.driver.value


def test_a_package_that_a_log_names_is_not_all_there_is() -> None:
    heard = hear("A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.0.2 as it may crash.")
    assert heard.facts.packages.value == {"numpy": "2.0.2"}
    assert "tensorflow-missing" not in heard.causes and heard.causes[0] == "numpy-abi"


def test_of_its_own_run_the_log_knows_best_and_the_difference_is_shown() -> None:
    log = hear("libcuda reported version is: 535.54.3\nStreamExecutor device (0): Tesla T4, Compute Capability 7.5").facts
    other = machine.decode({**LINUX, "driver": {"version": "550.54.14"}, "gpus": [CARD]})
    whole = joined(log, other)
    assert whole.driver.value is not None and whole.driver.value.version.value == "535.54.3"
    told = contradictions(log, other)
    assert [one.split(":")[0] for one in told] == ["driver.version", "GPU"]
    same = dataclasses.replace(other, driver=log.driver, gpus=log.gpus)
    assert contradictions(log, same) == ()


def test_a_card_is_completed_by_the_other_witness() -> None:
    log = hear("StreamExecutor device (0): NVIDIA GeForce RTX 3080, Compute Capability 8.6").facts
    cards = joined(log, machine.decode({**LINUX, "gpus": [{**CARD, "memory_mib": 10240}]})).gpus.value
    assert cards is not None and cards[0].memory_mib == 10240 and len(cards) == 1
