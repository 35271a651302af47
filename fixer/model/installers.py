"""The argv of every installer call: pure builders that planning writes down and actions compute again.

The unit is a function from an action's parameters to argv lists. A plan's commands follow from its
parameters alone, so a handler can refuse a saved plan whose commands say something else. Nothing is
looked up, quoted or run here; a name such as ``uv`` stays a name.
"""

from __future__ import annotations

import ntpath
import posixpath
import re
from typing import Any, Iterable, Mapping

Argv = tuple[str, ...]
PIP_MANAGERS = ("uv", "pip")
CONDA_MANAGERS = ("conda", "mamba", "micromamba")
NEW_ENVIRONMENT_MANAGERS = PIP_MANAGERS + CONDA_MANAGERS


def pip_install(manager: str, interpreter: str, requirements: Iterable[str], reinstall: Iterable[str] = ()) -> Argv:
    """Install exact ``requirements`` for ``interpreter``; the names in ``reinstall`` are laid down again even if there.

    Raises ValueError for a manager other than uv and pip.
    """
    again = tuple(reinstall)
    if manager == "uv":
        forced = tuple(word for name in again for word in ("--reinstall-package", name))
        return ("uv", "pip", "install", "--python", interpreter, *forced, *requirements)
    if manager == "pip":
        # --ignore-installed instead of --force-reinstall: a broken record cannot be uninstalled first.
        forced = ("--ignore-installed", "--no-deps") if again else ()
        return (interpreter, "-m", "pip", "install", *forced, *requirements)
    raise ValueError(f"expected uv or pip, not {manager!r}")


def pip_uninstall(manager: str, interpreter: str, names: Iterable[str]) -> Argv:
    """Remove the packages ``names``; raises ValueError for a manager other than uv and pip."""
    if manager == "uv":
        return ("uv", "pip", "uninstall", "--python", interpreter, *names)
    if manager == "pip":
        return (interpreter, "-m", "pip", "uninstall", "--yes", *names)
    raise ValueError(f"expected uv or pip, not {manager!r}")


def conda_install(
    manager: str, prefix: str, requirements: Iterable[str], channels: Iterable[str] = (), cuda: str | None = None
) -> Argv:
    """Install exact ``requirements`` into the conda environment at ``prefix``; ValueError for another manager.

    ``cuda`` tells conda for which CUDA to choose on a machine that shows no driver.
    """
    if manager not in CONDA_MANAGERS:
        raise ValueError(f"expected one of {', '.join(CONDA_MANAGERS)}, not {manager!r}")
    return (*_told(cuda), manager, "install", "--yes", "--prefix", prefix, *_channels(channels), *requirements)


def _told(cuda: str | None) -> Argv:
    # https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-virtual.html
    return ("env", f"CONDA_OVERRIDE_CUDA={cuda}") if cuda else ()


def _channels(channels: Iterable[str]) -> Argv:
    return tuple(word for name in channels for word in ("--channel", name))


def enter(manager: str, path: str) -> Argv:
    """What a person types to enter the environment at ``path``."""
    if manager in CONDA_MANAGERS:
        return (manager, "activate", path)
    return (ntpath.join(path, "Scripts", "activate"),) if of_windows(path) else (".", posixpath.join(path, "bin", "activate"))


def environment_python(path: str, by_conda: bool = False) -> str:
    """The interpreter of the environment at ``path``; conda has it at the top in Windows."""
    if of_windows(path):
        return ntpath.join(path, "python.exe") if by_conda else ntpath.join(path, "Scripts", "python.exe")
    return posixpath.join(path, "bin", "python")


def of_windows(path: str) -> bool:
    """Whether a path is written as Windows writes it: from a drive, or from the folder where one is."""
    return re.match(r"([A-Za-z]:|\.)\\", path) is not None


def make_environment(
    manager: str, path: str, python: str, interpreter: str | None, packages: Iterable[str] = (), cuda: str | None = None
) -> Argv:
    """Make an environment at ``path`` with ``python`` ("3.12"), from ``interpreter`` where one is named.

    ``packages`` are conda's, from conda-forge; ``cuda`` is as in ``conda_install``. uv finds or fetches a Python by
    its version; conda brings its own; ``python -m venv`` needs one at hand.
    """
    if manager == "uv":
        return ("uv", "venv", "--python", interpreter or python, path)
    if manager == "pip":
        # Windows has no python3.12 but a launcher: https://docs.python.org/3/using/windows.html
        named = ("py", f"-{python}") if of_windows(path) else (f"python{python}",)
        return (*((interpreter,) if interpreter else named), "-m", "venv", path)
    if manager in CONDA_MANAGERS:
        wanted = tuple(packages)
        # micromamba comes without a channel of its own.
        channels = _channels(("conda-forge",) if wanted or manager == "micromamba" else ())
        return (*_told(cuda), manager, "create", "--yes", "--prefix", path, *channels, f"python={python}", "pip", *wanted)
    raise ValueError(f"expected one of {', '.join(NEW_ENVIRONMENT_MANAGERS)}, not {manager!r}")


def pip_requirements(params: Mapping[str, Any]) -> tuple[Argv, ...]:
    """The commands of a ``pip_requirements`` action: what is removed first, then what is installed."""
    manager, interpreter = str(params["manager"]), str(params["interpreter"])
    commands: list[Argv] = []
    if params.get("remove"):
        commands.append(pip_uninstall(manager, interpreter, params["remove"]))
    again = frozenset(params.get("reinstall") or ())
    wanted = tuple(params.get("requirements") or ())
    if again and manager == "pip":
        # pip's switches hold for the whole call, so what is laid down again has a call of its own.
        fresh = tuple(text for text in wanted if text.partition("==")[0] in again)
        wanted = tuple(text for text in wanted if text.partition("==")[0] not in again)
        commands.append(pip_install(manager, interpreter, fresh, sorted(again)))
        again = frozenset()
    if wanted:
        commands.append(pip_install(manager, interpreter, wanted, sorted(again)))
    return tuple(commands)


def conda_packages(params: Mapping[str, Any]) -> tuple[Argv, ...]:
    """The commands of a ``conda_packages`` action."""
    manager, prefix, wanted = str(params["manager"]), str(params["prefix"]), params["requirements"]
    return (conda_install(manager, prefix, wanted, params.get("channels") or (), params.get("cuda")),)


def new_environment(params: Mapping[str, Any]) -> tuple[Argv, ...]:
    """The commands of a ``new_environment`` action: make it, then fill it."""
    manager, path = str(params["manager"]), str(params["path"])
    by_conda = (params.get("conda") or (), params.get("cuda"))
    made = make_environment(manager, path, str(params["python"]), params.get("interpreter"), *by_conda)
    wanted = tuple(params.get("requirements") or ())
    if not wanted:
        return (made,)
    inside = environment_python(path, by_conda=manager in CONDA_MANAGERS)
    return (made, pip_install("uv" if manager == "uv" else "pip", inside, wanted))


def commands(kind: str, params: Mapping[str, Any]) -> tuple[Argv, ...]:
    """The commands that an action of ``kind`` runs; () for the kinds that only write files."""
    builders = {
        "pip_requirements": pip_requirements,
        "conda_packages": conda_packages,
        "new_environment": new_environment,
    }
    builder = builders.get(kind)
    return builder(params) if builder else ()
