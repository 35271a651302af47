"""An independent judge of plans, written from the dataset's rows: it shares no code with the planner.

It looks at what the actions say, resolves nothing, and asks of the result only what must be true of any
sound plan: exact pins, final releases, ranges kept, the driver's floor, cuDNN's load rule, no sudo.
"""

from __future__ import annotations

from typing import Any, Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from fixer.dataset.questions import Dataset
from fixer.model.plan import Plan


def problems(plan: Plan, described: dict[str, Any], dataset: Dataset) -> list[str]:
    """Everything that is unsound in ``plan``."""
    found = list(_commands(plan))
    if plan.outcome is None:
        return found + (["actions without an outcome"] if plan.actions or plan.human_steps else [])
    found += _outcome(plan, described)
    pinned = _pins(plan)
    if pinned:
        found += _sound(plan, pinned, described, dataset)
    return found


def _pins(plan: Plan) -> dict[str, str]:
    pins = {}
    for action in plan.actions:
        for text in action.params.get("requirements", ()):
            requirement = Requirement(text)
            spec = list(requirement.specifier)
            assert len(spec) == 1 and spec[0].operator == "==" and "*" not in spec[0].version, text
            pins[requirement.name.lower().replace("_", "-")] = spec[0].version
    return pins


def _commands(plan: Plan) -> Iterator[str]:
    for action in plan.actions:
        if action.privilege != "user":
            yield f"{action.id} is no user's action"
        for argv in action.commands:
            if "sudo" in argv or "--break-system-packages" in argv or any(word in argv for word in ("sh", "bash", "-c")):
                yield f"a command that must not be: {argv}"
    for step in plan.human_steps:
        for argv in step.commands:
            if argv[:1] == ("ln",) or "--break-system-packages" in argv:
                yield f"advice that must not be: {argv}"


def _outcome(plan: Plan, described: dict[str, Any]) -> Iterator[str]:
    """What the plan says will be, against what its own commands do."""
    state = dict(((described.get("environment") or {}).get("packages")) or {})
    for action in plan.actions:
        for argv in action.commands:
            words = list(argv)
            if "venv" in words or "create" in words:
                state = {}
            if "uninstall" in words:
                for name in words:
                    state.pop(name, None)
            if "install" in words:
                for word in words:
                    if "==" in word:
                        name, _, version = word.partition("==")
                        state[name.replace("_", "-")] = version
    outcome = plan.outcome
    assert outcome is not None
    if dict(outcome.packages) != state:
        yield f"outcome.packages differ from the commands: {sorted(set(outcome.packages.items()) ^ set(state.items()))}"
    if outcome.tensorflow != (state.get(outcome.distribution) if outcome.distribution else None):
        yield "outcome.tensorflow is not what the commands install"
    if outcome.keras != state.get("keras"):
        yield "outcome.keras is not what the commands install"


def _sound(plan: Plan, pins: dict[str, str], described: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    outcome = plan.outcome
    assert outcome is not None
    wished = " ".join(plan.wish.requirements)
    for name, version in pins.items():
        if Version(version).is_prerelease and version not in wished:
            yield f"{name} {version} is a pre-release nobody wished for"
    python = outcome.python or ""
    row = dataset.tensorflow_row(outcome.distribution or "", outcome.tensorflow or "", _platform(described))
    if row is None:
        yield f"no row for {outcome.distribution} {outcome.tensorflow}"
        return
    if python not in row.python:
        yield f"TensorFlow {row.version} has no wheel for Python {python}"
    bounds = {**row.bounds, **row.python_bounds.get(python, {})}
    for name, version in pins.items():
        if name in bounds and bounds[name] and Version(version) not in SpecifierSet(bounds[name], prereleases=True):
            yield f"{name} {version} is outside {bounds[name]} of TensorFlow {row.version}"
        for fault in dataset.package_faults(name):
            met = Version(version) in SpecifierSet(fault.versions, prereleases=True)
            if fault.effect != "works" and met and Version(row.version) in SpecifierSet(fault.tensorflow, prereleases=True):
                if not fault.python or Version(python) in SpecifierSet(fault.python):
                    yield f"{name} {version} breaks TensorFlow {row.version}: {fault.id}"
    yield from _together(outcome.packages, pins, python, dataset)
    if outcome.device == "gpu":
        yield from _gpu(plan, row, described, dataset)


def _together(packages: Any, pins: dict[str, str], python: str, dataset: Dataset) -> Iterator[str]:
    """Every release that is known, against the pins."""
    for name, version in packages.items():
        release = next((r for r in dataset.releases(name) if r.version == version), None)
        if release is None:
            continue
        if name in pins and python not in release.python:
            yield f"{name} {version} has no wheel for Python {python}"
        for other, spec in {**release.bounds, **release.python_bounds.get(python, {})}.items():
            if spec and other in packages and (name in pins or other in pins):
                if Version(packages[other]) not in SpecifierSet(spec, prereleases=True):
                    yield f"{name} {version} needs {other}{spec}, the outcome has {packages[other]}"


def _gpu(plan: Plan, row: Any, described: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    outcome = plan.outcome
    assert outcome is not None
    if row.is_cuda_build is not True:
        yield f"TensorFlow {row.version} is no CUDA build"
        return
    cudnn = outcome.packages.get(f"nvidia-cudnn-cu{row.cuda.split('.')[0]}")
    if cudnn is not None and row.cudnn_compiled:
        loaded, built = Version(cudnn), Version(row.cudnn_compiled)
        if loaded.major != built.major or loaded.minor < built.minor:
            yield f"cuDNN {loaded} does not pass TensorFlow's check against {built}"
    for gpu in described.get("gpus") or ():
        capability = gpu.get("compute_capability")
        known = dataset.cudnn(cudnn) if cudnn else None
        if capability and known and known.compute_capabilities and capability not in known.compute_capabilities:
            yield f"cuDNN {cudnn} has no code for {capability}"
        major = capability.split(".")[0] if capability else None
        own = [c for c in row.compute_capabilities if c.split(".")[0] == major and float(c) <= float(capability)] if major else []
        plain = [p for p in row.ptx if not p[-1].isalpha() and capability and float(p) <= float(capability)]
        suffixed = [p for p in row.ptx if p[-1].isalpha() and p[:-1] != capability]
        if capability and not own and (not plain or suffixed):
            yield f"TensorFlow {row.version} has no code for {capability}"
    driver = ((described.get("driver") or {}).get("version")) or None
    floor = dataset.cuda_major(int(row.cuda.split(".")[0]))
    if driver and floor and outcome.driver == "keep" and Version(driver) < Version(floor.linux_driver):
        yield f"driver {driver} is below {floor.linux_driver}"


def _platform(described: dict[str, Any]) -> str:
    return f"linux_{described.get('arch', 'x86_64')}"
