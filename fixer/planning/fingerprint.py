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
from fixer.model.record import altered

_FACTS = (
    "os", "distro", "arch", "glibc", "wsl", "container", "cpu_flags", "gpus", "driver", "pythons", "environment",
    "toolkits", "libraries", "variables", "managers", "root", "patient", "tensorflow_build", "keras_setting",
    "resolutions",
)  # fmt: skip
# What can be a key of what is remembered.
_WITHOUT_MAPPINGS = frozenset(_FACTS) - {"environment", "variables", "patient", "tensorflow_build"}
_DIGITS = 16
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def fingerprint(facts: Facts) -> dict[str, str]:
    """Each fact that plans rest on, by name, with the hash of its value and state."""
    return {name: _hash(getattr(facts, name), name) for name in _FACTS}


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the facts that differ between two fingerprints, in order."""
    return tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))


def _hash(seen: Any, name: str) -> str:
    value = seen.value
    if value is None:
        return _of_nothing(seen.state)
    if name == "gpus":
        value = tuple([altered(gpu, free_mib=None) for gpu in value])
    if name == "variables":
        # Which program comes first decides a risk at most, and the same user has another PATH in every terminal.
        value = {key: one for key, one in value.items() if key != "PATH"}
    return _of(seen.state, value) if name in _WITHOUT_MAPPINGS else _digest([seen.state, to_json(value)])


@lru_cache(maxsize=4096, typed=True)
def _of(state: str, value: Any) -> str:
    """The machines of a fleet share most of these."""
    return _digest([state, to_json(value)])


@lru_cache(maxsize=8)
def _of_nothing(state: str) -> str:
    return _digest([state, None])


def _digest(value: Any) -> str:
    return digest(_ENCODER.encode(value).encode("ascii"))[:_DIGITS]
