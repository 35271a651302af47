"""The answer to ``why-not``: what stands against a wished stack on a machine, reason by reason. Pure data."""

from __future__ import annotations

from dataclasses import field
from typing import Mapping

from fixer.model.plan import Rejected, Wish
from fixer.model.record import record


@record(frozen=True)
class Argument:
    """One reason against a stack.

    ``row`` is the dataset row that says so and ``source`` where that row comes from; ``fact`` is what the
    reason stands and falls with and ``value`` what it is now: change it, and the reason is gone.
    """

    text: str
    row: str
    source: str
    fact: str
    value: str


@record(frozen=True)
class WhyNot:
    """What stands against the wish. ``possible`` None means that an unknown fact decides (``needs`` names it).

    ``chosen``: a plan without this wish would take it anyway. ``stack`` is the best stack that meets the wish,
    ``instead`` what a plan would take without it; both empty where there is none. ``rejected`` keeps the
    reasons by stack; ``reasons`` has each of them once.
    """

    wish: Wish
    device: str | None
    possible: bool | None
    chosen: bool
    exit_code: int
    stack: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[Argument, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    needs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
