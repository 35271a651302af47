"""uv's dry run on a shadow of the environment: it sees what is there, and the environment sees nothing of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fixer.actions import dry_run, shadow
from fixer.actions.dry_run import Change
from fixer.model import installers
from fixer.model.codec import to_json
from tests import patients
from tests.hands.bodies import Home, action, exact, only, plan


def asked(python: str, home: Home, *requirements: str) -> Change:
    """The change of an installation, by the dry run."""
    return dry_run.of_commands([installers.pip_install("uv", python, requirements)], home.host, str(home.home))


@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_the_answer_is_that_of_the_environment(tmp_path: Path, home: Home, house: patients.Wheelhouse, version: str) -> None:
    """What is there, and what changes between two calls."""
    options = ["--no-index", "--find-links", str(house.folder)]
    patient = patients.make_patient(tmp_path / "env", version, ["one==1.0"], pip=False, options=options)
    (patient.path / ".lock").unlink()
    before = exact(patient.path)
    everything = dict.fromkeys(("one", "two", "three"), "2.0")
    former = dict.fromkeys(everything, "1.0")
    assert asked(patient.python, home, "one==2.0") == Change(everything, former)
    assert asked(patient.python, home, "one==1.0") == Change({}, {})
    assert exact(patient.path) == before
    site = next(patient.path.glob("lib/python*/site-packages"))
    shutil.rmtree(site / "three-1.0.dist-info")
    assert asked(patient.python, home, "three==2.0") == Change({"three": "2.0"}, {})


def test_an_environment_that_was_made_anew_has_another_shadow(tmp_path: Path, home: Home, house: patients.Wheelhouse) -> None:
    options = ["--no-index", "--find-links", str(house.folder)]
    for version, there in (("3.11", "1.0"), ("3.13", "2.0"), ("3.8", "1.0")):
        shutil.rmtree(tmp_path / "env", ignore_errors=True)
        patient = patients.make_patient(tmp_path / "env", version, [f"three=={there}"], pip=False, options=options)
        other = {"1.0": "2.0", "2.0": "1.0"}[there]
        assert asked(patient.python, home, f"three=={other}") == Change({"three": other}, {"three": there})
    assert len([name for name in os.listdir(shadow.temporary(home.host)) if not name.startswith("uv-")]) == 1


def test_a_program_that_starts_another_python_is_not_believed(tmp_path: Path, home: Home, small: Any) -> None:
    """A script in the interpreter's place leads to the environment, whatever it is called by: uv would lock that."""
    patient = small(tmp_path / "env")
    real = patient.path / "bin" / "real"
    os.rename(patient.python, real)
    Path(patient.python).write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    os.chmod(patient.python, 0o755)
    before = exact(patient.path)
    with pytest.raises(shadow.NoShadow, match="does not show the environment") as caught:
        asked(patient.python, home, "one==2.0")
    assert "--manager pip" in caught.value.hint and caught.value.exit_code == 6 and exact(patient.path) == before


@pytest.mark.parametrize("fault", ["a file", "others write"])
def test_a_cache_that_cannot_be_used_is_one_line(tmp_path: Path, home: Home, small: Any, fault: str) -> None:
    patient = small(tmp_path / "env")
    cache = home.home / ".cache"
    if fault == "a file":
        cache.write_text("")
    else:
        (cache / "convfix" / "proving").mkdir(parents=True)
        (cache / "convfix" / "proving").chmod(0o777)
    before = exact(patient.path)
    with pytest.raises(shadow.NoShadow, match="proving") as caught:
        asked(patient.python, home, "one==2.0")
    assert "XDG_CACHE_HOME" in caught.value.hint and "\n" not in caught.value.message
    assert exact(patient.path) == before


PROVE = """
import json, sys
from fixer.apply.prove import prove
from fixer.host.real import RealHost
from fixer.model.codec import from_json
from fixer.model.plan import Plan
prove(from_json(Plan, json.loads(sys.argv[1]), "plan"), RealHost(), offline=False)
"""


@pytest.mark.parametrize("moment", [0.1, 0.4, 0.6, 0.8, 1.0])
def test_a_proof_that_is_killed_leaves_the_environment_as_it_was(
    tmp_path: Path, small: Any, house: patients.Wheelhouse, moment: float
) -> None:
    """convfix and its uv die at once, at several moments between their start and their end."""
    patient = small(tmp_path / "env")
    home = Home(tmp_path / "home", {**only(house), "PYTHONPATH": str(patients.ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
    params = {"interpreter": patient.python, "prefix": str(patient.path), "manager": "uv", "requirements": ["one==2.0"]}
    argv = [sys.executable, "-c", PROVE, json.dumps(to_json(plan(action("pip_requirements", params))))]
    before = exact(patient.path)
    started = time.monotonic()
    whole = subprocess.run(argv, env=home.host.environ, capture_output=True, text=True)
    took = time.monotonic() - started
    assert whole.returncode == 0, whole.stderr
    shutil.rmtree(home.home / ".cache")
    with subprocess.Popen(argv, env=home.host.environ, start_new_session=True, stderr=subprocess.DEVNULL) as child:
        time.sleep(took * moment)
        os.killpg(child.pid, signal.SIGKILL)
    assert exact(patient.path) == before
    # What the killed one left of its shadow hinders no later one.
    assert subprocess.run(argv, env=home.host.environ, capture_output=True).returncode == 0
    assert exact(patient.path) == before


def test_what_a_killed_installer_left_goes_when_nobody_can_be_at_work_on_it(home: Home) -> None:
    folder = Path(shadow.temporary(home.host))
    names = {"pip-install-old": 3, "pip-install-new": 0, "uv-0123.lock": 3, "0123456789abcdef01234567": 30}
    for name, days in names.items():
        (folder / name).mkdir()
        os.utime(folder / name, (time.time() - days * 86_400,) * 2)
    shadow.temporary(home.host)
    assert set(os.listdir(folder)) == names.keys() - {"pip-install-old"}


def test_a_shadow_that_another_convfix_made_meanwhile_is_taken(tmp_path: Path, home: Home, small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It appears between the look and the rename: the one that is there stays, and nothing of ours is left beside it."""
    patient = small(tmp_path / "env")
    folder = Path(shadow.interpreter(patient.python, home.host)).parents[1]
    monkeypatch.setattr(shadow, "_is_made", lambda *given: False)
    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda path, **more: None if path == str(folder) else real(path, **more))
    before = exact(folder)
    assert Path(shadow.interpreter(patient.python, home.host)).parents[1] == folder
    assert exact(folder) == before and os.listdir(folder.parent) == [folder.name]
