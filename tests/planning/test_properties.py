"""Laws of planning over machines that nobody thought of: an answer with a contract's code, and a fixed point."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixer import exit_codes
from fixer.dataset.questions import Dataset
from fixer.model import codec
from fixer.model.plan import Plan
from tests.planning import checker, harness

CODES = {exit_codes.HEALTHY, exit_codes.PROBLEMS, exit_codes.CANNOT_TELL, exit_codes.PERSON_ONLY, exit_codes.NO_STACK}
DATASET = Dataset.open()

_versions = st.sampled_from(["1.15.5", "2.4.4", "2.10.1", "2.13.1", "2.15.1", "2.16.1", "2.18.1", "2.20.0", "2.21.0", "2.99.0", "3.0"])
_packages = st.dictionaries(
    st.sampled_from(
        ["tensorflow", "tensorflow-cpu", "tensorflow-gpu", "keras", "tf-keras", "numpy", "protobuf", "ml-dtypes", "h5py",
         "pandas", "scipy", "torch", "jax", "nvidia-cudnn-cu12", "nvidia-cudnn-cu11", "nvidia-cublas-cu12", "tensorflow-text",
         "wrapt", "unheard-of"]
    ),
    st.sampled_from(["1.24.3", "1.26.4", "2.0.2", "2.15.0", "2.15.1", "2.20.0", "3.11.3", "3.19.6", "4.25.3", "5.29.0", "6.31.1",
                     "0.3.2", "0.5.3", "8.9.4.25", "9.10.2.21", "12.2.5.6", "1!2.0+local", "0"]),
    max_size=8,
)  # fmt: skip


@st.composite
def _machines(draw: st.DrawFn) -> dict[str, Any]:
    packages = dict(draw(_packages))
    if draw(st.booleans()):
        packages["tensorflow"] = draw(_versions)
    python = draw(st.sampled_from(["3.6.8", "3.8.10", "3.9.2", "3.11.7", "3.12.3", "3.13.1", "3.14.0"]))
    capabilities = st.sampled_from(["3.0", "3.5", "5.2", "6.1", "7.0", "7.5", "8.6", "8.9", "9.0", "10.0", "12.0", "13.0", None])
    gpu = st.builds(lambda c: {"name": f"card {c}", **({"compute_capability": c} if c else {})}, capabilities)
    release = st.sampled_from(["340.108", "390.157", "450.80.02", "470.256.02", "525.60.13", "535.104.05", "550.54.14", "580.65.06", "700.1"])
    driver = st.one_of(st.none(), st.builds(lambda a, b: {"version": a, "kernel_module": b}, release, st.one_of(st.none(), release)))
    whole = {
        "os": draw(st.sampled_from(["linux", "linux", "linux", "windows", "macos", "plan9"])),
        "distro": draw(st.sampled_from([None, {"id": "ubuntu", "version": "18.04"}, {"id": "ubuntu", "version": "24.04"},
                                        {"id": "fedora", "version": "42"}, {"id": "alpine", "version": "3.20"}, {"id": "nixos"}])),
        "arch": draw(st.sampled_from(["x86_64", "x86_64", "aarch64", "riscv64"])),
        "glibc": draw(st.sampled_from(["2.35", "2.17", "2.5", None])),
        "wsl": draw(st.booleans()),
        "container": draw(st.sampled_from([None, "docker"])),
        "cpu_flags": draw(st.sampled_from([["avx", "avx2"], ["sse4_2"], []])),
        "gpus": draw(st.lists(gpu, max_size=2)),
        "driver": draw(driver),
        "pythons": draw(st.lists(st.sampled_from(["3.6", "3.8", "3.11", "3.12", "3.14"]), max_size=3, unique=True)),
        "environment": draw(st.one_of(st.none(), st.just({
            "kind": draw(st.sampled_from(["venv", "conda", "system", "project", None])), "python": python,
            "owner": draw(st.sampled_from([None, None, "uv", "poetry", "conda-lock"])), "packages": packages}))),
        "toolkits": draw(st.sampled_from([[], [{"version": "11.2", "path": "/usr/local/cuda-11.2"}], [{"version": "13.0", "path": "/opt/cuda"}]])),
        "libraries": draw(st.sampled_from([[], [{"name": "cudnn", "version": "8.1.0", "path": "/usr/local/cuda/lib64/libcudnn.so.8"}]])),
        "variables": draw(st.dictionaries(
            st.sampled_from(["LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "SLURM_JOB_ID"]),
            st.sampled_from(["", ":", "/usr/local/cuda/lib64", "-1", "0", "jax", "1", "\u0000", "ü" * 50]), max_size=3)),
        "managers": draw(st.lists(st.sampled_from(["pip", "uv", "conda", "mamba"]), max_size=3, unique=True)),
        "root": draw(st.booleans()),
        "disk_free_mib": draw(st.sampled_from([0, 500, 60000])),
    }  # fmt: skip
    missing = draw(st.sets(st.sampled_from(sorted(whole)), max_size=4))
    return {key: value for key, value in whole.items() if key not in missing}


_wishes = st.builds(
    lambda requirements, device, paths, manager: {"requirements": requirements, "device": device, "paths": paths, "manager": manager},
    st.lists(st.sampled_from(["tensorflow", "tensorflow==2.15.*", "keras<3", "python>=3.11", "torch", "numpy<2", "nothing-known"]), max_size=2),
    st.sampled_from(["any", "gpu", "cpu"]), st.sampled_from(["auto", "hook", "activation", "profile"]),
    st.sampled_from(["auto", "pip", "uv", "conda"]),
)  # fmt: skip


def _plan(described: dict[str, Any], wish: dict[str, Any]) -> Plan:
    return harness.plan_of(described, harness.wish_of(wish), DATASET)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(described=_machines(), wish=_wishes)
def test_any_machine_gets_a_sound_answer(described: dict[str, Any], wish: dict[str, Any]) -> None:
    plan = _plan(described, wish)
    assert plan.exit_code in CODES
    assert (plan.outcome is None) == (plan.exit_code in (exit_codes.CANNOT_TELL, exit_codes.NO_STACK)), harness.told(plan)
    assert (plan.exit_code == exit_codes.PROBLEMS) == bool(plan.actions), harness.told(plan)
    if plan.exit_code in (exit_codes.CANNOT_TELL, exit_codes.NO_STACK):
        assert plan.notes
    if plan.exit_code == exit_codes.NO_STACK:
        assert plan.rejected
    if described.get("os") == "linux" and described.get("arch") == "x86_64":
        assert not checker.problems(plan, described, DATASET), harness.told(plan)
    again = codec.from_json(Plan, json.loads(json.dumps(codec.to_json(plan))), "plan")
    assert codec.to_json(again) == codec.to_json(plan)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(described=_machines(), wish=_wishes)
def test_a_plan_applied_to_its_machine_leaves_nothing_to_install(described: dict[str, Any], wish: dict[str, Any]) -> None:
    plan = _plan(described, wish)
    if plan.outcome is None or not plan.actions or any(a.kind in ("activation_script", "conda_packages") for a in plan.actions):
        return
    after = _plan(_applied(described, plan), wish)
    left = [action.kind for action in after.actions if action.kind not in ("preload_hook", "activation_script", "profile_block")]
    assert not left, harness.told(plan) + "\n--- then ---\n" + harness.told(after)


def _applied(described: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The described machine as ``plan`` leaves it."""
    assert plan.outcome is not None
    environment = dict(described.get("environment") or {})
    if any(action.kind == "new_environment" for action in plan.actions):
        environment = {"kind": "venv", "owner": None, "python": plan.outcome.python}
    environment["packages"] = dict(plan.outcome.packages)
    beside = dict(described.get("x-convfix") or {})
    if "patient" in beside:
        beside["patient"] = {**beside["patient"], "broken": []}
    return {**described, "environment": environment, "x-convfix": beside}


@pytest.mark.parametrize("name", harness.names())
def test_a_case_applied_to_its_machine_leaves_nothing_to_install(name: str) -> None:
    case = harness.load(name)
    plan = _plan(case["machine"], case["wish"])
    if plan.outcome is None or not plan.actions or any(a.kind in ("activation_script", "profile_block") for a in plan.actions):
        return
    after = _plan(_applied(case["machine"], plan), case["wish"])
    assert not [a.kind for a in after.actions if a.kind != "preload_hook"], harness.told(after)


def test_remembered_answers_are_the_answers() -> None:
    """The same machine gives the same bytes, first, again, and after others."""
    first = {name: codec.to_json(_plan(harness.load(name)["machine"], harness.load(name)["wish"])) for name in harness.names()}
    for name in reversed(harness.names()):
        assert codec.to_json(_plan(harness.load(name)["machine"], harness.load(name)["wish"])) == first[name]
