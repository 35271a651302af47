"""The numbers that the rows promise, asserted when all tests of the hands have run; it is the last file for that reason.

A row that did not run at all (one file was chosen, a tool is missing) says nothing here.
"""

from __future__ import annotations

import pytest

from tests.hands import tally

CI = {
    "R1 killed in apply": 2000, "R2 killed in undo and recovery": 2000, "R2 of these twice in a row": 500, "R3 interrupted": 400,
    "R4 errors at a call": 5000, "R5 states of the disk after a loss of power": 1000, "R6 uv killed": 75, "R6 pip killed": 45,
    "R8 profiles taken back": 20_000, "R9 applied twice": 5000, "R11 an editor at work meanwhile": 300,
    "R12 facts and fields changed": 300, "R14 lives of 30 steps": 40, "S1 payloads quoted": 50_000, "S2 lives of a path list": 10_000,
    "S7 installs of the corpus held to hashes": 190, "S7 wheels of another hash refused": 8,
}  # fmt: skip
ALL = {
    "R2 of these twice in a row": 500, "R4 errors at a call": 10_000, "R5 states of the disk after a loss of power": 20_000,
    "R7 full disks": 60, "R8 profiles taken back": 200_000, "R10 layouts": 120, "R11 deeds of several at once": 500,
    "R11 an editor at work meanwhile": 2000, "R13 plans and commands watched": 150, "R14 lives of 30 steps": 2000,
}  # fmt: skip


def ran(row: str) -> None:
    if row not in tally.ROWS:
        pytest.skip(f"{row}: did not run")


@pytest.mark.parametrize("row", CI)
def test_as_many_as_promised_ran(row: str) -> None:
    ran(row)
    tally.at_least(row, CI[row])


@pytest.mark.long
@pytest.mark.parametrize("row", ALL)
def test_as_many_as_promised_in_full_ran(row: str) -> None:
    ran(row)
    tally.at_least(row, ALL[row])
