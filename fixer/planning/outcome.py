"""The state that a plan's actions leave behind, derived from their parameters: never from what was intended.

The unit is ``PlannedOutcome``. Packages are what is there, changed by what the actions install and remove;
a new environment holds what its own action pins and nothing else that is known.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping

from fixer.model import compare
from fixer.model.action import ActionSpec
from fixer.model.pep440 import normal_name
from fixer.model.plan import PlannedOutcome
from fixer.model.subject import DISTRIBUTIONS
from fixer.planning import conda
from fixer.planning.gates import wheel
from fixer.planning.situation import METAL, Situation

# conda's names of libraries: they are no Python packages.
_NO_DISTRIBUTIONS = ("cudatoolkit", "cudnn", "cuda-version")
_NUMBERED_BY_CUDA = re.compile(r"nvidia-cuda-runtime(-cu\d+)?$")
_CUDNN = re.compile(r"nvidia-cudnn(-cu\d+)?$")


def packages_after(packages: Mapping[str, str], actions: Iterable[ActionSpec]) -> dict[str, str]:
    """The environment's packages when ``actions`` are done."""
    after = dict(packages)
    for action in actions:
        if action.kind == "new_environment":
            after = {}
        for name in action.params.get("remove") or ():
            after.pop(normal_name(name), None)
        if action.kind in ("pip_requirements", "new_environment", "conda_packages"):
            for text in (*(action.params.get("requirements") or ()), *(action.params.get("conda") or ())):
                name, _, version = text.replace("==", "=", 1).partition("=")
                if name not in _NO_DISTRIBUTIONS:
                    after[normal_name(name.partition("[")[0])] = version.partition("=")[0]
    return after


def conda_libraries(actions: Iterable[ActionSpec]) -> dict[str, str]:
    """The CUDA libraries that conda brings, by conda's names, as the commands specify them."""
    texts: list[str] = []
    for action in actions:
        texts += action.params.get("conda") or ()
        texts += (action.params.get("requirements") or ()) if action.kind == "conda_packages" else ()
    return {name: version for name, version in conda.versions(tuple(texts)).items() if name in _NO_DISTRIBUTIONS}


def derive(
    situation: Situation, actions: tuple[ActionSpec, ...], device: str, driver: Any, floor: str | None = None
) -> PlannedOutcome:
    """What is true when ``actions`` are done, and what a person's steps make of the driver; ``floor`` is its least release."""
    new = next((action for action in actions if action.kind == "new_environment"), None)
    after = packages_after(situation.packages, actions)
    distribution = next((name for name in DISTRIBUTIONS if name in after), None)
    python = compare.feature(str(new.params["python"])) if new is not None else situation.python
    gpu = device == "gpu"
    # Of what lies outside a new environment it uses what Windows has on PATH, and nothing on Linux.
    alone = new is not None and situation.os != "windows"
    if situation.platform == "macosx_arm64":
        # TensorFlow loads the plugin whenever it is there.
        device = "metal" if METAL in after else "cpu"
    major = _major(situation, distribution, after)
    brought = conda_libraries(actions)
    wheels = {name: version for name, version in after.items() if name.startswith("nvidia-") and _mine(name, major)}
    cuda = brought.get("cuda-version") or brought.get("cudatoolkit") or _cuda(situation, wheels, alone)
    return PlannedOutcome(
        device=device,
        python=python,
        tensorflow=after.get(distribution) if distribution else None,
        distribution=distribution,
        keras=after.get("keras"),
        packages=after,
        cuda=cuda if gpu else None,
        cudnn=(brought.get("cudnn") or _cudnn(situation, wheels, actions)) if gpu else None,
        libraries_from=(("conda",) if brought else _sources(situation, after, wheels, alone)) if gpu else (),
        driver=driver if gpu else "keep",
        driver_minimum=floor if gpu else None,
    )


def _major(situation: Situation, distribution: str | None, after: Mapping[str, str]) -> int | None:
    """The CUDA major of the TensorFlow that will be there; wheels of another one are none of its business."""
    row = wheel(situation.dataset, distribution or "", situation.platform, after.get(distribution or "", ""))
    return compare.release(row.cuda)[0] if row is not None and row.cuda else None


def _mine(name: str, major: int | None) -> bool:
    return major is None or name.endswith(f"-cu{major}") or "-cu" not in name


def _cuda(situation: Situation, wheels: Mapping[str, str], new: bool) -> str | None:
    for name, version in wheels.items():
        if _NUMBERED_BY_CUDA.match(name):
            return ".".join(map(str, compare.minor(version)))
    loaded = None if new else _resolved(situation, "libcudart")
    if loaded is not None:
        return ".".join(map(str, compare.minor(loaded)))
    known = [toolkit.version for toolkit in situation.facts.toolkits.or_else(()) if toolkit.version] if not new else []
    return ".".join(map(str, compare.minor(known[0]))) if len(known) == 1 else None


def _cudnn(situation: Situation, wheels: Mapping[str, str], actions: tuple[ActionSpec, ...]) -> str | None:
    touched = any(
        action.kind in ("pip_requirements", "new_environment", "preload_hook", "activation_script")
        for action in actions
    )
    loaded = None if touched else _resolved(situation, "libcudnn")
    if loaded is not None:
        return ".".join(map(str, compare.release(loaded)[:3]))
    for name, version in wheels.items():
        if _CUDNN.match(name):
            return ".".join(map(str, compare.release(version)[:3]))
    known = {
        ".".join(map(str, compare.release(library.version)[:3]))
        for library in situation.facts.libraries.or_else(())
        if library.name.lower().removeprefix("lib") == "cudnn" and library.version
    }
    return known.pop() if len(known) == 1 else None


def _resolved(situation: Situation, stem: str) -> str | None:
    for one in situation.facts.resolutions.or_else(()):
        if one.soname.startswith(f"{stem}.so") and one.path is not None:
            return one.version
    return None


def _sources(situation: Situation, after: Mapping[str, str], wheels: Mapping[str, str], new: bool) -> tuple[str, ...]:
    """Where the CUDA libraries of this TensorFlow lie: in wheels of its own CUDA major, and what these lack outside them."""
    halves = [any(map(one.match, wheels)) for one in (_NUMBERED_BY_CUDA, _CUDNN)]
    inside = ("wheels",) if any(halves) else ()
    if all(halves) or new:
        return inside
    if situation.by_conda or any(name in after for name in ("cudatoolkit", "cudnn", "libcudnn")):
        return (*inside, "conda")
    outside = situation.facts.libraries.or_else(()) or situation.facts.toolkits.or_else(())
    return (*inside, "system") if outside else inside
