"""One observation: a value that was found, known to be absent, or unknown, and where we learned it.

The unit is ``Observed[T]``. "Absent" and "unknown" are never the same: a machine without a driver is
absent, a machine whose driver nobody could look at is unknown. This module judges nothing.
"""

from __future__ import annotations

from typing import Callable, Generic, Literal, TypeVar

from fixer.model.record import record

T = TypeVar("T")
U = TypeVar("U")
State = Literal["found", "absent", "unknown"]


@record(frozen=True)
class Observed(Generic[T]):
    """A fact with its witness.

    ``value`` is set exactly when ``state`` is ``found``. ``via`` lists the sources, the decisive one
    first. ``detail`` says in words what lost, or why the fact is unknown.
    """

    value: T | None
    state: State
    via: tuple[str, ...] = ()
    detail: str = ""

    @property
    def is_found(self) -> bool:
        return self.state == "found"

    @property
    def is_absent(self) -> bool:
        return self.state == "absent"

    @property
    def is_unknown(self) -> bool:
        return self.state == "unknown"

    def or_else(self, default: U) -> T | U:
        """The value when found, else ``default`` (for absent and unknown alike: ask first where it matters)."""
        return default if self.value is None else self.value

    def map(self, change: Callable[[T], U]) -> Observed[U]:
        """The same observation of ``change(value)``; absent and unknown stay what they are."""
        if self.value is None:
            return Observed(None, self.state, self.via, self.detail)
        return Observed(change(self.value), self.state, self.via, self.detail)

    @property
    def source(self) -> str:
        """The decisive source, for an evidence line."""
        return self.via[0] if self.via else "not recorded"


def found(value: T, *via: str, detail: str = "") -> Observed[T]:
    """``value`` was seen at ``via``."""
    return Observed(value, "found", via, detail)


def absent(*via: str, detail: str = "") -> Observed[T]:
    """We looked at ``via`` and it is not there."""
    return Observed(None, "absent", via, detail)


def unknown(detail: str, *via: str) -> Observed[T]:
    """We could not look, or what we saw cannot be trusted; ``detail`` says why."""
    return Observed(None, "unknown", via, detail)
