"""A plan's work grows with the machine file and no faster: counted in calls, never in seconds."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixer.dataset.questions import Dataset
from fixer.errors import UsageError
from fixer.model import machine
from fixer.model.plan import Wish
from fixer.planning import make_plan
from fixer.probes import machine_file
from fixer.rules import judge
from tests.planning import harness

DATASET = Dataset.open()
BASE = {
    "os": "linux", "arch": "x86_64", "glibc": "2.35", "wsl": False, "container": None, "cpu_flags": ["avx", "avx2"],
    "gpus": [{"name": "NVIDIA GeForce RTX 3080", "compute_capability": "8.6"}], "driver": {"version": "550.54.14", "kernel_module": "550.54.14"},
    "pythons": ["3.11"], "environment": {"kind": "venv", "python": "3.11.7", "owner": None, "packages": {"tensorflow": "2.15.1", "numpy": "2.0.2"}},
    "toolkits": [], "libraries": [], "variables": {}, "managers": ["pip"], "disk_free_mib": 60000,
}  # fmt: skip


def _packages(count: int) -> dict[str, Any]:
    named = {f"nvidia-{number}-cu12" if number % 2 else f"pack-{number}": f"1.{number}" for number in range(count)}
    return {"environment": {**BASE["environment"], "packages": {**BASE["environment"]["packages"], **named}}}


def _resolution(number: int, copies: int) -> dict[str, Any]:
    passed = [[f"/opt/{k}/libcudnn.so.{number}", f"8.{k}.0"] for k in range(copies)]
    return {"soname": f"libcudnn.so.{number}", "library": "cudnn", "opened_by": "x", "path": f"/usr/lib/libcudnn.so.{number}", "version": "8.9.4",
            "why": "default", "passed_over": passed}  # fmt: skip


GROWING = {
    "gpus": lambda n: {"gpus": [{"name": f"card {k}", "compute_capability": ("8.6", "7.5", "12.0")[k % 3]} for k in range(n)]},
    "named-gpus": lambda n: {"gpus": [{"name": f"NVIDIA RTX {k}000"} for k in range(n)]},
    "packages": _packages,
    "libraries": lambda n: {"libraries": [{"name": "cudnn", "version": f"8.{k}.0", "path": f"/opt/{k}/libcudnn.so.8"} for k in range(n)]},
    "toolkits": lambda n: {"toolkits": [{"version": f"11.{k % 9}", "path": f"/usr/local/cuda-11.{k}"} for k in range(n)]},
    "pythons": lambda n: {"pythons": [f"3.{k}" for k in range(n)]},
    "managers": lambda n: {"managers": [f"pip{k}" for k in range(n)]},
    "variables": lambda n: {"variables": {f"CUDA_{k}": str(k) for k in range(n)}},
    "search-path": lambda n: {"variables": {"LD_LIBRARY_PATH": ":".join(f"/opt/{k}/lib" for k in range(n))}},
    "visible": lambda n: {"variables": {"CUDA_VISIBLE_DEVICES": ",".join(map(str, range(n)))}},
    "resolutions": lambda n: {"x-convfix": {"resolutions": [_resolution(k, 3) for k in range(n)]}},
    "copies": lambda n: {"x-convfix": {"resolutions": [_resolution(8, n)]}},
    "kernel-log": lambda n: {"x-convfix": {"kernel_log": [{"text": f"NVRM: Xid {k}", "source": "dmesg"} for k in range(n)]}},
    "launchers": lambda n: {"x-convfix": {"launchers": [
        {"kind": "cron", "name": f"job {k}", "path": f"/etc/{k}", "interpreter": "/usr/bin/python3", "variables": {}} for k in range(n)]}},
    "flags": lambda n: {"cpu_flags": [f"flag{k}" for k in range(n)]},
}


def _calls(described: dict[str, Any]) -> int:
    """How many functions a plan calls, remembered answers apart: it is made twice, and the second one is counted."""
    harness.plan_of(described, Wish(), DATASET)
    counted = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        harness.plan_of(described, Wish(), DATASET)
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("name", sorted(GROWING))
def test_work_grows_no_faster_than_the_machine(name: str) -> None:
    few, many = (_calls({**BASE, **GROWING[name](count)}) for count in (240, 960))
    # Four times the machine is at most four times the work, and sorting. Short facts are remembered whole: these are mostly longer.
    assert many <= 5 * few, (few, many)


_strange = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=True) | st.text(max_size=12)
    | st.sampled_from(["", "\x1b[31m", "\u202e", "9" * 400, "1.2.3", "../../etc", "$(rm -rf ~)", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["version", "name", "path", "packages", "python", "kind", "compute_capability", "x-y", "schema", "id", "\x07"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(key=st.sampled_from([*sorted(BASE), "schema", "distro", "root", "kernel", "secure_boot", "x-convfix", "x-else"]), value=_strange,
       deep=st.booleans())  # fmt: skip
def test_a_hostile_machine_gets_a_plan_or_one_clear_line(key: str, value: Any, deep: bool) -> None:
    told = json.loads(json.dumps(BASE))
    if deep and isinstance(told.get(key), dict):
        told[key]["packages" if key == "environment" else "version"] = value
    else:
        told[key] = value
    try:
        facts = machine.decode(machine_file.parse(json.dumps(told).encode("utf-8", "surrogatepass"), "machine file 'f'"), "machine file 'f'")
    except UsageError as error:
        assert error.message.startswith("machine file 'f'") and error.message.isprintable() and len(error.message) < 600
        assert error.exit_code == 2
        return
    plan = make_plan(facts, judge(facts, DATASET, Wish()), DATASET, Wish(), "0")
    assert plan.exit_code in (0, 1, 6, 8, 9)
