"""Why-not: every reason names its row and its fact; change that one fact, and the reason is gone."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from fixer.dataset.questions import Dataset
from fixer.model import machine
from fixer.model.plan import Wish
from fixer.model.why_not import Argument, WhyNot
from fixer.planning.why_not import why_not
from fixer.rules import judge
from tests.planning import harness
from tests.schemas import valid

Described = dict[str, Any]
CARDS = {
    "K80": "3.7", "GTX 1080": "6.1", "V100": "7.0", "RTX 2080": "7.5", "RTX 3080": "8.6", "RTX 4090": "8.9", "H100": "9.0",
    "RTX 5090": "12.0",
}  # fmt: skip


def described(card: str | None = "RTX 3080", driver: str | None = "580.65.06", **keys: Any) -> Described:
    """An Ubuntu 22.04 with one card, Python 3.11 and no environment, unless told otherwise."""
    made = copy.deepcopy(harness.load("blackwell-driver--a")["machine"])
    made["gpus"] = [{"name": f"NVIDIA {card}", "compute_capability": CARDS[card]}] if card else []
    made["driver"] = {**made["driver"], "version": driver, "kernel_module": driver} if driver else None
    return {**made, **keys}


def with_module(card: str, is_open: bool) -> Described:
    """The same, with a kernel module of the flavour that is asked for."""
    made = described(card)
    return {**made, "driver": {**made["driver"], "open_module": is_open}}


def venv(python: str = "3.11.7", **packages: str) -> Described:
    named = {name.replace("_", "-"): version for name, version in packages.items()}
    return {"kind": "venv", "python": python, "owner": None, "packages": named}


def asked(told: Described, requirements: tuple[str, ...], dataset: Dataset, device: str = "any", manager: str = "auto") -> WhyNot:
    facts, wish = machine.decode(told), Wish(requirements, device, manager)
    return why_not(facts, judge(facts, dataset, wish), dataset, wish)


# A machine, what is asked about, and the facts that must be among those that its reasons name.
STACKS: dict[str, tuple[Described, tuple[str, ...], set[str]]] = {
    "python-too-new": (described(), ("tensorflow==2.4.4", "python==3.12"), {"wish.python"}),
    "python-3.14": (described(), ("tensorflow==2.21.0", "python==3.14"), {"wish.python"}),
    "python-too-old": (described(), ("tensorflow==2.18.1", "python==3.8"), {"wish.python"}),
    "python-3.13-and-2.19": (described(), ("tensorflow==2.19.1", "python==3.13"), {"wish.python"}),
    "python-of-the-environment": (
        described(environment=venv("3.8.10"), pythons=["3.8"], managers=["pip"]),
        ("tensorflow==2.18.1",),
        {"environment.python", "pythons"},
    ),
    "python-not-at-hand": (described(pythons=["3.12"], managers=["pip"]), ("tensorflow==2.15.1",), {"pythons"}),
    "python-range": (described(), ("tensorflow==2.10.1", "python>=3.11"), {"wish.python"}),
    "glibc-of-centos-7": (described(glibc="2.12"), ("tensorflow==2.15.1",), {"glibc"}),
    "glibc-2.17-and-2.21": (described(glibc="2.17"), ("tensorflow==2.21.0",), {"glibc"}),
    "libstdcxx-of-centos-7": (
        described(distro={"id": "centos", "version": "7"}, glibc="2.17", pythons=["3.7"], card=None, driver=None),
        ("tensorflow==1.14.0", "python==3.7"),
        {"distro"},
    ),
    "musl": (described(glibc=None), ("tensorflow==2.15.1",), {"glibc"}),
    "no-avx": (described(cpu_flags=["sse4_2"]), ("tensorflow==2.15.1",), {"cpu_flags"}),
    "blackwell-2.15": (described("RTX 5090"), ("tensorflow==2.15.1",), {"gpus"}),
    "blackwell-2.18": (described("RTX 5090"), ("tensorflow==2.18.1",), {"gpus"}),
    "blackwell-2.20": (described("RTX 5090"), ("tensorflow==2.20.0",), {"gpus"}),
    "blackwell-old-driver": (described("RTX 5090", "550.54.14"), ("tensorflow==2.21.0",), {"driver.version"}),
    "kepler-2.15": (described("K80", "470.82.01"), ("tensorflow==2.15.1",), {"gpus"}),
    "kepler-2.21": (described("K80", "470.82.01"), ("tensorflow==2.21.0",), {"gpus"}),
    "driver-450": (described(driver="450.80.02"), ("tensorflow==2.15.1",), {"driver.version"}),
    "driver-470": (described("V100", "470.57.02"), ("tensorflow==2.18.1",), {"driver.version"}),
    "driver-390": (described("GTX 1080", "390.157"), ("tensorflow==2.10.1", "python==3.10"), {"driver.version"}),
    "volta-590": (described("V100", "590.48.01"), ("tensorflow==2.18.1",), {"driver.version"}),
    "pascal-open-module": (with_module("GTX 1080", True), ("tensorflow==2.18.1",), {"driver.open_module"}),
    "blackwell-closed-module": (with_module("RTX 5090", False), ("tensorflow==2.21.0",), {"driver.open_module"}),
    "hopper-ptx": (described("H100", "535.104.05"), ("tensorflow==2.21.0",), {"driver.version"}),
    "no-such-release": (described(), ("tensorflow==2.99.0",), {"wish.tensorflow"}),
    "cpu-distribution": (described(), ("tensorflow-cpu==2.15.1", "python==3.12"), {"wish.python"}),
    "retired-distribution": (described(), ("tensorflow-gpu==2.12.0",), {"wish.tensorflow"}),
    "numpy-2-and-2.15": (described(), ("tensorflow==2.15.1", "numpy==2.0.2"), {"wish.numpy"}),
    "numpy-1-for-installed": (described(environment=venv(tensorflow="2.15.1", keras="2.15.0")), ("numpy>=2",), {"wish.numpy"}),
    "keras-3-and-2.15": (described(), ("tensorflow==2.15.1", "keras>=3"), {"wish.keras"}),
    "keras-2-and-2.18": (described(), ("tensorflow==2.18.1", "keras<3"), {"wish.keras"}),
    "protobuf-6-and-2.15": (described(), ("tensorflow==2.15.1", "protobuf>=6"), {"wish.protobuf"}),
    "torch-beside-2.15": (described(), ("tensorflow==2.15.1", "torch==2.14.0"), {"wish.torch"}),
    "unknown-package": (described(), ("tensorflow==2.15.1", "no-such-package"), {"wish.no-such-package"}),
    "windows": (described(os="windows", glibc=None), ("tensorflow==2.15.1",), {"wish.tensorflow"}),
    "windows-arm-platform": (described(arch="aarch64", card=None, driver=None), ("tensorflow==2.5.3",), {"os"}),
    "held-by-a-bystander": (
        described(environment={**venv(tensorflow="2.15.1", keras="2.15.0", numpy="1.26.4", scipy="1.10.1"), "owner": "uv"}),
        ("tensorflow==2.20.0", "numpy==2.2.6"),
        {"environment.packages.scipy"},
    ),
    "cuda-11-wheels": (described(), ("tensorflow==2.4.4", "python==3.8"), {"wish.tensorflow"}),
}  # fmt: skip


def _without(told: Described, name: str) -> Described:
    packages = {key: value for key, value in told["environment"]["packages"].items() if key != name}
    return {**told, "environment": {**told["environment"], "packages": packages}}


def _pythons(reason: Argument) -> list[str]:
    found = re.search(r"(?:it has them for |it needs Python )([0-9., or]+)", reason.text)
    return re.findall(r"3\.\d+", found.group(1)) if found else []


def _card(reason: Argument, told: Described) -> str:
    """A card with machine code in the wheel that the reason names, or of a family that its CUDA serves."""
    found = re.search(r"machine code: ([0-9., ]+)", reason.text)
    return found.group(1).split(", ")[-1] if found else "8.0"


def flipped(told: Described, wanted: tuple[str, ...], reason: Argument) -> tuple[Described, tuple[str, ...]]:
    """The machine and the wish with nothing but the fact of ``reason`` changed."""
    kind, _, name = reason.fact.rpartition(".")
    if reason.fact == "wish.python":
        python = _pythons(reason)[-1]
        return told, (*(one for one in wanted if not one.startswith("python")), f"python=={python}")
    if reason.fact == "wish.tensorflow":
        newest = "tensorflow==2.10.1" if told["os"] == "windows" else "tensorflow==2.15.1"
        return told, (*(one for one in wanted if not one.startswith("tensorflow")), newest)
    if kind == "wish":
        return told, tuple(one for one in wanted if re.split(r"[=<>]", one)[0] != name)
    if kind == "environment.packages":
        return _without(told, name), wanted
    change: dict[str, Described] = {
        "environment.python": {"environment": {**(told["environment"] or {}), "python": f"{(_pythons(reason) or ['3.11'])[-1]}.1"}},
        "pythons": {"pythons": _pythons(reason)},
        "glibc": {"glibc": "2.39"},
        "distro": {"distro": {"id": "ubuntu", "version": "16.04"}, "glibc": "2.23"},
        "cpu_flags": {"cpu_flags": ["avx", "avx2", "fma"]},
        "gpus": {"gpus": [{"compute_capability": _card(reason, told)}]},
        "driver.version": {"driver": {**(told["driver"] or {}), "version": "580.65.06", "kernel_module": "580.65.06"}},
        "driver.open_module": {"driver": {**(told["driver"] or {}), "open_module": not (told["driver"] or {}).get("open_module")}},
        "os": {"os": "linux", "arch": "x86_64"},
    }
    return {**told, **change[reason.fact]}, wanted


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open()


@pytest.mark.parametrize("name", sorted(STACKS))
def test_each_reason_falls_with_its_own_fact(name: str, dataset: Dataset) -> None:
    told, wanted, facts = STACKS[name]
    answer = asked(told, wanted, dataset)
    assert answer.possible is False and answer.exit_code == 9 and answer.reasons, answer
    assert facts <= {reason.fact for reason in answer.reasons}, answer.reasons
    for reason in answer.reasons:
        assert reason.fact and reason.value or reason.fact == "glibc", reason
        assert not reason.row or reason.source, f"{reason.row} names no row of the dataset"
        again = asked(*flipped(told, wanted, reason), dataset)
        assert reason.text not in {one.text for one in again.reasons}, (reason, again.reasons)


@pytest.mark.parametrize("name", sorted(STACKS))
def test_a_reason_stays_when_another_fact_changes(name: str, dataset: Dataset) -> None:
    told, wanted, facts = STACKS[name]
    other = {**told, "kernel": "6.1.0", "secure_boot": True, "disk_free_mib": 70000}
    if "distro" not in facts:
        other["distro"] = {"id": "debian", "version": "12"}
    assert asked(other, wanted, dataset).reasons == asked(told, wanted, dataset).reasons


def test_the_build_without_cuda_is_for_the_cpu_alone(dataset: Dataset) -> None:
    taken, refused = (asked(described(), ("tensorflow-cpu==2.15.1",), dataset, device) for device in ("any", "gpu"))
    assert taken.possible and taken.device == "cpu" and not any("CUDA" in one.text for one in taken.reasons)
    assert refused.possible is False and any("built without CUDA" in one.text for one in refused.reasons)


def test_no_gpu_is_a_no_and_not_an_unknown(dataset: Dataset) -> None:
    answer = asked(described(None, None), ("tensorflow==2.20.0",), dataset, "gpu")
    assert answer.possible is False and answer.exit_code == 9 and {one.fact for one in answer.reasons} == {"gpus"}
    assert not any(one.fact == "gpus" for one in asked(described(), ("tensorflow==2.20.0",), dataset, "gpu").reasons)


def test_there_are_thirty_stacks_and_every_kind_of_fact_is_flipped() -> None:
    assert len(STACKS) >= 30
    named = set[str]().union(*(facts for _, _, facts in STACKS.values()))
    assert {"wish.python", "environment.python", "pythons", "glibc", "distro", "cpu_flags", "gpus", "driver.version", "os"} <= named


def test_nothing_stands_against_what_plans_take(dataset: Dataset) -> None:
    """The plan and why-not are of one mind, since they ask the same gates."""
    taken = 0
    for name in harness.names():
        case = harness.load(name)
        plan = harness.plan_of(case["machine"], harness.wish_of(case["wish"]), dataset)
        makes = any(action.kind == "new_environment" for action in plan.actions)
        if plan.outcome is None or not makes or plan.outcome.driver != "keep":
            continue
        wanted = (f"{plan.outcome.distribution}=={plan.outcome.tensorflow}", f"python=={plan.outcome.python}")
        answer = asked(case["machine"], wanted, dataset, plan.outcome.device, plan.wish.manager)
        assert answer.possible is True, (name, answer.reasons)
        taken += 1
    assert taken > 30


def test_what_a_plan_refuses_is_impossible_for_the_same_reason(dataset: Dataset) -> None:
    told = described("RTX 5090")
    plan = harness.plan_of(told, Wish(("tensorflow==2.18.1",), "gpu"), dataset)
    assert plan.exit_code == 9
    refused = {reason.text for one in plan.rejected if "2.18.1" in one.stack.values() for reason in one.reasons}
    assert refused <= {reason.text for reason in asked(told, ("tensorflow==2.18.1",), dataset, "gpu").reasons}


def test_an_unknown_fact_that_decides_is_named(dataset: Dataset) -> None:
    told = described()
    del told["driver"]
    answer = asked(told, ("tensorflow==2.15.1",), dataset)
    assert (answer.possible, answer.exit_code, answer.needs) == (None, 6, ("driver.version",))
    del told["gpus"]
    assert asked(told, ("tensorflow==2.15.1",), dataset).needs == ("gpus",)


def test_a_possible_stack_is_told_from_the_one_that_is_taken(dataset: Dataset) -> None:
    told = described(environment=venv(tensorflow="2.15.1", keras="2.15.0", numpy="1.26.4"))
    other = asked(told, ("tensorflow==2.18.1",), dataset)
    assert other.possible and not other.chosen and other.exit_code == 0
    assert other.instead["tensorflow"] == "2.15.1" and "already" in other.reasons[0].text
    taken = asked(told, ("tensorflow==2.15.1",), dataset)
    assert taken.possible and taken.chosen and taken.reasons == () and taken.instead == {}


def test_both_pages_end_alike_and_the_document_fits_its_schema(convfix: Any, tmp_path: Any) -> None:
    import json

    for name in ("python-too-new", "driver-450", "numpy-2-and-2.15"):
        told, wanted, _ = STACKS[name]
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(told))
        answer = convfix("why-not", *wanted, "--machine", path, "--json")
        valid(answer.json(), "envelope")
        valid(answer.data, "why-not")
        page = convfix("why-not", *wanted, "--machine", path)
        assert page.code == answer.code == answer.json()["exit_code"] == 9
        for reason in answer.data["reasons"]:
            assert reason["text"] in page.stdout and reason["row"] in page.stdout and reason["fact"] in page.stdout


@pytest.mark.parametrize("argv", [[], ["tensorflow", "2.4"], ["tensorflow=="], ["tensorflow @ https://example.invalid/x.whl"]])
def test_what_is_no_requirement_is_wrong_usage(convfix: Any, argv: list[str]) -> None:
    answer = convfix("why-not", *argv, "--json")
    assert answer.code == 2 and answer.data == {} and len(answer.json()["errors"]) == 1
