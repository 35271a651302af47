"""What a run imports, opens, spawns and connects to, asserted as counts: they do not depend on the machine's speed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.bench.counts import Counts, count
from tests.patients import POINTING, Patient, make_patient

# Counted on 2026-11-28: 197 modules (what judges logs is loaded only where there is one); the rest is room for other releases of
# Python. On 2026-11-24: 141 to 185 files, as the machine has them. Raise a bound only with a reason.
DOCTOR_MODULES = 200
DOCTOR_FILES = 230


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    """TensorFlow 2.15.1 with a NumPy 2 that its metadata forbids."""
    return make_patient(tmp_path_factory.mktemp("counted") / "sick", "3.11", ["tensorflow==2.15.1"], overrides=["numpy==2.0.2"])


def counted(folder: Path, *arguments: str) -> Counts:
    known = {name: value for name, value in os.environ.items() if name not in POINTING}
    return count(arguments, {**known, "XDG_CACHE_HOME": str(folder / "cache"), "CONVFIX_STATE_DIR": str(folder / "state")})


def test_version_opens_and_starts_nothing(tmp_path: Path) -> None:
    seen = counted(tmp_path, "--version")
    assert (seen.status, seen.opened, seen.spawned, seen.connected) == (0, (), (), ())
    assert len(seen.ours) <= 10, seen.ours


@pytest.mark.slow
def test_doctor_asks_the_patient_once_and_nobody_else(patient: Patient, tmp_path: Path) -> None:
    seen = counted(tmp_path, "doctor", "--json", "--python", patient.python)
    assert seen.status == 1
    ours = [argv for argv in seen.spawned if argv[0] == patient.python]
    others = [argv for argv in seen.spawned if argv[0] != patient.python and os.path.basename(argv[0]) != "nvidia-smi"]
    assert len(ours) == 1 and not others, seen.spawned
    assert not seen.connected
    assert len(seen.imported) <= DOCTOR_MODULES, sorted(seen.imported)
    assert len(seen.opened) <= DOCTOR_FILES, sorted(seen.opened)


@pytest.mark.slow
def test_plan_asks_no_more_than_doctor_and_connects_nowhere(patient: Patient, tmp_path: Path) -> None:
    doctor, plan = (counted(tmp_path, verb, "--json", "--python", patient.python) for verb in ("doctor", "plan"))
    assert len(plan.spawned) == len(doctor.spawned)
    assert not plan.connected
    assert not {"requests", "urllib3", "tensorflow", "numpy", "distro"} & set(plan.imported)


def test_the_counting_can_fail(tmp_path: Path) -> None:
    seen = counted(tmp_path, "facts", "--json", "--python", "/usr/bin/env")
    assert seen.opened and len(seen.imported) > len(counted(tmp_path, "--version").imported)
