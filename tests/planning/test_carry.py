"""The wheels to carry: real pip fetches them for another Python, and the offline commands then need nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from fixer.dataset.questions import Dataset
from fixer.model import machine
from fixer.model.plan import Wish
from fixer.planning.carry import carry
from tests import patients
from tests.planning import harness
from tests.schemas import valid


def test_every_pin_is_listed_with_its_size() -> None:
    told = harness.load("blackwell-driver--a")["machine"]
    dataset = Dataset.open()
    plan = harness.plan_of(told, Wish(), dataset)
    luggage = carry(plan, machine.decode(told), dataset)
    pins = [text for action in plan.actions for text in action.params.get("requirements", ())]
    assert [one.requirement for one in luggage.wheels] == pins and luggage.unknown == ()
    assert luggage.known_bytes == plan.actions[0].download_bytes
    assert plan.outcome is not None and plan.outcome.python in luggage.fetch[0]
    assert "manylinux_2_35_x86_64" in luggage.fetch[0] and "manylinux_2_39_x86_64" not in luggage.fetch[0]


def test_what_was_fetched_elsewhere_installs_here_without_an_index(convfix: Any, tmp_path: Path, wheelhouse: patients.Wheelhouse) -> None:
    patient = patients.make_patient(tmp_path / "env", python="3.11")
    wheelhouse.add("tensorflow", "2.15.1", requires=["a-need>=1"])
    wheelhouse.add("numpy", "2.2.6")
    wheelhouse.add("numpy", "1.26.4")
    wheelhouse.add("a-need", "1.5")
    environ = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
    with patients.LocalIndex(wheelhouse.folder, upstream=None) as index:
        given = {**environ, **index.settings}
        start = [patient.python, "-m", "pip", "install", "-q", "tensorflow==2.15.1", "numpy==2.2.6"]
        subprocess.run(start, check=True, env=given)
        plan = convfix("plan", "--python", patient.python, "--manager", "pip", "--offline", "--json")
        assert plan.code == 1, plan.stdout
        valid(plan.data, "plan")
        luggage = plan.data["carry"]
        named = [one["requirement"] for one in luggage["wheels"]]
        assert "numpy==1.26.4" in named and not any(one.startswith("tensorflow==") for one in named)
        for pin in named:
            wheelhouse.add(*pin.split("=="), requires=["a-need>=1"])
        for argv in luggage["fetch"]:
            subprocess.run([patient.python, *argv[1:]], check=True, env=given, cwd=tmp_path, capture_output=True)
    alone = {**environ, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    for argv in luggage["install"]:
        subprocess.run(argv, check=True, env=alone, cwd=tmp_path, capture_output=True)
    assert patient.versions()["numpy"] == "1.26.4"
    page = convfix("plan", "--python", patient.python, "--offline")
    assert "Nothing has to be carried here" in page.stdout
