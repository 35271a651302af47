"""Every recorded machine, looked at by today's probes and judged by today's rules: the folder's name is the expectation."""

import json
import re

import pytest

from fixer.actions.foreseen import with_files
from fixer.dataset.questions import Dataset
from fixer.host.recorded import RecordedHost
from fixer.model import codec, machine
from fixer.model.plan import Wish
from fixer.planning import make_plan
from fixer.probes import observe
from fixer.rules import judge
from fixer.rules.causes import CAUSES
from fixer.rules.ranking import exit_code
from tests.machines.flat import applied, recording
from tests.machines.make import FOLDER, base, read

MACHINES = sorted(path.parent for path in FOLDER.glob("*/machine.json"))
NAME = re.compile(r"[a-z]+[0-9.]*-(?:[0-9.]+|none|real)-tf[0-9.]+-(healthy|[a-z0-9-]+?)--[a-z0-9-]+")
DATA = Dataset.open(None)
WISH = Wish((), "any", "auto", "auto")


def expected(folder):
    """The cause in the folder's name; None for a healthy one."""
    cause = NAME.fullmatch(folder.name).group(1)
    return None if cause == "healthy" else cause


def seen(folder):
    held = read(folder / "machine.json")
    kept = recording(applied(base(held["base"]), held["change"]))
    return observe(RecordedHost(kept), kept.python, DATA)


@pytest.mark.parametrize("folder", MACHINES, ids=lambda folder: folder.name)
def test_the_primary_cause_is_the_one_in_the_name(folder):
    facts = seen(folder)
    failed = {name: one.detail for name, one in vars(facts).items() if one.detail.startswith("this probe failed")}
    assert not failed
    findings = judge(facts, DATA, WISH)
    said = [f"{one.cause}:{one.severity}:{one.certainty} {one.title}" for one in findings]
    primary = next((one for one in findings if one.primary), None)
    assert (primary.cause if primary else None) == expected(folder), said
    assert exit_code(findings) == (0 if expected(folder) is None else 1), said
    causes, held = {one.cause for one in findings}, read(folder / "machine.json")
    assert held.get("named", "") in {"", *causes} and not causes & set(held.get("unnamed", ())), said
    live = make_plan(facts, findings, DATA, WISH, "0")
    # What `facts --json` gives is the machine: planning from the file is planning live.
    told = machine.decode(json.loads(json.dumps(machine.encode(facts))))
    described = make_plan(told, judge(told, DATA, WISH), DATA, WISH, "0")
    assert codec.to_json(with_files(described, told)) == codec.to_json(with_files(live, facts))


def test_there_are_enough_of_them_and_their_names_are_causes():
    causes = {expected(folder) for folder in MACHINES} - {None}
    assert causes <= set(CAUSES)
    assert len(MACHINES) >= 60 and len(causes) >= 30
