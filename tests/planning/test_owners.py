"""A lock file's owner gets its own commands: each owner's words, and the real uv, poetry, pdm and pipenv carrying them out."""

from __future__ import annotations

import copy
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

import pytest
import rattler
from packaging.requirements import Requirement

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


# Of the reference of pixi 0.74 (prefix-dev/pixi, docs/reference/cli): the options that the steps use, and what follows them.
_PIXI = {"add": {"--pypi"}, "remove": {"--pypi"}, "install": set()}
IN_PROJECT = {
    "uv": (("uv", "add", "--project", "/srv/p", "numpy<2"), ("uv", "sync", "--project", "/srv/p")),
    "poetry": (("poetry", "--directory", "/srv/p", "add", "numpy<2"), ("poetry", "--directory", "/srv/p", "install")),
    "pdm": (("pdm", "add", "--project", "/srv/p", "numpy<2"), ("pdm", "sync", "--project", "/srv/p")),
    "pixi": (("pixi", "add", "--manifest-path", "/srv/p", "--pypi", "numpy<2"), ("pixi", "install", "--manifest-path", "/srv/p")),
    "pipenv": (
        ("env", "PIPENV_PIPFILE=/srv/p/Pipfile", "pipenv", "install", "numpy<2"), ("env", "PIPENV_PIPFILE=/srv/p/Pipfile", "pipenv", "sync"),
    ),
    "conda-lock": (
        ("conda-lock", "lock", "--file", "/srv/p/environment.yml", "--lockfile", "/srv/p/conda-lock.yml"),
        ("conda-lock", "install", "--prefix", "/home/ada/tf", "/srv/p/conda-lock.yml"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("owner", sorted(IN_PROJECT))
def test_the_commands_name_the_project_s_folder(owner: str) -> None:
    told = copy.deepcopy(harness.load("live-numpy--a")["machine"])
    told["environment"] |= {"kind": "project", "owner": owner}
    told["x-convfix"]["patient"] |= {"project_root": "/srv/p", "prefix": "/home/ada/tf"}
    (step,) = harness.plan_of(told, Wish(), Dataset.open()).human_steps
    assert step.commands == IN_PROJECT[owner]


def taken_by_pixi(argv: tuple[str, ...]) -> bool:
    """Whether pixi's documented grammar has this command: a PyPI requirement behind --pypi, else one of conda's."""
    _, verb, *words = argv
    options, specs = [one for one in words if one.startswith("-")], [one for one in words if not one.startswith("-")]
    if set(options) - _PIXI[verb] or bool(specs) == (verb == "install"):
        return False
    for one in specs:
        Requirement(one) if options else rattler.MatchSpec(one)
    return True


def test_every_word_for_pixi_stands_in_its_reference() -> None:
    for step in (owned("pixi", Wish(), numpy="2.2.6"), owned("pixi", Wish(("tensorflow==2.18.1", "python==3.12")))):
        assert step.commands[-1] == ("pixi", "install") and all(map(taken_by_pixi, step.commands)), step
    assert not taken_by_pixi(("pixi", "install", "numpy"))


def test_what_pixi_has_from_conda_is_asked_of_conda() -> None:
    told = copy.deepcopy(harness.load("live-conda-numpy--a")["machine"])
    told["environment"] |= {"kind": "project", "owner": "pixi"}
    told["x-convfix"]["patient"]["installers"]["numpy"] = "conda"
    (step,) = harness.plan_of(told, Wish(), Dataset.open()).human_steps
    assert ("pixi", "add", "numpy<2") in step.commands and all(map(taken_by_pixi, step.commands)), step
    told["x-convfix"]["patient"]["installers"]["numpy"] = "pip"
    (step,) = harness.plan_of(told, Wish(), Dataset.open()).human_steps
    assert ("pixi", "add", "--pypi", "numpy<2") in step.commands, step


def test_conda_lock_locks_what_a_person_wrote() -> None:
    step = owned("conda-lock", Wish(), numpy="2.2.6")
    assert "numpy<2" in step.summary and step.commands[0] == ("conda-lock", "lock", "--file", "environment.yml")


def test_an_owner_that_nobody_knows_is_asked_in_words() -> None:
    told = owned("hatch", Wish(), numpy="2.2.6")
    assert told.commands == () and "numpy<2" in told.summary


@dataclass(frozen=True)
class Owner:
    """A tool and how its project on a local index begins: the file that describes it, and what adds the first packages.

    ``settings`` keep the project's environment inside of it, as people have it who use editors and containers.
    """

    name: str
    file: str
    text: str
    begin: tuple[tuple[str, ...], ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    wanted: str = ""

    def program(self, folder: Path) -> str:
        """The real tool, in an environment of its own."""
        made = patients.make_patient(folder, "3.11", [self.wanted or self.name], pip=False)
        return str(Path(made.python).parent / self.name)


_PROJECT = '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11,<3.13"\ndependencies = []\n'
_FIRST = ("tensorflow==2.15.1", "numpy==2.2.6")
OWNERS = (
    Owner("uv", "pyproject.toml", _PROJECT, (("uv", "add", "--python", "{python}", *_FIRST),)),
    Owner(
        "poetry",
        "pyproject.toml",
        _PROJECT + '[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "own"\nurl = "{index}"\npriority = "primary"\n',
        (("poetry", "env", "use", "{python}"), ("poetry", "add", *_FIRST)),
        {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_VIRTUALENVS_USE_POETRY_PYTHON": "false"},
    ),
    Owner(
        "pdm",
        "pyproject.toml",
        _PROJECT + '[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{index}"\nverify_ssl = false\n',
        (("pdm", "use", "{python}"), ("pdm", "add", *_FIRST)),
        {"PDM_CHECK_UPDATE": "false"},
        # The needs that it was tested with: newer ones have broken it.
        wanted="pdm[locked]",
    ),
    Owner(
        "pipenv",
        "Pipfile",
        '[[source]]\nname = "own"\nurl = "{index}"\nverify_ssl = false\n[packages]\n',
        (("pipenv", "--python", "{python}"), ("pipenv", "install", *_FIRST)),
        {"PIPENV_VENV_IN_PROJECT": "1"},
    ),
)


class Project:
    """A project of one owner on an index of tiny wheels, in a home of its own."""

    def __init__(self, owner: Owner, folder: Path, wheelhouse: patients.Wheelhouse, index: patients.LocalIndex) -> None:
        self.owner, self.wheelhouse = owner, wheelhouse
        self.folder = folder / "project"
        self.folder.mkdir()
        (self.folder / owner.file).write_text(owner.text.format(index=index.url))
        pythons = [str(Path(patients.need_python(one)).parent) for one in ("3.11", "3.12")]
        program = patients.need("uv") if owner.name == "uv" else owner.program(folder / "tool")
        environ = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
        self.world = {
            **environ, **index.settings, **owner.settings, "HOME": str(folder), "UV_PYTHON_DOWNLOADS": "never",
            "PATH": ":".join((str(Path(program).parent), *pythons, "/usr/bin", "/bin")),
        }  # fmt: skip
        for argv in owner.begin:
            self.run(*(word.format(python=patients.need_python("3.11")) for word in argv))
        self.patient = patients.Patient(self.folder / ".venv", str(self.folder / ".venv" / "bin" / "python"))

    def run(self, *argv: str, folder: Path | None = None) -> None:
        """A command of the owner's, which must succeed."""
        done = subprocess.run(argv, cwd=folder or self.folder, env=self.world, capture_output=True, text=True)
        assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"

    def carry_out(self, step: Mapping[str, Any]) -> None:
        """The step's commands, typed outside the project, after what they name was put on the index."""
        for argv in step["commands"]:
            for word in argv:
                name, sign, version = word.replace(">=", "==").partition("==")
                if sign and not list(self.wheelhouse.folder.glob(f"{name.replace('-', '_')}-{version}-*.whl")):
                    self.wheelhouse.add(name, version)
            self.run(*argv, folder=self.folder.parent)

    @property
    def locked(self) -> str:
        """What the owner wrote down: its description and its lock file."""
        return "".join(path.read_text() for path in self.folder.iterdir() if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("owner", OWNERS, ids=lambda one: one.name)
def test_the_real_owner_does_what_the_step_says(convfix: Any, tmp_path: Path, wheelhouse: patients.Wheelhouse, owner: Owner) -> None:
    """A repair, and then a newer TensorFlow on another Python: the owner takes every word, and its project holds what the plan said."""
    for name, version in (("tensorflow", "2.15.1"), ("numpy", "1.26.4"), ("numpy", "2.2.6")):
        wheelhouse.add(name, version)
    with patients.LocalIndex(wheelhouse.folder, upstream=None) as index:
        project = Project(owner, tmp_path, wheelhouse, index)
        plan = convfix("plan", "--python", project.patient.python, "--device", "cpu", "--json")
        assert plan.code == 8, plan.stdout
        (step,) = plan.data["human_steps"]
        assert f"{owner.name} owns" in step["why"]
        project.carry_out(step)
        assert project.patient.versions()["numpy"] == "1.26.4" and "<2" in project.locked
        wish = ("--want", "tensorflow==2.18.1", "--want", "python==3.12", "--device", "cpu")
        (newer,) = convfix("plan", "--python", project.patient.python, *wish, "--json").data["human_steps"]
        project.carry_out(newer)
        assert project.patient.versions()["tensorflow"] == "2.18.1" and "2.18.1" in project.locked
        told = project.patient.run("-c", "import sys; print(sys.version_info[:2])")
        assert told.stdout.strip() == "(3, 12)", told


@pytest.mark.slow
def test_the_real_conda_lock_takes_the_words_of_the_step(tmp_path: Path) -> None:
    """Its own parser reads them; to solve it would need a real conda, which no test machine has."""
    tool = patients.make_patient(tmp_path / "tool", "3.11", ["conda-lock"], pip=False)
    (tmp_path / "environment.yml").write_text("channels: [conda-forge]\ndependencies: [python=3.11, pip, {pip: ['numpy<2']}]\n")
    (tmp_path / "conda-lock.yml").write_text("version: 1\n")
    step = owned("conda-lock", Wish(), numpy="2.2.6")
    for name, *words in (*step.commands, ("conda-lock", "lock", "--no-such-option")):
        assert name == "conda-lock"
        told = tool.run("-c", _PARSE, str(tmp_path), *words)
        assert told.stdout.strip() == ("NoSuchOption" if "--no-such-option" in words else "parsed"), told


_PARSE = """
import os, sys
import click
from conda_lock.conda_lock import main
os.chdir(sys.argv[1])
verb, *words = sys.argv[2:]
try:
    main.commands[verb].make_context(verb, words)
    print("parsed")
except click.UsageError as error:
    print(type(error).__name__)
"""
