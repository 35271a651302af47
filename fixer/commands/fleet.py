"""Plans for a fleet: described machines in, one envelope for each out, in order and as they are made.

The unit is a line. Each is what ``plan --machine`` says of that machine alone, on one line; a line that describes
no machine is answered by an error of its own, and the run goes on. Nothing is kept between lines but what the
dataset says, so the lines of a large file are shared out among the cores.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fixer import exit_codes
from fixer.commands import planned
from fixer.commands.options import Session
from fixer.errors import UsageError
from fixer.model.facts import Facts
from fixer.model.outcome import ErrorNote, Outcome
from fixer.report import streams

# What says how one plan is written or proved.
_ALONE = {"out": "--out", "proving": "--prove", "offline": "--offline", "form": "--format"}

# A worker is worth its start from some hundred machines on; each holds what it remembers, some 100 MB.
_SHARE = 256 << 10
_MOST_WORKERS = 8
_BLOCK = 32


def meant(session: Session) -> bool:
    """Whether ``--machine`` names a fleet: a file of JSON lines."""
    return session.machine is not None and session.machine.endswith(".jsonl")


def plan(session: Session, given: Mapping[str, Any]) -> Outcome:
    """Plan for every machine of the file, writing on the way; the weightiest of all exit codes is the run's."""
    for name, option in _ALONE.items():
        if given.get(name):
            raise UsageError("usage", f"{option} is for one plan: it does not go with a fleet of machines ({session.machine})")
    codes: set[int] = set()
    for held, text in _answers(session):
        codes.update(held)
        if not given["quiet"]:
            sys.stdout.write(text)
            if streams.lost(sys.stdout) is not None:
                # The reader left: what follows would be planned for nobody.
                break
    if not codes:
        raise UsageError("malformed-json", f"machine file {session.machine!r}: it is empty; expected a JSON object on each line")
    return Outcome("plan", exit_codes.strongest(codes), dataset=session.dataset.version, written=True)


def _answers(session: Session) -> Iterator[tuple[Iterable[int], str]]:
    """The exit codes and the lines of one machine after another; of a block of them where the cores share the work."""
    from fixer.host import workers
    from fixer.probes import machine_lines
    from fixer.report.as_json import line

    path = session.machine or ""
    count = min(workers.cores(), machine_lines.size(path) // _SHARE, _MOST_WORKERS)
    if count < 2:
        for one in machine_lines.read(path):
            outcome = _outcome(session, one)
            yield (outcome.exit_code,), line(outcome)
        return
    # What all of them need is read before there are several.
    planned.of(session, Facts())
    for block in workers.shared_out(count, lambda number: _blocks(session, number, count)):
        many = block[0]
        yield block[1 : 1 + many], block[1 + many :].decode("utf-8")


def _blocks(session: Session, number: int, count: int) -> Iterator[bytes]:
    """Every ``count``-th block of lines from the one at ``number`` on: how many there are, their codes, their text."""
    from fixer.probes import machine_lines
    from fixer.report.as_json import line

    mine = machine_lines.read(session.machine or "", lambda place: place // _BLOCK % count == number)
    while some := list(itertools.islice(mine, _BLOCK)):
        made = [_outcome(session, one) for one in some]
        yield bytes([len(made), *(one.exit_code for one in made)]) + "".join(map(line, made)).encode("utf-8")


def _outcome(session: Session, described: Facts | UsageError) -> Outcome:
    version = session.dataset.version
    if isinstance(described, UsageError):
        note = ErrorNote(described.code, described.message, described.hint)
        return Outcome("plan", described.exit_code, errors=(note,), dataset=version)
    made = planned.of(session, described)
    return Outcome("plan", made.exit_code, planned.as_data(made), dataset=version)
