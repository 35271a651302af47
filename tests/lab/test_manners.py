"""A sleeping laptop card is left asleep: NVML counts here who calls it. Other people's programs are a number, never a name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, START
from tests.lab.machine import Lab, Machine

STATUS = "/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"


def calls(lab: Lab, tmp_path: Path, verb: tuple[str, ...], status: str) -> int:
    """How often NVML was initialised while convfix looked."""
    counted = tmp_path / f"calls-{status}"
    machine = Machine(settings={"FAKEGPU_COUNT_CALLS": str(counted)}, files={STATUS: f"{status}\n"})
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    argv = [sys.executable, "-I", "-c", START, str(ROOT), *verb, "--python", sys.executable]
    done = lab.run(argv, machine=machine, environ={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}, cwd=home)
    assert done.stdout, done.stderr
    return counted.read_text().count("nvmlInit") if counted.exists() else 0


@pytest.mark.parametrize("verb", [("doctor", "--json"), ("plan", "--json"), ("facts", "--json"), ("report",)])
def test_a_sleeping_card_is_not_woken_and_one_that_is_awake_is_asked_once(lab: Lab, tmp_path: Path, verb: tuple[str, ...]) -> None:
    assert calls(lab, tmp_path, verb, "suspended") == 0
    assert calls(lab, tmp_path, verb, "active") == 1


def test_programs_on_the_card_are_counted_and_not_named(lab: Lab) -> None:
    machine = Machine(settings={"FAKEGPU_PROGRAMS": "2", "FAKEGPU_COMPUTE_MODE": "3"})
    argv = [sys.executable, "-I", "-c", START, str(ROOT), "facts", "--json", "--python", sys.executable]
    done = lab.run(argv, machine=machine)
    card = json.loads(done.stdout)["data"]["machine"]["gpus"][0]
    assert (card["programs"], card["compute_mode"]) == (2, "exclusive")
    assert "process_name" not in done.stdout
