"""The step of a lock file's owner: uv, poetry, pdm, pixi, pipenv or conda-lock changes its own project.

The unit is ``step``. What another tool owns is not edited behind its back, since its next sync would undo it.
"""

from __future__ import annotations

import posixpath
import re
from typing import Iterable, Mapping

from fixer.model import compare
from fixer.model.action import HumanStep
from fixer.planning.candidates import Stack
from fixer.planning.packages import bounds_of
from fixer.planning.releases import asks, breaks, installable
from fixer.planning.situation import Situation

_OWNERS = {
    "uv": (("uv", "add"), ("uv", "remove"), ("uv", "sync")),
    "poetry": (("poetry", "add"), ("poetry", "remove"), ("poetry", "install")),
    "pdm": (("pdm", "add"), ("pdm", "remove"), ("pdm", "sync")),
    "pixi": (("pixi", "add", "--pypi"), ("pixi", "remove", "--pypi"), ("pixi", "install")),
    "pipenv": (("pipenv", "install"), ("pipenv", "uninstall"), ("pipenv", "sync")),
}
_NAME = re.compile(r"[<>=!~]")
# What a project asks for in one version: TensorFlow's own, and the libraries that were built with it.
_EXACT = ("tensorflow", "nvidia-")
# How each of them takes another Python for its project.
_OWNERS_PYTHON = {
    "uv": ("uv", "python", "pin"), "poetry": ("poetry", "env", "use"), "pdm": ("pdm", "use"), "pipenv": ("pipenv", "--python"),
}  # fmt: skip
# The option behind the verb that names a project's folder.
_PROJECT = {"uv": "--project", "pdm": "--project", "pixi": "--manifest-path"}


def step(
    situation: Situation,
    stack: Stack,
    packages: Mapping[str, str],
    forced: Mapping[str, str],
    remove: Iterable[str],
    why: str,
) -> HumanStep:
    """The commands of the tool that owns the lock file: it would undo ours with its next sync.

    ``packages`` are those of ``stack`` that change, ``forced`` the ranges that the findings demand.
    """
    name = situation.owner or ""
    python = None if stack.here else stack.python
    bounds = bounds_of(situation.dataset, stack.row, stack.python)
    wanted = []
    for item, version in sorted(packages.items()):
        limits = ",".join(filter(None, (bounds.get(item), forced.get(item), situation.wishes.beside.get(item))))
        lowest = _lowest(situation, stack, packages, item, limits)
        wanted.append(_range(item, version, situation.packages.get(item), bounds.get(item, ""), lowest))
    because = f"{name} owns this environment's lock file: what convfix changed, its next sync would undo. {why}".strip()
    if name == "conda-lock":
        return _relock(situation, wanted, tuple(remove), because)
    known = _OWNERS.get(name)
    if known is None:
        text = f"Let {name} change its own lock file: ask it for {', '.join(wanted)}"
        return HumanStep(text, (), because, "person")
    add, drop, sync = known
    commands: list[tuple[str, ...]] = []
    if python is not None:
        # pixi's Python is a package like any other.
        commands.append((*_OWNERS_PYTHON[name], python) if name in _OWNERS_PYTHON else ("pixi", "add", f"python={python}.*"))
    gone, asked = tuple(sorted(remove)), tuple(wanted)
    if name == "pixi":
        # What pixi took from conda's channels stays conda's: one package from both would be two lines against each other.
        by_conda = [one for one in (*gone, *asked) if situation.installed_by_conda(_NAME.split(one, 1)[0])]
        commands += _both(("pixi", "remove"), [one for one in gone if one in by_conda])
        commands += _both(("pixi", "add"), [one for one in asked if one in by_conda])
        gone, asked = (tuple(one for one in part if one not in by_conda) for part in (gone, asked))
    commands += [*_both(drop, gone), *_both(add, asked), sync]
    root = situation.patient.project_root if situation.patient is not None else None
    if root is not None:
        commands = [_of_project(argv, root) for argv in commands]
    return HumanStep(
        f"Change the project with {name}: {', '.join(wanted) or 'sync it'}", tuple(commands), because, "person"
    )


def _of_project(argv: tuple[str, ...], root: str) -> tuple[str, ...]:
    """The command for the project in the folder ``root``, wherever it is typed."""
    tool, *words = argv
    if tool == "pipenv":
        # It has no such option, and reads this variable.
        return ("env", f"PIPENV_PIPFILE={posixpath.join(root, 'Pipfile')}", *argv)
    if tool == "poetry":
        return (tool, "--directory", root, *words)
    verbs = 2 if argv[:3] == _OWNERS_PYTHON["uv"] else 1
    return (tool, *words[:verbs], _PROJECT[tool], root, *words[verbs:])


def _both(command: tuple[str, ...], words: Iterable[str]) -> list[tuple[str, ...]]:
    """The command with its words; none without any."""
    given = tuple(words)
    return [(*command, *given)] if given else []


def _relock(situation: Situation, wanted: list[str], remove: tuple[str, ...], because: str) -> HumanStep:
    """conda-lock locks what an environment.yml asks for, which a person edits."""
    out = f", and take {', '.join(remove)} out" if remove else ""
    text = f"Write {', '.join(wanted) or 'what is missing'} below pip: in environment.yml{out}, then lock and install it"
    root = situation.patient.project_root if situation.patient is not None else None
    source, lock = (posixpath.join(root or "", name) for name in ("environment.yml", "conda-lock.yml"))
    commands = (
        ("conda-lock", "lock", "--file", source, *(("--lockfile", lock) if root else ())),
        ("conda-lock", "install", "--prefix", situation.prefix, lock),
    )
    return HumanStep(text, commands, because, "person")


def _lowest(situation: Situation, stack: Stack, packages: Mapping[str, str], name: str, limits: str) -> str:
    """The oldest release from which on all that are known serve as ``packages[name]`` does; that one itself where none older does."""
    installed, lowest = situation.packages.get(name), packages[name]
    if installed is None or name.startswith(_EXACT) or compare.key(lowest) <= compare.key(installed):
        return lowest
    present = {**situation.packages, **packages}.get
    for row in installable(situation.dataset, name, stack.python, situation.glibc, stack.row.platform):
        if compare.key(row.version) >= compare.key(lowest):
            continue
        tensorflow = asks(situation.dataset, name, row.version, stack.python).get(stack.row.distribution)
        if (
            compare.key(row.version) <= compare.key(installed)
            or limits and not compare.within(limits, row.version)
            or tensorflow and not compare.within(tensorflow, stack.row.version)
            or breaks(situation.dataset, name, row.version, stack.row.version, stack.python, present) is not None
        ):
            break
        lowest = row.version
    return lowest


def _range(name: str, version: str, installed: str | None, bound: str, lowest: str) -> str:
    """A range as a project would write it: below TensorFlow's own bound on the way down, from the ``lowest`` that serves upwards."""
    if name.startswith(_EXACT):
        return f"{name}=={version}"
    upper = next((part for part in bound.split(",") if part.startswith("<") and not part.startswith("<=")), None)
    if installed is not None and upper is not None and compare.key(version) < compare.key(installed):
        return f"{name}<{_short(upper[1:])}"
    if installed is not None and compare.key(version) > compare.key(installed):
        return f"{name}>={lowest}"
    return f"{name}=={version}"


def _short(version: str) -> str:
    """2 for 2.0.0: the shortest text that means the same."""
    text = version.replace("dev0", "").replace("dev", "").rstrip(".")
    while text.endswith(".0"):
        text = text[:-2]
    return text
