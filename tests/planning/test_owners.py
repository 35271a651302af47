"""A lock file's owner gets its own commands: each owner's words, and the real uv carrying them out."""

from __future__ import annotations

import copy
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.action import HumanStep
from fixer.model.plan import Wish
from tests import patients
from tests.planning import harness

ADDS = {
    "uv": ("uv", "add"), "poetry": ("poetry", "add"), "pdm": ("pdm", "add"), "pixi": ("pixi", "add", "--pypi"),
    "pipenv": ("pipenv", "install"),
}  # fmt: skip
PYTHONS = {
    "uv": ("uv", "python", "pin", "3.12"), "poetry": ("poetry", "env", "use", "3.12"), "pdm": ("pdm", "use", "3.12"),
    "pixi": ("pixi", "add", "python=3.12.*"), "pipenv": ("pipenv", "--python", "3.12"),
}  # fmt: skip


def owned(owner: str, wish: Wish, python: str = "3.11.7", **packages: str) -> HumanStep:
    """The one step for a project of ``owner`` on a machine without a GPU."""
    told = copy.deepcopy(harness.load("blackwell-driver--a")["machine"])
    named = {"tensorflow": "2.15.1", "keras": "2.15.0", "numpy": "1.26.4", **packages}
    told |= {"gpus": [], "driver": None, "pythons": ["3.11", "3.12"]}
    told["environment"] = {"kind": "project", "python": python, "owner": owner, "packages": named}
    plan = harness.plan_of(told, wish, Dataset.open())
    assert plan.exit_code == 8 and plan.actions == (), "nothing is edited behind the owner's back"
    (step,) = plan.human_steps
    assert owner in step.why and step.privilege == "person"
    return step


@pytest.mark.parametrize("owner", sorted(ADDS))
def test_a_repair_is_asked_of_the_owner(owner: str) -> None:
    step = owned(owner, Wish(), numpy="2.2.6")
    assert (*ADDS[owner], "numpy<2") in step.commands and step.commands[-1][0] == owner


@pytest.mark.parametrize("owner", sorted(ADDS))
def test_another_python_is_the_owners_to_choose(owner: str) -> None:
    step = owned(owner, Wish(("tensorflow==2.18.1", "python==3.12")))
    assert step.commands[0] == PYTHONS[owner]
    assert any("tensorflow==2.18.1" in argv for argv in step.commands)


def test_conda_lock_locks_what_a_person_wrote() -> None:
    step = owned("conda-lock", Wish(), numpy="2.2.6")
    assert "numpy<2" in step.summary and step.commands[0] == ("conda-lock", "lock", "--file", "environment.yml")


def test_an_owner_that_nobody_knows_is_asked_in_words() -> None:
    told = owned("hatch", Wish(), numpy="2.2.6")
    assert told.commands == () and "numpy<2" in told.summary


def test_the_real_uv_does_what_the_step_says(convfix: Any, tmp_path: Path, wheelhouse: patients.Wheelhouse) -> None:
    wheelhouse.add("tensorflow", "2.15.1")
    for version in ("1.26.4", "2.2.6"):
        wheelhouse.add("numpy", version)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = []\n')
    environ = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
    with patients.LocalIndex(wheelhouse.folder, upstream=None) as index:
        world = {**environ, **index.settings, "PATH": f"{Path(patients.need('uv')).parent}:/usr/bin:/bin"}

        def run(*argv: str) -> None:
            done = subprocess.run(argv, cwd=project, env=world, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr

        run("uv", "add", "--python", patients.need_python("3.11"), "tensorflow==2.15.1", "numpy==2.2.6")
        patient = patients.Patient(project / ".venv", str(project / ".venv" / "bin" / "python"))
        plan = convfix("plan", "--python", patient.python, "--json")
        assert plan.code == 8, plan.stdout
        (step,) = plan.data["human_steps"]
        for argv in step["commands"]:
            for word in argv:
                name, sign, version = word.partition("==")
                if sign and name not in ("tensorflow", "numpy"):
                    wheelhouse.add(name, version)
            run(*argv)
        assert patient.versions()["numpy"] == "1.26.4" and "numpy<2" in (project / "pyproject.toml").read_text()
