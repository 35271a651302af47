"""Profiles: bytes kept as they are, edited where the name leads, refused where that is not safe, taken back exactly."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.errors import RolledBackError, StalePlanError, UsageError
from fixer.model.action import FileChange
from tests import patients
from tests.hands.bodies import Home, action, exact, plan, quiet, same


class Profile:
    """A home and an activation script that a profile is to source."""

    def __init__(self, folder: Path, shell: str = "bash", name: str = ".bashrc") -> None:
        self.home = Home(folder / "home")
        self.path = self.home.home / name
        self.shell = shell
        self.env = folder / "env"
        (self.env / "bin").mkdir(parents=True)
        self.script = str(self.env / "share" / f"it's on.{shell}")

    def plan(self, **more: object):
        values = {"prepend": {"LD_LIBRARY_PATH": ["/one/a"]}, "set": {}, "unset": []}
        common = {"interpreter": f"{self.env}/bin/python", "prefix": str(self.env), "shell": self.shell, "path": self.script}
        return plan(
            action("activation_script", {**common, **values}, "script"),
            action("profile_block", {"shell": self.shell, "path": str(self.path), "source": self.script, **more}, "profile"),
        )

    def apply(self) -> None:
        apply(self.plan(), self.home.host, self.home.state, quiet)

    def undo(self):
        return undo(None, self.home.host, self.home.state, quiet)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile(tmp_path)


CONTENTS = [b"", b"x=1", b"x=1\n", b"x=1\r\ny=2\r\n", b"caf\xe9\n", b"a\0b\n", b"\n\n", b"# <<< not ours <<<\n"]


@pytest.mark.parametrize("content", CONTENTS)
def test_bytes_come_back(profile: Profile, content: bytes) -> None:
    profile.path.write_bytes(content)
    profile.path.chmod(0o640)
    os.utime(profile.path, ns=(1_600_000_000_123_456_789, 1_600_000_000_987_654_321))
    before = exact(profile.home.home, profile.env, leave_out=("state",))
    profile.apply()
    now = profile.path.read_bytes()
    assert now.startswith(content) and now.count(b"convfix") >= 2 and now.endswith(b"<<<\n")
    assert os.stat(profile.path).st_mode & 0o777 == 0o640
    profile.undo()
    assert not same(before, exact(profile.home.home, profile.env, leave_out=("state",)))


def test_a_missing_profile_is_made_and_goes(tmp_path: Path) -> None:
    profile = Profile(tmp_path, "fish", ".config/fish/conf.d/convfix.fish")
    before = exact(profile.home.home, leave_out=("state",))
    profile.apply()
    assert profile.path.exists()
    profile.undo()
    assert not same(before, exact(profile.home.home, leave_out=("state",)))


def test_a_link_is_followed_and_stays(profile: Profile, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "rc").write_bytes(b"x=1")
    profile.path.symlink_to(tmp_path / "dotfiles" / "rc")
    before = exact(tmp_path, leave_out=("state",))
    profile.apply()
    assert profile.path.is_symlink() and b"convfix" in (tmp_path / "dotfiles" / "rc").read_bytes()
    profile.undo()
    assert not same(before, exact(tmp_path, leave_out=("state",)))


@pytest.mark.parametrize("shape", ["dangling", "loop", "folder", "hard links", "markers", "pipe"])
def test_refused_with_the_text_to_add(profile: Profile, tmp_path: Path, shape: str) -> None:
    if shape == "dangling":
        profile.path.symlink_to(tmp_path / "nowhere")
    elif shape == "loop":
        profile.path.symlink_to(profile.path)
    elif shape == "folder":
        profile.path.mkdir()
    elif shape == "pipe":
        os.mkfifo(profile.path)
    elif shape == "hard links":
        profile.path.write_bytes(b"x=1\n")
        os.link(profile.path, tmp_path / "second")
    else:
        profile.path.write_bytes(b"# >>> convfix 1 >>>\nx=1\n")
    before = exact(tmp_path, leave_out=("state",)) if shape != "pipe" else {}
    with pytest.raises(RolledBackError, match="add by hand"):
        profile.apply()
    assert shape == "pipe" or not same(before, exact(tmp_path, leave_out=("state",)))


def test_only_our_lines_go_from_a_profile_that_somebody_edited(profile: Profile) -> None:
    profile.path.write_bytes(b"x=1")
    profile.apply()
    profile.path.write_bytes(b"first=1\n" + profile.path.read_bytes() + b"last=1\n")
    assert profile.undo().conflicts == ()
    assert profile.path.read_bytes() == b"first=1\nx=1\nlast=1\n"


def test_an_edited_block_is_left_and_told(profile: Profile) -> None:
    profile.path.write_bytes(b"x=1\n")
    profile.apply()
    edited = profile.path.read_bytes().replace(b"if [", b"if true && [")
    profile.path.write_bytes(edited)
    back = profile.undo()
    assert len(back.conflicts) == 1 and ".bashrc" in back.conflicts[0] and profile.path.read_bytes() == edited
    # Once the person has cleared it, undoing again finds nothing in the way.
    profile.path.write_bytes(b"x=1\n")
    assert undo("1", profile.home.host, profile.home.state, quiet).conflicts == ()


def test_a_block_that_the_person_removed_is_no_conflict(profile: Profile) -> None:
    profile.path.write_bytes(b"x=1\n")
    profile.apply()
    profile.path.write_bytes(b"x=2\n")
    assert profile.undo().conflicts == () and profile.path.read_bytes() == b"x=2\n"


def test_a_foreign_edit_between_reading_and_replacing_is_not_lost(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    from fixer.host import within

    profile.path.write_bytes(b"x=1\n")
    fill = within.fill

    def edited_meanwhile(place: int, name: str, *rest: object) -> None:
        fill(place, name, *rest)  # type: ignore[arg-type]
        if "bashrc" in name:
            profile.path.write_bytes(b"x=1\nmine=1\n")

    monkeypatch.setattr(within, "fill", edited_meanwhile)
    with pytest.raises(RolledBackError, match="another program"):
        profile.apply()
    monkeypatch.undo()
    assert profile.path.read_bytes() == b"x=1\nmine=1\n" and not os.path.exists(profile.script)


@pytest.mark.parametrize(
    "path", ["/etc/profile", "{home}/.ssh/config", "{home}/sub/.bashrc", "{home}/.bashrc.bak", "{home}/../x/.bashrc", ".bashrc"]
)
def test_nothing_but_this_users_profiles(profile: Profile, path: str) -> None:
    with pytest.raises(UsageError):
        apply(profile.plan(path=path.format(home=profile.home.home)), profile.home.host, profile.home.state, quiet)


def test_a_profile_sources_nothing_but_ours(profile: Profile, tmp_path: Path) -> None:
    evil = tmp_path / "evil.sh"
    with pytest.raises(UsageError, match="neither there"):
        apply(profile.plan(source=str(evil)), profile.home.host, profile.home.state, quiet)
    evil.write_text("touch /tmp/owned\n")
    with pytest.raises(RolledBackError, match="no activation script"):
        apply(profile.plan(source=str(evil)), profile.home.host, profile.home.state, quiet)


def test_a_plan_that_shows_another_diff_is_stale(profile: Profile) -> None:
    import dataclasses

    profile.path.write_bytes(b"x=1\n")
    made = profile.plan()
    shown = dataclasses.replace(made.actions[1], files=(FileChange(str(profile.path), "+ something else\n"),))
    with pytest.raises(StalePlanError, match="bashrc"):
        apply(dataclasses.replace(made, actions=(made.actions[0], shown)), profile.home.host, profile.home.state, quiet)
    assert profile.path.read_bytes() == b"x=1\n"


@pytest.mark.parametrize(("shell", "name"), [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", ".config/fish/config.fish"), ("sh", ".profile")])
def test_a_new_shell_has_the_variable(tmp_path: Path, shell: str, name: str) -> None:
    profile = Profile(tmp_path, shell, name)
    patients.need(shell)
    profile.path.parent.mkdir(parents=True, exist_ok=True)
    profile.path.write_bytes(b"true")
    profile.apply()
    flags = {"sh": ["-l"]}.get(shell, ["-i"])
    show = "echo \"got=$LD_LIBRARY_PATH\""
    environ = {"HOME": str(profile.home.home), "PATH": os.environ["PATH"], "LD_LIBRARY_PATH": "/x", "TERM": "dumb"}
    done = subprocess.run([shell, *flags, "-c", show], capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL)
    assert "got=/one/a:/x" in done.stdout, done.stdout + done.stderr
    os.unlink(profile.script)
    done = subprocess.run([shell, *flags, "-c", show], capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL)
    assert "got=/x" in done.stdout and done.returncode == 0
