"""Which file changes a variable while the patient's interpreter starts: before any program runs, after the shell has spoken.

The unit is one ``StartVariable`` for each variable that start-up changed. That it changed was seen in the interpreter
itself; the file is the first of a sitecustomize, a usercustomize and the ``.pth`` files whose text names the variable.
"""

from __future__ import annotations

from typing import Iterable, Iterator

from fixer.host.base import Host
from fixer.model.facts import StartVariable
from fixer.probes.python import Description

_LIMIT = 1 << 18
_MOST = 200


def changed(host: Host, told: Description, folders: Iterable[str]) -> tuple[StartVariable, ...]:
    """What the start-up of this interpreter changes, by name; ``folders`` hold its ``.pth`` files."""
    if not told.set_at_start:
        return ()
    said = texts(host, told, folders)
    return tuple(
        StartVariable(name, value, next((path for path, text in said.items() if name in text), ""))
        for name, value in told.set_at_start.items()
    )


def texts(host: Host, told: Description, folders: Iterable[str]) -> dict[str, str]:
    """The files that this interpreter reads when it starts, by path."""
    return {path: host.text(path, _LIMIT) or "" for path in _files(host, told, folders)}


def _files(host: Host, told: Description, folders: Iterable[str]) -> Iterator[str]:
    yield from told.customized
    for folder in folders:
        yield from (f"{folder}/{name}" for name in host.entries(folder)[:_MOST] if name.endswith(".pth"))
