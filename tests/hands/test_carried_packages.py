"""A package that the plan carries along and does not know: what the installer makes of it stands in the proved plan, not in its way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fixer.apply.prove import prove
from fixer.errors import StalePlanError
from fixer.model.plan import PlannedOutcome
from tests import patients
from tests.hands.bodies import Home, action, plan


@pytest.mark.parametrize("manager", ["uv", "pip"])
def test_a_dependency_that_a_step_brings_down_is_told_or_refused(tmp_path: Path, wheelhouse: patients.Wheelhouse, manager: str) -> None:
    wheelhouse.add("leaf", "1.0")
    wheelhouse.add("leaf", "2.0")
    wheelhouse.add("top", "1.0", requires=["leaf<2"])
    options = ["--no-index", "--find-links", str(wheelhouse.folder)]
    patient = patients.make_patient(tmp_path / "env", "3.11", ["leaf==2.0"], options=options)
    params = {"interpreter": patient.python, "prefix": str(patient.path), "manager": manager, "requirements": ["top==1.0"]}
    outcome = PlannedOutcome("cpu", "3.11", None, None, None, {"leaf": "2.0", "top": "1.0"})
    made = dataclasses.replace(plan(action("pip_requirements", params)), outcome=outcome)
    with patients.LocalIndex(wheelhouse.folder, upstream=None) as index:
        host = Home(tmp_path / "home", {**index.settings, "UV_CACHE_DIR": str(tmp_path / "uv")}).host
        with pytest.raises(StalePlanError, match="leaf would be 1.0, the plan says 2.0"):
            prove(made, host, False)
        proved = prove(made, host, False, loose=frozenset({"leaf"}))
    assert proved.outcome is not None and proved.outcome.packages == {"leaf": "1.0", "top": "1.0"}
    assert "also changes leaf: 2.0 -> 1.0" in proved.notes
