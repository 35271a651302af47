"""Plans for a fleet: described machines in, one envelope for each out, in order and as they are made.

The unit is a line. Each is what ``plan --machine`` says of that machine alone, on one line; a line that describes
no machine is answered by an error of its own, and the run goes on. Nothing is kept between lines but what the
dataset says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from fixer import exit_codes
from fixer.commands import planned
from fixer.commands.options import Session
from fixer.errors import UsageError
from fixer.model.outcome import ErrorNote, Outcome

# What says how one plan is written or proved.
_ALONE = {"out": "--out", "proving": "--prove", "offline": "--offline", "form": "--format"}


def meant(session: Session) -> bool:
    """Whether ``--machine`` names a fleet: a file of JSON lines."""
    return session.machine is not None and session.machine.endswith(".jsonl")


def plan(session: Session, given: Mapping[str, Any]) -> Outcome:
    """Plan for every machine of the file, writing on the way; the weightiest of all exit codes is the run's."""
    for name, option in _ALONE.items():
        if given.get(name):
            raise UsageError("usage", f"{option} is for one plan: it does not go with a fleet of machines ({session.machine})")
    from fixer.report.as_json import write_line

    codes: set[int] = set()
    for outcome in _outcomes(session):
        codes.add(outcome.exit_code)
        if not given["quiet"]:
            write_line(outcome, sys.stdout)
    if not codes:
        raise UsageError("malformed-json", f"machine file {session.machine!r}: it is empty; expected a JSON object on each line")
    return Outcome("plan", exit_codes.strongest(codes), dataset=session.dataset.version, written=True)


def _outcomes(session: Session) -> Iterator[Outcome]:
    from fixer.probes import machine_lines

    version = session.dataset.version
    for _, described in machine_lines.read(session.machine or ""):
        if isinstance(described, UsageError):
            note = ErrorNote(described.code, described.message, described.hint)
            yield Outcome("plan", described.exit_code, errors=(note,), dataset=version)
        else:
            made = planned.of(session, described)
            yield Outcome("plan", made.exit_code, planned.as_data(made), dataset=version)
