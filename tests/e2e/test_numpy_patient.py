"""Patient 1: TensorFlow 2.15.1 with NumPy 2. The import dies; convfix names it, repairs it, proves it, takes it back."""

import json
from pathlib import Path

import pytest

from tests.e2e.tree import different, tree
from tests.patients import make_patient
from tests.schemas import valid

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    place = tmp_path_factory.mktemp("numpy-patient") / "tf"
    return make_patient(place, python="3.11", requirements=["tensorflow==2.15.1"], overrides=["numpy==2.2.6"])


def _imports(patient):
    return patient.run("-B", "-c", "import tensorflow")


def _primary(answer):
    return next((finding for finding in answer.data["findings"] if finding["primary"]), None)


def test_the_import_dies_and_the_doctor_names_numpy_with_proof(patient, convfix):
    assert "numpy.core.umath failed to import" in _imports(patient).stderr
    answer = convfix("doctor", "--python", patient.python, "--json")
    primary = _primary(answer)
    assert answer.code == 1
    assert (primary["cause"], primary["certainty"], primary["severity"]) == ("numpy-abi", "proven", "blocks")
    assert any(item["value"].find("2.2.6") >= 0 and item["source"] for item in primary["evidence"])
    assert primary["remedy"]["plan"] == "auto" and primary["rows"]


def test_with_numpy_one_the_same_machine_is_healthy(patient, convfix, tmp_path):
    machine = convfix("facts", "--python", patient.python, "--json").data["machine"]
    machine["environment"]["packages"]["numpy"] = "1.26.4"
    (tmp_path / "m.json").write_text(json.dumps(machine))
    answer = convfix("doctor", "--machine", tmp_path / "m.json", "--json")
    assert answer.code == 0 and _primary(answer) is None


def test_a_plan_from_the_facts_is_the_plan_made_live(patient, convfix, tmp_path):
    facts = convfix("facts", "--python", patient.python)
    valid(convfix("facts", "--python", patient.python, "--json").data, "facts")
    valid(json.loads(facts.stdout), "machine")
    (tmp_path / "m.json").write_text(facts.stdout)
    live = convfix("plan", "--python", patient.python, "--json").data
    told = convfix("plan", "--machine", tmp_path / "m.json", "--json").data
    for plan in (live, told):
        plan.pop("created")
    assert told == live and live["actions"]


def test_plan_and_dry_run_change_nothing(patient, convfix):
    before = tree(patient.path)
    assert convfix("plan", "--python", patient.python).code == 1
    assert convfix("apply", "--python", patient.python, "--dry-run", "--yes").code == 1
    assert different(before, tree(patient.path)) == {}


def test_without_consent_nothing_happens(patient, convfix):
    before = tree(patient.path)
    answer = convfix("apply", "--python", patient.python, "--json")
    assert answer.code == 2 and answer.json()["errors"][0]["code"] == "needs-consent"
    assert different(before, tree(patient.path)) == {}


def test_apply_repairs_verifies_and_undo_gives_every_byte_back_offline(patient, convfix):
    before = tree(patient.path)
    plan = convfix("plan", "--python", patient.python, "--json").data
    applied = convfix("apply", "--python", patient.python, "--yes", "--json")
    data = applied.data
    assert applied.code == 0, applied.stderr
    valid(applied.json(), "envelope")
    valid(data, "apply")
    for line in Path(data["journal"]).read_text().splitlines():
        valid(json.loads(line), "journal-line")
    assert data["verification"]["passed"] and data["verification"]["device"] == "cpu"
    assert [step["name"] for step in data["verification"]["steps"]][-1] == "densenet121"
    assert _imports(patient).returncode == 0
    now = convfix("facts", "--python", patient.python, "--json").data["machine"]["environment"]["packages"]
    assert now["numpy"] == plan["outcome"]["packages"]["numpy"]
    assert {name: now[name] for name in plan["outcome"]["packages"]} == plan["outcome"]["packages"]
    again = convfix("plan", "--python", patient.python, "--json")
    assert again.code == 0 and again.data["actions"] == []

    undone = convfix("undo", data["run"], "--yes", "--json", env={"UV_OFFLINE": "1", "UV_NO_CACHE": "1", "PIP_NO_INDEX": "1"})
    assert undone.code == 0, undone.stderr
    valid(undone.data, "undo")
    valid(convfix("history", "--json").data, "history")
    assert undone.data["conflicts"] == []
    assert different(before, tree(patient.path)) == {}
    assert convfix("history", "--json").data["runs"][0]["state"] == "undone"
