"""What only root or a person can do: the driver, the host of a container, Windows beside WSL, settings from outside.

The unit is a function that returns human steps. Commands are the distribution's official ones, from the
dataset or from the finding that the rule made; convfix prints them and never runs them.
"""

from __future__ import annotations

from typing import Any

from fixer.dataset.rows import DriverStepRow
from fixer.model import compare
from fixer.model.action import HumanStep
from fixer.model.finding import Finding
from fixer.planning.situation import Situation

_AFTERWARDS = "Afterwards run: convfix plan"
_REBOOT = ("sudo", "reboot")
TF1_IMAGE = "nvcr.io/nvidia/tensorflow:23.03-tf1-py3"


def from_finding(finding: Finding) -> HumanStep:
    """The remedy of a finding as a person's step; convfix's own commands are left out."""
    commands = tuple(argv for argv in finding.remedy.commands if argv and argv[0] != "convfix")
    root = any(argv[0] == "sudo" for argv in commands)
    paths = ", ".join(finding.subject.get("paths", "").split("\n"))
    why = f"{finding.title}{f' ({paths})' if paths and paths not in finding.title else ''}. {_AFTERWARDS}"
    return HumanStep(finding.remedy.summary or finding.title, commands, why, "root" if root else "person")


def driver_step(situation: Situation, floor: str | None, why: str) -> tuple[HumanStep, Any]:
    """How a person gets a driver that serves this GPU and CUDA, and what the driver will be."""
    minimum, last = limits(situation, floor)
    wanted = {"minimum": minimum, "branch": None}
    if situation.wsl:
        text = (
            f"Install the current NVIDIA driver in Windows{_at_least(minimum)}, never a Linux driver inside WSL; "
            "then wsl --shutdown"
        )
        return HumanStep(text, (), f"{why} In WSL2 the driver is Windows' own. {_AFTERWARDS}", "person"), wanted
    if situation.facts.container.value:
        text = f"Install the NVIDIA driver on the container's host{_at_least(minimum)}"
        return HumanStep(text, (), f"{why} A container uses the host's driver. {_AFTERWARDS}", "root"), wanted
    if situation.os == "windows":
        text = f"Install NVIDIA's current driver for Windows{_at_least(minimum)}, and restart"
        return HumanStep(text, (), f"{why} https://www.nvidia.com/drivers has it. {_AFTERWARDS}", "person"), wanted
    row = _row(situation, minimum, last)
    if row is None:
        limit = f", of branch {last} at most" if last else ""
        text = f"Install the NVIDIA driver{_at_least(minimum)}{limit}, as your distribution or NVIDIA's guide says"
        return HumanStep(text, (), f"{why} {_AFTERWARDS}", "root"), {**wanted, "branch": str(last) if last else None}
    first = row.replaces if situation.facts.driver.value is not None else ()
    commands = (*first, *row.commands, *_signing(situation, row), _REBOOT) if row.commands else ()
    notes = " ".join(part for part in (why, row.notes, _signing_note(situation, row), _AFTERWARDS) if part)
    return HumanStep(_sentence(row.summary), commands, notes, "root"), {**wanted, "branch": str(row.branch)}


def port_step(situation: Situation) -> HumanStep:
    """The two ways to the GPU for a program of TensorFlow 1 that its own release cannot take."""
    # The last monthly release of TensorFlow 1: https://github.com/NVIDIA/tensorflow/releases
    text = (
        f"For the GPU: port the program to TensorFlow 2, then: convfix plan --want 'tensorflow>=2'; or run it in {TF1_IMAGE}, "
        "NVIDIA's last image of TensorFlow 1"
    )
    why = f"No TensorFlow 1 uses {situation.card_name} in this environment, and a 2.x is another program. {_AFTERWARDS}"
    return HumanStep(text, (), why, "person")


def secure_boot_step(situation: Situation, finding: Finding) -> HumanStep:
    """How the key is enrolled that signs the module, as this distribution does it; the finding's own words elsewhere."""
    row = _row(situation, None, None)
    if row is None or not row.secure_boot_note:
        return from_finding(finding)
    commands = (("mokutil", "--sb-state"), *row.secure_boot, _REBOOT)
    why = f"{finding.title}. {row.secure_boot_note} {_AFTERWARDS}"
    return HumanStep("Let Secure Boot accept the NVIDIA kernel module", commands, why, "root")


def _signing(situation: Situation, row: DriverStepRow) -> tuple[tuple[str, ...], ...]:
    return row.secure_boot if situation.facts.secure_boot.value is True else ()


def _signing_note(situation: Situation, row: DriverStepRow) -> str:
    return f"Secure Boot is on. {row.secure_boot_note}" if situation.facts.secure_boot.value and row.secure_boot_note else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _at_least(minimum: str | None) -> str:
    return f" ({minimum} or newer)" if minimum else ""


def limits(situation: Situation, floor: str | None) -> tuple[str | None, int | None]:
    """The oldest driver for the CUDA and the GPU, and the last branch that serves the GPU."""
    first = max((row.first_driver_branch or 0 for row in situation.families), default=0)
    lasts = [row.last_driver_branch for row in situation.families if row.last_driver_branch is not None]
    present = compare.driver(floor)
    minimum = floor
    if first and (present is None or present.branch < first):
        minimum = str(first)
    return minimum, min(lasts) if lasts else None


def _row(situation: Situation, minimum: str | None, last: int | None) -> DriverStepRow | None:
    """The distribution's newest branch that serves the GPU, in the flavour that the card needs; open where both do.

    Another's repository only where the distribution's own packages are too old.
    """
    distro = situation.facts.distro.value
    if distro is None:
        return None
    branch = int((minimum or "0").split(".")[0])
    flavours = {row.module for row in situation.families}
    fitting = [
        row
        for row in situation.dataset.driver_steps(distro)
        if row.branch >= branch
        and (last is None or row.branch <= last)
        and not ("open" in flavours and row.module != "open")
        and not ("proprietary" in flavours and row.module != "proprietary")
    ]
    return max(fitting, key=lambda row: (not row.origin, row.module == "open", row.branch), default=None)


def space_step(situation: Situation, needed: int, free: int) -> HumanStep:
    """The disk is too full for the plan."""
    short = (needed >> 20) - free
    text = f"Free about {short} MiB: the packages need {needed >> 20} MiB, {free} MiB are free"
    return HumanStep(text, (), f"Nothing is installed until then. {_AFTERWARDS}", "person")
