"""Killed at every changing call of apply, of recovery and of undo: after one recovery all is old, or all new."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fixer.apply.journal import open_run
from fixer.apply.transaction import apply
from fixer.apply.undo import recover, undo
from fixer.errors import ConvfixError
from fixer.model.plan import Plan
from tests import patients
from tests.hands.bodies import Home, action, exact, plan, quiet, same
from tests.hands.faults import ERRORS, Faulty, calls_of, killed_at, with_faults


class Files:
    """A home with profiles and an environment, and a plan that changes files of every kind in them."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.home = Home(folder / "home")
        self.env = folder / "env with 'a' $name"
        subprocess.run([patients.need_python("3.11"), "-m", "venv", "--without-pip", str(self.env)], check=True)
        self.site = next(self.env.glob("lib/python*/site-packages"))
        library = folder / "libone.so"
        library.write_bytes(b"\x7fELF")
        self.profile = self.home.home / {"fish": ".config/fish/conf.d/convfix.fish", "zsh": ".zshrc"}.get(shell, ".profile")
        if shell != "fish":
            dotfiles = folder / "dotfiles"
            dotfiles.mkdir()
            (dotfiles / "rc").write_bytes(b"# caf\xe9\r\nexport KEEP=1\r\nexport LAST=2")
            self.profile.symlink_to(dotfiles / "rc")
        self.plan = self.make_plan(shell, str(library))
        self.folders = (folder,)
        self.before = self.look()

    def make_plan(self, shell: str, library: str) -> Plan:
        common = {"interpreter": f"{self.env}/bin/python", "prefix": str(self.env)}
        values = {"prepend": {"LD_LIBRARY_PATH": [f"{self.env}/lib"]}, "set": {"CUDA_HOME": "/x y"}, "unset": ["XLA_FLAGS"]}
        own = "bin/activate.fish" if shell == "fish" else "bin/activate"
        script = str(self.env / "etc" / "convfix" / f"on.{shell}")
        return plan(
            action("preload_hook", {**common, "site_packages": str(self.site), "libraries": [library]}, "hook"),
            action("activation_script", {**common, **values, "shell": shell, "path": f"{self.env}/{own}"}, "own"),
            action(
                "activation_script",
                {**common, **values, "shell": shell, "path": f"{self.env}/etc/conda/activate.d/c.{shell}"},
                "conda",
            ),
            action("activation_script", {**common, **values, "shell": shell, "path": script}, "script"),
            action("profile_block", {"shell": shell, "path": str(self.profile), "source": script}, "profile"),
        )

    def look(self) -> dict[str, tuple[Any, ...]]:
        return exact(*self.folders, leave_out=("state",))

    def apply(self) -> None:
        apply(self.plan, self.home.host, self.home.state, quiet)

    def recover(self) -> None:
        recover(self.home.host, self.home.state, quiet)

    def undo(self) -> None:
        undo(None, self.home.host, self.home.state, quiet)

    def settle(self, new: dict[str, tuple[Any, ...]] | None) -> str:
        """Recover, and say whether all is old or new; it must be one of them. Leaves all old."""
        self.recover()
        assert open_run(self.home.state) is None
        now = self.look()
        if not same(self.before, now):
            return "old"
        assert new is not None and not contents(new, now), contents(new, now) if new else same(self.before, now)
        self.undo()
        assert not same(self.before, self.look())
        return "new"


def contents(one: dict[str, tuple[Any, ...]], other: dict[str, tuple[Any, ...]]) -> list[str]:
    """What differs but for times: a new file is as old as its making."""
    return same({k: v[:3] for k, v in one.items()}, {k: v[:3] for k, v in other.items()})


SHELLS = ["bash", "zsh", "fish", "sh"]


@pytest.fixture
def files(tmp_path: Path, request: pytest.FixtureRequest) -> Files:
    return Files(tmp_path, getattr(request, "param", "bash"))


@pytest.mark.parametrize("files", SHELLS, indirect=True)
@pytest.mark.parametrize("what", ["kill", "torn"])
def test_killed_at_every_call_of_apply(files: Files, what: str) -> None:
    files.apply()
    new = files.look()
    assert same(files.before, new)
    files.undo()
    assert not same(files.before, files.look())
    ends: list[str] = []
    at = 0
    while killed_at(at, files.apply, what):
        ends.append(files.settle(new))
        at += 1
    assert files.settle(new) == "new"
    assert len(ends) > 80 and set(ends) <= {"old", "new"} and ends[0] == "old"
    leftovers = [name for name in exact(*files.folders) if "convfix-new" in name]
    assert not leftovers


@pytest.mark.parametrize("files", ["bash", "fish"], indirect=True)
def test_killed_at_every_call_of_undo(files: Files) -> None:
    at = 0
    while True:
        files.apply()
        if not killed_at(at, files.undo):
            break
        files.recover()
        if same(files.before, files.look()):
            # Killed before the undo was announced: the run stands whole.
            files.undo()
        assert not same(files.before, files.look()) and open_run(files.home.state) is None
        at += 1
    assert at > 20


def test_killed_in_recovery_again_and_again(files: Files) -> None:
    chance = random.Random(7)
    files.apply()
    files.undo()
    points = len(calls_of(files.apply))
    files.undo()
    pairs = 0
    for _ in range(60):
        assert killed_at(chance.randrange(points), files.apply)
        while open_run(files.home.state) is not None and killed_at(chance.randrange(30), files.recover):
            pairs += 1
        files.recover()
        if same(files.before, files.look()):
            files.undo()
        assert not same(files.before, files.look())
    assert pairs > 20


# A full or dead disk stays so; the other errors come once.
STICKY = [(number, True) for number in (errno.ENOSPC, errno.EROFS)]


@pytest.mark.parametrize(
    ("number", "sticky"),
    [*((number, False) for number in ERRORS), *STICKY],
    ids=[*(f"{errno.errorcode[number]}-once" for number in ERRORS), *(f"{errno.errorcode[n]}-sticky" for n, _ in STICKY)],
)
def test_an_error_at_every_call(files: Files, number: int, sticky: bool) -> None:
    points = len(calls_of(files.apply))
    new = files.look()
    files.undo()
    for at in range(points):
        try:
            with_faults(Faulty(at, number, sticky), files.apply)
        except ConvfixError as error:
            assert error.exit_code in (2, 3, 4), error.message
            if error.exit_code == 3 and not sticky:
                assert not same(files.before, files.look()), (at, error.message)
        else:
            assert not contents(new, files.look())
        files.settle(new)


def test_a_failed_fsync_is_never_taken_for_success(tmp_path: Path) -> None:
    from fixer.host import durable

    path = tmp_path / "file"
    path.write_bytes(b"old")
    calls = calls_of(lambda: durable.replace(str(path), b"new", durable.sha256(b"old")))
    for at in [number for number, name in enumerate(calls) if name == "fsync"]:
        path.write_bytes(b"old")
        with pytest.raises(OSError, match="Input/output"):
            with_faults(Faulty(at, errno.EIO), lambda: durable.replace(str(path), b"new", durable.sha256(b"old")))
        assert path.read_bytes() in (b"old", b"new") and os.listdir(tmp_path) == ["file"]


def test_fsyncs_of_a_file_step(files: Files) -> None:
    """The cost of a step, counted: temp, folder, twice the journal; an edit keeps a before-image as well."""
    calls = calls_of(files.apply)
    files.undo()
    assert calls.count("fsync") + calls.count("fdatasync") <= 60, (calls.count("fsync"), calls.count("fdatasync"))
