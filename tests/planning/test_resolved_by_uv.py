"""The outcome against a real resolver: uv resolves what the commands say, for the described Python and C library.

uv knows nothing of our dataset. Whatever a plan claims must be what uv finds, version by version, from
wheels alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.plan import Plan
from tests.planning import harness

CASES = (
    "numpy-abi--a", "numpy-abi-kind--b", "numpy-abi-bystander--b", "two-faults-at-once--b", "protobuf-too-old--b",
    "protobuf-too-new--b", "legacy-keras--b", "two-tensorflows--b", "tensorflow-gpu--b", "fresh-python--a", "fresh-python--b",
    "fresh-in-venv--b", "fresh-in-venv-python--b", "fresh-glibc--b", "ampere-driver--a", "ampere-old-driver--b", "pascal-cudnn--b",
    "maxwell--b", "kepler--b", "blackwell--b", "blackwell-in-venv--b", "hopper-driver--b", "installed-old-driver--b",
    "gpu-healthy--b", "cpu-build--b", "wish-keras--b", "wish-series--b", "wish-met--b", "torch-installed--b",
    "wish-torch-gpu--b", "wish-torch-gpu--a", "wish-torch--b",
)  # fmt: skip
GLIBC = {"2.17": "2_17", "2.31": "2_31", "2.35": "2_35", "2.36": "2_36"}


def _uv() -> list[str]:
    beside = Path(sys.executable).parent / "uv"
    return [str(beside) if beside.exists() else "uv"]


def _requirements(plan: Plan) -> dict[str, str]:
    found = {}
    for action in plan.actions:
        for argv in action.commands:
            if "install" in argv:
                found.update(dict(word.split("==") for word in argv if "==" in word))
    return found


def _resolve(lines: dict[str, str], python: str, glibc: str, folder: Path) -> dict[str, str]:
    source = folder / "requirements.in"
    source.write_text("".join(f"{name}=={version}\n" for name, version in sorted(lines.items())))
    argv = [*_uv(), "pip", "compile", str(source), "--python-version", python, "--no-header", "--no-annotate", "--quiet",
            "--only-binary", ":all:", "--python-platform", f"x86_64-manylinux_{GLIBC[glibc]}"]  # fmt: skip
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return dict(line.split("==") for line in ran.stdout.split() if "==" in line)


def _wanted(plan: Plan, described: dict[str, Any]) -> dict[str, str]:
    """What the commands install, in an existing environment together with the TensorFlow that stays and its own pins."""
    pinned = _requirements(plan)
    assert pinned and plan.outcome is not None
    if not any(action.kind == "new_environment" for action in plan.actions):
        kept = {n: v for n, v in plan.outcome.packages.items() if n in described["environment"]["packages"]}
        pinned = {**kept, **pinned}
    return pinned


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_uv_resolves_what_the_plan_claims(name: str, tmp_path: Path) -> None:
    case = harness.load(name)
    plan = harness.plan_of(case["machine"], harness.wish_of(case["wish"]), Dataset.open())
    assert plan.outcome is not None and plan.outcome.python is not None, harness.told(plan)
    resolved = _resolve(_wanted(plan, case["machine"]), plan.outcome.python, case["machine"]["glibc"], tmp_path)
    claimed = dict(plan.outcome.packages)
    differing = {n: (v, resolved.get(n)) for n, v in claimed.items() if resolved.get(n) != v}
    assert not differing, harness.told(plan)
    # What uv adds beside the claim must be nothing that decides: no TensorFlow, Keras, NumPy, nor an NVIDIA library
    # where the GPU is used (torch of CUDA 13 brings its own, which a TensorFlow on the CPU never opens).
    added = set(resolved) - set(claimed)
    decisive = {n for n in added if n.startswith("tensorflow") or n in ("numpy", "keras", "protobuf", "ml-dtypes", "h5py")}
    decisive |= {n for n in added if n.startswith("nvidia-")} if plan.outcome.device == "gpu" else set()
    if any(action.kind == "new_environment" for action in plan.actions):
        assert not decisive, decisive


def test_enough_plans_are_resolved() -> None:
    assert len(set(CASES)) >= 20
    assert set(CASES) <= set(harness.names())
