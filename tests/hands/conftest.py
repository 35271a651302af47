"""Fixtures of the hands: a home, a wheelhouse of three small packages, small real environments."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import patients
from tests.hands.bodies import Home, only, three_packages


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> patients.Wheelhouse:
    """The wheels of one, two and three."""
    made = patients.Wheelhouse(tmp_path_factory.mktemp("hands") / "wheels")
    three_packages(made)
    return made


@pytest.fixture
def home(tmp_path: Path, house: patients.Wheelhouse) -> Home:
    """A home whose pip and uv know the wheelhouse alone."""
    return Home(tmp_path / "home", only(house))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, house: patients.Wheelhouse) -> Callable[[Path], patients.Patient]:
    """A function that makes an environment with pip and one, two, three at 1.0 (a copy of one made once)."""
    made = patients.make_patient(
        tmp_path_factory.mktemp("small") / "env", "3.11", ["one==1.0"], options=["--no-index", "--find-links", str(house.folder)]
    )

    def copy(path: Path) -> patients.Patient:
        shutil.copytree(made.path, path, symlinks=True)
        for script in (path / "bin").iterdir():
            if script.is_file() and not script.is_symlink():
                content = script.read_bytes()
                moved = content.replace(str(made.path).encode(), str(path).encode())
                if moved != content:
                    script.write_bytes(moved)
        return patients.Patient(path, str(path / "bin" / "python"))

    return copy
