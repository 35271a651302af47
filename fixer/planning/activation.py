"""The variables that an environment needs in a terminal, as its plan by activation would set them.

The unit is ``Variables``; it is what ``activation_script`` actions carry, put together. Empty means: none is needed.
"""

from __future__ import annotations

from dataclasses import field
from typing import Mapping

from fixer.model.plan import Plan
from fixer.model.record import record


@record(frozen=True)
class Variables:
    """Folders put before a path list, variables set, variables removed, folders taken off a path list."""

    prepend: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    set: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    drop: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def variables(plan: Plan) -> Variables:
    """What the activation scripts of ``plan`` change, each thing once."""
    prepend: dict[str, tuple[str, ...]] = {}
    chosen: dict[str, str] = {}
    unset: dict[str, None] = {}
    drop: dict[str, tuple[str, ...]] = {}
    for action in plan.actions:
        if action.kind != "activation_script":
            continue
        for name, folders in action.params.get("prepend", {}).items():
            prepend[name] = tuple(dict.fromkeys((*prepend.get(name, ()), *folders)))
        for name, folders in action.params.get("drop", {}).items():
            drop[name] = tuple(dict.fromkeys((*drop.get(name, ()), *folders)))
        chosen.update(action.params.get("set", {}))
        unset.update(dict.fromkeys(action.params.get("unset", ())))
    return Variables(prepend, chosen, tuple(unset), drop)
