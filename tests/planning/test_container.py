"""Inside a container: the host's way of starting it with the GPU, and no repair that hides that it ends with it."""

from __future__ import annotations

import copy
import re
from typing import Any

import dockerfile
import pytest
import yaml

from fixer.dataset.questions import Dataset
from fixer.model.plan import Plan, Wish
from fixer.planning.container import COMPOSE, LIMITS
from tests.planning import harness

FLEETING = ("docker", "podman", "kubernetes", "containerd")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open()


def planned(dataset: Dataset, box: str | None, *, device: str = "any", paths: str = "auto", **keys: Any) -> Plan:
    told = copy.deepcopy(harness.load("blackwell-driver--a")["machine"])
    return harness.plan_of({**told, "container": box, **keys}, Wish((), device, "auto", paths), dataset)


@pytest.mark.parametrize("box", FLEETING)
@pytest.mark.parametrize("paths", ["auto", "activation"])
def test_every_action_says_that_it_ends_with_the_container(box: str, paths: str, dataset: Dataset) -> None:
    plan = planned(dataset, box, paths=paths)
    assert plan.actions and all(f"this {box} container" in action.summary for action in plan.actions)
    lines = [note for note in plan.notes if note.startswith(("RUN ", "ENV "))]
    steps = dockerfile.parse_string("FROM scratch\n" + "\n".join(lines))
    assert [step.cmd.upper() for step in steps[1:]] == [line[:3] for line in lines] and len(lines) >= 2
    told = " && ".join(" ".join(argv) for argv in plan.actions[0].commands)
    assert lines[0].replace("'", "") == f"RUN {told}"


@pytest.mark.parametrize("box", [None, "lxc", "systemd-nspawn"])
def test_where_the_file_system_lives_on_nothing_is_said(box: str | None, dataset: Dataset) -> None:
    plan = planned(dataset, box)
    assert plan.actions and not any("container" in action.summary for action in plan.actions)
    assert not any(note.startswith(("RUN ", "ENV ")) for note in plan.notes)


def test_a_read_only_image_is_named(dataset: Dataset) -> None:
    assert any("read-only" in note for note in planned(dataset, "apptainer").notes)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ("docker", ("docker", "run", "--gpus", "all", "IMAGE")),
        ("podman", ("podman", "run", "--device", "nvidia.com/gpu=all", "IMAGE")),
        ("apptainer", ("apptainer", "exec", "--nv", "IMAGE", "python")),
        ("containerd", ("docker", "run", "--gpus", "all", "IMAGE")),
    ],
)
def test_the_host_is_told_how_to_start_it_with_the_gpu(box: str, words: tuple[str, ...], dataset: Dataset) -> None:
    plan = planned(dataset, box, device="gpu", gpus=[], driver=None)
    assert plan.exit_code == 8 and plan.actions == () and len(plan.human_steps) == 1
    step = plan.human_steps[0]
    assert words in step.commands and step.privilege == "person" and "NVIDIA driver" in step.why
    # Apptainer's --nv brings the host's driver by itself.
    assert ("Container Toolkit" in step.why) == (box != "apptainer")
    with_card = planned(dataset, box, driver=None)
    assert any(words in one.commands for one in with_card.human_steps)


def test_kubernetes_and_compose_get_their_lines(dataset: Dataset) -> None:
    (step,) = planned(dataset, "kubernetes", device="gpu", gpus=[], driver=None).human_steps
    assert step.commands == () and LIMITS in step.why
    assert yaml.safe_load(LIMITS)["resources"]["limits"] == {"nvidia.com/gpu": 1}
    (step,) = planned(dataset, "docker", device="gpu", gpus=[], driver=None).human_steps
    found = re.search(r"\{deploy: .*\}\}\}\}", step.why)
    assert found is not None and found.group(0) == COMPOSE
    (device,) = yaml.safe_load(COMPOSE)["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
