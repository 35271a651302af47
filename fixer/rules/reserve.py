"""What of a GPU's memory was free when TensorFlow made its device, by the number that it prints and by what it leaves.

The unit is ``Start``. TensorFlow takes what is free but a reserve, whose size the dataset has by release and
compute capability: the line "Created device ... with N MB memory" gives N, so N and the reserve were free.
A limit or a share that the program asks for is printed in the same place and tells nothing of that.
"""

from __future__ import annotations

import re

from fixer.dataset.rows import ReserveRow
from fixer.model import architectures
from fixer.model.record import record
from fixer.rules.case import Case
from fixer.rules.events import Heard, said

_ASKED = ("folk-memory-limit", "memory-limit-in-code")
# The memory in a card's own name: GeForce GTX 1060 6GB, Tesla V100-SXM2-16GB.
_IN_NAME = re.compile(r"\b(\d{1,3}) ?GB\b")
_AMPLE_MIB = 1024
# What people set: whole multiples of these, or twentieths and thirds of the card.
_ROUND = (256, 500)
_SHARES = (*(part / 20 for part in range(1, 20)), 1 / 3, 2 / 3)


@record(frozen=True)
class Start:
    """A device as it was made, in MiB: what was free then, at least and at most by the reserves that it may have.

    ``total`` is the card's memory, None where nobody says.
    """

    said: Heard
    limit: int
    least_free: int
    most_free: int
    total: int | None

    @property
    def chosen(self) -> bool:
        """Whether the number may be one that the program asked for."""
        shares = () if self.total is None else (int(self.total * share) for share in _SHARES)
        return any(self.limit % step == 0 for step in _ROUND) or any(abs(self.limit - one) <= 1 for one in shares)


def starts(case: Case) -> tuple[Start, ...]:
    """The devices that were made, each as it was last; nothing where the text shows a limit that was asked for."""
    known: tuple[Start, ...] | None = case.memory.get("starts")
    if known is None:
        known = case.memory["starts"] = tuple(_starts(case)) if not said(case, *_ASKED) else ()
    return known


def leaves_room(case: Case) -> bool:
    """A release that leaves CUDA's libraries ample memory on every card there is; before 2.5 it is 300 MiB of a small one."""
    majors = {number[0] for card in case.cards if card.capability and (number := architectures.capability(card.capability))}
    if case.tensorflow is None or not majors:
        return False
    rows = [row for row in case.dataset.reserves(case.tensorflow) if row.tensorflow]
    return all(any(major in row.capability_majors for row in rows) for major in majors) and all(
        row.least_mib >= _AMPLE_MIB for row in rows if not row.capability_majors or majors & set(row.capability_majors)
    )


def _starts(case: Case) -> list[Start]:
    made = {one.event.values.get("pci") or one.event.values.get("name", ""): one for one in said(case, "created-device")}
    rows = case.dataset.reserves(case.tensorflow) if made else ()
    found = []
    for one in made.values():
        limit, number = one.event.values.get("limit", ""), architectures.capability(one.event.values.get("cc", ""))
        if not limit.isdigit() or number is None:
            continue
        fitting = [row for row in rows if not row.capability_majors or number[0] in row.capability_majors]
        free = [amount for row in fitting if (amount := _free(row, int(limit))) is not None]
        if free:
            found.append(Start(one, int(limit), min(free), max(free), _total(case, one.event.values.get("name", ""))))
    return found


def _free(row: ReserveRow, limit: int) -> int | None:
    """The MiB that were free where ``row`` left its part and ``limit`` remained; None where the row is for less."""
    free = max(limit + row.least_mib, int(limit / (1 - row.share)))
    return None if row.most_free_mib is not None and free > row.most_free_mib else free


def _total(case: Case, name: str) -> int | None:
    """The card's own memory: told of a card of that name, or in the name itself."""
    told = {card.gpu.memory_mib for card in case.cards if card.gpu.memory_mib and card.gpu.name in (None, name)}
    if not told and len(case.cards) == 1 and case.cards[0].gpu.memory_mib:
        told = {case.cards[0].gpu.memory_mib}
    if len(told) == 1:
        return next(iter(told))
    return None if told else size_in_name(name)


def size_in_name(name: str) -> int | None:
    """The MiB that a card's own name tells."""
    size = _IN_NAME.search(name)
    return int(size[1]) * 1024 if size else None
