"""Plans by conda: the commands solve as they say with conda's own solver, and chooses the CUDA build or says why not."""

from __future__ import annotations

import copy
import shlex
from pathlib import Path
from typing import Any

import dockerfile
import pytest
import yaml

from fixer.dataset.questions import Dataset
from fixer.model import machine
from fixer.model.plan import Plan, Wish
from fixer.planning.why_not import why_not
from fixer.report.formats import document
from fixer.rules import judge
from tests.conda_channel import Channel, NoSolution
from tests.planning import harness

OLD = {"tensorflow": "2.10.1", "keras": "2.10.0", "numpy": "1.23.5", "protobuf": "3.19.6"}
AMPERE = {"gpus": [{"name": "NVIDIA GeForce RTX 3080", "compute_capability": "8.6"}]}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open()


def planned(dataset: Dataset, *wanted: str, manager: str = "conda", paths: str = "auto", device: str = "any", **keys: Any) -> Plan:
    told = copy.deepcopy(harness.load("blackwell-driver--a")["machine"])
    told |= {"managers": ["pip", "conda"], **keys}
    return harness.plan_of(told, Wish(wanted, device, manager, paths), dataset)


def environment(**keys: Any) -> dict[str, Any]:
    return {"kind": "conda", "python": "3.10.12", "owner": None, "packages": OLD, **keys}


def specs(plan: Plan) -> list[str]:
    """What the plan's one call of conda asks for."""
    (action,) = (one for one in plan.actions if one.kind in ("new_environment", "conda_packages"))
    argv = list(action.commands[0])
    return list(argv[argv.index("conda-forge") + 1 :])


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    """A channel with CPU and CUDA builds, as conda-forge's are: the CUDA ones need __cuda, the CPU ones are weighed down."""
    made = Channel(tmp_path / "channel")
    made.add_pythons()
    for version in ("11.2", "12.8", "12.9"):
        made.add("cuda-version", version)
    made.add("cudnn", "9.10.1.4", depends=["cuda-version >=12,<13"])
    for version, build in (("2.19.1", "cuda128py0h1_201"), ("2.19.1", "cuda129py0h1_201"), ("2.18.0", "cuda128py0h1_0")):
        needs = ["python", "cudnn >=9.10.1.4,<10", f"cuda-version >={build[4:6]}.{build[6]},<13", "__cuda"]
        made.add("tensorflow", version, build, needs)
    made.add("tensorflow", "2.19.1", "cpu_py0h1_51", ["python"], features="tensorflow-cpu")
    for version in ("11.2.2", "11.8.0"):
        made.add("cudatoolkit", version, constrains=["__cuda >=11.2"])
    for version in ("8.1.0.77", "8.9.7.29"):
        made.add("cudnn", version, depends=["cudatoolkit 11.*"])
    return made


def test_a_new_environment_gets_conda_forges_cuda_build(dataset: Dataset, channel: Channel) -> None:
    plan = planned(dataset)
    assert plan.outcome is not None and [one.kind for one in plan.actions] == ["new_environment"]
    found = channel.solve(specs(plan), {"__cuda": "12.8"})
    version, build = found["tensorflow"]
    assert version == plan.outcome.tensorflow and build.startswith("cuda128")
    assert found["cuda-version"][0] == plan.outcome.cuda == "12.8"
    assert plan.outcome.libraries_from == ("conda",) and plan.outcome.cudnn is None, "conda chooses it; nobody promised one"
    assert found["python"][0].startswith(f"{plan.outcome.python}.")
    assert any("best-effort" in note for note in plan.notes)


def test_a_machine_without_a_driver_tells_conda_for_which_cuda(dataset: Dataset, channel: Channel) -> None:
    with_driver, without = planned(dataset), planned(dataset, driver=None)
    assert with_driver.actions[0].commands[0][0] == "conda"
    assert without.actions[0].commands[0][:3] == ("env", "CONDA_OVERRIDE_CUDA=12.8", "conda")
    assert without.human_steps, "the driver is still a person's step"
    with pytest.raises(NoSolution, match="__cuda"):
        channel.solve(specs(without))
    assert channel.solve(specs(without), {"__cuda": "12.8"})["tensorflow"][0] == "2.19.1"


def test_an_old_tensorflow_gets_condas_toolkit_and_no_wheel_of_it(dataset: Dataset, channel: Channel) -> None:
    plan = planned(dataset, environment=environment(), **AMPERE)
    assert [one.kind for one in plan.actions] == ["conda_packages", "preload_hook"] and plan.outcome is not None
    assert (plan.outcome.cuda, plan.outcome.cudnn, plan.outcome.libraries_from) == ("11.2", "8.1.0", ("conda",))
    assert dict(plan.outcome.packages) == OLD, "conda's libraries are no Python packages"
    solved = {name: version for name, (version, _) in channel.solve(specs(plan), {"__cuda": "12.2"}).items()}
    assert solved["cudatoolkit"].startswith("11.2.") and solved["cudnn"].startswith("8.1.0.")
    assert all(path.startswith("<environment>/lib/lib") for path in plan.actions[1].params["libraries"])


