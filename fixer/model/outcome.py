"""What a command returns: one result object, rendered as text or as the JSON envelope. Pure data."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, Mapping

from fixer.model.record import record

Status = Literal["success", "problems", "partial", "error"]


@record(frozen=True)
class ErrorNote:
    """One error of the envelope."""

    code: str
    message: str
    hint: str = ""


@record(frozen=True)
class Outcome:
    """A command's result. ``data`` is the contract's JSON; ``view`` is what the text renderer shows instead, if set.

    ``written``: the result is on stdout already, since it was too long to keep.
    """

    command: str
    exit_code: int
    data: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[ErrorNote, ...] = ()
    view: Any = None
    dataset: str = ""
    written: bool = False

    @property
    def status(self) -> Status:
        """The envelope's word for the exit code."""
        if self.errors and not self.data:
            return "error"
        if self.exit_code in (0,):
            return "success"
        return "partial" if self.exit_code in (3, 4, 5) else "problems"


@record(frozen=True)
class Step:
    """One step of a verification or of an apply."""

    name: str
    passed: bool
    seconds: float
    detail: str


@record(frozen=True)
class Verification:
    """What a verification saw. ``device`` is gpu or cpu; ``loaded`` maps a library to the file mapped by the process."""

    level: str
    passed: bool
    device: str
    steps: tuple[Step, ...]
    loaded: Mapping[str, str] = field(default_factory=dict)
    output: tuple[str, ...] = ()
