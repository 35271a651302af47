"""Logs in which nothing is wrong: nothing is blamed.

They were made with the real programs (make_healthy.py), except ``quoted.jsonl``: those are written in the form of programs that need a
GPU's machine, a cluster or an image, each with its ``source``.
"""

from __future__ import annotations

import re

import pytest

from scripts.bench import explain as bench

LOGS = list(bench.healthy_logs())


def test_there_are_many_and_of_many_kinds() -> None:
    assert len(LOGS) >= 340
    assert len({row["name"] for row in LOGS}) == len(LOGS)
    families = {path.stem for path in bench.HEALTHY.glob("*.jsonl")}
    assert {"jax-cpu", "torch-cpu", "notebook", "nvidia-smi", "installers", "installers-more", "keras-cpu", "beside-cpu", "quoted"} < families
    assert sum(name.startswith("tensorflow-") and name.endswith("-gpu") for name in families) >= 5
    assert sum(name.startswith("tensorflow-") and name.endswith("-cpu") for name in families) >= 7


def test_they_name_no_machine() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in bench.HEALTHY.glob("*.jsonl"))
    assert not re.search(r"/root/|pyenv", text)
    assert len(text) < 2_000_000


@pytest.mark.slow
def test_nothing_is_blamed() -> None:
    alarms = {row["name"]: said for row in LOGS if (said := bench.false_alarms(row["log"], row.get("environment")))}
    assert not alarms
