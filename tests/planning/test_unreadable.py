"""A folder that its owner closed: no installer gets into it, so a person opens it, and nothing else is planned before that."""

from __future__ import annotations

import json

from fixer.dataset.questions import Dataset
from fixer.model.plan import Wish
from tests.planning import harness
from tests.rules.case_files import FOLDER


def test_a_closed_folder_is_opened_by_its_owner_and_nothing_is_reinstalled() -> None:
    told = json.loads((FOLDER / "environment-broken" / "folder-closed.json").read_text())["machine"]
    plan = harness.plan_of(told, Wish(), Dataset.open())
    assert plan.exit_code == 8 and plan.actions == ()
    (step,) = plan.human_steps
    ((program, mode, path),) = step.commands
    assert (program, mode) == ("chmod", "u+rwX") and path.endswith("/nvidia/cudnn/lib") and step.privilege == "person"
