"""Variables for the notebooks of one kernel: entries in the ``env`` of its ``kernel.json``.

The unit is one file that Jupyter reads. Our text goes in beside what is there, so the rest keeps its form, and
comes out again even after somebody edited the file. A kernel's ``env`` replaces a variable as a whole, hence a
path list holds our folders alone. A variable that the file sets already is left to the person: two values of
one key would be a guess. https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Mapping

from fixer.actions import files
from fixer.actions.activation_script import read_values
from fixer.actions.base import Look, NothingKept, Params, Unforeseen, Workplace
from fixer.host.base import Host
from fixer.model import bounded_json
from fixer.model.action import ActionSpec, FileChange, Preview
from fixer.model.journal import JournalEntry

_KNOWN = ("interpreter", "prefix", "path", "prepend", "set")
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = json.JSONDecoder()


class Kernelspec(NothingKept):
    """See the module's docstring."""

    kind = "kernelspec"

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        interpreter, path, wanted = _read(spec, host)
        problem = files.edit_problem(path) if os.path.lexists(path) else f"{path}: no such kernel"
        if problem is None and not self.satisfied(spec, host):
            problem = _problem(path, interpreter, wanted)
        if problem is None:
            return ()
        entries = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(wanted.items()))
        return (f"{problem}; add by hand to the env of {path}: {entries}",)

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        _, path, wanted = _read(spec, host)
        old = _content(path)
        edited = None if old is None else _edited(old, wanted)
        return Preview(files=(files.changed(path, old, edited[0]),)) if old is not None and edited else Preview()

    def foresee(self, spec: ActionSpec, look: Look) -> tuple[FileChange, ...]:
        """A diff of JSON has to quote the line that it changes, so the facts do not tell it."""
        path = Params(spec, _KNOWN).path("path")
        raise Unforeseen(f"What is in {path} is not known: apply shows the diff before it asks.")

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        _, path, wanted = _read(spec, host)
        old = files.readable(path)
        edited = _edited(old, wanted)
        if edited is not None:
            files.edit(work, path, old, *edited)

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        _, path, wanted = _read(spec, host)
        there = _environment(_content(path))
        return there is not None and all(there.get(name) == value for name, value in wanted.items())

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        _, path, wanted = _read(spec, host)
        left = files.undo(entry, (path,), work)
        if not left and self.satisfied(spec, host):
            return (f"{path}: changed since convfix wrote it; take {', '.join(sorted(wanted))} out of its env by hand",)
        return left


def _read(spec: ActionSpec, host: Host) -> tuple[str, str, dict[str, str]]:
    params = Params(spec, _KNOWN)
    prefix = params.path("prefix")
    interpreter = params.path("interpreter")
    path = params.path("path")
    folder, name = os.path.split(path)
    if name != "kernel.json" or os.path.dirname(folder) not in kernel_folders(prefix, host):
        raise params.error("path", f"is no kernel of this environment or this user, found {path[:80]!r}")
    values = read_values(params)
    wanted = {name: ":".join(dict.fromkeys(folders)) for name, folders in values.prepend.items()} | dict(values.set)
    if not wanted:
        raise params.error("set", "is empty")
    for name, value in wanted.items():
        if "$" in value:
            raise params.error("set", f"{name} holds a $, which Jupyter would replace")
    return interpreter, path, wanted


def kernel_folders(prefix: str, host: Host) -> tuple[str, ...]:
    """Where Jupyter finds the kernels of this environment and of this user."""
    data = host.environ.get("JUPYTER_DATA_DIR", "")
    if not os.path.isabs(data):
        base = host.environ.get("XDG_DATA_HOME", "")
        home = host.environ.get("HOME", "")
        base = base if os.path.isabs(base) else os.path.join(home, ".local", "share") if os.path.isabs(home) else ""
        data = os.path.join(base, "jupyter") if base else ""
    folders = (os.path.join(prefix, "share", "jupyter"), *((os.path.normpath(data),) if data else ()))
    return tuple(os.path.join(folder, "kernels") for folder in folders)


def _problem(path: str, interpreter: str, wanted: Mapping[str, str]) -> str | None:
    content = _content(path)
    there = _environment(content)
    if content is None or there is None:
        return f"{path} is no kernel that convfix can read"
    argv = json.loads(content).get("argv")
    if not isinstance(argv, list) or not argv or argv[0] != interpreter:
        return f"{path} does not start {interpreter}"
    taken = sorted(there.keys() & wanted.keys())
    if taken:
        return f"{path} sets {', '.join(taken)} already"
    return None if _edited(content, wanted) is not None else f"{path} is no kernel that convfix can edit"


def _environment(content: bytes | None) -> Mapping[str, Any] | None:
    """The ``env`` of a kernel, {} where it has none; None for what is no kernel."""
    try:
        data = bounded_json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
    there = data.get("env", {}) if isinstance(data, dict) else None
    return there if isinstance(there, dict) else None


def _edited(old: bytes, wanted: Mapping[str, str]) -> tuple[bytes, list[bytes]] | None:
    """The file with the entries in it, and the piece that was put in; None where they cannot go in."""
    try:
        text = old.decode("utf-8")
        place, inner, empty = _place(text)
    except (ValueError, RecursionError, IndexError):
        return None
    entries = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(wanted.items()))
    ending = "\r\n" if "\r\n" in text else "\n"
    comma = "" if empty else ","
    piece = f"{ending}  {entries}{comma}" if inner else f'{ending} "env": {{{entries}}}{comma}'
    new = (text[:place] + piece + text[place:]).encode("utf-8")
    expected = json.loads(old)
    expected["env"] = {**wanted, **expected.get("env", {})}
    return (new, [piece.encode("utf-8")]) if json.loads(new) == expected else None


def _place(text: str) -> tuple[int, bool, bool]:
    """Behind which brace our text goes, whether that is the ``env``'s own, and whether nothing else is in it."""
    at = _skip(text, 0) + 1
    first = at
    while text[_skip(text, at)] != "}":
        at = _skip(text, at)
        key, at = _STRING.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if key == "env":
            return at + 1, True, text[_skip(text, at + 1)] == "}"
        _, at = _STRING.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at += 1
    return first, False, at == first


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at


def _content(path: str) -> bytes | None:
    try:
        return files.readable(path)
    except OSError:
        return None
