"""What a search refused, with every reason: one entry a stack, listed in an order that a person can use.

The unit is ``Refusals``. It adds and orders; why something is refused is said where it is judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Iterable, Mapping, NamedTuple

from fixer.dataset.rows import TensorFlowRow
from fixer.model import compare
from fixer.model.plan import Reason, Rejected

MOST_LISTED = 60
WISHED = "the wish is "
ANOTHER = "TensorFlow 1 is another program"
PORTED = "a program for TensorFlow 1 does not run on TensorFlow 2 as it is"
# A refused stack: the release, the Python ("" for any), and whether it was to go into a new environment.
Key = tuple[str, str, bool]


class Refusal(NamedTuple):
    """A stack and why it was refused, with what orders the list: how new its release is, and whether the wish alone is against it."""

    newness: tuple[object, ...]
    by_wish: bool
    told: Rejected


def refusal(row: TensorFlowRow, reasons: Iterable[Reason], python: str | None = None, new: bool = False) -> tuple[Key, Refusal]:
    """``row`` (on ``python``, in a new environment) refused."""
    return _refusal(row.distribution, row.version, tuple(reasons), python or "", new)


@lru_cache(maxsize=4096)
def _refusal(distribution: str, version: str, reasons: tuple[Reason, ...], python: str, new: bool) -> tuple[Key, Refusal]:
    """Equal refusals are one: the machines of a fleet differ in many ways and are refused for few reasons."""
    stack = {distribution: version}
    if python:
        stack["python"] = python
    if new:
        stack["environment"] = "new"
    return (version, python, new), weighed(version, stack, reasons)


def weighed(version: str, stack: Mapping[str, str], reasons: tuple[Reason, ...]) -> Refusal:
    """``stack`` refused, with its weight in the list."""
    by_wish = all(reason.text.startswith((WISHED, ANOTHER, PORTED)) for reason in reasons)
    return Refusal(compare.order(version), by_wish, Rejected(stack, reasons))


@dataclass
class Refusals:
    """Refused stacks by release, Python and place."""

    stacks: dict[Key, Refusal] = field(default_factory=dict)
    _listed: tuple[Rejected, ...] | None = None

    def add(self, row: TensorFlowRow, reasons: Iterable[Reason], python: str | None = None, new: bool = False) -> None:
        """Refuse ``row`` (on ``python``, in a new environment); more reasons for the same stack join the first ones."""
        self.put(*refusal(row, reasons, python, new))

    def put(self, key: Key, one: Refusal) -> None:
        """The same for a refusal that was made elsewhere."""
        old = self.stacks.get(key)
        if old is not None:
            one = weighed(key[0], old.told.stack, tuple(dict.fromkeys((*old.told.reasons, *one.told.reasons))))
        self.stacks[key] = one
        self._listed = None

    def join(self, refused: Mapping[Key, Refusal]) -> None:
        """The same for many."""
        if self.stacks.keys().isdisjoint(refused):
            self.take(refused)
            return
        for key, one in refused.items():
            self.put(key, one)

    def take(self, refused: Mapping[Key, Refusal]) -> None:
        """Take over refusals that were made elsewhere."""
        self.stacks.update(refused)
        self._listed = None

    def refuse(self, stack: Mapping[str, str], reason: Reason) -> None:
        """Refuse what is no row of the dataset."""
        self.stacks["", "", False] = weighed("", dict(stack), (reason,))
        self._listed = None

    def adopt(self, other: Refusals) -> None:
        """Take over what another search refused: it is part of why this one was made."""
        self.take(other.stacks)

    def withdraw(self, version: str) -> tuple[Reason, ...]:
        """Refuse this release no longer, since something makes it possible; the reasons that stood against it."""
        gone = [key for key in self.stacks if key[0] == version]
        told = dict.fromkeys(reason for key in gone for reason in self.stacks.pop(key).told.reasons)
        self._listed = None
        return tuple(told)

    @property
    def versions(self) -> frozenset[str]:
        """The releases that were refused in some form."""
        return frozenset(version for version, _, _ in self.stacks)

    def listed(self) -> tuple[Rejected, ...]:
        """Newest release first; what only the wish rules out comes last."""
        if self._listed is None:
            ordered = sorted(self.stacks.values(), key=_NEWNESS, reverse=True)
            weighty = [one.told for one in ordered if not one.by_wish]
            self._listed = tuple([*weighty, *[one.told for one in ordered if one.by_wish]][:MOST_LISTED])
        return self._listed


_NEWNESS = itemgetter(0)
