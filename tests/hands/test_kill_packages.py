"""Real pip and real uv, killed together with convfix while they work: one recovery brings all the old files back.

The numbers of points are small here; ``CONVFIX_KILL_POINTS`` multiplies them.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fixer.apply.journal import open_run
from fixer.apply.transaction import apply
from fixer.apply.undo import recover, undo
from tests import patients
from tests.hands.bodies import Home, action, exact, only, plan, quiet, same
from tests.hands.crash import calls_of, killed_at

TIMES = float(os.environ.get("CONVFIX_KILL_POINTS", "1"))
CHILD = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.hands.bodies import Home, action, plan, quiet
from fixer.apply.transaction import apply
home = Home(Path(sys.argv[2]), json.loads(sys.argv[4]))
apply(plan(action("pip_requirements", json.loads(sys.argv[3]))), home.host, home.state, quiet)
"""


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that kills convfix at an installer's Nth call."""
    made = tmp_path_factory.mktemp("shim") / "kill_parent.so"
    source = Path(__file__).with_name("kill_parent.c")
    subprocess.run([patients.need("cc"), "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return str(made)


class Packages:
    """An environment with one, two, three at 1.0 and a plan for 2.0."""

    def __init__(self, folder: Path, small: Callable[[Path], patients.Patient], house: patients.Wheelhouse, manager: str) -> None:
        self.folder = folder
        self.patient = small(folder / "env")
        self.home = Home(folder / "home", only(house))
        self.params = {
            "interpreter": self.patient.python, "prefix": str(self.patient.path), "manager": manager, "requirements": ["one==2.0"],
        }  # fmt: skip
        self.house = house
        subprocess.run([self.patient.python, "-c", "import one, two.part1"], check=True)
        self.before = self.look()

    def look(self):
        return exact(self.patient.path)

    def apply(self) -> None:
        apply(plan(action("pip_requirements", self.params)), self.home.host, self.home.state, quiet)

    def apply_with(self, shim: str, at: int, log: Path) -> int:
        """Apply in a child whose installer kills it at call ``at``; the child's status."""
        import json

        extra = {**only(self.house), "LD_PRELOAD": shim, "FAULT_AT": str(at), "FAULT_LOG": str(log)}
        arguments = [str(patients.ROOT), str(self.home.home), json.dumps(self.params), json.dumps(extra)]
        return subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, cwd="/").returncode

    def recovered(self) -> None:
        recover(self.home.host, self.home.state, quiet)
        assert open_run(self.home.state) is None
        assert not same(self.before, self.look())


@pytest.mark.slow
@pytest.mark.parametrize(("manager", "points"), [("uv", 24), ("pip", 8)])
def test_killed_while_the_installer_works(
    tmp_path: Path, small, house: patients.Wheelhouse, shim: str, manager: str, points: int
) -> None:
    packages = Packages(tmp_path, small, house, manager)
    log = tmp_path / "calls"
    for _ in range(2):
        # The second run counts: the first one fills uv's cache besides.
        assert packages.apply_with(shim, -1, log) == 0
        undo(None, packages.home.host, packages.home.state, quiet)
    calls = int(log.read_text())
    assert calls > 100
    assert not same(packages.before, packages.look())
    killed = mixed = 0
    count = max(2, int(points * TIMES))
    for number in range(count):
        status = packages.apply_with(shim, number * calls // count, log)
        if status == 0:
            # uv's threads make fewer calls in one run than in another.
            undo(None, packages.home.host, packages.home.state, quiet)
        else:
            assert status == -signal.SIGKILL
            killed += 1
            mixed += any(".convfix" not in line for line in same(packages.before, packages.look()))
            packages.recovered()
        assert not same(packages.before, packages.look())
    assert killed >= count * 3 // 4 and mixed > 0
    packages.apply()
    assert packages.patient.versions()["three"] == "2.0"


@pytest.mark.slow
def test_killed_at_our_own_calls_around_the_installer(tmp_path: Path, small, house: patients.Wheelhouse) -> None:
    """While files are kept, while the result is written down, while spare links go."""
    packages = Packages(tmp_path, small, house, "uv")
    calls = calls_of(packages.apply)
    undo(None, packages.home.host, packages.home.state, quiet)
    first = calls.index("link")
    last = len(calls) - 1 - calls[::-1].index("link")
    # All calls that are not one of hundreds of equal ones, and a few of these.
    points = [*range(first + 3), *range(last - 1, last + 12), *range(len(calls) - 5, len(calls))]
    points = sorted({point for point in points if 0 <= point < len(calls)})
    if TIMES < 1:
        points = random.Random(1).sample(points, int(len(points) * TIMES))
    for point in points:
        if killed_at(point, packages.apply):
            packages.recovered() if open_run(packages.home.state) else None
        if same(packages.before, packages.look()):
            undo(None, packages.home.host, packages.home.state, quiet)
        assert not same(packages.before, packages.look()), point


@pytest.mark.slow
def test_killed_while_it_brings_the_files_back(tmp_path: Path, small, house: patients.Wheelhouse) -> None:
    packages = Packages(tmp_path, small, house, "uv")
    packages.apply()
    state = packages.home.state

    def back() -> None:
        undo("1", packages.home.host, state, quiet)

    def again() -> None:
        recover(packages.home.host, state, quiet)

    killed = 0
    while killed_at(7 * killed, again if open_run(state) is not None else back):
        killed += 1
    assert killed > 5
    packages.recovered()
