"""R6: real pip and real uv, killed together with convfix while they work: one recovery brings all the old files back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fixer.apply.journal import open_run
from fixer.apply.transaction import apply
from fixer.apply.undo import recover, undo
from tests import patients
from tests.hands import tally
from tests.hands.bodies import Home, action, exact, only, plan, quiet, same
from tests.hands.crash import calls_of, killed_at, shared_out


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
        if manager == "pip":
            # As a pip that was installed by pip: else each of its starts compiles it anew, which takes longer than all its work.
            folders = (self.patient.path / "lib").glob("python3*/site-packages/pip")
            subprocess.run([self.patient.python, "-m", "compileall", "-q", *map(str, folders)], check=True)
        self.before = self.look()

    def look(self):
        return exact(self.patient.path)

    def apply(self) -> None:
        apply(plan(action("pip_requirements", self.params)), self.home.host, self.home.state, quiet)

    def apply_with(self, shim: str, at: int, log: Path) -> int:
        """Apply in a child whose installer kills it at call ``at``; the child's status."""
        home = Home(self.home.home, {**only(self.house), "LD_PRELOAD": shim, "FAULT_AT": str(at), "FAULT_LOG": str(log)})
        child = os.fork()
        if child == 0:
            status = 1
            try:
                apply(plan(action("pip_requirements", self.params)), home.host, home.state, quiet)
                status = 0
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def recovered(self) -> None:
        recover(self.home.host, self.home.state, quiet)
        assert open_run(self.home.state) is None
        assert not same(self.before, self.look())


@pytest.mark.slow
@pytest.mark.parametrize(("manager", "points"), [("uv", 100), ("pip", 60)])
def test_killed_while_the_installer_works(
    tmp_path: Path, small, house: patients.Wheelhouse, shim: str, manager: str, points: int
) -> None:
    """R6: points spread evenly over the installer's calls; all old afterwards, or all new when it came too late."""

    def work(worker: int, mine: Sequence[int]) -> Iterator[str]:
        packages = Packages(tmp_path / str(worker), small, house, manager)
        log = tmp_path / f"calls-{worker}"
        for _ in range(2):
            # The second run counts: the first one fills uv's cache besides.
            assert packages.apply_with(shim, -1, log) == 0
            undo(None, packages.home.host, packages.home.state, quiet)
        calls = int(log.read_text())
        assert calls > 100 and not same(packages.before, packages.look())
        for number in mine:
            status = packages.apply_with(shim, number * calls // points, log)
            if status == 0:
                # uv's threads make fewer calls in one run than in another.
                assert packages.patient.run("-c", "import one.only_in_2, two.part1, three.deep_2").returncode == 0
                undo(None, packages.home.host, packages.home.state, quiet)
                yield "too late"
            else:
                assert status == -signal.SIGKILL
                mixed = any(".convfix" not in line for line in same(packages.before, packages.look()))
                packages.recovered()
                yield "mixed" if mixed else "clean"
            assert not same(packages.before, packages.look())
        packages.apply()
        assert packages.patient.versions()["three"] == "2.0"

    ends = shared_out(range(points), work)
    assert len(ends) == points and ends.count("too late") <= points // 4 and ends.count("mixed") > points // 4
    tally.add(f"R6 {manager} killed", points - ends.count("too late"))
    tally.add(f"R6 {manager} killed, of these a mixture before recovery", ends.count("mixed"))


@pytest.mark.slow
def test_killed_at_our_own_calls_around_the_installer(tmp_path: Path, small, house: patients.Wheelhouse) -> None:
    """While files are kept, while the result is written down, while spare links go."""
    packages = Packages(tmp_path, small, house, "uv")
    calls = [call.name for call in calls_of(packages.apply)]
    undo(None, packages.home.host, packages.home.state, quiet)
    first = calls.index("link")
    last = len(calls) - 1 - calls[::-1].index("link")
    # All calls that are not one of hundreds of equal ones, and a few of these.
    points = [*range(first + 3), *range(last - 1, last + 12), *range(len(calls) - 5, len(calls))]
    points = sorted({point for point in points if 0 <= point < len(calls)})
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
