"""Fixtures of the hands: a home, a wheelhouse of three small packages, small real environments."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import patients
from tests.hands import tally
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
    # As one that uv has never worked on.
    (made.path / ".lock").unlink()

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


@pytest.fixture
def swift() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of fsyncs cost nothing there, and say as much about order."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base, prefix="hands-") as folder:
        yield Path(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The counts of the numbered rows."""
    if tally.ROWS:
        terminalreporter.section("rows of the hands")
        for line in tally.lines():
            terminalreporter.write_line(line)
