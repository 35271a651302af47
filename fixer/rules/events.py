"""What programs said (``facts.events``), as rules ask for it: by symptom, with the row that explains the line.

The unit is ``Heard``: an event and its row. An event of a symptom that the dataset no longer has is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fixer.dataset.rows import SymptomRow
from fixer.model.events import Event
from fixer.model.finding import Evidence
from fixer.model.record import record
from fixer.rules.case import Case

# The reader's word that lines end where a window ended.
CUT_OFF = "lines-cut-off"
# A line of the allocator that says of itself that it is no failure also holds the words of one; a kernel's illegal instruction
# on the GPU holds the words of the processor's; a function that cuDNN can do without is looked for as all others are;
# a list of what a build opens misses nothing.
_DENIES = {
    "allocator-ran-out": "allocator-gains",
    "illegal-instruction": "cuda-illegal-instruction",
    "library-symbol": "optional-driver-symbol",
    "symbol-alone": "optional-driver-symbol",
    "msvc-dll": "build-names-dlls",
}


@record(frozen=True)
class Heard:
    """One event with its symptom's row."""

    event: Event
    row: SymptomRow

    @property
    def evidence(self) -> Evidence:
        """The line as a finding quotes it."""
        return Evidence("said", self.event.text, self.event.source)


def heard(case: Case) -> tuple[Heard, ...]:
    """Every event with its row, in the order of the log."""
    known: tuple[Heard, ...] | None = case.memory.get("heard")
    if known is None:
        rows = {row.id: row for row in case.dataset.symptoms()} if case.facts.events.value else {}
        known = tuple(_undenied([Heard(event, row) for event, row in _read(case.facts.events.or_else(()), rows)]))
        case.memory["heard"] = known
    return known


def _read(events: Sequence[Event], rows: Mapping[str, SymptomRow]) -> Iterable[tuple[Event, SymptomRow]]:
    if not events:
        return ()
    # What a doctor who heard nothing never loads.
    from fixer.rules import torn

    return torn.read(events, rows)


def _undenied(every: Sequence[Heard]) -> Iterable[Heard]:
    """``every`` without the words of a failure in a line of which another wording says that it is none."""
    denied = {(name, one.event.text) for one in every for name, by in _DENIES.items() if one.row.id == by}
    return (one for one in every if (one.row.id, one.event.text) not in denied)


def said(case: Case, *symptoms: str) -> tuple[Heard, ...]:
    """The events of the given symptoms, in the order of the log."""
    return tuple(one for one in heard(case) if one.row.id in symptoms)


def evidence(found: tuple[Heard, ...], most: int = 4) -> tuple[Evidence, ...]:
    """The first lines of ``found`` as evidence."""
    return tuple(dict.fromkeys(one.evidence for one in found[:most]))
