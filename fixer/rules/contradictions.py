"""Says in words where a log and the machine it is held against differ: pure, one line a fact.

The unit is a sentence. A log may be of another machine, or of another time: what differs is shown, and the
log's word is taken for its own run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fixer.model import compare
from fixer.model.facts import Facts
from fixer.model.observed import Observed

_UNKNOWN: Observed[Any] = Observed(None, "unknown")


def contradictions(log: Facts, machine: Facts) -> tuple[str, ...]:
    """Every fact that both witnesses tell, and tell differently."""
    found = []
    for name, mine, theirs, same in _pairs(log, machine):
        if mine.is_found and (theirs.is_absent or theirs.is_found and not same(mine.value, theirs.value)):
            said = "none" if theirs.is_absent else str(theirs.value)
            found.append(f"{name}: {mine.value} by {mine.source}, {said} by {theirs.source}")
    return tuple(found)


def _pairs(log: Facts, machine: Facts) -> Iterator[tuple[str, Observed[Any], Observed[Any], Callable[[Any, Any], bool]]]:
    yield "operating system", log.os, machine.os, _equal
    yield "WSL", log.wsl, machine.wsl, _equal
    for part in ("version", "kernel_module"):
        mine, theirs = (_part(facts.driver, part) for facts in (log, machine))
        yield f"driver.{part}", mine, theirs, _same_driver
    yield "GPU", _cards(log), _cards(machine), _shares_a_card
    mine, theirs = (_part(facts.environment, "python") for facts in (log, machine))
    yield "Python", mine, theirs, _begins_alike
    for package in sorted(set(log.packages.or_else({})) & set(machine.packages.or_else({}))):
        mine, theirs = (_package(facts, package) for facts in (log, machine))
        yield package, mine, theirs, _begins_alike
    for name in ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"):
        mine, theirs = (_variable(facts, name) for facts in (log, machine))
        yield name, mine, theirs, _equal


def _part(whole: Observed[Any], name: str) -> Observed[Any]:
    if whole.value is None:
        return Observed(None, whole.state, whole.via, whole.detail)
    part: Observed[Any] = getattr(whole.value, name)
    return part


def _package(facts: Facts, name: str) -> Observed[Any]:
    return Observed(facts.packages.or_else({})[name], "found", facts.packages.via)


def _cards(facts: Facts) -> Observed[str]:
    names = [card.name for card in facts.gpus.or_else(()) if card.name]
    if not names:
        return Observed(None, "absent" if facts.gpus.is_absent else "unknown", facts.gpus.via)
    return Observed(", ".join(names), "found", facts.gpus.via)


def _variable(facts: Facts, name: str) -> Observed[str]:
    held = facts.variables.or_else({})
    return Observed(held[name], "found", facts.variables.via) if name in held else _UNKNOWN


def _equal(mine: Any, theirs: Any) -> bool:
    return bool(mine == theirs)


def _same_driver(mine: str, theirs: str) -> bool:
    left, right = compare.driver(mine), compare.driver(theirs)
    return left is None or right is None or left == right


def _begins_alike(mine: str, theirs: str) -> bool:
    """2.15 and 2.15.1 do not contradict each other."""
    left, right = compare.release(mine), compare.release(theirs)
    length = min(len(left), len(right))
    return left[:length] == right[:length]


def _shares_a_card(mine: str, theirs: str) -> bool:
    ours, known = (
        {" ".join(word for word in name.lower().split() if word not in ("nvidia", "geforce", "tesla")) for name in names.split(", ")}
        for names in (mine, theirs)
    )
    return any(left in right or right in left for left in ours for right in known)
