"""Where a TensorFlow wheel may go, as Python and environments decide: into the present one, or into a new one.

The unit is a function from a wheel to the Python it would have there, to the reason against it, or to None where
that place is not in question. Nothing is weighed here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model import compare
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning.gates import row_name, wheels
from fixer.planning.ground import Seat, Shelf
from fixer.planning.refusals import Key, Refusal, refusal
from fixer.planning.situation import Situation
from fixer.planning.wishes import read


@record(frozen=True, eq=False)
class Places:
    """Of many wheels, each by its number: on which Python it may go there, or why not; what is in neither is not in question.

    Equal ones are one object (``_places``) and compared as such: what follows from them is remembered by them.
    """

    python: Mapping[int, str]
    refused: Mapping[int, tuple[Key, Refusal]]


def here(situation: Situation, row: TensorFlowRow) -> str | Reason | None:
    """The environment's own Python, where this wheel may go into the environment; None where nothing may."""
    return _here(situation.dataset, situation.seat, row)


def elsewhere(situation: Situation, row: TensorFlowRow) -> str | Reason | None:
    """The newest Python for a new environment: one at hand, else one that can be fetched."""
    return _elsewhere(situation.dataset, situation.shelf, row)


def on(situation: Situation, shelf: Shelf | None, row: TensorFlowRow) -> str | Reason | None:
    """The same for the Pythons of another ``shelf``; nothing without one."""
    return _elsewhere(situation.dataset, shelf, row) if shelf is not None else None


@lru_cache(maxsize=512)
def all_here(dataset: Dataset, distribution: str, platform: str, seat: Seat) -> Places:
    """``here`` for every wheel of a distribution."""
    found = tuple([_here(dataset, seat, row) for row in wheels(dataset, distribution, platform)])
    return _places(dataset, distribution, platform, found, seat.python, False)


@lru_cache(maxsize=512)
def all_elsewhere(dataset: Dataset, distribution: str, platform: str, shelf: Shelf) -> Places:
    """``elsewhere`` for every wheel of a distribution."""
    found = tuple([_elsewhere(dataset, shelf, row) for row in wheels(dataset, distribution, platform)])
    return _places(dataset, distribution, platform, found, None, True)


@lru_cache(maxsize=512)
def _places(
    dataset: Dataset, distribution: str, platform: str, found: tuple[str | Reason | None, ...], python: str | None, new: bool
) -> Places:
    rows = wheels(dataset, distribution, platform)
    may = {place: one for place, one in enumerate(found) if isinstance(one, str)}
    refused = {place: refusal(rows[place], (one,), python, new) for place, one in enumerate(found) if isinstance(one, Reason)}
    return Places(may, refused)


def _here(dataset: Dataset, seat: Seat, row: TensorFlowRow) -> str | Reason | None:
    python, wished = seat.python, read(seat.wish).python
    if python is None or not seat.open:
        return None
    if seat.by_conda and compare.key(row.version) != compare.key(seat.conda_tensorflow):
        text = "conda installed TensorFlow here, and a wheel over it would mix the two"
        return Reason(text, fact="environment.packages.tensorflow")
    if wished and not compare.within(wished, seat.full_python):
        return Reason(f"the wish is python{wished}, and this environment has {seat.full_python}", fact="wish.python")
    if python not in row.python and not seat.by_conda:
        fact = "wish.python" if wished else "environment.python"
        return Reason(f"it has no wheel for Python {python} {_those(row.python)}", row_name(dataset, row), fact)
    return python


def _elsewhere(dataset: Dataset, shelf: Shelf, row: TensorFlowRow) -> str | Reason | None:
    found = _stand(shelf, row.python)
    if found is None or isinstance(found, str):
        return found
    text, fact = found
    return Reason(text, row_name(dataset, row), fact)


@lru_cache(maxsize=2048)
def _stand(shelf: Shelf, pythons: tuple[str, ...]) -> str | tuple[str, str] | None:
    """On which Python a wheel for ``pythons`` stands in a new environment, or why on none and the fact behind that."""
    wishes = read(shelf.wish)
    fitting = [python for python in pythons if wishes.admits_python(python)]
    if shelf.owned:
        # The owner pins another Python for its project; where the present one fits there is nothing to gain.
        stays = shelf.python in pythons and (not wishes.python or compare.within(wishes.python, shelf.full_python))
        return None if stays else max(fitting, key=compare.release, default=None)
    if not fitting:
        return f"it has no wheel for Python {_short(wishes.python)} {_those(pythons)}", "wish.python"
    # A wish that names a patch release is met by fetching it; the Pythons at hand are known by their minor version.
    at_hand = next((one for one in shelf.pythons if one in fitting and not wishes.python_patch(one)), None)
    if at_hand is not None:
        return at_hand
    if shelf.can_fetch:
        return max(fitting, key=compare.release)
    there = ", ".join(shelf.pythons) or "none"
    return f"it needs Python {' or '.join(fitting)}; at hand: {there}, and neither uv nor conda is here to fetch one", "pythons"


def _those(pythons: tuple[str, ...]) -> str:
    return f"(it has them for {', '.join(pythons) or 'none'})"


def _short(specifier: str) -> str:
    """``3.12`` for ``==3.12``; any other range as it is."""
    return specifier[2:] if specifier.startswith("==") and "," not in specifier else specifier
