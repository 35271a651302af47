"""Every number that NVIDIA's libraries and driver give an error, and every refusal of a container's engine, as programs print it.

The unit is a row of ``tables.json``: a number (or a name) with its text, and the causes it ``may`` have. Where it may have some, one of
them is named first. Where it may have none (a program's own fault, or a number that tells no more), nothing is told outright, and a
failure is never called harmless.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixer.rules.causes import CAUSES
from tests.log.heard import hear

TABLES: dict[str, dict[str, Any]] = json.loads((Path(__file__).resolve().parents[1] / "cases" / "explain" / "tables.json").read_text("utf-8"))["tables"]
ROWS = [(name, row) for name, table in TABLES.items() for row in table["rows"]]
# A wrapper around the number may have causes of its own; they stay doubts.
OUTRIGHT = ("proven", "likely")


@pytest.mark.parametrize(("table", "row"), ROWS, ids=[f"{name}-{row['number']}" for name, row in ROWS])
def test_a_row_has_its_own_cause_or_an_honest_doubt(table: str, row: dict[str, Any]) -> None:
    for wording in TABLES[table]["prints"]:
        log = wording.format(**row)
        answer = hear(log).answer
        told = [(cause.cause, cause.certainty) for cause in answer.causes]
        assert not [cause for cause, certainty in told if certainty in OUTRIGHT and cause not in row["may"]], (log, told)
        assert not [cause for cause, certainty in told if certainty == "proven"], (log, told)
        if row["may"]:
            assert told and told[0][0] in row["may"], (log, told)
        else:
            assert told or answer.unexplained or not answer.recognised, log


def test_the_causes_of_the_rows_are_of_the_vocabulary() -> None:
    assert not {cause for _, row in ROWS for cause in row["may"]} - set(CAUSES)
