"""What a search refused, with every reason: one entry a stack, listed in an order that a person can use.

The unit is ``Refusals``. It adds and orders; why something is refused is said where it is judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable, Mapping

from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason, Rejected
from fixer.planning import compare

MOST_LISTED = 60
WISHED = "the wish is "
# A refused stack: the release, the Python ("" for any), and whether it was to go into a new environment.
Key = tuple[str, str, bool]


@dataclass
class Refusals:
    """Refused stacks by release, Python and place."""

    stacks: dict[Key, Rejected] = field(default_factory=dict)
    _listed: tuple[Rejected, ...] | None = None

    def add(self, row: TensorFlowRow, reasons: Iterable[Reason], python: str | None = None, new: bool = False) -> None:
        """Refuse ``row`` (on ``python``, in a new environment); more reasons for the same stack join the first ones."""
        key = (row.version, python or "", new)
        stack = {row.distribution: row.version, **({"python": python} if python else {})}
        if new:
            stack["environment"] = "new"
        old = self.stacks.get(key)
        told = tuple(dict.fromkeys((*(old.reasons if old else ()), *reasons)))
        self.stacks[key] = Rejected(stack, told)
        self._listed = None

    def refuse(self, stack: Mapping[str, str], reason: Reason) -> None:
        """Refuse what is no row of the dataset."""
        self.stacks["", "", False] = Rejected(dict(stack), (reason,))
        self._listed = None

    def adopt(self, other: Refusals) -> None:
        """Take over what another search refused: it is part of why this one was made."""
        self.stacks.update(other.stacks)
        self._listed = None

    def copy(self) -> Refusals:
        """The same refusals, free to grow."""
        return Refusals(dict(self.stacks), self.listed())

    @property
    def versions(self) -> frozenset[str]:
        """The releases that were refused in some form."""
        return frozenset(version for version, _, _ in self.stacks)

    def listed(self) -> tuple[Rejected, ...]:
        """Newest release first; what only the wish rules out comes last."""
        if self._listed is None:
            newest = sorted(self.stacks.items(), key=lambda item: compare.key(item[0][0]), reverse=True)
            ordered = sorted(newest, key=lambda item: all(one.text.startswith(WISHED) for one in item[1].reasons))
            self._listed = tuple(one for _, one in ordered[:MOST_LISTED])
        return self._listed
