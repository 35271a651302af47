"""The installers' argv: what each call says, and that a plan's commands follow from its parameters alone."""

from __future__ import annotations

import pytest

from fixer.dataset.questions import Dataset
from fixer.model import installers
from tests.planning import harness


def test_one_call_installs_everything() -> None:
    params = {"manager": "uv", "interpreter": "/e/bin/python", "requirements": ["numpy==1.26.4", "protobuf==4.25.3"], "remove": []}
    assert installers.pip_requirements(params) == (
        ("uv", "pip", "install", "--python", "/e/bin/python", "numpy==1.26.4", "protobuf==4.25.3"),
    )


def test_what_is_removed_goes_first() -> None:
    params = {"manager": "pip", "interpreter": "/e/bin/python", "requirements": ["tensorflow==2.15.1"], "remove": ["tensorflow-cpu"]}
    first, second = installers.pip_requirements(params)
    assert first == ("/e/bin/python", "-m", "pip", "uninstall", "--yes", "tensorflow-cpu")
    assert second == ("/e/bin/python", "-m", "pip", "install", "tensorflow==2.15.1")


def test_what_is_laid_down_again_has_a_call_of_its_own_with_pip() -> None:
    params = {"manager": "pip", "interpreter": "p", "requirements": ["numpy==1.26.4", "h5py==3.11.0"], "reinstall": ["h5py"]}
    assert installers.pip_requirements(params) == (
        ("p", "-m", "pip", "install", "--ignore-installed", "--no-deps", "h5py==3.11.0"),
        ("p", "-m", "pip", "install", "numpy==1.26.4"),
    )
    (only,) = installers.pip_requirements({**params, "manager": "uv"})
    assert ("--reinstall-package", "h5py") == only[5:7]


@pytest.mark.parametrize(
    ("manager", "interpreter", "argv"),
    [
        ("uv", None, ("uv", "venv", "--python", "3.12", "/e")),
        ("uv", "/usr/bin/python3.12", ("uv", "venv", "--python", "/usr/bin/python3.12", "/e")),
        ("pip", "/usr/bin/python3.12", ("/usr/bin/python3.12", "-m", "venv", "/e")),
        ("pip", None, ("python3.12", "-m", "venv", "/e")),
        ("mamba", None, ("mamba", "create", "--yes", "--prefix", "/e", "python=3.12", "pip")),
    ],
)
def test_a_new_environment(manager: str, interpreter: str | None, argv: tuple[str, ...]) -> None:
    made = installers.new_environment({"path": "/e", "python": "3.12", "interpreter": interpreter, "manager": manager})
    assert made == (argv,)


@pytest.mark.parametrize("call", [
    lambda: installers.pip_install("npm", "p", ["a==1"]),
    lambda: installers.pip_uninstall("npm", "p", ["a"]),
    lambda: installers.conda_install("pip", "/e", ["a==1"]),
    lambda: installers.make_environment("npm", "/e", "3.12", None),
])  # fmt: skip
def test_another_manager_is_refused(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]


@pytest.mark.parametrize("name", harness.names())
def test_the_commands_of_every_plan_follow_from_its_parameters(name: str) -> None:
    case = harness.load(name)
    plan = harness.plan_of(case["machine"], harness.wish_of(case["wish"]), Dataset.open())
    for action in plan.actions:
        assert action.commands == installers.commands(action.kind, action.params)
