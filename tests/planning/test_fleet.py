"""A fleet of described machines: each line of the answer is what a run for that machine alone says, and nothing is kept."""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import random
import re
import subprocess
from functools import _lru_cache_wrapper
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

import fixer.planning
import fixer.rules
from fixer import exit_codes
from fixer.commands import fleet as sharing
from fixer.commands.options import Session
from fixer.probes import machine_lines
from fixer.report import as_json
from scripts.bench.machines import estate, machines
from tests.conftest import Runner, launch
from tests.planning import harness
from tests.schemas import valid

# Of every exit code one.
ALONE = ("numpy-abi--a", "numpy-abi--b", "fresh-musl--b", "installed-no-driver--b", "driver-unknown--b", "blackwell--b")


def _file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "fleet.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_each_line_is_what_a_run_alone_says(convfix: Runner, tmp_path: Path) -> None:
    described = [harness.load(name)["machine"] for name in ALONE]
    fleet = convfix("plan", "--machine", _file(tmp_path, *map(json.dumps, described)))
    lines = fleet.stdout.splitlines()
    assert len(lines) == len(described) and not fleet.stderr
    for machine, line in zip(described, lines):
        path = tmp_path / "machine.json"
        path.write_text(json.dumps(machine))
        alone = convfix("plan", "--machine", path, "--json")
        assert line == json.dumps(alone.json(), separators=(",", ":"))
        valid(json.loads(line), "envelope")
        valid(json.loads(line)["data"], "plan")
    codes = {json.loads(line)["exit_code"] for line in lines}
    assert codes == {0, 1, 6, 8, 9}
    assert fleet.code == exit_codes.NO_STACK


def test_a_machine_among_many_gets_the_same_bytes(convfix: Runner, tmp_path: Path) -> None:
    """What the planner remembers of other machines never shows."""
    fleet = list(machines(40))
    together = convfix("plan", "--machine", _file(tmp_path, *fleet)).stdout.splitlines()
    turned = convfix("plan", "--machine", _file(tmp_path, *reversed(fleet))).stdout.splitlines()
    assert together == turned[::-1]
    assert convfix("plan", "--machine", _file(tmp_path, fleet[17])).stdout.splitlines() == [together[17]]


@pytest.mark.slow
def test_any_line_of_a_fleet_is_what_a_run_alone_says(convfix: Runner, tmp_path: Path) -> None:
    fleet = list(machines(300, seed=31))
    lines = convfix("plan", "--machine", _file(tmp_path, *fleet)).stdout.splitlines()
    for place in random.Random(7).sample(range(len(fleet)), 6):
        path = tmp_path / "machine.json"
        path.write_text(fleet[place])
        alone = convfix("plan", "--machine", path, "--json")
        assert lines[place] == json.dumps(alone.json(), separators=(",", ":")), place


@pytest.mark.long
def test_the_memory_of_a_fleet_stays(convfix: Runner, tmp_path: Path) -> None:
    """One process that plans 10,000 machines: its memory is full when half are planned, and it is a bounded one."""
    path, most = _file(tmp_path, *machines(10_000)), {}
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    with subprocess.Popen(launch(["plan", "--machine", path]), stdout=subprocess.PIPE, env=convfix.environment()) as process:
        os.sched_setaffinity(0, mine)
        assert process.stdout is not None
        for number, _ in enumerate(process.stdout, 1):
            if number in (1_000, 5_000, 10_000):
                told = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
                assert told is not None, "the kernel does not tell VmHWM"
                most[number] = int(told[1]) >> 10
    assert number == 10_000 and most[10_000] <= 1.1 * most[5_000] and most[10_000] < 128, most


