"""A sleeping laptop card is left asleep: NVML counts here who calls it. Other people's programs are a number, never a name.

Nothing is killed or unset that is not ours: another program on the card and other lines in the shells' files outlive a whole repair.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT, START
from tests.lab.machine import Lab, Machine
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.lab.scenarios.scenario import Stage
from tests.lab.ward import CONVFIX, Ward

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


# A stranger's program, started by the patient's own interpreter: it takes memory of the card, says so, and counts the signals it gets.
_STRANGER = """
import ctypes, signal, sys, time
driver, address = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p()
driver.cuInit(0)
assert driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(64 << 20)) == 0
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, lambda number, _: print("signal", number, flush=True))
print("holds", flush=True)
while True:
    time.sleep(0.2)
"""
# Runs the commands one after another beside the stranger; tells after each whether it lives.
_BESIDE = """
import json, os, subprocess, sys
python, program, words, theirs, ours, commands = json.loads(sys.argv[1])
stranger = subprocess.Popen([python, "-c", program, *words], env=theirs, stdout=subprocess.PIPE, text=True)
assert stranger.stdout.readline() == "holds\\n"
environ = open("/proc/%d/environ" % stranger.pid, "rb").read()
told = []
try:
    for argv in commands:
        done = subprocess.run(argv, env=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        told.append([done.returncode, done.stdout, done.stderr, stranger.poll()])
    assert open("/proc/%d/environ" % stranger.pid, "rb").read() == environ
finally:
    stranger.kill()
print(json.dumps([stranger.pid, told, stranger.stdout.read()]))
"""
_WORD = "their-secret-experiment"
_PROFILES = {
    ".bashrc": "export LD_LIBRARY_PATH=/opt/theirs/lib:$LD_LIBRARY_PATH\nexport CUDA_VISIBLE_DEVICES=0\nunset XLA_FLAGS\n",
    ".profile": "export CUDA_HOME=/opt/theirs/cuda\n",
    ".zshrc": "export TF_FORCE_GPU_ALLOW_GROWTH=true # theirs, without a newline at the end",
    ".config/fish/config.fish": "set -gx LD_LIBRARY_PATH /opt/theirs/lib\n",
}
_OUR_BLOCK = re.compile(r"# >>> convfix .*?# <<< convfix [^\n]*\n", re.DOTALL)


@pytest.mark.slow
def test_a_whole_repair_kills_nobody_unsets_nothing_and_tells_no_command_line(
    lab: Lab, staged_at: Callable[[Scenario], Stage], tmp_path: Path
) -> None:
    """Doctor, plan, apply (a block in the profile), undo, beside a program that holds the card and files with other people's lines."""
    scenario = next(one for one in SCENARIOS if one.id == "2.4.4-toolkit-not-on-the-path")
    stage = staged_at(scenario)
    ward = Ward(lab, scenario, stage)
    python = ward.staged.patient.python
    for name, text in _PROFILES.items():
        (stage.home / name).parent.mkdir(parents=True, exist_ok=True)
        (stage.home / name).write_text(text)
    machine = replace(ward.staged.machine, used_mib=900, settings={"FAKEGPU_PROGRAMS": "1"})
    theirs = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LD_LIBRARY_PATH": "/opt/theirs/lib", "THEIR_TOKEN": "hunter2"}
    ours = {**ward.environ, "SHELL": "/bin/bash"}
    verbs = (("doctor",), ("doctor", "--json", "-v"), ("plan", "--paths", "profile"), ("apply", "--yes", "--paths", "profile"), ("facts", "--json"), ("report",), ("history",))
    commands = [[*CONVFIX, *verb, *(() if verb == ("history",) else ("--python", python))] for verb in verbs]
    given = json.dumps([python, _STRANGER, [f"--name={_WORD}"], theirs, ours, commands])
    done = lab.run([sys.executable, "-I", "-c", _BESIDE, given], machine=machine, environ=ours, cwd=stage.home, timeout=600)
    assert done.stdout, done.stderr
    pid, told, heard = json.loads(done.stdout)
    applied = told[3]
    assert applied[0] == 0, applied
    assert [one[3] for one in told] == [None] * len(told) and heard == "", "the stranger was signalled or ended"
    # Its command line and its variables are nowhere: not in what was said, not in what was written.
    kept = [path for folder in (stage.home / ".cache", stage.home.parent / "state") for path in folder.rglob("*") if path.is_file()]
    assert kept, "the journal was written"
    written = "".join(path.read_bytes().decode("utf-8", "replace") for path in kept)
    for text in (*(part for one in told for part in one[1:3]), written):
        assert _WORD not in text and "hunter2" not in text and "/opt/theirs/lib:/" not in text
    # Of the shells' files only a marked block of ours has changed, and undo gives back every byte.
    changed = {name for name, text in _PROFILES.items() if (stage.home / name).read_text() != text}
    assert ".bashrc" in changed
    for name, text in _PROFILES.items():
        now = (stage.home / name).read_text()
        # A last line that had no end gets one, so that the block stands on lines of its own.
        assert now == text or _OUR_BLOCK.sub("", now) in (text, text + "\n"), now
        assert not re.search(r"(?m)^\s*(unset|set -e)\b(?!.*XLA_FLAGS).*(CUDA|GROWTH)", now)
    assert ward.run("undo", "--yes").returncode == 0
    assert {name: (stage.home / name).read_text() for name in _PROFILES} == _PROFILES
