"""Every scenario of the table, run for real: doctor names what is staged, its counterpart is not called that, and a repair proves itself.

CI runs a handful in two environments; the rest is long. What each makes on disk is made once a session.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixer.rules.causes import CAUSES
from tests import patients
from tests.conftest import ROOT, START
from tests.e2e.tree import different, tree
from tests.lab import wheels
from tests.lab.build import Builder
from tests.lab.machine import Lab
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.lab.scenarios.scenario import Stage, Staged, by_place

# CI's share: one environment with a dozen machines around it, and one with a toolkit.
SHORT = {
    "2.15.1-healthy", "2.15.1-library-newer-than-module", "2.15.1-nodes-for-root-alone", "2.15.1-fallen-off-the-bus", "2.15.1-laptop-card-off",
    "2.15.1-unsigned-module", "2.15.1-slurm-gave-none", "2.15.1-docker-without-gpus", "2.10.1-old-cudnn-before-the-cache",
}  # fmt: skip
BY_ID = {one.id: one for one in SCENARIOS}
FAILING = [one for one in SCENARIOS if one.cause]
# Repaired and proved on the lab's GPU by the environment's own TensorFlow; tests/e2e does the same for the loader's faults.
REPAIRED = [one for one in FAILING if one.id in {"2.15.1-cudnn-8-7-for-8-9", "2.10.1-numpy-2-as-resolved"}]


def _marked(scenarios: list[Scenario]) -> list[Any]:
    ordered = [one for together in by_place(scenarios) for one in together]
    return [pytest.param(one, id=one.id, marks=pytest.mark.slow if one.id in SHORT else pytest.mark.long) for one in ordered]


@pytest.fixture(scope="session")
def staged_at(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Callable[[Scenario], Stage]:
    """The files of a scenario, made once for all that share them."""
    made: dict[tuple[object, ...], Stage] = {}

    def at(scenario: Scenario) -> Stage:
        if scenario.place not in made:
            made[scenario.place] = scenario.make(tmp_path_factory.mktemp("scenario"), builder)
        return made[scenario.place]

    return at


class Ward:
    """convfix beside one scenario."""

    def __init__(self, lab: Lab, scenario: Scenario, stage: Stage, **given: str) -> None:
        self.lab, self.stage, self.given = lab, stage, given
        self.staged: Staged = scenario.on(stage)

    def run(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        home = self.stage.home
        environ = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "CONVFIX_STATE_DIR": str(home.parent / "state"),
                   **self.given, **self.staged.variables}  # fmt: skip
        argv = [sys.executable, "-I", "-c", START, str(ROOT), *arguments]
        return self.lab.run(argv, machine=self.staged.machine, environ=environ, cwd=home, timeout=timeout)

    def doctor(self) -> tuple[int, list[dict[str, Any]]]:
        done = self.run("doctor", "--json", "--python", self.staged.patient.python)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)["data"]["findings"]


def primary(findings: list[dict[str, Any]]) -> str | None:
    return next((finding["cause"] for finding in findings if finding["primary"]), None)


def test_the_table_covers_what_linux_can_show() -> None:
    assert len(FAILING) >= 40 and len({one.cause for one in FAILING}) >= 30
    assert {one.release for one in FAILING} >= {"2.4.4", "2.10.1", "2.15.1", "2.20.0", "2.21.0"}
    assert len(BY_ID) == len(SCENARIOS)
    for one in FAILING:
        other = BY_ID[f"{one.release}-{one.flip}"]
        assert other.cause != one.cause and one.cause in CAUSES


@pytest.mark.parametrize("scenario", _marked(list(SCENARIOS)))
def test_doctor_names_what_is_staged(lab: Lab, staged_at: Callable[[Scenario], Stage], scenario: Scenario) -> None:
    code, findings = Ward(lab, scenario, staged_at(scenario)).doctor()
    said = [f"{one['cause']}:{one['severity']}:{one['certainty']} {one['title']}" for one in findings]
    assert primary(findings) == scenario.cause, said
    assert code == (1 if scenario.cause else 0), said
    # What is told apart by one fact is never called by the other's name, not even beside a right one.
    twins = {one.cause for one in FAILING if (one.release, one.flip) == (scenario.release, scenario.name)}
    assert not [one for one in findings if one["cause"] in twins - {scenario.cause} and one["severity"] == "blocks"], said


@pytest.mark.long
@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.id) for together in by_place(REPAIRED) for one in together])
def test_what_convfix_may_repair_is_repaired_proved_and_undone(
    lab: Lab, staged_at: Callable[[Scenario], Stage], builder: Builder, scenario: Scenario, tmp_path: Path
) -> None:
    stage = staged_at(scenario)
    house = wheels.write_sets(builder, tmp_path / "wheels")
    cache = {name: os.environ[name] for name in ("UV_CACHE_DIR", "PIP_CERT", "SSL_CERT_FILE") if name in os.environ}
    with patients.LocalIndex(house) as index:
        ward = Ward(lab, scenario, stage, **index.settings, **cache)
        before = tree(stage.home / "env")
        done = ward.run("apply", "--yes", "--json", "--python", ward.staged.patient.python, timeout=900)
        assert done.stdout, done.stderr
        told = json.loads(done.stdout)
        try:
            assert done.returncode == 0, told
            assert told["data"]["verification"]["passed"] and told["data"]["verification"]["device"] == "gpu", told
            assert primary(ward.doctor()[1]) is None
        finally:
            undone = ward.run("undo", "--yes")
        assert undone.returncode == 0, undone.stderr
    assert different(before, tree(stage.home / "env")) == {}
    assert primary(ward.doctor()[1]) == scenario.cause


KEPT = sorted((Path(__file__).parent / "logs").rglob("*.log"))
# TensorFlow's words are those of a missing library here: they do not hold the cause, and nothing may be claimed from them.
UNSAID = {"parts-of-another-release", "cudnn-9-for-8"}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_explain_names_the_staged_cause_of_a_genuine_log(convfix: Any, path: Path) -> None:
    scenario = BY_ID[f"{path.parent.name}-{path.stem}"]
    assert "/tmp/" not in path.read_text(encoding="utf-8") and "/root/" not in path.read_text(encoding="utf-8")
    causes = convfix("explain", path, "--json").data["causes"]
    if scenario.name in UNSAID:
        assert causes and all(one["certainty"] == "cannot-tell" for one in causes)
    else:
        assert scenario.cause in [one["cause"] for one in causes]
