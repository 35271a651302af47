"""Proving a plan's package steps by the installer's own dry run, on the user's index and configuration.

The unit is a plan in, the same plan out with ``proved`` set and the sizes that the installer tells. A resolve
that differs from what the plan says is refused: the plan would do something else than it shows. A package that the
dataset does not follow (``loose``) is what the installer makes it, and the plan then says so. Nothing is changed but
the installer's cache.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from typing import Mapping

from fixer.actions import distributions, dry_run
from fixer.actions.base import Params, Pin
from fixer.actions.dry_run import Change, NotProved
from fixer.actions.interpreter import ask
from fixer.apply.transaction import shown
from fixer.errors import StalePlanError, UsageError
from fixer.host.base import Host
from fixer.model import installers, pep440
from fixer.model.action import ActionSpec
from fixer.model.plan import Plan

_KINDS = ("pip_requirements", "new_environment", "conda_packages")


def prove(plan: Plan, host: Host, offline: bool, hashes: bool = False, loose: frozenset[str] = frozenset()) -> Plan:
    """``plan`` with ``proved`` set, and with the file changes as they would be now; ``hashes`` asks for those, too.

    A plan without packages has nothing to prove, and stays unproved.

    Raises NotProved (exit code 6) when the installer fails, StalePlanError when its resolve is not the plan's.
    """
    if host.is_data:
        raise UsageError("cannot-prove", "--sys-root describes a machine; its installer cannot be asked")
    if not plan.actions:
        return plan
    plan = shown(plan, host)
    if not any(spec.kind in _KINDS for spec in plan.actions):
        return plan
    wanted = dict(plan.outcome.packages) if plan.outcome is not None else {}
    wanted = {distributions.normal(name): version for name, version in wanted.items() if name not in loose}
    actions, notes = list(plan.actions), list(plan.notes)
    by, found = "", {}
    for number, spec in enumerate(plan.actions):
        if spec.kind not in _KINDS:
            continue
        params = Params(spec, tuple(spec.params))
        pinned = spec.params.get("requirements") and spec.kind != "conda_packages"
        pins = params.pins("requirements") if pinned else ()
        by = by or str(spec.params["manager"])
        for argv in _by_conda(spec):
            dry_run.of_conda(argv, host, _nearest(str(spec.params.get("path") or spec.params["prefix"])), offline)
        if spec.kind == "conda_packages":
            continue
        change, there = _asked(spec, pins, host, offline)
        found.update(_hashes(spec, change, host, offline) if hashes else {})
        plan = _adopted(plan, change, loose)
        _compare(change, pins, wanted, there)
        notes += _notes(change, wanted, there)
        size = sum(change.sizes.values()) if change.install and change.sizes.keys() >= change.install.keys() else None
        actions[number] = dataclasses.replace(spec, download_bytes=spec.download_bytes if size is None else size)
    at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return dataclasses.replace(
        plan, actions=tuple(actions), notes=tuple(dict.fromkeys(notes)), proved={"by": by, "at": at}, hashes=found
    )


def _by_conda(spec: ActionSpec) -> tuple[tuple[str, ...], ...]:
    """The calls that conda itself resolves; an environment of wheels in a new conda environment needs no proof of its Python."""
    if spec.kind == "conda_packages":
        return installers.conda_packages(spec.params)
    return installers.new_environment(spec.params)[:1] if spec.params.get("conda") else ()


def _hashes(spec: ActionSpec, change: Change, host: Host, offline: bool) -> dict[str, tuple[str, ...]]:
    """The hashes of what the installer would take; pip's come with its answer, uv is asked once more."""
    manager = "pip" if spec.params["manager"] == "pip" else "uv"
    if spec.kind == "new_environment":
        python, cwd = ("--python-version", str(spec.params["python"])), _nearest(str(spec.params["path"]))
    else:
        python, cwd = ("--python", str(spec.params["interpreter"])), str(spec.params["prefix"])
    return dry_run.hashes(change, manager, python, host, cwd, offline)


def _nearest(path: str) -> str:
    """The nearest folder above ``path`` that is there."""
    parent = os.path.dirname(path)
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    return parent


def _asked(spec: ActionSpec, pins: tuple[Pin, ...], host: Host, offline: bool) -> tuple[Change, dict[str, str]]:
    """The installer's answer, and the versions that are there now."""
    if spec.kind == "new_environment":
        parent, manager = _nearest(str(spec.params["path"])), str(spec.params["manager"])
        if not pins:
            return Change({}, {}), {}
        python, given = str(spec.params["python"]), spec.params.get("interpreter")
        change = dry_run.of_new(pins, "uv" if manager != "pip" else "pip", python, given, host, parent, offline)
        return change, {}
    interpreter, prefix = str(spec.params["interpreter"]), str(spec.params["prefix"])
    scheme = ask(interpreter, host)
    there = {d.name: d.version for d in distributions.installed(scheme.sites, read_records=False)}
    removed = Params(spec, tuple(spec.params)).names("remove")
    change = dry_run.of_commands(installers.pip_requirements(spec.params), host, prefix, offline)
    return dry_run.after_removal(change, pins, {name: there[name] for name in removed if name in there}), there


def _compare(change: Change, pins: tuple[Pin, ...], wanted: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Refuse a resolve that does something else than the plan says."""
    after = {name: version for name, version in there.items() if name not in change.remove}
    after.update(change.install)
    differing = []
    for name, version in {**wanted, **{pin.name: pin.version for pin in pins}}.items():
        touched = name in change.install or name in change.remove or name in {pin.name for pin in pins}
        if touched and (name not in after or not pep440.same(after[name], version)):
            differing.append(f"{name} would be {after.get(name, 'missing')}, the plan says {version}")
    if differing:
        raise StalePlanError("resolve-differs", f"the index resolves otherwise than the plan: {'; '.join(differing)}")


def _adopted(plan: Plan, change: Change, loose: frozenset[str]) -> Plan:
    """``plan`` with the packages of ``loose`` as the installer would leave them."""
    if plan.outcome is None:
        return plan
    packages = {}
    for name, version in plan.outcome.packages.items():
        asked = distributions.normal(name)
        if name not in loose or asked in change.install or asked not in change.remove:
            packages[name] = change.install.get(asked, version) if name in loose else version
    return dataclasses.replace(plan, outcome=dataclasses.replace(plan.outcome, packages=packages))


def _notes(change: Change, wanted: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """What changes beside the packages that the plan names."""
    return [
        f"also changes {name}: {there[name]} -> {version}"
        for name, version in sorted(change.install.items())
        if name in there and name not in wanted and there[name] != version
    ]


__all__ = ["NotProved", "prove"]
