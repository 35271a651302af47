"""Which wheels come into question at all: what the wish and the gates leave over, and the refusals of the rest.

The unit is one question, remembered by what decides it: machines that differ elsewhere share the answer and
the very refusals. Where a wheel could go, and what would stand beside it, is asked later.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model import compare
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning.gates import IDLE, RELEASE, Verdict, verdicts, wheels
from fixer.planning.ground import Ground
from fixer.planning.loading import unsearched
from fixer.planning.refusals import ANOTHER, PORTED, WISHED, Key, Refusal, refusal
from fixer.planning.wishes import Wishes, read

_OLD_API = ("0.", "1.")
_TOO_OLD = Reason(f"{ANOTHER}, and so is every older release: only where it is wished for", fact=RELEASE)
_TOO_NEW = Reason(f"{PORTED}: only where it is wished for", fact=RELEASE)


@record(frozen=True, eq=False)
class Fitting:
    """The wheels that come into question, by place and newest first, with the gates' word on each.

    ``drawbacks`` is how much speaks against each although it works: its flaws, and a loader that misses its libraries.
    Equal ones are one object (``_fitting``) and compared as such: what follows from them is remembered by them.
    """

    verdicts: Mapping[int, Verdict]
    drawbacks: Mapping[int, int]


@record(frozen=True)
class Shortlist:
    """The wheels that come into question, and the refusals of the others, which name the machine's own driver and system."""

    fitting: Fitting
    refused: Mapping[Key, Refusal]


@record(frozen=True)
class _Admitted:
    """The places of the wheels that the wish admits, newest first, and the refusals of the others."""

    places: tuple[int, ...]
    refused: Mapping[Key, Refusal]


def shortlist(dataset: Dataset, distribution: str, platform: str, wish: tuple[str, ...], present: str, ground: Ground) -> Shortlist:
    """What both the requirements of a ``wish`` and the gates admit, where TensorFlow ``present`` is installed."""
    telling = present if present.startswith(_OLD_API) or present in _preliminary(dataset, distribution, platform) else ""
    return _shortlist(dataset, distribution, platform, wish, telling, ground)


@lru_cache(maxsize=512)
def _shortlist(dataset: Dataset, distribution: str, platform: str, wish: tuple[str, ...], present: str, ground: Ground) -> Shortlist:
    wished = _admitted(dataset, distribution, platform, wish, present)
    rows, judged = wheels(dataset, distribution, platform), verdicts(dataset, distribution, platform, ground)
    fitting = tuple([(place, judged[place]) for place in wished.places if not judged[place].reasons])
    barred = dict(refusal(rows[place], judged[place].reasons) for place in wished.places if judged[place].reasons)
    return Shortlist(_fitting(dataset, distribution, platform, ground.gpu, fitting), {**wished.refused, **barred})


@lru_cache(maxsize=512)
def _fitting(dataset: Dataset, distribution: str, platform: str, gpu: bool, verdicts: tuple[tuple[int, Verdict], ...]) -> Fitting:
    rows = wheels(dataset, distribution, platform)
    return Fitting(
        dict(verdicts), {place: _weight(told.flaws) + (gpu and bool(unsearched(dataset, rows[place]))) for place, told in verdicts}
    )


@lru_cache(maxsize=256)
def _admitted(dataset: Dataset, distribution: str, platform: str, wish: tuple[str, ...], present: str) -> _Admitted:
    """What the wish admits; a refusal is noted only for finals."""
    wishes, found, refused = read(wish), [], dict[Key, Refusal]()
    for place, row in enumerate(wheels(dataset, distribution, platform)):
        if _hidden(wishes, row, present):
            continue
        against = _against(wishes.tensorflow, row, present)
        if against is None:
            found.append(place)
        elif against is not _TOO_OLD or not any(_TOO_OLD in one.told.reasons for one in refused.values()):
            # One word on the old API is enough; it has sixty releases.
            key, told = refusal(row, (against,))
            refused[key] = told
    return _Admitted(tuple(found), refused)


@lru_cache(maxsize=64)
def _preliminary(dataset: Dataset, distribution: str, platform: str) -> frozenset[str]:
    """The pre-releases: only to whom has one is it shown unasked."""
    return frozenset(row.version for row in wheels(dataset, distribution, platform) if not _is_final(row))


def _is_final(row: TensorFlowRow) -> bool:
    return compare.is_final(row.version) and not row.prerelease


def _hidden(wishes: Wishes, row: TensorFlowRow, present: str) -> bool:
    """Whether it is a pre-release that nobody wished for by name and nobody has."""
    if _is_final(row):
        return False
    return not wishes.names_prerelease("tensorflow", row.version) and row.version != present


def _against(wished: str, row: TensorFlowRow, present: str) -> Reason | None:
    if not wished and row.version.startswith(_OLD_API) and not present.startswith(_OLD_API):
        return _TOO_OLD
    if not wished and present.startswith(_OLD_API) and not row.version.startswith(_OLD_API):
        return _TOO_NEW
    if wished and not compare.within(wished, row.version):
        return Reason(f"{WISHED}tensorflow{wished}", fact=RELEASE)
    return None


def _weight(flaws: tuple[tuple[str, str], ...]) -> int:
    # A card that lies idle weighs more than what is slow or wants a hook.
    return sum(3 if kind == IDLE else 1 for kind, _ in flaws)
