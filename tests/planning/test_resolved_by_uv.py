"""The outcome against a real resolver: uv resolves each plan's own commands, for the described Python and C library.

uv knows nothing of our dataset. Whatever a plan claims must be what uv finds, version by version, from wheels
alone; what it finds beside must be nothing that decides. Every case that installs wheels is asked (``long``); CI
asks a share, one of each kind.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from fixer.dataset.questions import Dataset
from fixer.model import machine
from fixer.model.plan import Plan
from fixer.planning.situation import Situation
from tests.planning import harness, resolver

SHARE = (
    "numpy-abi--a", "numpy-abi-bystander--b", "protobuf-too-old--b", "legacy-keras--b", "tensorflow-gpu--b", "fresh-python--a",
    "fresh-in-venv--b", "ampere-old-driver--b", "kepler--b", "blackwell--b", "cpu-build--b", "torch-installed--b",
    "wish-torch-gpu--b", "wish-jax-gpu--a", "wish-torch-jax--b", "needs-jax--b", "aarch64--b",
)  # fmt: skip
# gast 0.2.2, which TensorFlow 1.15 pins, was published as source alone; the plan keeps the one that is installed, and this
# resolution knows wheels alone.
_AS_SOURCE = ("cpu-build-1-15-same-release--a",)
# What decides whether TensorFlow and the frameworks beside it work, or which libraries they load.
_DECIDES = re.compile(r"(tensorflow|keras|tf-keras|numpy|protobuf|ml-dtypes|h5py|jax|jaxlib|torch|scipy)$|jax-cuda|tensorflow-")


def _asked() -> list[Any]:
    names = [name for name in harness.names() if name not in SHARE]
    return [*(pytest.param(name, marks=pytest.mark.slow) for name in SHARE), *(pytest.param(name, marks=pytest.mark.long) for name in names)]


def _libraries(state: dict[str, str], dataset: Dataset, plan: Plan) -> tuple[str | None, str | None]:
    """CUDA and cuDNN of the wheels that TensorFlow opens, by the CUDA major that its row says it was built with."""
    assert plan.outcome is not None and plan.outcome.distribution is not None
    version = state[plan.outcome.distribution]
    if "+" in version and version == plan.outcome.tensorflow:
        return None, None  # Somebody's own build, which stays: no row knows what it opens.
    row = dataset.tensorflow_row(plan.outcome.distribution, version)
    assert row is not None and row.cuda is not None
    major = row.cuda.partition(".")[0]
    runtime, cudnn = state.get(f"nvidia-cuda-runtime-cu{major}"), state.get(f"nvidia-cudnn-cu{major}")
    return (".".join(runtime.split(".")[:2]) if runtime else None, ".".join(cudnn.split(".")[:3]) if cudnn else None)


@pytest.mark.parametrize("name", _asked())
def test_uv_resolves_what_the_plan_claims(name: str) -> None:
    case, dataset = harness.load(name), Dataset.open()
    wish = harness.wish_of(case["wish"])
    plan = harness.plan_of(case["machine"], wish, dataset)
    if not any(pins for _, _, pins in resolver.installs(plan)):
        pytest.skip("this plan installs no wheels")
    if name in _AS_SOURCE:
        pytest.skip("it keeps a package that has no wheel")
    assert plan.outcome is not None
    glibc = Situation(machine.decode(case["machine"]), (), dataset, wish).glibc
    state = resolver.after(plan, case["machine"], glibc)
    claimed = dict(plan.outcome.packages)
    differing = {n: (v, state.get(n)) for n, v in claimed.items() if state.get(n) != v}
    assert not differing, harness.told(plan)
    new = any(action.kind == "new_environment" for action in plan.actions)
    added = {n for n in set(state) - set(claimed) if _DECIDES.match(n)}
    # torch of CUDA 13 brings libraries of its own, which a TensorFlow on the CPU never opens.
    added |= {n for n in set(state) - set(claimed) if n.startswith("nvidia-")} if plan.outcome.device == "gpu" else set()
    # A described environment may leave out what its TensorFlow needs; a new one is described by the plan alone.
    assert not new or not added, added
    if plan.outcome.device != "gpu":
        assert not plan.outcome.libraries_from
        return
    found = _libraries(state, dataset, plan)
    if "conda" not in plan.outcome.libraries_from:
        assert ("wheels" in plan.outcome.libraries_from) == any(found), harness.told(plan)
        assert not new or "system" not in plan.outcome.libraries_from
    if plan.outcome.libraries_from == ("wheels",):
        assert (plan.outcome.cuda, plan.outcome.cudnn) == found, harness.told(plan)


def test_the_share_installs_and_is_of_every_kind() -> None:
    dataset, kinds = Dataset.open(), set[tuple[str, str]]()
    for name in SHARE:
        case = harness.load(name)
        plan = harness.plan_of(case["machine"], harness.wish_of(case["wish"]), dataset)
        assert any(pins for _, _, pins in resolver.installs(plan)), name
        assert plan.outcome is not None
        kinds |= {(action.kind, plan.outcome.device) for action in plan.actions}
    assert {(kind, device) for kind in ("pip_requirements", "new_environment") for device in ("gpu", "cpu")} <= kinds
