"""The dataset as it stands for an index that lacks some of its releases: a mirror that lags behind, a release that was withdrawn.

The unit is ``without(dataset, lacking)``, a pure function. Rows of those releases are not there for any question;
all others stay, and so do conda's builds, which come from elsewhere.
"""

from __future__ import annotations

from typing import Any, TypeVar

from fixer.dataset import rows as kinds
from fixer.dataset.questions import Dataset
from fixer.model.finding import RowRef
from fixer.model.pep440 import normal_name

R = TypeVar("R")
# The rows of which one is one release on a package index, and what names the package.
_RELEASES: dict[type, str] = {
    kinds.TensorFlowRow: "distribution",
    kinds.ReleaseRow: "name",
    kinds.NvidiaWheelRow: "name",
    kinds.JaxRow: "name",
}


class Without(Dataset):
    """A dataset less some releases, given as (normalised name, version)."""

    def __init__(self, base: Dataset, lacking: frozenset[tuple[str, str]]) -> None:
        super().__init__(base.files)
        self._base = base
        self._lacking = lacking

    def all(self, kind: type[R], section: str | None = None) -> tuple[R, ...]:
        """As the dataset has them, less those."""
        return self._kept(kind, self._base.all(kind, section))

    def _group(self, kind: type[R], key: str, section: str | None = None) -> tuple[R, ...]:
        return self._kept(kind, self._base._group(kind, key, section))

    def tensorflow(self, distribution: str, version: str) -> tuple[kinds.TensorFlowRow, ...]:
        """As the dataset has them, less those."""
        return self._kept(kinds.TensorFlowRow, self._base.tensorflow(distribution, version))

    def ref(self, row: Any) -> RowRef:
        """As the dataset names it."""
        return self._base.ref(row)

    def _kept(self, kind: type[R], found: tuple[R, ...]) -> tuple[R, ...]:
        named = _RELEASES.get(kind)
        if named is None:
            return found
        return tuple(row for row in found if not self._lacks(row, named))

    def _lacks(self, row: Any, named: str) -> bool:
        return not getattr(row, "build", None) and (normal_name(getattr(row, named)), row.version) in self._lacking


def without(dataset: Dataset, lacking: frozenset[tuple[str, str]]) -> Dataset:
    """``dataset`` as if the releases ``lacking``, pairs of a normalised name and a version, had never been made."""
    return Without(dataset, lacking) if lacking else dataset