def test_the_activation_that_was_asked_for_is_taken_back_by_its_twin(dataset: Dataset) -> None:
    plan = planned(dataset, environment=environment(), paths="activation", **AMPERE)
    scripts = [one for one in plan.actions if one.kind == "activation_script"]
    assert {one.params["path"].rpartition("/")[0] for one in scripts} == {"<environment>/etc/conda/activate.d"}
    assert all(one.params["prepend"] == {"LD_LIBRARY_PATH": ["<environment>/lib"]} for one in scripts)


def test_wheels_come_first_unless_conda_is_wished_for(dataset: Dataset) -> None:
    plan = planned(dataset, manager="auto", environment=environment(), **AMPERE)
    assert [one.kind for one in plan.actions][0] == "pip_requirements" and plan.outcome is not None
    assert plan.outcome.libraries_from == ("wheels",)
    fresh = planned(dataset, manager="auto")
    assert fresh.outcome is not None and fresh.outcome.tensorflow == "2.21.0"
    assert any("conda-forge's build" in note and "machine code" in note for note in fresh.notes)


def test_conda_is_the_way_where_no_wheel_serves_the_wish(dataset: Dataset) -> None:
    plan = planned(dataset, "tensorflow==2.19.1", manager="auto")
    assert plan.exit_code == 1 and plan.outcome is not None and plan.outcome.libraries_from == ("conda",)
    assert any("2.19.1" in one.stack.values() and "build" not in one.stack for one in plan.rejected), "the wheel is refused"
    without = planned(dataset, "tensorflow==2.19.1", manager="auto", device="gpu", managers=["pip", "uv"])
    assert without.exit_code == 9 and any("Way out: conda-forge's build" in note for note in without.notes)
    never = planned(dataset, "tensorflow==2.17.1", manager="auto", device="gpu")
    assert never.exit_code == 9 and any(one.stack.get("build", "").startswith("conda-forge") for one in never.rejected)


def test_a_cpu_build_that_conda_chose_is_replaced_by_conda(dataset: Dataset) -> None:
    packages = {"tensorflow": "2.19.1", "tensorflow-base": "2.19.1", "keras": "3.10.0", "numpy": "2.1.3"}
    plan = planned(
        dataset, manager="auto", environment=environment(python="3.12.5", packages=packages), **{"x-convfix": {
            "tensorflow_build": {"version": "2.19.1", "is_cuda_build": False},
        }},
    )  # fmt: skip
    if not any(finding.cause == "cpu-build-selected" for finding in plan.findings):
        pytest.fail(f"the case does not tell a CPU build: {[finding.code for finding in plan.findings]}")
    assert plan.actions[0].kind == "conda_packages", plan.actions
    assert "tensorflow=2.19.1=cuda128*" in plan.actions[0].commands[0]


def test_how_it_is_entered_is_condas(dataset: Dataset) -> None:
    plan = planned(dataset, managers=["pip", "micromamba"])
    assert any(note.startswith("Enter it with: micromamba activate ") for note in plan.notes)
    assert plan.actions[0].commands[0][0] == "micromamba"


@pytest.mark.parametrize("managers", [["pip", "uv"], ["pip", "conda"]])
def test_why_not_and_the_plan_agree(managers: list[str], dataset: Dataset) -> None:
    told = {**harness.load("blackwell-driver--a")["machine"], "managers": managers}
    facts, wish = machine.decode(told), Wish(("tensorflow==2.19.1",), "gpu")
    answer = why_not(facts, judge(facts, dataset, wish), dataset, wish)
    assert answer.possible is ("conda" in managers) and {one.fact for one in answer.reasons} == {"gpus"}
    plan = harness.plan_of(told, wish, dataset)
    assert (plan.exit_code == 1) is answer.possible
    assert not answer.possible or answer.stack["build"] == "conda-forge cuda128"


def test_condas_documents_are_read_by_their_tools(dataset: Dataset, channel: Channel) -> None:
    plan = planned(dataset)
    read = yaml.safe_load(document(plan, "conda"))
    wanted = [one for one in read["dependencies"] if isinstance(one, str)]
    assert channel.solve(wanted, {"__cuda": "12.8"})["tensorflow"][0] == "2.19.1"
    steps = dockerfile.parse_string(document(plan, "dockerfile"))
    values = {step.value[i]: step.value[i + 1] for step in steps if step.cmd.upper() == "ENV" for i in range(0, len(step.value), 2)}
    assert values["CONDA_OVERRIDE_CUDA"] == "12.8", "an image is built where there is no GPU"
    (made,) = (shlex.split(step.value[0]) for step in steps if step.cmd.upper() == "RUN")
    assert {"conda", "create", "tensorflow=2.19.1=cuda128*", "cuda-version=12.8"} <= set(made)
