"""What a search refused, with every reason: one entry a stack, listed in an order that a person can use.

The unit is ``Refusals``. It adds and orders; why something is refused is said where it is judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Iterable, Mapping

from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason, Rejected
from fixer.planning import compare

MOST_LISTED = 60
WISHED = "the wish is "
ANOTHER = "TensorFlow 1 is another program"
# A refused stack: the release, the Python ("" for any), and whether it was to go into a new environment.
Key = tuple[str, str, bool]


def refusal(
    row: TensorFlowRow, reasons: Iterable[Reason], python: str | None = None, new: bool = False
) -> tuple[Key, Rejected]:
    """``row`` (on ``python``, in a new environment) refused."""
    return _refusal(row.distribution, row.version, tuple(reasons), python or "", new)


@lru_cache(maxsize=8192)
def _refusal(distribution: str, version: str, reasons: tuple[Reason, ...], python: str, new: bool) -> tuple[Key, Rejected]:
    """Equal refusals are one: the machines of a fleet differ in many ways and are refused for few reasons."""
    stack = {distribution: version}
    if python:
        stack["python"] = python
    if new:
        stack["environment"] = "new"
    return (version, python, new), Rejected(stack, reasons)


@dataclass
class Refusals:
    """Refused stacks by release, Python and place."""

    stacks: dict[Key, Rejected] = field(default_factory=dict)
    _listed: tuple[Rejected, ...] | None = None

    def add(self, row: TensorFlowRow, reasons: Iterable[Reason], python: str | None = None, new: bool = False) -> None:
        """Refuse ``row`` (on ``python``, in a new environment); more reasons for the same stack join the first ones."""
        self.put(*refusal(row, reasons, python, new))

    def put(self, key: Key, told: Rejected) -> None:
        """The same for a refusal that was made elsewhere."""
        old = self.stacks.get(key)
        self.stacks[key] = told if old is None else Rejected(old.stack, tuple(dict.fromkeys((*old.reasons, *told.reasons))))
        self._listed = None

    def take(self, refused: Mapping[Key, Rejected]) -> None:
        """Take over refusals that were made elsewhere."""
        self.stacks.update(refused)
        self._listed = None

    def refuse(self, stack: Mapping[str, str], reason: Reason) -> None:
        """Refuse what is no row of the dataset."""
        self.stacks["", "", False] = Rejected(dict(stack), (reason,))
        self._listed = None

    def adopt(self, other: Refusals) -> None:
        """Take over what another search refused: it is part of why this one was made."""
        self.take(other.stacks)

    def withdraw(self, version: str) -> tuple[Reason, ...]:
        """Refuse this release no longer, since something makes it possible; the reasons that stood against it."""
        gone = [key for key in self.stacks if key[0] == version]
        told = dict.fromkeys(reason for key in gone for reason in self.stacks.pop(key).reasons)
        self._listed = None
        return tuple(told)

    @property
    def versions(self) -> frozenset[str]:
        """The releases that were refused in some form."""
        return frozenset(version for version, _, _ in self.stacks)

    def listed(self) -> tuple[Rejected, ...]:
        """Newest release first; what only the wish rules out comes last."""
        if self._listed is None:
            weighty: list[Rejected] = []
            wished: list[Rejected] = []
            for _, one in sorted(self.stacks.items(), key=_newness, reverse=True):
                (wished if _by_wish_alone(one) else weighty).append(one)
            self._listed = tuple([*weighty, *wished][:MOST_LISTED])
        return self._listed


def _newness(item: tuple[Key, Rejected]) -> tuple[object, ...]:
    return compare.order(item[0][0])


def _by_wish_alone(one: Rejected) -> bool:
    for reason in one.reasons:
        if not reason.text.startswith((WISHED, ANOTHER)):
            return False
    return True
