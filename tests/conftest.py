"""What every test may use: the ``convfix`` runner, real patients, a wheelhouse, a local index, the GPU lab, and the guards.

A tool that is missing skips a test locally and fails it when ``CI=true`` (``patients.need``). No test may
leave another current folder or other variables behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import patients
from tests.lab.fixtures import builder, lab, staged, staged_at

__all__ = ["builder", "lab", "staged", "staged_at"]
ROOT = patients.ROOT


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails a test that leaves another current folder or other variables behind."""
    before, folder = dict(os.environ), os.getcwd()
    yield
    after, now = dict(os.environ), os.getcwd()
    # pytest itself keeps the running test's name there.
    for variables in (before, after):
        variables.pop("PYTEST_CURRENT_TEST", None)
    os.chdir(folder)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    assert not changed, f"the test changed these variables: {', '.join(changed)}"
    assert now == folder, f"the test changed the current folder to {now}"


@dataclass(frozen=True)
class Answer:
    """What a run of convfix gave. ``json()`` is its one document."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def data(self) -> Any:
        return self.json()["data"]


class Runner:
    """Runs ``python -I -m fixer`` as a user would, with a HOME and a state folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / "state"
        home.mkdir(parents=True, exist_ok=True)

    def environment(self, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The variables of a run: the machine's own less any that would point at a patient; None removes one."""
        made = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
        made.update(HOME=str(self.home), CONVFIX_STATE_DIR=str(self.state))
        for name, value in (extra or {}).items():
            if value is None:
                made.pop(name, None)
            else:
                made[name] = value
        return made

    def __call__(
        self,
        *arguments: str | os.PathLike[str],
        env: Mapping[str, str | None] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        stdin: str | None = None,
        timeout: float = 300,
    ) -> Answer:
        """Run convfix with ``arguments``; stdin is empty unless given."""
        return self.run(launch(arguments), env=env, cwd=cwd, stdin=stdin, timeout=timeout)

    def run(
        self,
        command: Sequence[str],
        env: Mapping[str, str | None] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        stdin: str | None = None,
        timeout: float = 300,
    ) -> Answer:
        """Run any command the same way."""
        done = subprocess.run(
            command,
            env=self.environment(env),
            cwd=str(cwd or self.home),
            input=(stdin or "").encode(),
            capture_output=True,
            timeout=timeout,
        )
        return Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


# -I keeps the checkout out of sys.path; the rest is what "python -m fixer" does.
START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.argv[0] = 'convfix'; "
    "import runpy; runpy.run_module('fixer', run_name='__main__')"
)


def launch(arguments: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The argv that runs this checkout's convfix with ``arguments``."""
    return [sys.executable, "-I", "-c", START, str(ROOT), *map(str, arguments)]


@pytest.fixture
def convfix(tmp_path: Path) -> Runner:
    return Runner(tmp_path / "home of convfix")


@pytest.fixture(scope="session")
def shared_convfix(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner for patients that several tests share."""
    return Runner(tmp_path_factory.mktemp("session") / "home")


@pytest.fixture
def wheelhouse(tmp_path: Path) -> patients.Wheelhouse:
    """An empty folder for tiny wheels."""
    return patients.Wheelhouse(tmp_path / "wheelhouse")
