"""Package steps with real pip and uv on real wheels: all new or all old, undo exact and offline."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fixer.apply.journal import history, open_run
from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.errors import RolledBackError, UsageError
from tests import patients
from tests.hands.bodies import Home, action, exact, plan, quiet, same

MANAGERS = ["uv", "pip"]


def change(patient, manager: str, **more: object):
    """one, two and three to 2.0."""
    params = {"interpreter": patient.python, "prefix": str(patient.path), "manager": manager, "requirements": ["one==2.0"]}
    return plan(action("pip_requirements", {**params, **more}))


@pytest.mark.parametrize("manager", MANAGERS)
def test_apply_and_undo_are_exact_and_undo_is_offline(home: Home, small, tmp_path: Path, manager: str) -> None:
    patient = small(tmp_path / "env")
    subprocess.run([patient.python, "-c", "import one, two.part1"], check=True)
    before = exact(patient.path)
    ran = apply(change(patient, manager), home.host, home.state, quiet)
    assert ran.run == "1" and [step.passed for step in ran.steps] == [True]
    assert {name: patient.versions()[name] for name in ("one", "two", "three")} == dict.fromkeys(("one", "two", "three"), "2.0")
    subprocess.run([patient.python, "-c", "import one.only_in_2, three.deep_2"], check=True)
    assert [run.state for run in history(home.state)] == ["applied"]
    offline = Home(home.home, {"PATH": "/nonexistent", "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"})
    back = undo(None, offline.host, offline.state, quiet)
    assert back.run == "1" and back.conflicts == ()
    assert not same(before, exact(patient.path))
    assert [run.state for run in history(home.state)] == ["undone"] and open_run(home.state) is None


def test_a_dry_run_leaves_nothing_in_the_environment(home: Home, small, tmp_path: Path) -> None:
    """uv makes a lock file in the environment and leaves it there, even for a dry run."""
    from fixer.apply.prove import prove

    patient = small(tmp_path / "env")
    before = exact(patient.path)
    assert prove(change(patient, "uv"), home.host, offline=False).proved
    assert not same(before, exact(patient.path))
    (patient.path / ".lock").write_text("somebody's\n")
    before = exact(patient.path)
    prove(change(patient, "uv"), home.host, offline=False)
    apply(change(patient, "uv"), home.host, home.state, quiet)
    undo(None, home.host, home.state, quiet)
    assert not same(before, exact(patient.path))


@pytest.mark.parametrize("manager", MANAGERS)
def test_second_apply_writes_nothing(home: Home, small, tmp_path: Path, manager: str) -> None:
    patient = small(tmp_path / "env")
    apply(change(patient, manager), home.host, home.state, quiet)
    before = exact(patient.path, home.home)
    again = apply(change(patient, manager), home.host, home.state, quiet)
    assert again.run is None and again.steps[0].detail.endswith("already so")
    assert not same(before, exact(patient.path, home.home))


def test_a_failing_installer_leaves_the_old_set(home: Home, small, tmp_path: Path) -> None:
    patient = small(tmp_path / "env")
    before = exact(patient.path)
    with pytest.raises(Exception, match="four") as caught:
        apply(change(patient, "uv", requirements=["four==1.0"]), home.host, home.state, quiet)
    assert getattr(caught.value, "exit_code", None) == 3
    assert not same(before, exact(patient.path))


def test_an_installer_that_does_half_is_taken_back(home: Home, small, tmp_path: Path) -> None:
    """It ends with status 0 and left a file out: the RECORD tells."""
    patient = small(tmp_path / "env")
    before = exact(patient.path)
    tools = tmp_path / "tools"
    tools.mkdir()
    uv = patients.need("uv")
    site = patient.site_packages
    (tools / "uv").write_text(
        f"#!/bin/sh\n'{uv}' \"$@\" || exit\ncase \"$*\" in *--dry-run* | *compile*) ;; *) rm '{site}/two/part3.py' ;; esac\nexit 0\n"
    )
    (tools / "uv").chmod(0o755)
    lying = Home(home.home, {**home.host.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    with pytest.raises(RolledBackError, match=r"two/part3\.py: missing"):
        apply(change(patient, "uv"), lying.host, lying.state, quiet)
    assert not same(before, exact(patient.path))


def test_undo_leaves_what_somebody_else_installed_since(home: Home, small, tmp_path: Path, house) -> None:
    patient = small(tmp_path / "env")
    apply(change(patient, "uv"), home.host, home.state, quiet)
    # As an editor saves: uv's files share their content with its cache, which must not be written to.
    (patient.site_packages / "two" / "mine").write_text("VALUE = 'mine'\n")
    os.replace(patient.site_packages / "two" / "mine", patient.site_packages / "two" / "part1.py")
    before = exact(patient.path)
    back = undo("1", home.host, home.state, quiet)
    assert len(back.conflicts) == 1 and "two/part1.py" in back.conflicts[0]
    assert not same(before, exact(patient.path))
    assert [run.state for run in history(home.state)] == ["partly undone"]


def test_undo_of_a_vanished_environment_is_plain(home: Home, small, tmp_path: Path) -> None:
    patient = small(tmp_path / "env")
    apply(change(patient, "uv"), home.host, home.state, quiet)
    os.rename(patient.path, tmp_path / "elsewhere")
    said: list[str] = []
    back = undo(None, home.host, home.state, said.append)
    assert back.conflicts == () and any("is gone" in text for text in said)
    assert [run.state for run in history(home.state)] == ["undone"]
    with pytest.raises(UsageError, match="already taken back"):
        undo(None, home.host, home.state, quiet)


def test_removing_a_package_and_bringing_it_back(home: Home, small, tmp_path: Path) -> None:
    patient = small(tmp_path / "env")
    before = exact(patient.path)
    apply(change(patient, "pip", requirements=["two==2.0"], remove=["one"]), home.host, home.state, quiet)
    assert "one" not in patient.versions()
    undo("1", home.host, home.state, quiet)
    assert not same(before, exact(patient.path))


def test_a_broken_package_is_laid_down_again(home: Home, small, tmp_path: Path) -> None:
    patient = small(tmp_path / "env")
    for gone in (patient.site_packages / "two-1.0.dist-info").iterdir():
        gone.unlink()
    (patient.site_packages / "two-1.0.dist-info").rmdir()
    (patient.site_packages / "two" / "part2.py").unlink()
    before = exact(patient.path)
    apply(change(patient, "uv", requirements=["two==1.0"], reinstall=["two"]), home.host, home.state, quiet)
    assert (patient.site_packages / "two" / "part2.py").exists()
    undo(None, home.host, home.state, quiet)
    assert not same(before, exact(patient.path))


def test_what_was_compiled_of_a_module_that_was_deleted_by_hand_comes_back_too(home: Home, small, tmp_path: Path, house) -> None:
    """The module returns, the next import compiles it anew: undo must still have the old compiled file."""
    house.add("alone", "1.0")
    patient = small(tmp_path / "env")
    options = ["--no-index", "--find-links", str(house.folder), "--python", patient.python]
    subprocess.run([patients.need("uv"), "pip", "install", "--quiet", *options, "alone==1.0"], check=True)
    module = patient.site_packages / "alone.py"
    writes = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([patient.python, "-c", "import alone"], check=True, env=writes)
    module.unlink()
    before = exact(patient.path)
    apply(change(patient, "uv", requirements=["alone==1.0"], reinstall=["alone"]), home.host, home.state, quiet)
    subprocess.run([patient.python, "-c", "import alone"], check=True, env=writes)
    assert undo(None, home.host, home.state, quiet).conflicts == ()
    assert not same(before, exact(patient.path))


def test_files_that_are_no_packages_stay_whatever_happens_to_them(home: Home, small, tmp_path: Path) -> None:
    """A log and a notebook inside the environment: written to and made while the installer works, and afterwards."""
    patient = small(tmp_path / "env")
    (patient.path / "job.log").write_text("one\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(
        f"#!/bin/sh\n'{patients.need('uv')}' \"$@\" || exit\n"
        f"case \"$*\" in *--dry-run* | *compile*) ;; *) echo two >>'{patient.path}/job.log'; echo x >'{patient.path}/mine.ipynb' ;; esac\n"
    )
    (tools / "uv").chmod(0o755)
    busy = Home(home.home, {**home.host.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    before = exact(patient.path)
    apply(change(patient, "uv"), busy.host, busy.state, quiet)
    with open(patient.path / "job.log", "a") as file:
        file.write("three\n")
    assert undo(None, home.host, home.state, quiet).conflicts == ()
    assert (patient.path / "job.log").read_text() == "one\ntwo\nthree\n"
    left = same(before, exact(patient.path))
    assert len(left) == 2 and "job.log" in left[0] and "mine.ipynb" in left[1]
