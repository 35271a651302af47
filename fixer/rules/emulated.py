"""Whether a program for Intel's processors runs on an ARM machine, which emulates them without their later instructions.

The unit is a question to the case: Docker says it of an image and its host, or somebody tells the machine's processor.
"""

from __future__ import annotations

from fixer.rules.case import Case
from fixer.rules.events import Heard, said


def is_emulated(case: Case) -> bool:
    """Whether a program for Intel's processors runs on an ARM machine: Docker says it of the image, or somebody of the machine."""
    return bool(for_another_processor(case)) or case.facts.arch.is_found and case.arch == "aarch64"


def for_another_processor(case: Case) -> list[Heard]:
    """Lines in which Docker says that an image is for Intel's processors and the host has an ARM one."""
    return [one for one in said(case, "image-for-other-processor") if _is_arm(one, "host") and not _is_arm(one, "image")]


def hosted_by_arm(case: Case) -> bool:
    """Whether Docker alone tells of an ARM host: it says so on Macs, whose containers are Linux."""
    return bool(for_another_processor(case)) and not case.facts.arch.is_found


def _is_arm(one: Heard, name: str) -> bool:
    return one.event.values.get(name, "").lower().startswith(("arm64", "aarch64"))
