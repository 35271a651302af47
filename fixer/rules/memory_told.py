"""What is known or said of a GPU's memory: how much was free, whether growth was on; pure questions to a case, as ``circumstances`` are.

The unit is a function of the case. What an answer weighs is ``likelihood``'s.
"""

from __future__ import annotations

import math

from fixer.rules import reserve
from fixer.rules.case import Case
from fixer.rules.events import Heard, heard, said

_PLENTY_BYTES = 512 << 20
_AMPLE_BYTES = 1 << 30
_MOST_FREE, _LITTLE_FREE = 0.7, 0.2
_SMALL_MIB = 2560
_GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"


def amount(one: Heard, name: str) -> float:
    """The number that a line gives under ``name``, in which commas may part the digits; 0 where it gives none."""
    try:
        number = float(one.event.values.get(name, "").replace(",", "") or 0)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def plenty_free(case: Case) -> bool:
    """Much was free: most of the card, or more than any start of cuDNN takes; what an allocator leaves over is not much."""
    told = [(amount(one, "free"), amount(one, "total")) for one in said(case, "cudnn-memory-usage")]
    return any(free > _AMPLE_BYTES or free > _PLENTY_BYTES and 2 * free > total for free, total in told)


def none_free(case: Case) -> bool:
    usage = said(case, "cudnn-memory-usage")
    return bool(usage) and not plenty_free(case)


def grows(case: Case) -> bool:
    """Memory growth was on before a line failed; set after all of them it is a remedy that was tried."""
    asked = said(case, "growth-variable", "growth-in-code", "growth-overridden")
    on = [one for one in asked if one.event.values.get("value", "true").lower() == "true"]
    last = max((one.event.last for one in heard(case) if one.row.fails), default=0)
    if not asked:
        return case.variables.get(_GROWTH) == "true"
    return any(one.event.line <= last for one in on)


def smi_shows_free(case: Case) -> bool:
    """nvidia-smi lists the cards, and one of them is all but unused."""
    told = [(amount(one, "used"), amount(one, "total")) for one in said(case, "smi-memory")]
    return any(0 < total and used < (1 - _MOST_FREE) * total for used, total in told)


def _share_free(case: Case) -> float | None:
    """The least share of a card's memory that was free at the start; None where nobody says."""
    shares = [card.gpu.free_mib / card.gpu.memory_mib for card in case.cards if card.gpu.free_mib is not None and card.gpu.memory_mib]
    made = [start.least_free / start.total for start in reserve.starts(case) if start.total and not start.chosen]
    return min((*shares, *made), default=None)


def mostly_free(case: Case) -> bool:
    """Most of each card was free at the start."""
    return (_share_free(case) or 0.0) > _MOST_FREE


def hardly_free(case: Case) -> bool:
    """Little of a card was free at the start."""
    share = _share_free(case)
    return share is not None and share < _LITTLE_FREE


def small_card(case: Case) -> bool:
    """The largest card has little more memory than a context and cuDNN's work take."""
    known = [card.gpu.memory_mib for card in case.cards if card.gpu.memory_mib]
    return bool(known) and max(known) <= _SMALL_MIB
