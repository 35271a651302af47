"""What a plan rests on, as one hash per fact: a saved plan is stale when one of them has changed.

The unit is a fact of the machine. How a fact was learned does not count, nor what changes by the minute
(free memory, free disk, logs): a plan must not go stale because somebody opened a browser.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Mapping

from fixer.model.codec import to_json
from fixer.model.digest import digest
from fixer.model.facts import Facts
from fixer.model.observed import Observed
from fixer.model.record import altered

_FACTS = (
    "os", "distro", "arch", "glibc", "wsl", "container", "cpu_flags", "gpus", "driver", "pythons", "environment",
    "toolkits", "libraries", "variables", "managers", "root", "patient", "tensorflow_build", "keras_setting",
    "resolutions",
)  # fmt: skip
_DIGITS = 16
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def fingerprint(facts: Facts) -> dict[str, str]:
    """Each fact that plans rest on, by name, with the hash of its value and state."""
    held = facts.__dict__
    return {name: _hash(held[name], name) for name in _FACTS}


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the facts that differ between two fingerprints, in order."""
    return tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))


def _hash(seen: Observed[Any], name: str) -> str:
    if seen.value is None:
        return _of_nothing(seen.state)
    # Kept with the observation, which the machines of a fleet share: each fact has its own.
    known: str | None = seen.__dict__.get("_fingerprint")
    if known is None:
        known = seen.__dict__["_fingerprint"] = _digest([seen.state, to_json(_that_counts(seen.value, name))])
    return known


def _that_counts(value: Any, name: str) -> Any:
    """The value of a fact without what changes by the minute."""
    if name == "gpus":
        return [altered(gpu, free_mib=None) for gpu in value]
    if name == "variables":
        # Which program comes first decides a risk at most, and the same user has another PATH in every terminal.
        return {key: one for key, one in value.items() if key != "PATH"}
    return value


@lru_cache(maxsize=8)
def _of_nothing(state: str) -> str:
    return _digest([state, None])


def _digest(value: Any) -> str:
    return digest(_ENCODER.encode(value).encode("ascii"))[:_DIGITS]
