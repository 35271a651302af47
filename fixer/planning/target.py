"""Which device the wish means on this machine, and why: the GPU where some stack can use it, else the CPU.

The unit is ``Target``. A GPU that nobody could look for is unknown, never absent.
"""

from __future__ import annotations

from functools import lru_cache

from fixer.dataset.questions import Dataset
from fixer.model import architectures
from fixer.model.record import record
from fixer.planning.gates import wheels
from fixer.planning.situation import Situation


@record(frozen=True)
class Target:
    """``device`` is gpu, metal, cpu or None (an unknown fact decides: ``need``); ``why`` says why a GPU is not used."""

    device: str | None
    need: str = ""
    why: str = ""


def target(situation: Situation) -> Target:
    """The device that the plan is for."""
    wished = situation.wish.device
    if wished == "cpu":
        return Target("cpu")
    gpus = situation.facts.gpus
    if situation.os == "macos":
        if situation.metal:
            return Target("metal")
        return Target("gpu" if wished == "gpu" else "cpu", why="CUDA does not exist on macOS")
    if wished == "gpu":
        return Target("gpu", why="this machine has no NVIDIA GPU" if gpus.is_absent else "")
    if gpus.is_absent:
        return Target("cpu")
    if situation.wishes.for_the_cpu:
        return Target("cpu", why="tensorflow-cpu is wished for, which uses no GPU")
    if gpus.is_unknown:
        return Target(None, need="gpus")
    if any(card.compute_capability is None for card in situation.cards):
        return Target("gpu")
    usable = [
        one
        for one in situation.capabilities
        if one is not None and _some_stack(situation.dataset, situation.platform, one)
    ]
    if usable:
        return Target("gpu")
    names = ", ".join(card.name or card.pci_id or "the GPU" for card in situation.cards)
    return Target("cpu", why=f"No published TensorFlow for {situation.platform} has code for {names}")


@lru_cache(maxsize=512)
def _some_stack(dataset: Dataset, platform: str, capability: str) -> bool:
    return any(
        row.is_cuda_build is not False
        and not row.prerelease
        and architectures.coverage(row.compute_capabilities, row.ptx, capability) in _served(platform)
        for row in wheels(dataset, "tensorflow", platform)
    )


def _served(platform: str) -> tuple[str, ...]:
    # The wheels for Windows were not looked into; on Linux only those were not that the index has no libraries for.
    return ("machine code", "ptx") if platform.startswith("linux") else ("machine code", "ptx", "unknown")
