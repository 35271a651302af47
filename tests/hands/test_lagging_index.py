"""A package index that lacks what the dataset knows: the plan is made again with what the index has, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import patients
from tests.conftest import Runner

WISH = ("--want", "tensorflow-cpu", "--device", "cpu")


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("manager", ["uv", "pip"])
def test_a_release_that_the_index_lacks_is_planned_around(
    convfix: Runner, tmp_path: Path, wheelhouse: patients.Wheelhouse, manager: str
) -> None:
    patient = patients.make_patient(tmp_path / "env", "3.11", ["pip"])
    asked = ("plan", "--python", patient.python, "--manager", manager, *WISH)
    wanted = convfix(*asked, "--json").data["outcome"]["packages"]
    older = convfix(*asked, "--want", f"protobuf<{wanted['protobuf']}", "--json").data["outcome"]["packages"]["protobuf"]
    assert older != wanted["protobuf"]
    for name, version in {**wanted, "protobuf": older}.items():
        wheelhouse.add(name, version)
    with patients.LocalIndex(wheelhouse.folder, upstream=None) as index:
        proved = convfix(*asked, "--prove", "--json", env=index.settings)
        saved = tmp_path / "plan.json"
        convfix(*asked, "--out", saved)
        stale = convfix("apply", saved, "--dry-run", env=index.settings)
        silent = convfix("apply", "-q", *asked[1:], env=index.settings)
    assert proved.code == 1, proved.stdout
    assert proved.data["proved"]["by"] == manager
    assert proved.data["outcome"]["packages"] == {**wanted, "protobuf": older}
    assert f"Your package index has no protobuf {wanted['protobuf']}: {older} is planned instead." in proved.data["notes"]
    # -q spares talk, and asks nobody to agree to what they have not seen.
    assert silent.code == 2 and "pip install" in silent.stderr and f"protobuf=={older}" in silent.stderr, silent.stderr
    # What a person saved and read is never changed behind their back.
    assert stale.code == 6 and f"protobuf=={wanted['protobuf']}" in stale.stderr and stale.stderr.count("\n") <= 2, stale.stderr


def test_an_index_with_nothing_is_said_in_one_line(convfix: Runner, tmp_path: Path, wheelhouse: patients.Wheelhouse) -> None:
    patient = patients.make_patient(tmp_path / "env", "3.11", [])
    with patients.LocalIndex(wheelhouse.folder, upstream=None) as index:
        told = convfix("plan", "--prove", "--json", "--python", patient.python, *WISH, env=index.settings)
    assert told.code == 6
    [error] = json.loads(told.stdout)["errors"]
    assert error["code"] == "not-proved" and "\n" not in error["message"]
