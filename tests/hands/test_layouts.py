"""R10: the dotfiles of real people. The variable is really set in a new shell, and undo is exact; or a refusal that says what to add."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.errors import ConvfixError
from tests import patients
from tests.hands import tally
from tests.hands.bodies import Home, action, exact, plan, quiet, same

PROFILES = {"bash": ".bashrc", "zsh": ".zshrc", "sh": ".profile", "fish": ".config/fish/config.fish"}
INTERACTIVE = {"bash": ["-i"], "zsh": ["-i"], "sh": ["-l"], "fish": ["-i"]}
HOMES = ["home", "ho me", "it's", 'quo"te', "$HOME `x`", "é😀", "a\\b", "-n", "#x", "semi;colon", "star*", "~", "{a,b}", "%s", "x" * 200, "a=b&c|d"]


def plain(path: Path, aside: Path) -> None:
    path.write_bytes(b"true\n")


def stow(path: Path, aside: Path) -> None:
    """Real stow links the profile, or a folder above it, into its package by a relative path."""
    package = aside / "pkg"
    inside = package / path.relative_to(path.parents[0 if path.parent.name == "home" else 2])
    inside.parent.mkdir(parents=True, exist_ok=True)
    inside.write_bytes(b"true\n")
    path.symlink_to(os.path.relpath(inside, path.parent))


def chain(path: Path, aside: Path) -> None:
    (aside / "real").write_bytes(b"true\n")
    (aside / "middle").symlink_to("real")
    path.symlink_to(aside / "middle")


def private(path: Path, aside: Path) -> None:
    path.write_bytes(b"true")
    path.chmod(0o600)


def listed(path: Path, aside: Path) -> None:
    """An access list that lets somebody else read."""
    path.write_bytes(b"true\n")
    subprocess.run([patients.need("setfacl"), "-m", "u:nobody:r", str(path)], check=True)


def missing(path: Path, aside: Path) -> None:
    pass


def crlf(path: Path, aside: Path) -> None:
    path.write_bytes(b"# x\r\n")


def latin(path: Path, aside: Path) -> None:
    path.write_bytes(b"# caf\xe9\n# \xff")


def dangling(path: Path, aside: Path) -> None:
    path.symlink_to(aside / "nowhere")


def loop(path: Path, aside: Path) -> None:
    path.symlink_to(path)


def hard(path: Path, aside: Path) -> None:
    path.write_bytes(b"true\n")
    os.link(path, aside / "second")


def folder(path: Path, aside: Path) -> None:
    path.mkdir()


def others(path: Path, aside: Path) -> None:
    path.write_bytes(b"true\n")
    os.chown(path, 12345, 12345)


def frozen(path: Path, aside: Path) -> None:
    """An immutable file, as chattr +i makes it."""
    path.write_bytes(b"true\n")
    if subprocess.run([patients.need("chattr"), "+i", str(path)], capture_output=True).returncode:
        pytest.skip("this filesystem knows no immutable files")


FINE = (plain, stow, chain, private, listed, missing, crlf, latin)
REFUSED = (dangling, loop, hard, folder, others, frozen)


def made(tmp_path: Path, home: str, shell: str, layout: Callable[[Path, Path], None]):  # type: ignore[no-untyped-def]
    """A home of that name with that layout, and the plan for its profile."""
    place = Home(tmp_path / home)
    path = place.home / PROFILES[shell]
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = tmp_path / "aside"
    aside.mkdir()
    layout(path, aside)
    env = tmp_path / "env"
    (env / "bin").mkdir(parents=True)
    script = str(env / "share" / "it's on")
    common = {"interpreter": f"{env}/bin/python", "prefix": str(env), "shell": shell, "path": script}
    return place, path, plan(
        action("activation_script", {**common, "prepend": {"LD_LIBRARY_PATH": ["/one/a"]}}, "script"),
        action("profile_block", {"shell": shell, "path": str(path), "source": script}, "profile"),
    )


def state_of(path: Path) -> tuple[object, ...]:
    """What an undo must give back of a profile: the link, the bytes, mode, owner and time."""
    if not os.path.lexists(path):
        return ()
    found = os.stat(path)
    link = os.readlink(path) if path.is_symlink() else None
    return link, path.read_bytes(), found.st_mode, found.st_uid, found.st_mtime_ns


def seen(shell: str, home: Path) -> str:
    """What a new shell of this home has in LD_LIBRARY_PATH."""
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "dumb", "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": "/x"}
    command = [patients.need(shell), *INTERACTIVE[shell], "-c", 'echo "got=$LD_LIBRARY_PATH"']
    done = subprocess.run(command, capture_output=True, env=environ, stdin=subprocess.DEVNULL, cwd=home)
    return next(line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("got="))


@pytest.mark.long
@pytest.mark.parametrize("shell", PROFILES)
@pytest.mark.parametrize("layout", FINE, ids=lambda one: one.__name__)
def test_it_is_edited_at_the_right_place(tmp_path: Path, shell: str, layout: Callable[[Path, Path], None]) -> None:
    place, path, wanted = made(tmp_path, "home", shell, layout)
    link = path.is_symlink()
    acl = subprocess.run(["getfacl", "-cp", str(path)], capture_output=True).stdout if shutil.which("getfacl") else b""
    before = state_of(path)
    apply(wanted, place.host, place.state, quiet)
    assert path.is_symlink() == link and state_of(path) != before
    if layout is not crlf or shell == "fish":
        # A carriage return after a comment is no harm; bash, zsh and sh read the block all the same.
        assert seen(shell, place.home) == "got=/one/a:/x"
    if acl:
        assert subprocess.run(["getfacl", "-cp", str(path)], capture_output=True).stdout == acl
    undo(None, place.host, place.state, quiet)
    assert state_of(path) == before
    tally.add("R10 layouts", 1)


@pytest.mark.long
@pytest.mark.parametrize("shell", PROFILES)
@pytest.mark.parametrize("layout", REFUSED, ids=lambda one: one.__name__)
def test_it_is_refused_with_the_text_to_add(tmp_path: Path, shell: str, layout: Callable[[Path, Path], None]) -> None:
    if layout is others and os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    place, path, wanted = made(tmp_path, "home", shell, layout)
    before = exact(place.home, tmp_path / "aside", tmp_path / "env", leave_out=("state",))
    try:
        with pytest.raises(ConvfixError, match="add by hand to"):
            apply(wanted, place.host, place.state, quiet)
        assert not same(before, exact(place.home, tmp_path / "aside", tmp_path / "env", leave_out=("state",)))
    finally:
        if layout is frozen:
            subprocess.run(["chattr", "-i", str(path)], check=True)
    tally.add("R10 layouts", 1)


@pytest.mark.long
@pytest.mark.parametrize("shell", PROFILES)
@pytest.mark.parametrize("home", HOMES)
def test_homes_of_any_name(tmp_path: Path, shell: str, home: str) -> None:
    place, path, wanted = made(tmp_path, home, shell, plain)
    apply(wanted, place.host, place.state, quiet)
    assert seen(shell, place.home) == "got=/one/a:/x"
    undo(None, place.host, place.state, quiet)
    assert path.read_bytes() == b"true\n"
    tally.add("R10 layouts", 1)


@pytest.mark.parametrize("lines", ["", "export ZDOTDIR=~/z\n"])
def test_a_zshenv_that_moves_the_profile_is_told(tmp_path: Path, lines: str) -> None:
    place, path, wanted = made(tmp_path, "home", "zsh", plain)
    (place.home / ".zshenv").write_text(lines)
    if not lines:
        apply(wanted, place.host, place.state, quiet)
        return
    with pytest.raises(ConvfixError, match="ZDOTDIR.*add by hand"):
        apply(wanted, place.host, place.state, quiet)
