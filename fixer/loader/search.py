"""What ``dlopen(soname)`` does in a process: which file wins, by which rule, or what fails under which name.

The unit is ``Process``, a model of glibc's list of loaded objects: it starts an executable and takes calls of
dlopen one after the other, because a soname that is already loaded wins over every path. It asks a
``Files`` view and runs nothing. Follows ``_dl_map_object`` and ``_dl_map_object_deps`` of glibc 2.36; a
differential test holds it against the real loader. Undefined symbols, DT_FILTER and static TLS are not
modelled.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field, replace
from typing import Iterator, Mapping

from fixer.loader.cache import PATH as CACHE_PATH
from fixer.loader.cache import Cache
from fixer.loader.elf import Elf, Refused
from fixer.loader.files import Files, Identity
from fixer.loader.paths import Tokens, elements, expand
from fixer.loader.system import System
from fixer.model.record import record

LOADER_SONAME = "ld-linux-x86-64.so.2"
LD_PRELOAD, PRELOAD_FILE = "LD_PRELOAD", "/etc/ld.so.preload"
NOT_FOUND = "cannot open shared object file: No such file or directory"


@dataclass(eq=False)
class Loaded:
    """An object in the process. ``path`` is the name it was opened by ("" for the executable)."""

    path: str
    origin: str | None
    elf: Elf
    identity: Identity | None
    loader: Loaded | None
    names: set[str] = field(default_factory=set)

    def answers_to(self, name: str) -> bool:
        return name in self.names or name == self.path or name == self.elf.soname


@record(frozen=True)
class Place:
    """One file name that the search tries. ``detail`` is the element or file that led there."""

    rule: str
    path: str
    folder: str
    detail: str
    relative: bool = False


@record(frozen=True)
class Passed:
    """A file that exists where the search could have found it and was not taken, and why."""

    path: str
    rule: str
    why: str


@record(frozen=True)
class Failure:
    """Why a call fails. ``name`` is the needed name that could not be had, ``needed_by`` the chain to it."""

    name: str
    text: str
    path: str | None = None
    needed_by: tuple[str, ...] = ()
    kind: str = "error"
    quotes_name: bool = False

    @property
    def message(self) -> str:
        """The text of dlerror()."""
        return f"{self.name if self.quotes_name or not self.path else self.path}: {self.text}"


@record(frozen=True)
class Answer:
    """The outcome of one call.

    ``path`` and ``rule`` name the winner of the search for the name itself, also where a transitive need
    then makes the call fail. ``brought`` are the paths that entered the process, in load order.
    """

    name: str
    path: str | None = None
    rule: str = ""
    detail: str = ""
    brought: tuple[str, ...] = ()
    passed: tuple[Passed, ...] = ()
    failure: Failure | None = None


@record(frozen=True)
class Setting:
    """What a process is started with. ``cache`` None means: there is one and it could not be read.

    ``variables`` is the environment; ``cwd`` the working folder; ``secure`` a set-user-ID program, for
    which the loader ignores the path variables; ``preload_file`` the content of /etc/ld.so.preload.
    """

    system: System
    cache: Cache | None
    variables: Mapping[str, str]
    cwd: str = "/"
    secure: bool = False
    preload_file: str = ""


class _Failed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@record(frozen=True)
class _Winner:
    path: str
    elf: Elf
    place: Place


class Process:
    """A process of ``executable`` (its real path, as /proc/self/exe gives it)."""

    def __init__(self, files: Files, setting: Setting, executable: str) -> None:
        self._files, self._setting = files, setting
        self.loaded: list[Loaded] = []
        self.started: Failure | None = None
        self.ignored_preloads: tuple[Failure, ...] = ()
        self._preloaded: dict[str, str] = {}
        elf = files.look(executable, as_library=False)
        if not isinstance(elf, Elf):
            self.started = Failure(executable, elf.text, executable, kind=elf.kind)
            elf = Elf()
        self.main = Loaded("", os.path.dirname(executable), elf, None, None)
        self.loaded.append(self.main)
        if elf.interpreter:
            self._add_rtld(elf.interpreter)
        path = "" if setting.secure else setting.variables.get("LD_LIBRARY_PATH", "")
        self._environment_path = elements(path, self._tokens(self.main), "environment")

    def start(self) -> Answer:
        """Load the preloads and what the executable needs; a failure means that it does not start at all."""
        if self.started is not None:
            return Answer(self.main.path, failure=self.started)
        before = len(self.loaded)
        try:
            self._needs([self.main, *self._preloads()])
            self._versions(self.loaded)
        except _Failed as failed:
            self.started = failed.failure
        return Answer("", brought=tuple(one.path for one in self.loaded[before:]), failure=self.started)

    def dlopen(self, name: str, caller: Loaded | None = None) -> Answer:
        """``dlopen(name)`` by code of ``caller`` (the executable when None). A failed call leaves nothing behind."""
        caller = caller or self.main
        before = len(self.loaded)
        answer = Answer(name)
        try:
            opened, place = self._map(name, caller, by_dlopen=True)
            answer = replace(answer, path=opened.path, rule=place.rule, detail=place.detail)
            if len(self.loaded) > before:
                self._needs([opened])
                self._versions(self.loaded[before:])
        except _Failed as failed:
            del self.loaded[before:]
            failure = failed.failure
            if answer.path is None and failure.path is not None:
                answer = replace(answer, rule=getattr(failed, "rule", ""))
            return replace(answer, failure=failure, passed=self._passed(name, caller, answer.path))
        brought = tuple(one.path for one in self.loaded[before:])
        return replace(answer, brought=brought, passed=self._passed(name, caller, answer.path))

    def find(self, name: str) -> Loaded | None:
        """The loaded object that answers to ``name``: by a name it was asked for, its path or its soname."""
        return next((one for one in self.loaded if one.answers_to(name)), None)

    # What the search tries, in order ---------------------------------------------------------------

    def places(self, name: str, caller: Loaded) -> Iterator[tuple[str, tuple[Place, ...]]]:
        """The lists that are searched for ``name``, each with its rule; within a list the places in order."""
        if caller.elf.runpath is None:
            chain, seen_main = caller, False
            link: Loaded | None = chain
            while link is not None:
                seen_main = seen_main or link is self.main
                if link.elf.rpath is not None:
                    yield "RPATH", self._listed("RPATH", name, link.elf.rpath, link)
                link = link.loader
            if not seen_main and self.main.elf.rpath is not None:
                yield "RPATH", self._listed("RPATH", name, self.main.elf.rpath, self.main)
        yield "LD_LIBRARY_PATH", self._spread("LD_LIBRARY_PATH", name, self._environment_path, "LD_LIBRARY_PATH")
        if caller.elf.runpath is not None:
            yield "RUNPATH", self._listed("RUNPATH", name, caller.elf.runpath, caller)
        yield "ld.so.cache", self._cached(name, caller)
        if not caller.elf.no_default_places:
            folders = tuple((folder, folder) for folder in self._setting.system.folders)
            yield "default", self._spread("default", name, folders, "default folders")

    def _listed(self, rule: str, name: str, text: str, owner: Loaded) -> tuple[Place, ...]:
        whose = owner.path or "the executable"
        return self._spread(rule, name, elements(text, self._tokens(owner), "rpath"), f"{rule} of {whose}")

    def _spread(self, rule: str, name: str, folders: tuple[tuple[str, str], ...], detail: str) -> tuple[Place, ...]:
        made = []
        for folder, written in folders:
            relative = not folder.startswith("/")
            # The loader tries subfolders blindly and remembers which do not exist: asking first is the same.
            for subfolder in (*self._setting.system.subfolders, ""):
                if subfolder and not relative and not self._files.is_folder(folder + subfolder):
                    continue
                shown = detail if rule == "default" else f"{detail}, element {written!r}"
                made.append(Place(rule, folder + subfolder + name, folder, shown, relative))
        return tuple(made)

    def _cached(self, name: str, caller: Loaded) -> tuple[Place, ...]:
        system, cache = self._setting.system, self._setting.cache
        path = cache.lookup(name, system.hwcaps, system.legacy) if cache else None
        if path is None or (caller.elf.no_default_places and path.startswith(system.folders)):
            return ()
        return (Place("ld.so.cache", path, os.path.dirname(path), CACHE_PATH),)

    def _tokens(self, owner: Loaded) -> Tokens:
        return Tokens(owner.origin, self._setting.system.lib, self._setting.system.platform)

    # One name ----------------------------------------------------------------------------------------

    def _map(self, name: str, caller: Loaded, by_dlopen: bool = False) -> tuple[Loaded, Place]:
        present = self.find(name)
        if present is not None:
            present.names.add(name)
            by = self._preloaded.get(present.path)
            detail = f"{by} has put it into the process" if by else "its soname is already in the process"
            return present, Place("already loaded", present.path, "", detail)
        winner = self._search_path(name, caller) if "/" in name else self._search(name, caller)
        identity = self._files.identity(winner.path)
        for one in self.loaded:
            if identity is not None and one.identity == identity:
                one.names.add(name)
                return one, replace(winner.place, path=one.path)
        full = winner.path if winner.path.startswith("/") else self._setting.cwd.rstrip("/") + "/" + winner.path
        # What dlopen brings in starts a chain of its own: its needs never see the RPATH of the caller.
        parent = None if by_dlopen else caller
        new = Loaded(winner.path, full.rpartition("/")[0] or "/", winner.elf, identity, parent, {name})
        self.loaded.append(new)
        return new, winner.place

    def _search_path(self, name: str, caller: Loaded) -> _Winner:
        path = expand(name, self._tokens(caller))
        if not path:
            raise _Failed(Failure(name, NOT_FOUND))
        found = self._files.look(path)
        if isinstance(found, Elf):
            return _Winner(path, found, Place("path", path, os.path.dirname(path), "opened by its path"))
        if found.ends_search:
            raise _ended(name, path, found)
        raise _Failed(Failure(name, found.text if "class" in found.text else _cannot_open(found.number or errno.ENOENT)))

    def _search(self, name: str, caller: Loaded) -> _Winner:
        other = ""
        number = 0
        for rule, places in self.places(name, caller):
            exists = False
            for index, place in enumerate(places):
                found = self._files.look(place.path)
                if isinstance(found, Elf):
                    return _Winner(place.path, found, place)
                if found.ends_search:
                    raise _ended(name, place.path, found)
                if found.kind == "other" and "class" in found.text:
                    other = found.text
                number = errno.ENOENT if found.kind == "other" else found.number
                last_of_folder = index + 1 == len(places) or places[index + 1].folder != place.folder
                if last_of_folder and rule != "ld.so.cache":
                    exists = place.relative or self._files.is_folder(place.folder)
                    if exists and number not in (errno.ENOENT, errno.EACCES):
                        # "The file exists and is readable, but something went wrong": this list ends here.
                        break
            if rule == "ld.so.cache" and self._setting.cache is None:
                raise _Failed(Failure(name, f"{CACHE_PATH} cannot be read", kind="unknown"))
        raise _Failed(Failure(name, other or _cannot_open(number)))

    # Everything it needs --------------------------------------------------------------------------

    def _needs(self, roots: list[Loaded]) -> None:
        """Breadth first, each object's own needs in their order; the first that fails ends it."""
        queue = list(roots)
        seen = set(map(id, queue))
        chains: dict[int, tuple[str, ...]] = {}
        for one in queue:
            chain = (*chains.get(id(one), ()), one.path)
            for name in one.elf.needed:
                wanted = expand(name, self._tokens(one)) if "$" in name else name
                if not wanted:
                    raise _Failed(Failure(name, "empty dynamic string token substitution", one.path, chain))
                try:
                    found, _ = self._map(wanted, one)
                except _Failed as failed:
                    raise _Failed(replace(failed.failure, needed_by=chain)) from None
                if id(found) not in seen:
                    seen.add(id(found))
                    chains[id(found)] = chain
                    queue.append(found)

    def _versions(self, objects: list[Loaded]) -> None:
        """``_dl_check_map_versions``: a version that the needed file defines not at all is an error."""
        for one in objects:
            for name, wanted in one.elf.version_needs:
                provider = self.find(name)
                if provider is None or provider.elf.versions is None:
                    continue
                for version in wanted:
                    if version not in provider.elf.versions:
                        text = f"version `{version}' not found (required by {one.path or 'the executable'})"
                        raise _Failed(Failure(name, text, provider.path, (one.path,)))

    def _preloads(self) -> list[Loaded]:
        variable = "" if self._setting.secure else self._setting.variables.get("LD_PRELOAD", "")
        named = [(name, LD_PRELOAD) for name in variable.replace(":", " ").split(" ")]
        named += [(name, PRELOAD_FILE) for name in self._setting.preload_file.replace(":", " ").split()]
        made, ignored = [], []
        for name, by in named:
            if not name:
                continue
            before = len(self.loaded)
            try:
                one, _ = self._map(name, self.main)
            except _Failed as failed:
                if failed.failure.kind == "kills":
                    raise
                ignored.append(failed.failure)
                continue
            if len(self.loaded) > before:
                made.append(one)
                self._preloaded[one.path] = by
        self.ignored_preloads = tuple(ignored)
        return made

    def _add_rtld(self, interpreter: str) -> None:
        elf = self._files.look(interpreter)
        if isinstance(elf, Elf):
            names = {interpreter, LOADER_SONAME}
            self.loaded.append(Loaded(interpreter, os.path.dirname(interpreter), elf, None, None, names))

    def _passed(self, name: str, caller: Loaded, winner: str | None) -> tuple[Passed, ...]:
        """The other files of that name in the places of the search, in its order."""
        if "/" in name:
            return ()
        taken = self._files.identity(winner) if winner else None
        seen = {taken}
        passed = []
        for rule, places in self.places(name, caller):
            for place in places:
                found = self._files.look(place.path)
                if isinstance(found, Refused) and found.kind == "absent":
                    continue
                identity = self._files.identity(place.path)
                if identity in seen:
                    continue
                seen.add(identity)
                why = found.text if isinstance(found, Refused) else "searched later"
                passed.append(Passed(place.path, rule, why))
        return tuple(passed)


def _ended(name: str, path: str, refused: Refused) -> _Failed:
    return _Failed(Failure(name, refused.text, path, kind=refused.kind, quotes_name=refused.while_mapping))


def _cannot_open(number: int) -> str:
    return "cannot open shared object file" + (f": {os.strerror(number)}" if number else "")
