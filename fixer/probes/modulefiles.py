"""Environment modulefiles (Tcl and Lmod's Lua) of this shell and of job scripts: which line of which file changes which variable.

The unit is a ``ModuleLine``. Files are read as text and never run: what a line computes (a call, a condition, a variable
that nobody set above it) stays unknown, and such a line is left out. Everything is bounded.
"""

from __future__ import annotations

import re
from typing import Iterable, Mapping

from fixer.host.base import Host
from fixer.model.facts import ModuleLine
from fixer.model.observed import Observed, absent, found
from fixer.model.record import record
from fixer.probes import module_text
from fixer.probes.plain import clean
from fixer.probes.variables import matters

_LIMIT = 1 << 16
_MOST_MODULES = 60
_MOST_LINES = 400
_MOST_FOLDERS = 40
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]*(?:/[A-Za-z0-9][A-Za-z0-9._+=-]*){0,5}")
_DEFAULT = re.compile(r"^[ \t]*set[ \t]+ModulesVersion[ \t]+[\"{]?([A-Za-z0-9._+-]{1,100})[\"}]?[ \t]*$", re.MULTILINE)


@record(frozen=True)
class Modulefile:
    """One modulefile as read: ``lines`` that change a variable, and whether they are all that it does to the environment."""

    name: str
    path: str
    lines: tuple[ModuleLine, ...]
    whole: bool


def observe(host: Host) -> Observed[tuple[ModuleLine, ...]]:
    """What the modules that are loaded in this shell set, in the order of loading."""
    made: list[ModuleLine] = []
    for name, path in _loaded(host.environ)[:_MOST_MODULES]:
        path = path or located(host, name) or ""
        one = read(host, name, path) if path.startswith("/") else None
        made += one.lines if one is not None else ()
    return found(tuple(made[:_MOST_LINES]), "LOADEDMODULES") if made else absent("LOADEDMODULES")


def _loaded(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and files of the loaded modules; "" where the environment does not name the file."""
    names = [one for one in environ.get("LOADEDMODULES", "").split(":") if one]
    files = [one for one in environ.get("_LMFILES_", "").split(":") if one]
    return list(zip(names, files if len(files) == len(names) else [""] * len(names)))


def located(host: Host, name: str) -> str | None:
    """The file of a module by MODULEPATH; a name without a version only where its folder says which one it means."""
    if not _NAME.fullmatch(name):
        return None
    for folder in [one.rstrip("/") for one in host.environ.get("MODULEPATH", "").split(":") if one.startswith("/")][:_MOST_FOLDERS]:
        place = f"{folder}/{name}"
        for path in (f"{place}.lua", place):
            if host.exists(path) and not host.is_dir(path):
                return path
        if host.is_dir(place):
            return _default(host, place)
    return None


def _default(host: Host, folder: str) -> str | None:
    """The version that ``module load NAME`` takes: the link ``default``, the word of .version, or the only one there is."""
    names = [one for one in host.entries(folder) if not one.startswith(".")]
    for name in ("default", "default.lua"):
        if name in names:
            real = host.real_path(f"{folder}/{name}")
            return real if host.exists(real) else None
    said = _DEFAULT.search(host.text(f"{folder}/.version", _LIMIT) or "")
    wanted = said[1] if said else names[0] if len(names) == 1 else None
    return next((f"{folder}/{name}" for name in (wanted, f"{wanted}.lua") if name in names), None) if wanted else None


def read(host: Host, name: str, path: str) -> Modulefile | None:
    """One modulefile; None where it cannot be read or is none."""
    text = host.text(path, _LIMIT)
    if text is None:
        return None
    if path.endswith(".lua"):
        seen = module_text.lua(text, host.environ)
    elif text.startswith("#%Module"):
        seen = module_text.tcl(text, host.environ)
    else:
        return None
    mine = host.may_write(path)
    lines = tuple(ModuleLine(clean(name), path, one.number, one.deed, one.name, one.value, mine) for one in seen.deeds if matters(one.name))
    return Modulefile(clean(name), path, lines[:_MOST_LINES], seen.whole and len(text) < _LIMIT)


def of_job(host: Host, names: Iterable[str]) -> tuple[Modulefile, ...] | None:
    """The modulefiles that a job script loads, in order; None where one of them is not known whole."""
    made = []
    for name in names:
        path = located(host, name)
        one = read(host, name, path) if path is not None else None
        if one is None or not one.whole:
            return None
        made.append(one)
    return tuple(made)
