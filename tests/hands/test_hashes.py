"""S7: the installer is held to the hashes of the dry run, whatever the index serves a moment later."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.errors import RolledBackError
from tests import patients
from tests.hands import tally
from tests.hands.bodies import Home, action, exact, only, plan, quiet, same, three_packages


@pytest.mark.parametrize("manager", ["uv", "pip"])
@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_another_file_of_the_same_version_is_refused(tmp_path: Path, small, manager: str, name: str) -> None:
    """The wheel changes between the dry run and the installation: its name and version are the same, its bytes are not."""
    own = patients.Wheelhouse(tmp_path / "wheels")
    three_packages(own)
    patient = small(tmp_path / "env")
    before = exact(patient.path)
    evil = patients.Wheelhouse(tmp_path / "evil")
    three_packages(evil)
    wheel = evil.add(name, "2.0", {f"{name}/__init__.py": "evil = True\n"}, requires={"one": ["two==2.0"], "two": ["three==2.0"]}.get(name, []))
    at = time.time() + 10
    os.utime(wheel, (at, at))

    def say(text: str) -> None:
        if text.startswith("running"):
            os.replace(wheel, own.folder / wheel.name)

    params = {"interpreter": patient.python, "prefix": str(patient.path), "manager": manager, "requirements": ["one==2.0"]}
    with patients.LocalIndex(own.folder, upstream=None) as index:
        home = Home(tmp_path / "home", {**index.settings, "UV_CACHE_DIR": str(tmp_path / "cache"), "PIP_CACHE_DIR": str(tmp_path / "pip")})
        try:
            apply(plan(action("pip_requirements", params)), home.host, home.state, say)
        except RolledBackError as error:
            assert "hash" in error.message.lower(), error.message
            assert not same(before, exact(patient.path))
        else:
            # uv kept the file whose hash it had taken.
            assert manager == "uv" and "evil" not in (patient.site_packages / name / "__init__.py").read_text()
    tally.add("S7 wheels of another hash refused", 1)


@pytest.mark.parametrize("manager", ["uv", "pip"])
def test_the_users_own_constraints_still_hold(tmp_path: Path, small, house: patients.Wheelhouse, manager: str) -> None:
    patient = small(tmp_path / "env")
    (tmp_path / "mine.txt").write_text("two==2.0\n")
    limits = {name: str(tmp_path / "mine.txt") for name in ("PIP_CONSTRAINT", "UV_CONSTRAINT")}
    home = Home(tmp_path / "home", {**only(house), **limits})
    params = {"interpreter": patient.python, "prefix": str(patient.path), "manager": manager, "requirements": ["one==2.0"]}
    before = exact(patient.path)
    apply(plan(action("pip_requirements", params)), home.host, home.state, quiet)
    undo(None, home.host, home.state, quiet)
    assert not same(before, exact(patient.path))
    (tmp_path / "mine.txt").write_text("two==1.0\n")
    with pytest.raises(RolledBackError):
        apply(plan(action("pip_requirements", params)), home.host, home.state, quiet)
    assert not same(before, exact(patient.path))
