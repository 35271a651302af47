"""What the forms share: the plan's pins, its headline, and comments that cannot break out of their line."""

from __future__ import annotations

import re
from typing import Iterable

from fixer.model.plan import Plan
from fixer.report.clean import clean

DEVICES = {"gpu": "the GPU", "cpu": "the CPU", "metal": "a Mac's GPU"}
PACKAGE_KINDS = ("pip_requirements", "new_environment")
_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9][A-Za-z0-9.!_-]*\Z")


def changes(plan: Plan) -> list[str]:
    """The exact pins that the plan's installer calls name, TensorFlow first."""
    return [str(text) for action in plan.actions if action.kind in PACKAGE_KINDS for text in action.params.get("requirements") or ()]


def whole(plan: Plan) -> list[str]:
    """Exact pins of all that is known of the environment after the plan; what no index serves or no installer takes is left out."""
    if _makes_new(plan):
        return changes(plan)
    state = plan.outcome.packages if plan.outcome is not None else {}
    forbidden = _forbidden(plan)
    made = (f"{name}=={version}" for name, version in state.items() if name not in forbidden)
    return sorted((text for text in made if _PIN.match(text)), key=_order)


def _forbidden(plan: Plan) -> dict[str, str]:
    """What stays in the environment though TensorFlow's metadata forbids it, by name: an installer would refuse such pins together."""
    state = plan.outcome.packages if plan.outcome is not None and not _makes_new(plan) else {}
    told = (one.subject for one in plan.findings if one.code.endswith("/outside-bounds"))
    return {one["package"]: one["installed"] for one in told if state.get(one["package"]) == one["installed"]}


def _makes_new(plan: Plan) -> bool:
    return any(action.kind == "new_environment" for action in plan.actions)


def conda_packages(plan: Plan) -> list[str]:
    """What the plan asks conda for."""
    return [
        str(text)
        for action in plan.actions
        for text in (action.params.get("requirements") if action.kind == "conda_packages" else action.params.get("conda")) or ()
    ]


def locked(plan: Plan, pins: list[str]) -> list[str]:
    """``pins`` with their hashes, and whatever else the proof found to be needed; ``pins`` alone without hashes."""
    if not plan.hashes:
        return pins
    order = [pin for pin in pins if pin in plan.hashes] + sorted(pin for pin in plan.hashes if pin not in pins)
    return [" \\\n".join((pin, *(f"    --hash={one}" for one in plan.hashes[pin]))) for pin in order]


def headline(plan: Plan) -> list[str]:
    """What the document is for, and how far it can be trusted."""
    state = plan.outcome
    made = []
    if state is not None and state.tensorflow is not None:
        made.append(f"{state.distribution} {state.tensorflow} on Python {state.python}, for {DEVICES.get(state.device, state.device)}.")
    made.append(f"Written by convfix {plan.version} with its dataset of {plan.dataset}.")
    if plan.proved:
        made.append(f"Resolved by {plan.proved.get('by', 'the installer')} at {plan.proved.get('at', '')}.")
    else:
        made.append("Not proved: no package index was asked; on the machine itself convfix plan --prove asks its own.")
    return made


def left(plan: Plan) -> list[str]:
    """What no package can do: the plan's other actions and a person's steps, in words."""
    said = [one.summary for one in plan.actions if one.kind not in (*PACKAGE_KINDS, "conda_packages")]
    if plan.outcome is not None and plan.outcome.device == "gpu" and "system" in plan.outcome.libraries_from:
        said.append("the CUDA libraries: they lie outside the environment on this machine")
    own = {} if plan.outcome is None or _makes_new(plan) else plan.outcome.packages
    said += [f"{name} {version}: somebody's own build, which no common index serves" for name, version in own.items() if "+" in version]
    return said + left_out(plan) + [f"by {'root' if one.privilege == 'root' else 'you'}: {one.summary}" for one in plan.human_steps]


def left_out(plan: Plan) -> list[str]:
    """The packages that ``whole`` leaves to the installer, and why."""
    words = "TensorFlow's metadata forbids it, so the installer takes one that it allows"
    return [f"{name} {version}: {words}" for name, version in _forbidden(plan).items()]


def folders(plan: Plan, site_packages: str) -> list[str]:
    """The library folders that the plan's hook or activation leads to, as they lie below another ``site_packages``."""
    found: dict[str, None] = {}
    for action in plan.actions:
        paths = [path.rpartition("/")[0] for path in action.params.get("libraries", ())] if action.kind == "preload_hook" else []
        if action.kind == "activation_script":
            paths = list(action.params.get("prepend", {}).get("LD_LIBRARY_PATH", ()))
        for path in paths:
            inside = re.search(r"/site-packages/(nvidia/.*)$", path)
            found.update({f"{site_packages}/{inside.group(1)}": None} if inside else {})
    return list(found)


def comments(texts: Iterable[str]) -> list[str]:
    """Each text as one line of comment: no line break or control character leaves it."""
    return [f"# {clean(text)}".rstrip() for text in texts]


def _order(pin: str) -> tuple[bool, bool, str]:
    return not pin.startswith("tensorflow"), pin.startswith("nvidia-"), pin
