"""Which file a module's name means: MODULEPATH, ``.modulerc`` and ``.modulerc.lua``, ``.version``, links, and the highest version.

The unit is ``located``. As Environment Modules and Lmod document it: a name with a version is a file; a name without one takes the
version that is marked as default, else the highest. What a file computes is not followed: such a name stays unknown.
"""

from __future__ import annotations

import re
from typing import Iterator, Sequence

from fixer.host.base import Host

_LIMIT = 1 << 16
_MOST_FOLDERS = 40
_DEEPEST = 5
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]*(?:/[A-Za-z0-9][A-Za-z0-9._+=-]*){0,5}")
_WORD = r"[\"'{]?([A-Za-z0-9./_+=-]{1,200})[\"'}]?"
_DEFAULT = re.compile(rf"^[ \t]*set[ \t]+ModulesVersion[ \t]+{_WORD}[ \t]*$", re.MULTILINE)
# module-version cuda/11.2 default stable; module-alias gpu cuda/11.2
_TCL = re.compile(rf"^[ \t]*(module-version|module-alias)[ \t]+{_WORD}((?:[ \t]+{_WORD})+)[ \t]*$", re.MULTILINE)
_LUA = re.compile(r"^[ \t]*(module_version|module_alias)[ \t]*\([ \t]*[\"']([^\"'\n]{1,200})[\"'](.{1,400})\)[ \t]*;?[ \t]*$", re.MULTILINE)
_LUA_WORD = re.compile(r"[\"']([A-Za-z0-9./_+=-]{1,200})[\"']")
_PLAIN_VERSION = re.compile(r"\d+(?:\.\d+)*")


def folders(host: Host) -> tuple[str, ...]:
    """MODULEPATH's folders."""
    return tuple(one.rstrip("/") for one in host.environ.get("MODULEPATH", "").split(":") if one.startswith("/"))[:_MOST_FOLDERS]


def located(host: Host, name: str, searched: Sequence[str]) -> tuple[str, str] | None:
    """The full name and the file of a module, in the first folder of ``searched`` that knows it."""
    for folder in searched[:_MOST_FOLDERS]:
        found = _in(host, folder, name, _DEEPEST)
        if found is not None:
            return found
    return None


def _in(host: Host, folder: str, name: str, deeper: int) -> tuple[str, str] | None:
    if not _NAME.fullmatch(name) or not deeper:
        return None
    place = f"{folder}/{name}"
    for path in (f"{place}.lua", place):
        if host.exists(path) and not host.is_dir(path):
            return name, path
    for target, others in _marks(host, folder, ""):
        # A name that the files above give to another: an alias of its own, or "cuda/stable" for cuda/11.2.
        if name in others and target != name:
            return _in(host, folder, target, deeper - 1)
    if host.is_dir(place):
        return _default(host, folder, name, deeper)
    above, _, symbol = name.rpartition("/")
    for target, others in _marks(host, f"{folder}/{above}", above) if above else ():
        if f"{above}/{symbol}" in others and target != name:
            return _in(host, folder, target, deeper - 1)
    return None


def _default(host: Host, folder: str, name: str, deeper: int) -> tuple[str, str] | None:
    """The version that ``module load NAME`` takes."""
    place = f"{folder}/{name}"
    names = [one for one in host.entries(place) if not one.startswith(".")]
    for link in ("default", "default.lua"):
        if link in names:
            real = host.real_path(f"{place}/{link}")
            version = real.rpartition("/")[2].removesuffix(".lua")
            return (f"{name}/{version}", real) if host.exists(real) else None
    marks = (*_marks(host, place, name), *_marks(host, folder, ""))
    marked = next((target for target, others in marks if f"{name}/default" in others), None)
    said = _DEFAULT.search(host.text(f"{place}/.version", _LIMIT) or "")
    wanted = marked or (f"{name}/{said[1]}" if said else None)
    if wanted is None:
        versions = sorted({one.removesuffix(".lua") for one in names}, key=_order)
        if len(versions) > 1 and not all(_PLAIN_VERSION.fullmatch(one) for one in versions):
            return None
        wanted = f"{name}/{versions[-1]}" if versions else None
    return _in(host, folder, wanted, deeper - 1) if wanted is not None else None


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:8])


def _marks(host: Host, folder: str, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What the rc files of a folder say: a module, and the other names by which it goes; names are whole ("cuda/default")."""
    texts = ((".modulerc.lua", _LUA, _LUA_WORD), (".modulerc", _TCL, re.compile(_WORD)))
    for file, lines, word in texts:
        for kind, first, rest in (match.groups()[:3] for match in lines.finditer(host.text(f"{folder}/{file}", _LIMIT) or "")):
            others = tuple(found.group(1) for found in word.finditer(rest))
            if kind in ("module-alias", "module_alias"):
                yield (others[0] if others else "", (first,))
            else:
                whole = _whole(first, name)
                stem = whole.rpartition("/")[0]
                yield whole, tuple(f"{stem}/{other}" if stem else other for other in others)


def _whole(word: str, name: str) -> str:
    """``/11.2``, ``./11.2`` and ``11.2`` in the rc file of the folder cuda are cuda/11.2."""
    bare = word.removeprefix(".").removeprefix("/")
    return f"{name}/{bare}" if name and "/" not in bare else bare