def test_the_cores_share_a_large_fleet_and_its_answer_is_the_same(convfix: Runner, tmp_path: Path) -> None:
    """The lines of a file that is worth several processes are those of its parts, which are not."""
    fleet = [*machines(320), "nonsense", *(f"{one[:-1]},\"x-pad\":\"{'y' * 1500}\"}}" for one in machines(330, seed=7))]
    assert sum(map(len, fleet)) > 2 * sharing._SHARE
    whole = convfix("plan", "--machine", _file(tmp_path, *fleet))
    parts = [convfix("plan", "--machine", _file(tmp_path, *fleet[at : at + 110])).stdout.splitlines() for at in range(0, len(fleet), 110)]
    lines = whole.stdout.splitlines()
    told = json.loads(lines[320])
    assert told["exit_code"] == 2 and "line 321" in told["errors"][0]["message"]
    expected = [line for part in parts for line in part]
    assert [*lines[:320], *lines[321:]] == [*expected[:320], *expected[321:]] and whole.code == 2


def test_a_bad_line_is_answered_and_the_run_goes_on(convfix: Runner, tmp_path: Path) -> None:
    good = json.dumps(harness.load("numpy-abi--b")["machine"])
    told = convfix("plan", "--machine", _file(tmp_path, "", good, "nonsense", '{"gpus": 7}', '{"glibc": "2.35", "glibc": "2.36"}', good))
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert [one["exit_code"] for one in answers] == [0, 2, 2, 2, 0] and told.code == 2
    for number, one in zip((3, 4, 5), answers[1:4]):
        assert one["data"] == {} and f"line {number}" in one["errors"][0]["message"]
        valid(one, "envelope")


@pytest.mark.parametrize("option", [("--out", "plan.json"), ("--prove",), ("--offline",)])
def test_what_is_for_one_plan_does_not_go_with_a_fleet(convfix: Runner, tmp_path: Path, option: tuple[str, ...]) -> None:
    told = convfix("plan", "--json", "--machine", _file(tmp_path, "{}"), *option)
    assert told.code == exit_codes.USAGE and option[0] in told.json()["errors"][0]["message"]


@pytest.mark.parametrize("content", [(), ("", "  ")])
def test_an_empty_fleet_is_an_error(convfix: Runner, tmp_path: Path, content: tuple[str, ...]) -> None:
    told = convfix("plan", "--json", "--machine", _file(tmp_path, *content))
    assert told.code == exit_codes.USAGE and "empty" in told.json()["errors"][0]["message"]


def test_a_fleet_that_cannot_be_read_is_an_error(convfix: Runner, tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name in ("none.jsonl", "folder.jsonl", "pipe.jsonl"):
        told = convfix("plan", "--json", "--machine", tmp_path / name)
        assert told.code == exit_codes.USAGE and name in told.json()["errors"][0]["message"]


def test_a_plan_for_a_described_machine_bears_no_time(convfix: Runner, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(harness.load("numpy-abi--a")["machine"]))
    first, second = (convfix("plan", "--machine", path, "--json") for _ in range(2))
    assert first.stdout == second.stdout and first.data["created"] is None


@pytest.mark.parametrize("draw", [machines, estate])
def test_what_is_remembered_changes_no_answer(draw: Callable[[int, int], Iterator[str]], tmp_path: Path) -> None:
    """Machines of all kinds in one process, and some of them again by a planner that remembers nothing at all."""
    cases = [json.dumps(harness.load(name)["machine"]) for name in harness.names()[::9]]
    path = _file(tmp_path, *draw(160, 77), *cases)
    session = Session(machine=str(path))
    facts = list(machine_lines.read(str(path)))
    together = [as_json.line(sharing._outcome(session, one)) for one in facts]
    for place in range(0, len(facts), 8):
        for memory in _memories():
            memory.cache_clear()
        (again,) = machine_lines.read(str(path), place.__eq__)
        assert as_json.line(sharing._outcome(session, again)) == together[place]


def _memories() -> list[Any]:
    for room in (fixer.planning, fixer.rules):
        for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
            importlib.import_module(module.name)
    found = [one for one in gc.get_objects() if isinstance(one, _lru_cache_wrapper)]
    return [one for one in found if (one.__module__ or "").startswith(("fixer.planning", "fixer.rules", "fixer.model.machine"))]


def test_everything_that_is_remembered_has_a_bound() -> None:
    memories = _memories()
    assert len(memories) > 20
    assert not [f"{one.__module__}.{one.__name__}" for one in memories if one.cache_parameters()["maxsize"] is None]
