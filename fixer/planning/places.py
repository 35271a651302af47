"""Where a TensorFlow wheel may go, as Python and environments decide: into the present one, or into a new one.

The unit is a function from a wheel to the Python it would have there, to the reason against it, or to None where
that place is not in question. Nothing is weighed here.
"""

from __future__ import annotations

from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason
from fixer.planning import compare
from fixer.planning.gates import row_name
from fixer.planning.situation import Situation


def here(situation: Situation, row: TensorFlowRow) -> str | Reason | None:
    """The environment's own Python, where this wheel may go into the environment; None where nothing may."""
    python, wished = situation.python, situation.wishes.python
    if python is None or (situation.not_editable is not None and situation.owner is None):
        return None
    if situation.by_conda and compare.key(row.version) != compare.key(situation.tensorflow or ""):
        text = "conda installed TensorFlow here, and a wheel over it would mix the two"
        return Reason(text, fact="environment.packages.tensorflow")
    if wished and not compare.within(wished, situation.full_python):
        return Reason(f"the wish is python{wished}, and this environment has {situation.full_python}", fact="wish.python")
    if python not in row.python and not situation.by_conda:
        fact = "wish.python" if wished else "environment.python"
        return Reason(f"it has no wheel for Python {python} {_those(row)}", row_name(situation.dataset, row), fact)
    return python


def elsewhere(situation: Situation, row: TensorFlowRow) -> str | Reason | None:
    """The newest Python for a new environment: one at hand, else one that can be fetched."""
    wishes = situation.wishes
    fitting = [python for python in row.python if wishes.admits_python(python)]
    if situation.owner is not None:
        # The owner pins another Python for its project; where the present one fits there is nothing to gain.
        stays = situation.python in row.python and (not wishes.python or compare.within(wishes.python, situation.full_python))
        return None if stays else max(fitting, key=compare.release, default=None)
    name = row_name(situation.dataset, row)
    if not fitting:
        return Reason(f"it has no wheel for Python {_short(wishes.python)} {_those(row)}", name, "wish.python")
    # A wish that names a patch release is met by fetching it; the Pythons at hand are known by their minor version.
    at_hand = next((one for one in situation.pythons if one in fitting and not wishes.python_patch(one)), None)
    if at_hand is not None:
        return at_hand
    if situation.can_fetch_python:
        return max(fitting, key=compare.release)
    there = ", ".join(situation.pythons) or "none"
    text = f"it needs Python {' or '.join(fitting)}; at hand: {there}, and neither uv nor conda is here to fetch one"
    return Reason(text, name, "pythons")


def _those(row: TensorFlowRow) -> str:
    return f"(it has them for {', '.join(row.python) or 'none'})"


def _short(specifier: str) -> str:
    """``3.12`` for ``==3.12``; any other range as it is."""
    return specifier[2:] if specifier.startswith("==") and "," not in specifier else specifier
