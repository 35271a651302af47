"""What is known of the very thing that a cause blames, whichever line named it: the driver's number, the card, the Python.

The unit is ``bearing(case, cause) -> Evidence``. It proves nothing by itself: whoever reads the answer can check it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fixer.model.finding import Evidence
from fixer.rules.case import Case
from fixer.rules.say import fact


def _driver(case: Case) -> tuple[Evidence, ...]:
    return (case.driver_evidence(),) if case.driver_version is not None else ()


def _cards(case: Case) -> tuple[Evidence, ...]:
    return case.card_evidence(tuple(card for card in case.cards if card.capability is not None))


def _python(case: Case) -> tuple[Evidence, ...]:
    seen = case.environment.python if case.environment is not None else None
    return (fact("environment.python", seen.value, seen),) if seen is not None and seen.value is not None else ()


_BY_CAUSE: Mapping[str, Callable[[Case], tuple[Evidence, ...]]] = {
    "driver-too-old": _driver,
    "cuda-compat-lib": _driver,
    "gpu-arch-too-new": _cards,
    "gpu-arch-too-old": _cards,
    "python-unsupported": _python,
}


def bearing(case: Case, cause: str) -> tuple[Evidence, ...]:
    """What is known of what ``cause`` blames; nothing for a cause that blames no one thing."""
    read = _BY_CAUSE.get(cause)
    return read(case) if read is not None else ()
