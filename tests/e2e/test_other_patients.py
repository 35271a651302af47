"""Patients 2 to 4: a healthy CPU machine, a fresh workstation, a project whose lock file has an owner."""

import json
import subprocess
import sys

import pytest

from tests.e2e.tree import different, tree
from tests.patients import make_patient
from tests.schemas import valid

pytestmark = pytest.mark.slow


def test_a_healthy_machine_without_a_gpu_is_told_so_plainly(tmp_path, convfix):
    patient = make_patient(tmp_path / "tf", python="3.11", requirements=["tensorflow==2.15.1"])
    answer = convfix("doctor", "--python", patient.python)
    assert answer.code == 0, answer.stdout
    assert "no NVIDIA GPU" in answer.stdout and "All is well" in answer.stdout and "Cause:" not in answer.stdout
    data = convfix("doctor", "--python", patient.python, "--json")
    assert data.code == 0 and not any(finding["severity"] == "blocks" for finding in data.data["findings"])
    wished = convfix("doctor", "--python", patient.python, "--device", "gpu", "--json")
    assert wished.code == 1
    assert next(f for f in wished.data["findings"] if f["primary"])["cause"] in ("no-nvidia-gpu", "container-without-gpu")
    plan = convfix("plan", "--python", patient.python, "--json")
    assert plan.code == 0 and plan.data["outcome"]["device"] == "cpu"
    verified = convfix("verify", "--python", patient.python, "--level", "convolution", "--json")
    assert verified.code == 0 and verified.data["passed"] and verified.data["device"] == "cpu"
    valid(verified.data, "verify")
    refused = convfix("verify", "--python", patient.python, "--level", "loader", "--device", "gpu", "--json")
    assert refused.code == 1 and not refused.data["passed"]
    assert convfix("plan", "--python", patient.python, "--device", "gpu", "--json").code in (8, 9)


def test_a_fresh_workstation_gets_an_environment_and_gives_it_back(tmp_path, convfix):
    home = tmp_path / "home"
    home.mkdir()
    bare = subprocess.run([sys.executable, "-c", "import sys; print(sys._base_executable)"], capture_output=True, text=True, check=True)
    python = bare.stdout.strip()
    before = tree(home)
    plan = convfix("plan", "--python", python, "--want", "tensorflow", "--json", env={"HOME": str(home)}).data
    assert plan["outcome"]["device"] == "cpu" and plan["outcome"]["distribution"] == "tensorflow"
    assert not any(mark in plan["outcome"]["tensorflow"] for mark in ("rc", "a", "b", "dev"))
    applied = convfix("apply", "--python", python, "--want", "tensorflow", "--yes", "--json", env={"HOME": str(home)})
    assert applied.code == 0, applied.stderr + applied.stdout
    assert applied.data["verification"]["passed"]
    made = next(action for action in plan["actions"] if action["kind"] == "new_environment")
    interpreter = made["params"]["path"] + "/bin/python"
    said = subprocess.run([interpreter, "-c", "import tensorflow as tf; print(tf.__version__)"], capture_output=True, text=True, timeout=300)
    assert said.stdout.strip() == plan["outcome"]["tensorflow"]
    assert convfix("doctor", "--python", interpreter, env={"HOME": str(home)}).code == 0
    assert convfix("undo", applied.data["run"], "--yes", env={"HOME": str(home)}).code == 0
    left = {path for path in different(before, tree(home)) if not path.startswith((".local/state", ".cache", ".local/share/uv", ".local", ".keras"))}
    assert left == set()


def test_how_to_enter_the_new_environment_is_said(tmp_path, convfix):
    answer = convfix("plan", "--machine", _write(tmp_path, {
        "os": "linux", "distro": {"id": "debian", "version": "13"}, "arch": "x86_64", "glibc": "2.41", "wsl": False, "container": None,
        "gpus": [], "driver": None, "pythons": ["3.14"], "environment": None, "managers": ["uv"], "variables": {}, "root": False,
        "libraries": [], "toolkits": [], "disk_free_mib": 90000,
    }), "--want", "tensorflow", "--json")  # fmt: skip
    assert answer.code == 1
    outcome = answer.data["outcome"]
    assert outcome["python"] in ("3.10", "3.11", "3.12", "3.13") and outcome["device"] == "cpu"


def test_a_locked_project_gets_its_owners_commands_and_is_not_edited(tmp_path, convfix):
    project = tmp_path / "project"
    project.mkdir()
    patient = make_patient(project / ".venv", python="3.11", requirements=["tensorflow==2.15.1"], overrides=["numpy==2.2.6"])
    (project / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["tensorflow==2.15.1"]\n')
    (project / "uv.lock").write_text('version = 1\nrequires-python = ">=3.11"\n')
    before = tree(project)
    answer = convfix("plan", "--python", patient.python, "--json")
    data = answer.data
    assert answer.code == 8, json.dumps(data)[:2000]
    assert next(f for f in data["findings"] if f["primary"])["cause"] == "numpy-abi"
    assert data["actions"] == [] and data["human_steps"]
    words = [word for step in data["human_steps"] for argv in step["commands"] for word in argv]
    assert "uv" in words and any(word.startswith("numpy") for word in words)
    applied = convfix("apply", "--python", patient.python, "--yes", "--json")
    assert applied.code == 8
    assert different(before, tree(project)) == {}


def _write(folder, machine):
    path = folder / "machine.json"
    path.write_text(json.dumps({"schema": "convfix-machine/1", **machine}))
    return path
