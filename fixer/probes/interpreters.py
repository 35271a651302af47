"""The Pythons at hand: those on PATH, in the system's folders, of pyenv, of uv and of conda.

The unit is an ``Interpreter``: its version and its real executable. None is run, since each would cost a
process: a version is taken from the layout that CPython installs (bin/python3.11 beside lib/python3.11),
and a Python whose layout does not tell is left out. Virtual environments count as their base.
"""

from __future__ import annotations

import os
import re
from typing import Iterator

from fixer.host.base import Host
from fixer.model.facts import Interpreter
from fixer.model.observed import Observed, absent, found
from fixer.probes.plain import is_executable

_EXECUTABLE = re.compile(r"python3\.(\d{1,2})")
_PYENV = re.compile(r"3\.\d{1,2}\.\d{1,3}")
_UV = re.compile(r"cpython-(3\.\d{1,2}\.\d{1,3})-linux-\S+")
_SYSTEM = ("/usr/local/bin", "/usr/bin", "/opt/python/bin")
_CONDA_ROOTS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge")
_MOST = 60


def observe(host: Host, more: tuple[tuple[str, str], ...] = ()) -> Observed[tuple[Interpreter, ...]]:
    """Every Python at hand, newest first. ``more`` are (version, path) of interpreters known already."""
    made: dict[str, Interpreter] = {}
    # A described system root has no home folder of ours: only its own system's folders are looked at.
    at_home = () if host.is_data else (*_pyenv(host), *_uv(host))
    for version, path in (*more, *at_home, *_in_folders(host)):
        real = host.real_path(path)
        if real not in made and len(made) < _MOST:
            made[real] = Interpreter(version, real)
    ordered = sorted(made.values(), key=lambda one: ([-int(part) for part in one.version.split(".")], one.path))
    return found(tuple(ordered), "PATH", "pyenv", "uv", "conda") if ordered else absent("PATH", "pyenv", "uv", "conda")


def features(seen: Observed[tuple[Interpreter, ...]]) -> Observed[tuple[str, ...]]:
    """The minor versions among them, oldest first: 3.8, 3.11."""
    pairs = {tuple(int(part) for part in one.version.split(".")[:2]) for one in seen.or_else(())}
    return seen.map(lambda _: tuple(f"{major}.{minor}" for major, minor in sorted(pairs)))


def _in_folders(host: Host) -> Iterator[tuple[str, str]]:
    if host.is_data:
        for folder in _SYSTEM:
            for name in host.entries(folder):
                yield from _by_layout(host, f"{folder}/{name}")
        return
    folders = [folder for folder in host.environ.get("PATH", "").split(os.pathsep) if folder.startswith("/")]
    home = host.environ.get("HOME", "")
    conda = (
        [os.path.dirname(os.path.dirname(host.environ["CONDA_EXE"])) + "/bin"] if host.environ.get("CONDA_EXE") else []
    )
    conda += [f"{home}/{name}/bin" for name in _CONDA_ROOTS] if home.startswith("/") else []
    for folder in dict.fromkeys((*folders, *_SYSTEM, *conda)):
        if os.path.basename(folder) == "shims":
            continue
        for name in host.entries(folder):
            if _EXECUTABLE.fullmatch(name) or name == "python3":
                yield from _by_layout(host, f"{folder}/{name}")


def _by_layout(host: Host, path: str) -> Iterator[tuple[str, str]]:
    real = host.real_path(path)
    match = _EXECUTABLE.fullmatch(os.path.basename(real))
    prefix = os.path.dirname(os.path.dirname(real))
    if match and is_executable(host, real) and host.exists(f"{prefix}/lib/python3.{match.group(1)}/os.py"):
        yield _patch(prefix, f"3.{match.group(1)}"), real


def _patch(prefix: str, feature: str) -> str:
    """The full version where the prefix is named by it (pyenv, uv); else major and minor."""
    name = os.path.basename(prefix)
    match = _UV.fullmatch(name)
    full = match.group(1) if match else name if _PYENV.fullmatch(name) else ""
    return full if full.startswith(feature + ".") else feature


def _pyenv(host: Host) -> Iterator[tuple[str, str]]:
    home = host.environ.get("HOME", "")
    for root in dict.fromkeys((host.environ.get("PYENV_ROOT", ""), f"{home}/.pyenv")):
        for name in host.entries(f"{root}/versions") if root.startswith("/") else ():
            if _PYENV.fullmatch(name):
                yield from _in_prefix(host, f"{root}/versions/{name}", name)


def _uv(host: Host) -> Iterator[tuple[str, str]]:
    home = host.environ.get("HOME", "")
    data = host.environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    for root in dict.fromkeys((host.environ.get("UV_PYTHON_INSTALL_DIR", ""), f"{data}/uv/python")):
        for name in host.entries(root) if root.startswith("/") else ():
            match = _UV.fullmatch(name)
            if match:
                yield from _in_prefix(host, f"{root}/{name}", match.group(1))


def _in_prefix(host: Host, prefix: str, version: str) -> Iterator[tuple[str, str]]:
    path = f"{prefix}/bin/python{version.rpartition('.')[0]}"
    if is_executable(host, path):
        yield version, path
