"""PyTorch beside TensorFlow: the newest release whose exact nvidia pins live with this TensorFlow's ranges.

The unit is ``Beside``: one release of torch and the nvidia wheels it pins, or the reasons why none fits. Both
frameworks load libraries by the same names, so in one environment they must share every wheel; a wheel of
another CUDA major owns the same files and can never be beside.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import ReleaseRow, TensorFlowRow
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning import compare
from fixer.planning.gates import row_name
from fixer.planning.libraries import LibrarySet, Needs, library_set, ranges_of, stem_of
from fixer.planning.releases import bounds, installable

TORCH = "torch"
_MOST_TRIED = 12
_MOST_TOLD = 3


@record(frozen=True)
class Beside:
    """A release of torch with the nvidia wheels of both frameworks; ``reasons`` when there is none."""

    version: str | None = None
    libraries: LibrarySet = LibrarySet()
    reasons: tuple[Reason, ...] = ()


def torch_beside(dataset: Dataset, row: TensorFlowRow, wished: str, needs: Needs, gpu: bool) -> Beside:
    """The newest torch within ``wished`` that can share an environment with ``row``."""
    told: list[Reason] = []
    tried = 0
    for release in installable(dataset, TORCH, needs.python, needs.glibc):
        if wished and not compare.within(wished, release.version):
            continue
        tried += 1
        if tried > _MOST_TRIED:
            break
        pinned = tuple((n, s) for n, s in bounds(release, needs.python).items() if n.startswith("nvidia-"))
        against = list(_against(dataset, row, release, pinned)) if gpu else []
        if against:
            told += against[:1]
            continue
        if not gpu:
            exact = {name: spec[2:] for name, spec in pinned if spec.startswith("==") and "," not in spec}
            return Beside(release.version, LibrarySet(exact))
        found = library_set(dataset, row, replace(needs, pinned=(*needs.pinned, *pinned)))
        if not found.reasons:
            return Beside(release.version, found)
        told += [Reason(f"beside torch {release.version}: {one.text}", one.row, one.fact) for one in found.reasons[:1]]
    if not tried:
        words = f"no release of torch{wished} has a wheel for Python {needs.python}"
        return Beside(reasons=(Reason(words, row_name(dataset, row), "wish.torch"),))
    return Beside(reasons=tuple(told[:_MOST_TOLD]))


def _against(
    dataset: Dataset, row: TensorFlowRow, release: ReleaseRow, pinned: tuple[tuple[str, str], ...]
) -> Iterator[Reason]:
    """Wheels of another CUDA major that own the files of TensorFlow's."""
    own = {stem_of(name): name for name in ranges_of(dataset, row)[0]}
    for name, _ in pinned:
        mine = own.get(stem_of(name))
        if mine is not None and mine != name:
            words = f"torch {release.version} brings {name}, which owns the same files as its {mine}"
            yield Reason(words, row_name(dataset, release), "wish.torch")
