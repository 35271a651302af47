"""What a kind of action is, what it may use, and the strict reading of its parameters.

The unit is a ``Handler``: check, preview, perform, satisfied, undo. It gets a ``Workplace`` that writes
its intentions down before its deeds. A plan may be hostile, so every parameter is checked here for shape
and reach; what stands behind it on the machine is the handler's own business.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Mapping, Protocol, Sequence

from fixer.errors import ConvfixError, UsageError
from fixer.host.base import Host, Ran
from fixer.model.action import ActionSpec, Preview
from fixer.model.edits import Outline
from fixer.model.journal import JournalEntry
from fixer.model.record import record

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9,._ -]+\])?==(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_-]*)\Z"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HALF = re.compile(r"[\ud800-\udfff]")
_LONGEST = 4096


class StepFailed(ConvfixError):
    """A step could not be done; what it had done is taken back by the transaction."""

    exit_code = 3


class Unforeseen(Exception):
    """The diff of a file that does not follow from what is known of the file."""


Look = Callable[[str, str], "Outline | None"]
"""``look(path, shell)``: a file as it is, None where there is none; raises Unforeseen where that is not known."""


class Workplace(Protocol):
    """What a handler may use while it performs or undoes: its journal, its before-images, a child, a voice."""

    run: str

    def keep(self, data: bytes) -> str:
        """Put a before-image on disk; returns its name for the journal."""

    def kept(self, name: str) -> bytes:
        """The before-image of that name; raises StepFailed when it is gone or damaged."""

    def intend(self, before: Mapping[str, Any]) -> None:
        """Write down what will be done and how to take it back; on disk when this returns."""

    def done(self, after: Mapping[str, Any]) -> None:
        """Write down that the last intention was carried out."""

    def child(self, argv: Sequence[str], environ: Mapping[str, str], cwd: str) -> Ran:
        """Run an installer that ends when we end, and that Ctrl-C ends."""

    def say(self, text: str) -> None: ...


class Handler(Protocol):
    """One kind of action."""

    kind: str

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        """Why the action cannot be done here; UsageError when its parameters are malformed or reach too far."""

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        """The commands and file changes, recomputed from the parameters and the machine."""

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        """Do it; StepFailed, OSError or Interrupted leaves the rest to ``undo``."""

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        """Whether the machine is as the action would leave it."""

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        """Take one intention back, idempotently; returns what was left because somebody else changed it.

        ``entry`` is the intention; its ``after`` is filled when the deed is known to be whole. Raises
        StepFailed or OSError when it could not be taken back though it should have been.
        """

    def tidy(self, spec: ActionSpec, entry: JournalEntry) -> None:
        """Remove what was kept for one intention, once it is journaled as taken back; idempotent."""


class NothingKept:
    """A handler that keeps nothing outside of its run's folder."""

    def tidy(self, spec: ActionSpec, entry: JournalEntry) -> None:
        """See ``Handler.tidy``."""


@record(frozen=True)
class Pin:
    """An exactly pinned requirement: its text, normalised name and version."""

    text: str
    name: str
    version: str


