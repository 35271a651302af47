"""An activation script for one shell: a file of its own, a part of ``bin/activate``, or conda's hooks.

The unit is one script; its path decides its form. ``<prefix>/bin/activate`` (or ``activate.fish``) gets a
block at its end and a line in its own ``deactivate``; a file in ``<prefix>/etc/conda/activate.d`` gets a
twin in ``deactivate.d``; any other path below the prefix becomes a new file to source. What the text says
is made by ``shells``.
"""

from __future__ import annotations

import os
import re

from fixer.actions import files
from fixer.actions.base import CONTROL, Look, NothingKept, Params, Unforeseen, Workplace, lies_in, owner_problem
from fixer.actions.foreseen import new_files, put_in
from fixer.host import durable
from fixer.host.base import Host
from fixer.model.action import ActionSpec, FileChange, Preview
from fixer.model.edits import deactivate_head
from fixer.model.journal import JournalEntry
from fixer.shells import SHELLS, begin, end, off_line, script
from fixer.shells.values import Values

_KNOWN = ("interpreter", "prefix", "shell", "path", "prepend", "set", "unset", "drop")
_NEVER = ("PATH", "HOME", "SHELL", "USER", "LD_PRELOAD", "IFS", "BASH_ENV", "ENV", "PYTHONSTARTUP", "PROMPT_COMMAND")
_LOADER_TOKEN = re.compile(r"\$\{?(ORIGIN|LIB|PLATFORM)\b")


class ActivationScript(NothingKept):
    """See the module's docstring."""

    kind = "activation_script"

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        prefix, shell, path, _ = _read(spec)
        problems = []
        if not os.path.isdir(prefix):
            return (f"{prefix}: no such environment",)
        for place in _paths(spec):
            if not lies_in(os.path.dirname(place), prefix):
                problems.append(f"{place} leads out of {prefix}")
            nearest = os.path.dirname((durable.missing_folders(place) or (place,))[0])
            problem = owner_problem(nearest)
            if problem:
                problems.append(problem)
        if _is_own(spec):
            problem = files.edit_problem(path) if os.path.exists(path) else f"{path}: no such file"
            if problem is None and not self.satisfied(spec, host) and _edited(spec) is None:
                problem = f"{path} has no deactivate function that convfix knows, or a block of convfix's already"
            problems += [problem] if problem else []
        else:
            for place, content in _new_files(spec).items():
                if os.path.lexists(place) and _content(place) != content:
                    problems.append(f"{place} exists already with other content")
        return tuple(dict.fromkeys(problems))

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        try:
            return Preview(files=self.foresee(spec, files.look))
        except Unforeseen:
            edited = _edited(spec) if _is_own(spec) else None
            return Preview(files=(files.changed(_read(spec)[2], edited[0], edited[1]),) if edited is not None else ())

    def foresee(self, spec: ActionSpec, look: Look) -> tuple[FileChange, ...]:
        """The diffs that follow from what ``look`` knows."""
        _, shell, path, values = _read(spec)
        if not _is_own(spec):
            return new_files(_new_files(spec), shell, look)
        before = look(path, shell)
        if before is None:
            raise Unforeseen(f"{path} is not there yet, so its diff is not known.")
        if before.blocks or before.deactivate is None:
            return ()
        return put_in(path, before, ((before.deactivate, _off(shell, values)), (before.lines, _block(shell, values))))

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        if _is_own(spec):
            edited = _edited(spec)
            if edited is not None:
                old, new, pieces = edited
                files.edit(work, _read(spec)[2], old, new, pieces)
            return
        for place, content in _new_files(spec).items():
            if _content(place) != content:
                files.create(work, place, content, inside=_read(spec)[0])

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        _, shell, path, values = _read(spec)
        if _is_own(spec):
            now = _content(os.path.realpath(path)) or b""
            return _block(shell, values) in now and off_line(shell, values).encode("utf-8") in now
        return all(_content(place) == content for place, content in _new_files(spec).items())

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        return files.undo(entry, _paths(spec), work)


def _read(spec: ActionSpec) -> tuple[str, str, str, Values]:
    params = Params(spec, _KNOWN)
    prefix = params.path("prefix")
    params.path("interpreter")
    shell = params.choice("shell", SHELLS)
    path = params.path("path", inside=prefix)
    return prefix, shell, path, read_values(params)


