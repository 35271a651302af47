"""The patient: which Python is meant, and what it says of itself.

The unit is a ``Choice`` (the interpreter's path and why that one) and a ``Description`` (what the payload
``describe_python.py`` answered in a child). With a system root given nothing is run: ``python_as_data``
reads the same from files. Packages are read elsewhere; pyenv's shims are never run.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import field
from typing import Any, Callable, Mapping

from fixer.errors import UsageError
from fixer.host.base import Host
from fixer.model.record import record
from fixer.probes.plain import chosen, clean, how_it_failed, is_executable, on_path
from fixer.probes.shims import without_shims
from fixer.probes.variables import matters

PAYLOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "payloads", "describe_python.py")
LIMIT_SECONDS = 15.0
TOO_OLD = 12
_ANSWER_BYTES = 1 << 20
_VERSION = re.compile(r"\d\.\d{1,3}(\.\d{1,3})?")


@record(frozen=True)
class Choice:
    """The interpreter that is meant; ``path`` None when there is none, ``problem`` when it cannot be used."""

    path: str | None
    why: str
    problem: str = ""


@record(frozen=True)
class Description:
    """What an interpreter says of itself; paths are absolute. ``folders`` are the site-packages, the first written to.

    ``path`` is sys.path without the script's folder; ``preloaded`` are the modules that no file can hide,
    because start-up has them or they are built in. ``set_at_start`` are the variables that start-up changed (None: took
    away), ``customized`` the files of a sitecustomize and a usercustomize.
    """

    version: str
    executable: str
    prefix: str
    base_prefix: str
    library: str
    folders: tuple[str, ...]
    path: tuple[str, ...]
    user_site: str | None
    externally_managed: bool
    has_pip: bool
    safe_path: bool = False
    implementation: str = "cpython"
    free_threaded: bool = False
    preloaded: frozenset[str] = frozenset()
    set_at_start: Mapping[str, str | None] = field(default_factory=dict)
    customized: tuple[str, ...] = ()

    @property
    def is_virtual(self) -> bool:
        return self.prefix != self.base_prefix


@record(frozen=True)
class Undescribed:
    """Why an interpreter gave no description."""

    why: str


def resolve(host: Host, python: str | None) -> str:
    """The path of the interpreter that ``--python`` or the environment means; raises UsageError when there is none."""
    choice = choose(host, python)
    if choice.path is None or choice.problem:
        raise UsageError(
            "no-python", choice.problem or "no python3 is on PATH", "name an interpreter with --python PATH"
        )
    return choice.path


def choose(host: Host, python: str | None) -> Choice:
    """``--python``, else VIRTUAL_ENV, else CONDA_PREFIX, else python3 on PATH. UsageError: a bad ``--python``."""
    if python is not None:
        return _named(host, python)
    active = chosen(host.environ, "VIRTUAL_ENV", "CONDA_PREFIX")
    if active is not None:
        variable, folder = active
        path = _inside(host, folder)
        if path is not None:
            return Choice(path, variable)
        wanted = os.path.join(folder, "bin", "python")
        return Choice(wanted, variable, f"{variable} is {clean(folder)}, and {clean(_dead(host, wanted))}")
    for name in ("python3", "python"):
        for path in without_shims(host, on_path(host, name)):
            return Choice(path, f"{name} on PATH")
    return Choice(None, "PATH")


def _named(host: Host, python: str) -> Choice:
    if "/" not in python:
        for path in without_shims(host, on_path(host, python)):
            return Choice(path, "--python")
        raise UsageError("no-such-python", f"--python {clean(python)!r}: no such program on PATH")
    path = os.path.abspath(os.path.expanduser(python))
    if host.is_dir(path):
        inside = _inside(host, path)
        if inside is None:
            raise UsageError("no-such-python", f"--python {clean(python)}: this folder holds no bin/python")
        return Choice(inside, "--python")
    if not host.exists(path):
        raise UsageError("no-such-python", f"--python: {clean(_dead(host, path))}")
    if not is_executable(host, path):
        raise UsageError("no-such-python", f"--python {clean(python)}: expected an executable Python")
    for real in without_shims(host, (path,)):
        return Choice(real, "--python")
    raise UsageError("no-such-python", f"--python {clean(python)}: this shim leads to no Python")


def _inside(host: Host, folder: str) -> str | None:
    paths = (os.path.join(os.path.abspath(folder), "bin", name) for name in ("python", "python3"))
    return next((path for path in paths if is_executable(host, path)), None)


def _dead(host: Host, path: str) -> str:
    real = host.real_path(path)
    return f"{path} does not exist" if real == path else f"{path} leads to {real}, which does not exist"


def describe(host: Host, interpreter: str, meanwhile: Callable[[], None] | None = None) -> Description | Undescribed:
    """Run the payload with the interpreter, as its user would run it: with the user's variables, in this folder.

    ``meanwhile`` is called once while the interpreter runs, which takes longer than most probes together.
    """
    marker = os.urandom(16).hex()
    # -B: no bytecode is written for what start-up imports.
    argv = (interpreter, "-B", PAYLOAD, marker)
    ran = host.run(argv, timeout=min(host.timeout, LIMIT_SECONDS), limit=_ANSWER_BYTES, meanwhile=meanwhile)
    parts = ran.stdout.split(marker)
    if len(parts) != 3:
        return Undescribed(_with_variables(host, how_it_failed(ran, interpreter)))
    try:
        told = json.loads(parts[1])
        version = _text(told, "version", _VERSION)
        if ran.status == TOO_OLD:
            return Undescribed(f"{interpreter} is Python {version}; 3.6 or newer is needed")
        return _description(told, version)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Undescribed(f"{interpreter} described itself in a way that cannot be read")


def _with_variables(host: Host, words: str) -> str:
    held = [name for name in ("PYTHONHOME", "PYTHONPATH") if host.environ.get(name)]
    return words + (f" ({' and '.join(held)} {'is' if len(held) == 1 else 'are'} set)" if held else "")


def _text(told: Any, key: str, shape: re.Pattern[str] | None = None) -> str:
    value = told[key]
    if not isinstance(value, str) or (shape is not None and not shape.fullmatch(value)):
        raise ValueError(key)
    return value


def _texts(told: Any, key: str) -> tuple[str, ...]:
    values = told[key]
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise ValueError(key)
    return tuple(values)


def _changed(told: Any) -> dict[str, str | None]:
    if not isinstance(told, dict) or not all(one is None or isinstance(one, str) for one in told.values()):
        raise ValueError("set_at_start")
    return {name: value for name, value in sorted(told.items()) if matters(name)}


def _description(told: Any, version: str) -> Description:
    user_site = told["user_site"] if told["user_site_enabled"] is True else None
    folders = _texts(told, "site_packages")
    path = _texts(told, "path")
    made = Description(
        version=version,
        executable=_text(told, "executable"),
        prefix=_text(told, "prefix"),
        base_prefix=_text(told, "base_prefix"),
        library=_text(told, "library"),
        folders=folders,
        path=path,
        user_site=user_site if isinstance(user_site, str) else None,
        externally_managed=told["externally_managed"] is True,
        has_pip=told["has_pip"] is True,
        safe_path=told["safe_path"] is True,
        implementation=_text(told, "implementation"),
        free_threaded=told["free_threaded"] is True,
        preloaded=frozenset((*_texts(told, "loaded"), *_texts(told, "builtin"))),
        set_at_start=_changed(told.get("set_at_start", {})),
        customized=tuple(one for one in _texts({"customized": [], **told}, "customized") if one.startswith("/")),
    )
    if not made.folders or not all(one.startswith("/") for one in (made.prefix, made.base_prefix, *made.folders)):
        raise ValueError("site_packages")
    return made


def here(host: Host) -> str | None:
    """The current folder, where the person would run Python; None for a described system root."""
    return None if host.is_data else host.vantage.folder
