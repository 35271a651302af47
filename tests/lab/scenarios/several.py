"""Machines with several cards: different ones of which TensorFlow leaves one out, one that a setting picks, memory held on one.

A card that TensorFlow ignores beside a good one is no fault; that a setting leaves nothing else is.
"""

from __future__ import annotations

from typing import Mapping

from tests.lab.machine import Card, Machine, uuid
from tests.lab.scenarios.libraries import PATH_11, toolkit_11_0
from tests.lab.scenarios.scenario import Scenario

_BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
# Branch 470 is the last for both; 2.4.4 has no code below 3.5.
_KEPLER_SECOND = Machine(gpu="RTX 2080 Ti", more=("GTX 680",), driver="470.256.02", cuda="11.4")
_MAXWELL_FIRST = Machine(gpu="GTX 980", more=("RTX 3080",), driver="580.65.06", cuda="13.0")
_TWO = Machine(gpu="RTX 3080", more=("RTX 2080 Ti",))


def _alike(first: int, second: int) -> Machine:
    """Two RTX 3080 of which other programs hold so many MiB."""
    cards = [Card("NVIDIA GeForce RTX 3080", "10de:2206", "8.6", 10240, 68, used_mib=used) for used in (first, second)]
    return Machine(gpu=cards[0], more=(cards[1],))


def _of_2_4(name: str, cause: str | None, variables: Mapping[str, str] | None = None, flip: str = "") -> Scenario:
    return Scenario(name, cause, "2.4.4", _KEPLER_SECOND, standins=False, change=toolkit_11_0, variables={**PATH_11, **(variables or {})}, flip=flip)


SCENARIOS = (
    Scenario("two-cards", None, machine=_TWO),
    Scenario("few-cores-beside-a-good-one", None, machine=Machine(gpu="GT 1030", more=("RTX 3080",))),
    Scenario("index-of-a-third-card", "cuda-visible-devices", machine=_TWO, variables={"CUDA_VISIBLE_DEVICES": "2"}, flip="index-of-the-second-card"),
    Scenario("index-of-the-second-card", None, machine=_TWO, variables={"CUDA_VISIBLE_DEVICES": "1"}),
    Scenario("memory-held-on-both", "gpu-memory-held", machine=_alike(10100, 10100), flip="memory-held-on-the-second"),
    Scenario("memory-held-on-the-first", "gpu-memory-held", machine=_alike(10100, 300), flip="memory-held-on-the-second"),
    Scenario("memory-held-on-the-second", None, machine=_alike(300, 10100)),
    Scenario("held-card-picked", "gpu-memory-held", machine=_alike(300, 10100), variables={"CUDA_VISIBLE_DEVICES": uuid(1)}, flip="free-card-picked"),
    Scenario("free-card-picked", None, machine=_alike(300, 10100), variables={"CUDA_VISIBLE_DEVICES": uuid(0)}),
    _of_2_4("old-card-beside-a-good-one", None),
    _of_2_4("old-card-picked", "cuda-visible-devices", {"CUDA_VISIBLE_DEVICES": "1", **_BUS}, flip="good-card-picked"),
    _of_2_4("good-card-picked", None, {"CUDA_VISIBLE_DEVICES": "0", **_BUS}),
    Scenario("old-card-picked", "cuda-visible-devices", "2.20.0", _MAXWELL_FIRST, variables={"CUDA_VISIBLE_DEVICES": "0", **_BUS}, flip="good-card-picked"),
    Scenario("good-card-picked", None, "2.20.0", _MAXWELL_FIRST, variables={"CUDA_VISIBLE_DEVICES": "1", **_BUS}),
    Scenario("old-card-counted-first", "cuda-visible-devices", "2.20.0", _MAXWELL_FIRST, variables=_BUS, flip="old-card-beside-a-good-one"),
    Scenario("old-card-beside-a-good-one", None, "2.20.0", _MAXWELL_FIRST),
    Scenario("fastest-first", None, "2.20.0", _MAXWELL_FIRST, variables={"CUDA_VISIBLE_DEVICES": "0"}),
)  # fmt: skip