class Params:
    """The parameters of one action, read strictly; every method raises UsageError that names the place."""

    def __init__(self, spec: ActionSpec, known: tuple[str, ...]) -> None:
        self._values = spec.params
        self._place = f"action {spec.id[:40]!r} ({spec.kind[:40]})"
        for key in spec.params:
            if key not in known:
                raise self.error(str(key)[:60], "is not known; known: " + ", ".join(known))

    def error(self, key: str, text: str) -> UsageError:
        """The one line for a parameter that is refused."""
        return UsageError("bad-action", f"{self._place}: {key} {text}")

    def text(self, key: str) -> str:
        value = self._values.get(key)
        if not isinstance(value, str) or not value or len(value) > _LONGEST:
            raise self.error(key, f"must be a text, found {str(value)[:40]!r}")
        if CONTROL.search(value):
            raise self.error(key, f"holds control characters: {value[:60]!r}")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise self.error(key, f"is not valid Unicode: {value[:60]!r}") from None
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            raise self.error(key, f"must be one of {', '.join(allowed)}, found {value[:40]!r}")
        return value

    def path(self, key: str, inside: str | None = None) -> str:
        """An absolute, normal path (no ``..``), below ``inside`` where that is given."""
        return self._path(key, self.text(key), inside)

    def paths(self, key: str) -> tuple[str, ...]:
        return tuple(self._path(key, item, None) for item in self.texts(key))

    def texts(self, key: str, optional: bool = False) -> tuple[str, ...]:
        value = self._values.get(key, () if optional else None)
        if not isinstance(value, (list, tuple)) or len(value) > 1000:
            raise self.error(key, f"must be a list, found {str(value)[:40]!r}")
        return tuple(self._item(key, item) for item in value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self._values.get(key, {})
        if not isinstance(value, Mapping) or len(value) > 100:
            raise self.error(key, f"must be an object, found {str(value)[:40]!r}")
        for name in value:
            self.variable(key, name)
        return value

    def variable(self, key: str, name: Any) -> str:
        """The name of an environment variable."""
        if not isinstance(name, str) or not _VARIABLE.match(name) or len(name) > 100:
            raise self.error(key, f"holds {str(name)[:40]!r}, which is no variable's name")
        return name

    def pins(self, key: str) -> tuple[Pin, ...]:
        """Requirements with an exact version each: no URL, no option, no range, no marker."""
        from packaging.requirements import InvalidRequirement, Requirement
        from packaging.utils import canonicalize_name

        made = []
        for text in self.texts(key):
            matched = _PIN.match(text)
            if matched is None:
                raise self.error(key, f"must hold exact pins such as numpy==1.26.4, found {text[:60]!r}")
            try:
                Requirement(text)
            except InvalidRequirement:
                raise self.error(key, f"holds {text[:60]!r}, which is no requirement") from None
            made.append(Pin(text, canonicalize_name(matched["name"]), matched["version"]))
        return tuple(made)

    def names(self, key: str) -> tuple[str, ...]:
        """Names of distributions, normalised."""
        from packaging.utils import canonicalize_name

        found = self.texts(key, optional=True)
        for name in found:
            if not _NAME.match(name):
                raise self.error(key, f"holds {name[:60]!r}, which is no package's name")
        return tuple(canonicalize_name(name) for name in found)

    def _item(self, key: str, item: Any) -> str:
        if not isinstance(item, str) or not item or len(item) > _LONGEST:
            raise self.error(key, f"must hold texts, found {str(item)[:40]!r}")
        if CONTROL.search(item) or _HALF.search(item):
            raise self.error(key, f"holds control characters: {item[:60]!r}")
        return item

    def _path(self, key: str, value: str, inside: str | None) -> str:
        if not os.path.isabs(value) or os.path.normpath(value) != value:
            raise self.error(key, f"must be an absolute path without . and .., found {value[:80]!r}")
        if inside is not None and not value.startswith(inside.rstrip("/") + "/"):
            raise self.error(key, f"must lie below {inside}, found {value[:80]!r}")
        return value


def below(path: str, folder: str) -> bool:
    """Whether ``path``, links resolved, lies below ``folder``, links resolved."""
    real = os.path.realpath(path)
    return real.startswith(os.path.realpath(folder).rstrip("/") + "/")


def lies_in(folder: str, top: str) -> bool:
    """Whether ``folder`` is ``top`` or lies below it, links resolved."""
    return os.path.realpath(folder) == os.path.realpath(top) or below(folder, top)


def owner_problem(folder: str) -> str | None:
    """Why this user should not write into ``folder``: it is another user's, or not writable."""
    try:
        owner = os.stat(folder).st_uid
    except OSError as error:
        return f"{folder}: {error.strerror}"
    if owner != os.geteuid() and os.geteuid() == 0:
        return f"{folder} belongs to user id {owner}; run convfix as that user, not as root"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable"
    return None
