"""Environment modulefiles (Tcl and Lmod's Lua) of this shell and of job scripts: which line of which file changes which variable.

The unit is a ``ModuleLine``. Files are read as text and never run: what a line computes (a call, a condition, a variable
that nobody set above it) stays unknown, and such a line is left out. Everything is bounded.
"""

from __future__ import annotations

from typing import Iterable, Mapping

from fixer.host.base import Host
from fixer.model.facts import ModuleLine
from fixer.model.observed import Observed, absent, found
from fixer.model.record import record
from fixer.probes import module_text
from fixer.probes.module_names import folders, located
from fixer.probes.plain import clean
from fixer.probes.variables import matters

_LIMIT = 1 << 16
_MOST_MODULES = 60
_MOST_LINES = 400
_DEEPEST = 8


@record(frozen=True)
class Modulefile:
    """One modulefile as read: ``lines`` that change a variable, and whether they are all that it does to the environment.

    ``others`` are the modules that it loads and the folders that it puts on MODULEPATH, as deeds: each with the number of lines
    before it.
    """

    name: str
    path: str
    lines: tuple[ModuleLine, ...]
    whole: bool
    others: tuple[tuple[int, module_text.Deed], ...] = ()


def observe(host: Host) -> Observed[tuple[ModuleLine, ...]]:
    """What the modules that are loaded in this shell set, in the order of loading."""
    made: list[ModuleLine] = []
    for name, path in _loaded(host.environ)[:_MOST_MODULES]:
        known = located(host, name, folders(host)) if not path else (name, path)
        one = read(host, name, known[1]) if known is not None and known[1].startswith("/") else None
        made += one.lines if one is not None else ()
    return found(tuple(made[:_MOST_LINES]), "LOADEDMODULES") if made else absent("LOADEDMODULES")


def _loaded(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and files of the loaded modules; "" where the environment does not name the file."""
    names = [one for one in environ.get("LOADEDMODULES", "").split(":") if one]
    files = [one for one in environ.get("_LMFILES_", "").split(":") if one]
    return list(zip(names, files if len(files) == len(names) else [""] * len(names)))


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
    lines: list[ModuleLine] = []
    others: list[tuple[int, module_text.Deed]] = []
    for one in seen.deeds:
        if one.deed in module_text.OF_MODULES or one.name == "MODULEPATH":
            others.append((len(lines), one))
        elif matters(one.name):
            lines.append(ModuleLine(clean(name), path, one.number, one.deed, one.name, one.value, mine))
    return Modulefile(clean(name), path, tuple(lines[:_MOST_LINES]), seen.whole and len(text) < _LIMIT, tuple(others))


@record(frozen=True)
class Loaded:
    """What a job script's modules do together: the lines in order, and the full names of all that are loaded."""

    lines: tuple[ModuleLine, ...]
    names: tuple[str, ...]


def of_job(host: Host, commands: Iterable[tuple[str, str]]) -> Loaded | None:
    """What ``commands`` ("load" or "use", and a name or a folder) of a job script do, in order; None where a part of it is not known."""
    searched, lines, names = list(folders(host)), [], []  # type: ignore[var-annotated]
    for deed, word in commands:
        if deed == "use":
            searched.insert(0, word.rstrip("/"))
        elif not _load(host, word, searched, lines, names, _DEEPEST):
            return None
    return Loaded(tuple(lines[:_MOST_LINES]), tuple(names))


def _load(host: Host, word: str, searched: list[str], lines: list[ModuleLine], names: list[str], deeper: int) -> bool:
    """Load one module after what is loaded already, and what it loads by itself; False where that is not known."""
    known = located(host, word, searched)
    if known is None or len(names) >= _MOST_MODULES or not deeper:
        return False
    name, path = known
    if name in names:
        return True
    one = read(host, name, path)
    if one is None or not one.whole:
        return False
    names.append(name)
    at = 0
    for place, deed in (*one.others, (len(one.lines), None)):
        lines += one.lines[at:place]
        at = place
        if deed is None:
            continue
        if deed.name == "MODULEPATH":
            _use(searched, deed)
        elif not _load(host, deed.value, searched, lines, names, deeper - 1):
            return False
    return True


def _use(searched: list[str], deed: module_text.Deed) -> None:
    """Put the folders of a ``module use`` where modules are searched."""
    parts = [part.rstrip("/") for part in deed.value.split(":") if part.startswith("/")]
    searched[:] = [*searched, *parts] if deed.deed == "append" else [*parts, *searched] if deed.deed == "prepend" else parts
