"""conda's steps through a recording stand-in: called as the plan shows, told the CUDA, proved first, taken back."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest

from fixer.actions.dry_run import NotProved
from fixer.apply.prove import prove
from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.dataset.questions import Dataset
from fixer.errors import RolledBackError, UsageError
from fixer.model.plan import Plan, Wish
from tests import conda_standin
from tests.conda_channel import Channel
from tests.hands.bodies import Home, action, plan, quiet
from tests.planning import harness


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    made = Channel(tmp_path / "channel")
    made.add_pythons()
    made.add("cuda-version", "12.8")
    made.add("tensorflow", "2.19.1", "cuda128py0h1_201", ["python", "cuda-version >=12.8,<13", "__cuda"])
    made.add("cudatoolkit", "11.2.2", files={"lib/libcudart.so.11.0": b"toolkit"})
    made.add("cudnn", "8.1.0.77", depends=["cudatoolkit 11.*"], files={"lib/libcudnn.so.8": b"new"})
    made.add("cudnn", "7.6.5.32", files={"lib/libcudnn.so.7": b"old"})
    return made


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def body(tmp_path: Path, channel: Channel, log: Path) -> Home:
    """A home whose PATH begins with the stand-ins."""
    tools = conda_standin.put(tmp_path / "tools", channel.folder, log)
    return Home(tmp_path / "home", {"PATH": f"{tools}:{os.environ['PATH']}"})


def described(body: Home, manager: str, **keys: Any) -> Plan:
    """The plan for a fresh Blackwell machine with this manager, in the body's home."""
    told = copy.deepcopy(harness.load("blackwell-driver--a")["machine"])
    told |= {"managers": ["pip", manager], "variables": {"HOME": str(body.home)}, **keys}
    return harness.plan_of(told, Wish(manager="conda"), Dataset.open())


@pytest.mark.parametrize("manager", conda_standin.NAMES)
def test_a_new_environment_is_made_as_the_plan_shows_and_taken_back(manager: str, body: Home, log: Path) -> None:
    made = described(body, manager, driver=None)
    proved = prove(made, body.host, False)
    assert proved.proved is not None and proved.proved["by"] == manager
    ran = apply(proved, body.host, body.state, quiet)
    assert [step.passed for step in ran.steps] == [True]
    called = conda_standin.calls(log)
    (argv,) = made.actions[0].commands
    assert [one["argv"] for one in called] == [[*argv[2:], "--dry-run"], list(argv[2:])]
    assert {one["cuda"] for one in called} == {"12.8"} and argv[2] == manager
    path = Path(made.actions[0].params["path"])
    assert (path / "conda-meta" / "tensorflow-2.19.1-cuda128py0h1_201.json").is_file()
    assert undo(None, body.host, body.state, quiet).conflicts == () and not path.exists()


def test_where_conda_finds_no_solution_nothing_is_begun(body: Home, log: Path) -> None:
    made = described(body, "conda")
    with pytest.raises(NotProved, match="__cuda"):
        prove(made, body.host, False)
    with pytest.raises(RolledBackError):
        apply(made, body.host, body.state, quiet)
    assert not Path(made.actions[0].params["path"]).exists()
    assert {one["cuda"] for one in conda_standin.calls(log)} == {None}


@pytest.mark.parametrize("manager", conda_standin.NAMES)
def test_condas_libraries_come_and_go(manager: str, body: Home, log: Path, channel: Channel) -> None:
    prefix = body.home / "env"
    start = action("new_environment", {"path": str(prefix), "python": "3.12", "interpreter": None, "manager": manager,
                                       "requirements": [], "conda": ["cudnn=7.6.5"]})  # fmt: skip
    apply(plan(start), body.host, body.state, quiet)
    before = sorted(path.name for path in (prefix / "conda-meta").glob("*.json"))
    params = {"prefix": str(prefix), "manager": manager, "requirements": ["cudatoolkit=11.2", "cudnn=8.1.0"], "channels": ["conda-forge"]}
    step = action("conda_packages", params)
    ran = apply(plan(step), body.host, body.state, quiet)
    assert ran.run is not None and (prefix / "lib" / "libcudnn.so.8").read_bytes() == b"new"
    assert list(step.commands[0]) in [one["argv"] for one in conda_standin.calls(log)]
    again = apply(plan(step), body.host, body.state, quiet)
    assert again.run is None, "it is as wanted already"
    assert undo(ran.run, body.host, body.state, quiet).conflicts == ()
    assert sorted(path.name for path in (prefix / "conda-meta").glob("*.json")) == before
    assert not (prefix / "lib" / "libcudart.so.11.0").exists() and (prefix / "lib" / "libcudnn.so.7").read_bytes() == b"old"


@pytest.mark.parametrize(
    "bad",
    [
        {"channels": ["https://example.invalid/channel"]}, {"channels": ["../x"]}, {"channels": "conda-forge"},
        {"cuda": "12.8; id"}, {"cuda": 12}, {"requirements": ["cudnn"]}, {"requirements": ["cudnn>=8"]},
        {"requirements": ["--file=x"]}, {"requirements": ["https://example.invalid/x.conda"]}, {"requirements": []},
    ],
    ids=str,
)  # fmt: skip
def test_a_hostile_step_is_refused(bad: dict[str, Any], body: Home, log: Path) -> None:
    params = {"prefix": str(body.home), "manager": "conda", "requirements": ["cudnn=8.1.0"], **bad}
    with pytest.raises(UsageError):
        apply(plan(action("conda_packages", params)), body.host, body.state, quiet)
    with pytest.raises(UsageError):
        made = {"path": str(body.home / "e"), "python": "3.12", "interpreter": None, "manager": "uv", "requirements": [], "conda": ["a=1"]}
        apply(plan(action("new_environment", made)), body.host, body.state, quiet)
    assert conda_standin.calls(log) == []
