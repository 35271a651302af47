"""Fixtures of the GPU lab. ``tests/conftest.py`` alone imports them: a second import would make a second lab, and stage all twice.

``lab`` runs programs on a machine with a GPU, ``staged`` stages one of ``patients.STAGES`` for the session, ``staged_at`` a
scenario's files. What the lab
needs and is missing skips the test, or fails it when ``CI=true``.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Callable

import pytest

from tests import patients
from tests.lab.build import Builder, compiler
from tests.lab.machine import Lab, why_not
from tests.lab.patients import STAGES, Staged
from tests.lab.scenarios.scenario import Scenario, Stage


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Builds stand-in libraries, in a folder of the session."""
    if compiler() is None:
        patients.missing("a C compiler")
    return Builder(tmp_path_factory.getbasetemp() / "stand-ins")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Lab:
    """Runs programs on machines with a GPU."""
    reason = why_not()
    if reason:
        patients.missing(reason)
    return Lab(tmp_path_factory.getbasetemp() / "lab", builder)


@pytest.fixture(scope="session")
def staged(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Callable[[str], Staged]:
    """``staged("2.21.0")``: that patient, staged once a session. Who changes it puts it back."""
    base = tmp_path_factory.getbasetemp() / "patients"

    def stage(release: str) -> Staged:
        return _stage(release, base, builder)

    return stage


@pytest.fixture(scope="session")
def staged_at(tmp_path_factory: pytest.TempPathFactory, builder: Builder) -> Callable[[Scenario], Stage]:
    """The files of a scenario, made once for all that share them."""
    made: dict[tuple[object, ...], Stage] = {}

    def at(scenario: Scenario) -> Stage:
        if scenario.place not in made:
            made[scenario.place] = scenario.make(tmp_path_factory.mktemp("scenario"), builder)
        return made[scenario.place]

    return at


@functools.cache
def _stage(release: str, base: Path, builder: Builder) -> Staged:
    folder = base / release
    folder.mkdir(parents=True)
    return STAGES[release](folder / "env", builder)
