"""The real reports of tests/cases/explain: how often the cause is named, and what must never be said."""

from __future__ import annotations

import json

import pytest

from fixer.rules.causes import CAUSES
from scripts.bench import explain as bench
from scripts.bench.advice import harm

CLASSES: dict[str, str] = json.loads(bench.CLASSES.read_text(encoding="utf-8"))
# What is reached, a little below; the goals are bench's. A change that falls below one of these made explain worse.
LEAST = {("confirmed", "is_first"): 0.80, ("confirmed", "reached"): 0.93, ("likely", "is_first"): 0.74, ("likely", "reached"): 0.92}


@pytest.fixture(scope="module")
def scores() -> list[bench.Score]:
    return [bench.score(case, CLASSES) for case in bench.read(bench.CASES) if case["log"].strip()]


@pytest.mark.slow
@pytest.mark.parametrize(("confidence", "name"), LEAST, ids=lambda value: str(value))
def test_the_cause_is_named(scores: list[bench.Score], confidence: str, name: str) -> None:
    chosen = [one for one in scores if one.case["confidence"] == confidence]
    share = sum(bool(getattr(one, name)) for one in chosen) / len(chosen)
    assert share >= LEAST[confidence, name]


def test_nothing_wrong_is_proven(scores: list[bench.Score]) -> None:
    assert not {one.case["id"]: one.wrongly_proven for one in scores if one.wrongly_proven}


def test_nothing_harmful_is_advised(scores: list[bench.Score]) -> None:
    assert not {one.case["id"]: one.harmful for one in scores if one.harmful}


def test_the_remedy_is_in_the_right_hands(scores: list[bench.Score]) -> None:
    assert not {one.case["id"]: one.wrong_plans for one in scores if one.wrong_plans}


def test_the_vocabulary_of_the_reports_is_known() -> None:
    assert {slug: cause.plan for slug, cause in CAUSES.items()} == CLASSES


@pytest.mark.parametrize(
    "command",
    [
        "sudo pip install tensorflow", "sudo -H python3 train.py", "pip install numpy<2", "python -m pip install --user numpy",
        "python -m pip install --break-system-packages numpy", "ln -s libcudnn.so.8.9 libcudnn.so.9", "apt purge nvidia-*",
        "rm -rf /usr/local/cuda", "conda update --all", "export CUDA_VISIBLE_DEVICES=-1", "sudo apt install nvidia-driver-470",
        "python -m pip install tensorflow-gpu", "chmod 777 /dev/nvidia0", "sudo rmmod nvidia_uvm", "kill -9 4711",
        "sudo apt install libc6",
    ],
)  # fmt: skip
def test_a_folk_remedy_is_known_for_what_it_is(command: str) -> None:
    assert harm(command.split(), "535.104.05")


@pytest.mark.parametrize(
    "command",
    [
        "convfix apply", "python -m pip install numpy<2", "nvidia-smi", "sudo apt install nvidia-driver-580", "sudo reboot",
        "uv pip install --python .venv tensorflow==2.15.1", "ls -l /dev/nvidia0", "python -m pip install tensorflow-gpu==2.4.4",
    ],
)  # fmt: skip
def test_sound_advice_is_left_alone(command: str) -> None:
    assert harm(command.split(), "535.104.05") is None