def read_values(params: Params) -> Values:
    """The values of an activation, checked: only variables that a program environment may set, and whole path lists."""
    prepend, drop = _lists(params, "prepend"), _lists(params, "drop")
    values = {}
    for name, value in params.mapping("set").items():
        if not isinstance(value, str) or "\0" in value or "\n" in value or len(value) > 4096:
            raise params.error("set", f"{name} must be one line of text")
        values[name] = value
    unset = tuple(params.variable("unset", name) for name in params.texts("unset", optional=True))
    changed = {*prepend, *drop}
    for name in (*changed, *values, *unset):
        if name in _NEVER or name.startswith("_CONVFIX"):
            raise params.error("set", f"names {name}, which convfix does not touch")
    if len({*changed, *values, *unset}) != len(changed) + len(values) + len(unset):
        raise params.error("set", "names a variable twice")
    return Values(prepend, values, unset, drop)


def _lists(params: Params, key: str) -> dict[str, tuple[str, ...]]:
    made = {}
    for name, folders in params.mapping(key).items():
        if not name.endswith("PATH") or name == "PATH":
            raise params.error(key, f"names {name}, which is no path list of a program's")
        if not isinstance(folders, (list, tuple)) or not folders:
            raise params.error(key, f"{name} must be a list of folders")
        made[name] = tuple(_folder(params, name, folder) for folder in folders)
    return made


def _folder(params: Params, name: str, folder: object) -> str:
    bad = not isinstance(folder, str) or not os.path.isabs(folder) or os.path.normpath(folder) != folder
    if bad or ":" in str(folder) or CONTROL.search(str(folder)):
        raise params.error("prepend", f"{name} must hold absolute folders without a colon, found {str(folder)[:60]!r}")
    if name == "LD_LIBRARY_PATH" and (";" in str(folder) or _LOADER_TOKEN.search(str(folder))):
        raise params.error("prepend", f"{name} cannot express the folder {str(folder)[:60]!r}: the loader splits it")
    return str(folder)


def _is_own(spec: ActionSpec) -> bool:
    """Whether the path is the environment's own activate script."""
    prefix, shell, path, _ = _read(spec)
    return path == os.path.join(prefix, "bin", "activate.fish" if shell == "fish" else "activate")


def _twin(spec: ActionSpec) -> str | None:
    """The script in conda's deactivate.d that belongs to one in activate.d."""
    prefix, _, path, _ = _read(spec)
    hooks = os.path.join(prefix, "etc", "conda")
    if os.path.dirname(path) != os.path.join(hooks, "activate.d"):
        return None
    return os.path.join(hooks, "deactivate.d", os.path.basename(path))


def _paths(spec: ActionSpec) -> tuple[str, ...]:
    path, twin = _read(spec)[2], _twin(spec)
    return (path,) if twin is None else (twin, path)


def _new_files(spec: ActionSpec) -> dict[str, bytes]:
    _, shell, path, values = _read(spec)
    made = {}
    twin = _twin(spec)
    if twin is not None:
        made[twin] = f"# convfix activation {values.key}: taken back here\n{off_line(shell, values)}\n".encode("utf-8")
    made[path] = script(shell, values).encode("utf-8")
    return made


def _block(shell: str, values: Values) -> bytes:
    return f"{begin(values.key)}\n{script(shell, values)}{end(values.key)}\n".encode("utf-8")


def _off(shell: str, values: Values) -> bytes:
    """The line in the environment's own ``deactivate``."""
    return f"    {off_line(shell, values)} # convfix\n".encode("utf-8")


def _edited(spec: ActionSpec) -> tuple[bytes, bytes, list[bytes]] | None:
    """The environment's own script before and after, and the pieces put in; None when it is not one that we know."""
    _, shell, path, values = _read(spec)
    old = _content(os.path.realpath(path))
    if old is None or b">>> convfix" in old:
        return None
    head = deactivate_head(old, shell)
    if head is None:
        return None
    line = _off(shell, values)
    block = (b"" if old.endswith(b"\n") else b"\n") + _block(shell, values)
    return old, old[:head] + line + old[head:] + block, [line, block]


def _content(path: str) -> bytes | None:
    try:
        return files.readable(path)
    except OSError:
        return None
