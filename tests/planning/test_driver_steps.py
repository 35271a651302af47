"""A driver's steps on every distribution and for every generation of GPU: a branch and a flavour that serve the card."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import DriverStepRow
from fixer.model.plan import Plan, Wish
from tests.planning import harness

CARDS = {"K80": "3.7", "M40": "5.2", "GTX 1080": "6.1", "V100": "7.0", "RTX 2080": "7.5", "RTX 3080": "8.6", "RTX 5090": "12.0"}
DISTROS = [
    ("ubuntu", "20.04"), ("ubuntu", "22.04"), ("ubuntu", "24.04"), ("ubuntu", "26.04"), ("linuxmint", "22"), ("pop", "24.04"),
    ("debian", "11"), ("debian", "12"), ("debian", "13"), ("fedora", "44"), ("rhel", "8.10"), ("rhel", "9.4"), ("rhel", "10.1"),
    ("rocky", "9.4"), ("almalinux", "10.0"), ("centos", "9"), ("ol", "9.4"), ("arch", None), ("opensuse-leap", "15.6"),
    ("opensuse-leap", "16.0"), ("opensuse-tumbleweed", "20261101"), ("sles", "15.6"), ("gentoo", None),
]  # fmt: skip
ENROLS = ("mokutil", "kmodgenca", "update-secureboot-policy")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open()


def planned(dataset: Dataset, card: str = "RTX 3080", driver: Any = None, **keys: Any) -> Plan:
    """The plan for a fresh machine with one card and no driver."""
    told = copy.deepcopy(harness.load("blackwell-driver--a")["machine"])
    told |= {"gpus": [{"name": card, "compute_capability": CARDS[card]}], "driver": driver, "secure_boot": False, **keys}
    return harness.plan_of(told, Wish(), dataset)


@pytest.mark.parametrize(("name", "version"), DISTROS)
def test_the_step_is_a_persons_and_its_branch_serves_the_card(name: str, version: str | None, dataset: Dataset) -> None:
    for card, capability in CARDS.items():
        plan = planned(dataset, card, distro={"id": name, "version": version})
        assert plan.outcome is not None and plan.outcome.device == "gpu", (card, plan.notes)
        (step,) = plan.human_steps
        family = dataset.family(capability)
        assert family is not None and step.privilege == "root" and step.summary and "convfix plan" in step.why
        driver = plan.outcome.driver
        branch = int(driver["branch"] or driver["minimum"].split(".")[0])
        assert branch >= int(driver["minimum"].split(".")[0]) and branch >= (family.first_driver_branch or 0)
        assert family.last_driver_branch is None or branch <= family.last_driver_branch, (card, step)
        rows = [row for row in dataset.all(DriverStepRow) if row.distro == name and row.commands == step.commands[:-1] != ()]
        assert {row.module for row in rows} <= ({family.module} if family.module != "either" else {"open", "proprietary"}), card
        assert rows or not step.commands
        assert not step.commands or step.commands[-1] == ("sudo", "reboot")
        assert not any(argv[0] in ENROLS or argv[1:2] and argv[1] in ENROLS for argv in step.commands), "Secure Boot is off"


@pytest.mark.parametrize(("name", "version"), [one for one in DISTROS if one[0] not in ("sles", "gentoo")])
def test_where_secure_boot_is_on_its_own_steps_follow_the_drivers(name: str, version: str | None, dataset: Dataset) -> None:
    distro = {"id": name, "version": version}
    off = planned(dataset, distro=distro).human_steps[0]
    on = planned(dataset, distro=distro, secure_boot=True).human_steps[0]
    assert "Secure Boot is on" in on.why and "Secure Boot is on" not in off.why
    assert on.commands[: len(off.commands) - 1] == off.commands[:-1] and on.commands[-1:] == off.commands[-1:]
    signed = name.startswith("opensuse") or name in ("ubuntu", "linuxmint") and version != "20.04"
    added = on.commands[len(off.commands) - 1 : -1]
    assert signed or name == "arch" or any(word in ENROLS for argv in added for word in argv), added
    assert signed or "Enroll MOK" in on.why


def test_no_driver_is_advised_that_is_too_old_for_the_plan(dataset: Dataset) -> None:
    """A Hopper compiles part of TensorFlow's kernels, which takes a newer driver than this Ubuntu has."""
    told = {"distro": {"id": "ubuntu", "version": "20.04"}, "gpus": [{"name": "H100", "compute_capability": "9.0"}]}
    plan = planned(dataset, **told)
    assert plan.outcome is not None and plan.outcome.driver["minimum"].startswith("555.")
    (step,) = plan.human_steps
    assert step.commands == () and "555." in step.summary
    (newer,) = planned(dataset, **{**told, "distro": {"id": "ubuntu", "version": "24.04"}}).human_steps
    assert any("nvidia-driver-580-open" in argv for argv in newer.commands)


def test_debian_asks_nvidias_repository_only_for_what_its_own_does_not_have(dataset: Dataset) -> None:
    debian = {"id": "debian", "version": "13"}
    own = planned(dataset, "RTX 3080", distro=debian).human_steps[0]
    other = planned(dataset, "RTX 5090", distro=debian).human_steps[0]
    assert not any("developer.download.nvidia.com" in word for argv in own.commands for word in argv)
    assert any("developer.download.nvidia.com" in word for argv in other.commands for word in argv)


def test_a_module_that_secure_boot_refuses_is_let_in_as_the_distribution_does_it(dataset: Dataset) -> None:
    installed = {"version": "580.65.06", "kernel_module": None, "open_module": True, "libcuda_path": "/usr/lib64/libcuda.so.1"}
    keys = {"driver": installed, "secure_boot": True, "distro": {"id": "fedora", "version": "44"}}
    step = next(one for one in planned(dataset, **keys).human_steps if "Secure Boot" in one.summary)
    assert step.commands[0] == ("mokutil", "--sb-state") and any("akmods" in word for argv in step.commands for word in argv)
    elsewhere = next(one for one in planned(dataset, **{**keys, "distro": {"id": "gentoo", "version": None}}).human_steps)
    assert elsewhere.commands == (("mokutil", "--sb-state"),)


def test_wsl_windows_and_containers_get_their_hosts_step(dataset: Dataset) -> None:
    wsl = planned(dataset, wsl=True).human_steps[0]
    assert "in Windows" in wsl.summary and wsl.commands == ()
    boxed = planned(dataset, container="docker").human_steps
    assert any("host" in one.summary or "--gpus" in one.summary for one in boxed)
    windows = planned(dataset, os="windows", glibc=None, distro=None)
    assert all("sudo" not in argv for one in windows.human_steps for argv in one.commands)
