"""The genuine logs of the staged scenarios, held against ``explain``: the staged cause is named, a healthy machine accused of nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixer.cli import root
from fixer.report.as_json import dumps
from tests.lab import logs
from tests.lab.scenarios import SCENARIOS

BY_PATH = {logs.path_of(one): one for one in SCENARIOS}
KEPT = sorted(logs.FOLDER.rglob("*.log"))
# What the words say, and truly, where the staged cause is not in them: a fault that stops TensorFlow before this one is met, the
# card that a variable picked, parts that do not fit whoever put them there; None where the run ended well.
WORDS = {
    "2.21.0-branch-470": "pip-nvidia-libs-not-found",
    "2.20.0-old-card-picked": "gpu-arch-too-old",
    "2.4.4-old-card-picked": "gpu-arch-too-old",
    "2.20.0-part-of-9-1-in-the-wheel": "cudnn-shadowed",
    "2.15.1-all-of-8-7-in-the-wheel": "cudnn-too-old",
    "2.15.1-part-of-8-7-in-the-wheel": "cudnn-shadowed",
    "2.15.1-cpu-build-over-it": "cpu-build-selected",
    "2.15.1-by-pythonpath": "numpy-abi",
    "2.17.1-numpy-2-put-first-by-a-pth-file": "numpy-abi",
    "2.20.0-old-card-counted-first": "gpu-arch-too-old",
    "2.21.0-empty-file-first": "cudnn-missing",  # that a library did not open, and not which
    "2.20.0-emptied-module": "keras-tf-mismatch",  # a module of Keras lacks a name: that its text is gone, no log says
    "2.20.0-cudnn-of-two-majors-of-cuda": None,
    "2.19.1-ml-dtypes-of-the-user-too-old": "numpy-abi",  # the words of the module that was built for another NumPy
}
# What only a program of its own shows (a plugin's import, a compiled function) is in the log where that program was run.
CAUSE = {path: WORDS.get(one.id, one.cause or (one.named if one.program else None)) for path, one in BY_PATH.items()}
FAILING = [path for path in KEPT if CAUSE[path]]
HEALTHY = [path for path in KEPT if path not in FAILING]
# No log is kept where the lab can only tell of the fault (its own processor has AVX), or where nobody runs anything yet.
UNKEPT = {"2.15.1-pentium", "None-python-3-11-for-2-15", "None-extra-of-2-15-1"}
# With a silent driver TensorFlow says the same as on a machine without a GPU: a healthy one cannot be told from it by its words.
UNSAID = {"2.15.1-no-card"}
# What a log of a healthy machine may hold: remarks that stop nothing, and the stand-ins' want of ptxas.
REMARKS = {"benign-noise", "no-nvidia-gpu", "ptxas-missing"}


def causes(path: Path) -> list[dict[str, Any]]:
    """What ``convfix explain`` names, in this process: a hundred starts would take a minute."""
    given = {"color": "auto", "verbose": 0, "quiet": False}
    outcome = root.main(args=["explain", str(path), "--json"], prog_name="convfix", standalone_mode=False, obj=given)
    named: list[dict[str, Any]] = json.loads(dumps(outcome))["data"]["causes"]
    return named


def test_every_failing_scenario_has_its_genuine_log() -> None:
    assert {one.id for path, one in BY_PATH.items() if one.cause and not path.exists()} == UNKEPT


@pytest.mark.parametrize("path", FAILING, ids=lambda path: BY_PATH[path].id)
def test_explain_names_the_staged_cause_of_a_genuine_log(path: Path) -> None:
    """First, or honestly among several: then it wavers, says what decides, and claims no other cause."""
    staged, named = CAUSE[path], causes(path)
    assert staged in [one["cause"] for one in named]
    sure = [one["cause"] for one in named if one["certainty"] != "cannot-tell"]
    assert not sure or staged in sure, named
    assert named[0]["cause"] == staged or named[0]["certainty"] == "cannot-tell" and named[0]["decide_with"], named


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: BY_PATH[path].id)
def test_explain_accuses_a_healthy_machine_of_nothing(path: Path) -> None:
    named = causes(path)
    assert all(one["certainty"] == "cannot-tell" or one["cause"] == "benign-noise" for one in named), named
    assert BY_PATH[path].id in UNSAID or {one["cause"] for one in named} <= REMARKS, named


@pytest.mark.parametrize("path", KEPT, ids=lambda path: BY_PATH[path].id)
def test_no_folder_of_the_machine_that_made_it_is_left(path: Path) -> None:
    log = path.read_text(encoding="utf-8")
    assert not [word for word in ("/tmp/", "/root/", "/usr/local/cuda-13") if word in log]
