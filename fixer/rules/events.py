"""What programs said (``facts.events``), as rules ask for it: by symptom, with the row that explains the line.

The unit is ``Heard``: an event and its row. An event of a symptom that the dataset no longer has is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set

from fixer.dataset.rows import SymptomRow
from fixer.model.events import Event
from fixer.model.finding import Evidence
from fixer.model.record import record
from fixer.rules import torn
from fixer.rules.case import Case

_VALUE = re.compile(r"\{([a-z_]+)")


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
        events = case.facts.events.or_else(())
        said_whole = {event.symptom for event in events if not event.part and not torn.is_no_library(event)}
        found = ((event, _row(event, rows, said_whole)) for event in events)
        known = tuple(Heard(event, row) for event, row in found if row is not None)
        case.memory["heard"] = known
    return known


def _row(event: Event, rows: Mapping[str, SymptomRow], said_whole: Set[str]) -> SymptomRow | None:
    """The row of an event; of a line that was cut, a row of all that the line may have been, unless a whole line says the same."""
    if not event.part and not torn.is_no_library(event):
        return rows.get(event.symptom)
    may_be = [rows[name] for name in event.among or (event.symptom,) if name in rows]
    if len(may_be) == 1 and _is_whole(event, may_be[0]):
        return may_be[0]
    return None if said_whole & {row.id for row in may_be} else torn.row(may_be)


def _is_whole(event: Event, row: SymptomRow) -> bool:
    """Whether the line says all that the row's rules ask of it: what it means by itself, or the values of one of its wordings."""
    named = (set(_VALUE.findall(text)) for text in row.templates)
    return not torn.is_no_library(event) and (bool(row.causes) or any(names <= set(event.values) for names in named))


def said(case: Case, *symptoms: str) -> tuple[Heard, ...]:
    """The events of the given symptoms, in the order of the log."""
    return tuple(one for one in heard(case) if one.row.id in symptoms)


def evidence(found: tuple[Heard, ...], most: int = 4) -> tuple[Evidence, ...]:
    """The first lines of ``found`` as evidence."""
    return tuple(dict.fromkeys(one.evidence for one in found[:most]))
