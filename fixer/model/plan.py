"""A plan: what will be done, why, what was refused, and the state that it really produces. Pure data."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Mapping

from fixer.model.action import ActionSpec, HumanStep
from fixer.model.finding import Finding
from fixer.model.record import record

FORMAT = "convfix-plan/1"


@record(frozen=True)
class Wish:
    """What the person asked for. ``requirements`` are PEP 508 strings; ``device`` is gpu, cpu or any."""

    requirements: tuple[str, ...] = ()
    device: str = "any"
    manager: str = "auto"
    paths: str = "auto"


@record(frozen=True)
class PlannedOutcome:
    """The state after the plan's own commands, derived from them. ``driver`` is "keep" or an object.

    ``driver_minimum`` is the oldest driver that runs its CUDA, where TensorFlow's build is known.
    """

    device: str
    python: str | None
    tensorflow: str | None
    distribution: str | None
    keras: str | None
    packages: Mapping[str, str] = field(default_factory=dict)
    cuda: str | None = None
    cudnn: str | None = None
    libraries_from: tuple[str, ...] = ()
    driver: Any = "keep"
    driver_minimum: str | None = None


@record(frozen=True)
class Reason:
    """Why a stack was refused: in words, and the dataset row that says so ("" where none is needed).

    ``fact`` is what the reason stands and falls with: a key of the machine file (``driver.version``), or
    ``wish.NAME`` where the wished release itself is at fault.
    """

    text: str
    row: str = ""
    fact: str = ""


@record(frozen=True)
class Rejected:
    """A stack that was considered and refused, with every reason; the machines of a fleet share it."""

    shared: ClassVar[bool] = True
    stack: Mapping[str, str]
    reasons: tuple[Reason, ...]


@record(frozen=True)
class Plan:
    """The whole plan. ``fingerprint`` maps each fact that the plan rests on to a hash of its value.

    ``proved`` is None, or who resolved the packages and when. ``exit_code`` is the contract's. ``hashes`` maps
    every pin that the proof found (``numpy==1.26.4``) to its archives' hashes, where they were asked for.
    """

    format: str
    version: str
    dataset: str
    python: str | None
    wish: Wish
    findings: tuple[Finding, ...]
    outcome: PlannedOutcome | None
    rejected: tuple[Rejected, ...]
    actions: tuple[ActionSpec, ...]
    human_steps: tuple[HumanStep, ...]
    fingerprint: Mapping[str, str]
    exit_code: int
    notes: tuple[str, ...] = ()
    proved: Mapping[str, str] | None = None
    created: str | None = None
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
