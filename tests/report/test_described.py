"""What doctor and plan say of a described machine: nothing that would change the reader's own machine in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.planning import harness

# A fresh Windows, a fresh Mac, a fresh Linux: each lacks TensorFlow, which a plan repairs by itself.
FRESH = {"windows": "win-fresh-python-3-12--a", "macos": "mac-intel-python--a", "linux": "os-amazon-2--b"}


@pytest.fixture
def described(tmp_path: Path) -> Any:
    def write(system: str) -> Path:
        path = tmp_path / f"{system}.json"
        path.write_text(json.dumps(harness.load(FRESH[system])["machine"]))
        return path

    return write


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_where_convfix_changes_nothing_the_reader_gets_the_plan(convfix: Any, described: Any, system: str) -> None:
    path = described(system)
    for command in ("doctor", "plan"):
        answer = convfix(command, "--machine", path, "--json")
        assert all(argv[:2] != ["convfix", "apply"] for one in answer.data["findings"] for argv in one["remedy"]["commands"])
        assert "convfix apply" not in convfix(command, "--machine", path).stdout
    assert ["convfix", "plan"] in convfix("doctor", "--machine", path, "--json").data["findings"][0]["remedy"]["commands"]
    assert f"convfix plan --machine {path}" in convfix("doctor", "--machine", path).stdout


def test_what_changes_a_described_linux_is_run_on_it(convfix: Any, described: Any) -> None:
    path = described("linux")
    page = convfix("doctor", "--machine", path).stdout
    assert "convfix apply        (on that machine)" in page and f"Next: convfix plan --machine {path}" in page
    assert "Next, on that machine: convfix apply" in convfix("plan", "--machine", path).stdout


def test_the_row_of_the_cause_is_marked(convfix: Any, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(harness.load("win-2-12-gpu--a")["machine"]))
    (marked,) = [line for line in convfix("doctor", "--machine", path).stdout.splitlines() if line.rstrip().endswith("<- here")]
    assert marked.startswith("TensorFlow  2.12.1")
