"""Which wheels come into question at all: what the wish and the gates leave over, and the refusals of the rest.

The unit is one question, remembered by what decides it: machines that differ elsewhere share the answer and
the very refusals. Where a wheel could go, and what would stand beside it, is asked later.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason, Rejected
from fixer.model.record import record
from fixer.planning import compare
from fixer.planning.gates import IDLE, RELEASE, Verdict, verdicts, wheels
from fixer.planning.loading import unsearched
from fixer.planning.refusals import ANOTHER, WISHED, Key, refusal
from fixer.planning.situation import Ground
from fixer.planning.wishes import Wishes, read

_OLD_API = ("0.", "1.")
_TOO_OLD = Reason(f"{ANOTHER}: only where it is wished for", fact=RELEASE)


@record(frozen=True)
class Admitted:
    """The places of the wheels that the wish admits, newest first, and the refusals of the others."""

    places: tuple[int, ...]
    refused: Mapping[Key, Rejected]


@lru_cache(maxsize=256)
def admitted(dataset: Dataset, distribution: str, platform: str, wish: tuple[str, ...], present: str) -> Admitted:
    """What the requirements of a ``wish`` admit where TensorFlow ``present`` is installed; a refusal is noted only for finals."""
    wishes, found, refused = read(wish), [], dict[Key, Rejected]()
    for place, row in enumerate(wheels(dataset, distribution, platform)):
        if _hidden(wishes, row, present):
            continue
        against = _against(wishes.tensorflow, row, present)
        if against is None:
            found.append(place)
        elif against is not _TOO_OLD or not any(_TOO_OLD in one.reasons for one in refused.values()):
            # One word on the old API is enough; it has sixty releases.
            key, told = refusal(row, (against,))
            refused[key] = told
    return Admitted(tuple(found), refused)


def _hidden(wishes: Wishes, row: TensorFlowRow, present: str) -> bool:
    """Whether it is a pre-release that nobody wished for by name and nobody has."""
    if compare.is_final(row.version) and not row.prerelease:
        return False
    return not wishes.names_prerelease("tensorflow", row.version) and row.version != present


def _against(wished: str, row: TensorFlowRow, present: str) -> Reason | None:
    if not wished and row.version.startswith(_OLD_API) and not present.startswith(_OLD_API):
        return _TOO_OLD
    if wished and not compare.within(wished, row.version):
        return Reason(f"{WISHED}tensorflow{wished}", fact=RELEASE)
    return None


@lru_cache(maxsize=2048)
def barred(dataset: Dataset, distribution: str, platform: str, ground: Ground) -> Mapping[int, tuple[Key, Rejected]]:
    """The wheels that the gates refuse on this ground, by place."""
    judged = zip(wheels(dataset, distribution, platform), verdicts(dataset, distribution, platform, ground))
    return {place: refusal(row, told.reasons) for place, (row, told) in enumerate(judged) if told.reasons}


@lru_cache(maxsize=2048)
def drawbacks(dataset: Dataset, distribution: str, platform: str, ground: Ground) -> tuple[int, ...]:
    """How much speaks against each wheel although it works: its flaws, and a loader that misses its libraries."""
    judged = zip(wheels(dataset, distribution, platform), verdicts(dataset, distribution, platform, ground))
    return tuple(_weight(told) + (ground.gpu and bool(unsearched(dataset, row))) for row, told in judged)


def _weight(verdict: Verdict) -> int:
    # A card that lies idle weighs more than what is slow or wants a hook.
    return sum(3 if kind == IDLE else 1 for kind, _ in verdict.flaws)
