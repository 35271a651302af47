"""One step of a plan as data: a known kind with validated parameters, never a function or a shell line."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, Mapping

from fixer.model.record import record

Privilege = Literal["user", "root", "person"]
Reversible = Literal["exact", "best-effort", "no"]


@record(frozen=True)
class FileChange:
    """A file that an action writes, and the unified diff of it."""

    path: str
    diff: str


@record(frozen=True)
class ActionSpec:
    """What an action does. ``commands`` and ``files`` follow from ``params``; a handler recomputes and compares them.

    ``reaches`` names the launchers that will see the effect. Sizes are bytes; None means unknown.
    """

    id: str
    kind: str
    params: Mapping[str, Any]
    summary: str
    because: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    files: tuple[FileChange, ...] = ()
    privilege: Privilege = "user"
    reversible: Reversible = "exact"
    reaches: tuple[str, ...] = ("terminal", "jupyter", "ide", "cron")
    download_bytes: int | None = None
    disk_bytes: int | None = None


@record(frozen=True)
class HumanStep:
    """What only root or a person can do; the commands are printed, never run."""

    summary: str
    commands: tuple[tuple[str, ...], ...] = ()
    why: str = ""
    privilege: Privilege = "person"


@record(frozen=True)
class Preview:
    """What performing an action would do, read from the machine just now."""

    commands: tuple[tuple[str, ...], ...] = ()
    files: tuple[FileChange, ...] = ()
    problems: tuple[str, ...] = field(default=())
