"""S6 of the anchors: whose files convfix touches, as whom and with which mode; or one clear refusal with nothing changed."""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import fixer
from fixer.apply.journal import Journal
from fixer.apply.state import State
from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.errors import ConvfixError
from fixer.host.base import Ran
from fixer.host.real import RealHost
from tests import patients
from tests.hands import crash, tally
from tests.hands.bodies import action, plan, quiet
from tests.hostile.forked import run
from tests.hostile.owned import OTHER, ROOT, USER, Place, Told, forked, look, own

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play other users")
UMASKS = (0o000, 0o002, 0o027, 0o077)
# What sudo leaves behind; -E keeps the caller's HOME, -H sets root's.
SUDO = {"SUDO_USER": "somebody", "SUDO_UID": str(USER), "SUDO_GID": str(USER), "SUDO_COMMAND": "/usr/bin/convfix", "USER": "root", "LOGNAME": "root"}
Make = Callable[..., Place]


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All modules are loaded, since other users may not enter the folder of root's Python."""
    place = Place(tmp_path_factory.mktemp("loaded"), ROOT)
    host, state = RealHost(place.environ()), State(str(place.state))
    for _ in range(2):
        apply(place.plan(), host, state, quiet)
        undo(None, host, state, quiet)


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes places in memory, in a folder that other users may enter (pytest's own they may not)."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base, prefix="privileges-") as folder:
        os.chmod(folder, 0o755)
        count = iter(range(100))

        def made(owner: int = ROOT, bare: bool = False) -> Place:
            top = Path(folder) / str(next(count))
            top.mkdir()
            top.chmod(0o755)
            return Place(top, owner, bare)

        yield made


def refused(told: Told, code: int, *words: str) -> None:
    """One line, with the code and the words."""
    assert told.code == code, told
    assert "\n" not in told.text and "Traceback" not in told.text
    for word in words:
        assert word in told.text, told.text


# --- whose home: root, sudo, another user's


@pytest.mark.parametrize("verb", ["apply", "undo", "recover"])
@pytest.mark.parametrize("who", ["sudo -E", "su that keeps HOME", "sudo -u OTHER that keeps HOME", "a link to it"])
def test_another_users_home_is_left_alone(make: Make, who: str, verb: str) -> None:
    place = make(USER)
    uid = OTHER if "OTHER" in who else ROOT
    state = place.folder / "elsewhere"
    state.mkdir(mode=0o700)
    os.chown(state, uid, uid)
    more = {"CONVFIX_STATE_DIR": str(state), **(SUDO if "sudo" in who else {})}
    if who == "a link to it":
        (place.folder / "link").symlink_to(place.home)
        more["HOME"] = str(place.folder / "link")
    if verb == "recover":
        interrupted(state, uid)
    before = place.look()
    told = getattr(place, verb)(uid, more=more)
    refused(told, 2, "HOME is", f"belongs to user id {USER}")
    assert place.look() == before


def interrupted(state: Path, uid: int) -> None:
    """A run that was begun, and of which nothing was done."""
    (state / "runs").mkdir(mode=0o700)
    Journal.begin(State(str(state)), {"actions": []})
    own(state, uid)


@pytest.mark.parametrize("verb", ["apply", "undo"])
def test_the_state_in_another_users_home_is_not_ours(make: Make, verb: str) -> None:
    """sudo -E without a state folder of its own: the user's journals are neither read nor written by root."""
    place = make(USER)
    assert place.apply(USER).code == 0
    before = place.look()
    refused(getattr(place, verb)(ROOT, more=SUDO), 2, "belongs to user id")
    assert place.look() == before


def test_sudo_h_in_the_users_environment_is_refused(make: Make) -> None:
    """HOME is root's own, the environment is not."""
    place, roots = make(USER), make(ROOT)
    before = place.look()
    common = {"HOME": str(roots.home), "CONVFIX_STATE_DIR": str(roots.state), **SUDO}
    for number, what in enumerate((f"{place.site} belongs", "belongs to user id")):
        refused(place.apply(ROOT, plan(place.plan().actions[number]), more=common), 3, what, "not as root")
    assert place.look() == before


@pytest.mark.parametrize("more", [{}, SUDO], ids=["root", "sudo -H"])
def test_root_at_home_owns_what_it_makes(make: Make, more: dict[str, str]) -> None:
    place, users = make(ROOT), make(USER)
    before, theirs = place.look(("state",)), users.look()
    assert place.apply(ROOT, more=more).code == 0
    assert {found[1] for found in place.look().values()} == {ROOT}
    assert place.undo(ROOT, more=more).code == 0
    assert place.look(("state",)) == before and users.look() == theirs


@pytest.mark.parametrize("home", ["relative", "./here", "~"])
def test_a_home_that_is_no_place_is_refused(make: Make, home: str) -> None:
    place = make(ROOT)
    before = place.look()
    environ = {"PATH": "/usr/bin:/bin", "HOME": home}
    for verb in (["undo", "-y"], ["history"]):
        told = run([*verb, "--json"], environ, folder=str(place.folder))
        assert told.code == 2, told
        assert "HOME" in json.loads(told.stdout)["errors"][0]["message"]
    assert place.look() == before


def test_a_home_that_cannot_be_made_is_refused(make: Make) -> None:
    """The home of system users: a name that is not there, below a folder of root's."""
    place = make(USER)
    state = {"HOME": str(place.folder / "nonexistent"), "CONVFIX_STATE_DIR": str(place.folder / "nonexistent" / "state")}
    before = place.look()
    refused(place.apply(USER, more=state), 2, "nonexistent", "Permission denied")
    assert place.look() == before


@pytest.mark.parametrize("verb", ["apply", "undo", "recover"])
def test_a_set_uid_start_is_refused(make: Make, verb: str) -> None:
    """As a set-uid wrapper starts it: the rights are another's than the caller's."""
    place = make(OTHER)
    place.state.mkdir(mode=0o700)
    own(place.state, OTHER)
    if verb == "recover":
        interrupted(place.state, OTHER)
    before = place.look()
    told = getattr(place, verb)(ROOT, before=lambda: os.setresuid(USER, OTHER, ROOT))
    refused(told, 2, "another user's rights")
    assert place.look() == before


# --- the state folder


def foreign(place: Place) -> None:
    own(place.state, OTHER)


def linked(to: Callable[[Place], None]) -> Callable[[Place], None]:
    def made(place: Place) -> None:
        to(place)
        real = place.folder / "real"
        place.state.rename(real)
        place.state.symlink_to(real)

    return made


def mode(bits: int) -> Callable[[Place], None]:
    return lambda place: place.state.chmod(bits)


def a_file(place: Place) -> None:
    place.state.rmdir()
    place.state.write_bytes(b"")


def dangling(place: Place) -> None:
    place.state.rmdir()
    place.state.symlink_to(place.folder / "nowhere")


def loop(place: Place) -> None:
    place.state.rmdir()
    place.state.symlink_to(place.state)


def runs(deed: Callable[[Path], None]) -> Callable[[Place], None]:
    """Something wrong with the folder of the journals itself, below a state folder that is right (or was, when others could enter)."""

    def made(place: Place) -> None:
        (place.state / "runs").mkdir(mode=0o700)
        own(place.state, place.owner)
        deed(place.state / "runs")

    return made


def runs_elsewhere(path: Path) -> None:
    path.rmdir()
    aside = path.parents[2] / "aside"
    aside.mkdir(mode=0o755)
    os.chown(aside, OTHER, OTHER)
    path.symlink_to(aside)


def runs_a_file(path: Path) -> None:
    path.rmdir()
    path.touch()


def lock_is(make_it: Callable[[Path], Any]) -> Callable[[Place], None]:
    def made(place: Place) -> None:
        make_it(place.state / "lock")
        os.chown(place.state / "lock", place.owner, place.owner, follow_symlinks=False)

    return made


def others_lock(place: Place) -> None:
    (place.state / "lock").touch(0o600)
    os.chown(place.state / "lock", OTHER, OTHER)


BAD_STATES: dict[str, tuple[Callable[[Place], None], int]] = {
    "another user's": (foreign, 2),
    "a link to another user's": (linked(foreign), 2),
    "world-writable": (mode(0o777), 2),
    "world-writable, sticky": (mode(0o1777), 2),
    "group-writable": (mode(0o770), 2),
    "group-writable, setgid": (mode(0o2775), 2),
    "set-uid, world-writable": (mode(0o4707), 2),
    "a link to a world-writable one": (linked(mode(0o777)), 2),
    "a file": (a_file, 2),
    "a link that leads nowhere": (dangling, 2),
    "a link loop": (loop, 2),
    "another user's runs": (runs(lambda path: own(path, OTHER)), 2),
    "world-writable runs": (runs(lambda path: path.chmod(0o777)), 2),
    "runs that lead to another user's folder": (runs(runs_elsewhere), 2),
    "runs that are a file": (runs(runs_a_file), 2),
    "a lock that is a link": (lock_is(lambda path: path.symlink_to(path.parents[2] / "victim")), 3),
    "a lock that is a folder": (lock_is(lambda path: path.mkdir()), 3),
}
AS_USER: dict[str, tuple[Callable[[Place], None], int]] = {
    "not writable": (mode(0o500), 2),
    "not readable": (mode(0o000), 2),
    "runs not readable": (runs(lambda path: path.chmod(0o000)), 2),
    "another user's lock": (others_lock, 3),
}


def journal_of_one_run(place: Place, uid: int) -> None:
    assert place.apply(uid).code == 0


@pytest.mark.parametrize("name", [*BAD_STATES, *(f"{name} (as a user)" for name in (*BAD_STATES, *AS_USER))])
def test_a_state_folder_that_is_not_ours_alone_is_refused(make: Make, name: str) -> None:
    uid = USER if name.endswith("(as a user)") else ROOT
    spoil, code = {**BAD_STATES, **AS_USER}[name.removesuffix(" (as a user)")]
    place = make(uid)
    place.state.mkdir(mode=0o700)
    own(place.state, uid)
    spoil(place)
    before = place.look()
    told = place.apply(uid)
    refused(told, code, str(place.state))
    after = place.look()
    # A lock that cannot be taken is met after the folder of the runs is made; nothing of the user's is changed.
    made = {path for path in after if path not in before}
    assert made <= {str(place.state / "runs"), str(place.state / "lock")} and all(after[path] == before[path] for path in before)
    refused(place.undo(uid), 2)


@pytest.mark.parametrize("uid", [ROOT, USER], ids=["root", "user"])
@pytest.mark.parametrize("which", ["lock", "installer.lock"])
@pytest.mark.parametrize("what", ["a link", "a folder", "another user's"])
def test_a_lock_that_cannot_be_taken_stops_the_undo(make: Make, what: str, which: str, uid: int) -> None:
    """It is a link or a folder, or a run with sudo left it as another user's: one line, and nothing is taken back."""
    place = make(uid)
    assert place.apply(uid).code == 0
    lock = place.state / which
    lock.unlink(missing_ok=True)
    if what == "a link":
        lock.symlink_to(place.folder / "victim")
    elif what == "a folder":
        lock.mkdir()
    else:
        lock.touch(0o600)
        os.chown(lock, OTHER, OTHER)
    before = place.look()
    told = place.undo(uid)
    if uid == ROOT and what == "another user's":
        assert told.code == 0
        return
    refused(told, 3, "nothing was changed", str(lock))
    assert place.look() == before


@pytest.mark.parametrize("bits", [0o755, 0o750, 0o700, 0o4700, 0o2700, 0o1700])
@pytest.mark.parametrize("link", [False, True], ids=["itself", "a link"])
def test_a_state_folder_of_ours_is_made_ours_alone(make: Make, bits: int, link: bool) -> None:
    place = make(USER)
    place.state.mkdir()
    own(place.state, USER)
    place.state.chmod(bits)
    if link:
        linked(lambda place: None)(place)
    assert place.apply(USER).code == 0
    check_state(place, USER)
    assert place.undo(USER).code == 0


def check_state(place: Place, uid: int) -> None:
    top = os.path.realpath(place.state)
    assert stat.S_IMODE(os.stat(top).st_mode) & 0o777 == 0o700
    found = look(Path(top))
    assert found
    for path, (bits, owner, *_) in found.items():
        assert owner == uid and int(str(bits), 8) & 0o777 == (0o700 if os.path.isdir(path) else 0o600), (path, bits)


# --- modes under every umask


@pytest.mark.parametrize("bare", [False, True], ids=["profile", "no profile"])
@pytest.mark.parametrize("uid", [ROOT, USER], ids=["root", "user"])
@pytest.mark.parametrize("umask", UMASKS, ids=oct)
def test_files_have_their_mode_whatever_the_umask(make: Make, umask: int, uid: int, bare: bool) -> None:
    place = make(uid, bare)
    before = place.look(("state",))
    assert place.apply(uid, umask=umask).code == 0
    check_state(place, uid)
    after = place.look(("state",))
    for path, (bits, owner, group, _) in after.items():
        assert (owner, group) == (uid, uid), path
        if path not in before:
            assert int(str(bits), 8) & 0o7777 == (0o755 if os.path.isdir(path) else 0o644), (path, bits)
    assert len(after) >= len(before) + 4
    assert stat.S_IMODE(os.stat(place.profile).st_mode) == (0o644 if bare else 0o640)
    assert place.undo(uid, umask=umask).code == 0
    assert place.look(("state",)) == before
    check_state(place, uid)


@pytest.mark.parametrize("bits", [0o600, 0o644, 0o664, 0o666, 0o700, 0o4755, 0o2755])
def test_a_profile_keeps_its_mode_and_owner(make: Make, bits: int) -> None:
    place = make(USER)
    place.profile.chmod(bits)
    before = place.look(("state",))
    assert place.apply(USER, umask=0o077).code == 0
    assert place.profile.read_bytes() != b"export KEEP=1\n"
    assert stat.S_IMODE(os.stat(place.profile).st_mode) == bits
    assert place.undo(USER, umask=0o077).code == 0
    assert place.look(("state",)) == before


@pytest.mark.parametrize("uid", [ROOT, USER], ids=["root", "user"])
def test_a_profile_of_another_group_keeps_it_or_is_left(make: Make, uid: int) -> None:
    """Root can give the new file the group; a user who is not in it cannot, and must not lose it."""
    place = make(uid)
    os.chown(place.profile, uid, OTHER)
    before = place.look(("state",))
    told = place.apply(uid)
    if uid == ROOT:
        assert told.code == 0 and os.stat(place.profile).st_gid == OTHER
        assert place.undo(uid).code == 0
    else:
        refused(told, 3, "taken back")
    assert place.look(("state",)) == before


@pytest.mark.parametrize("who", ["another user's", "read-only", "in a read-only home"])
def test_a_profile_that_is_not_ours_to_write_is_refused(make: Make, who: str) -> None:
    place = make(USER)
    place.state.mkdir()
    own(place.state, USER)
    if who == "another user's":
        os.chown(place.profile, OTHER, OTHER)
    else:
        (place.profile if who == "read-only" else place.home).chmod(0o444 if who == "read-only" else 0o555)
    before = place.look(("state",))
    refused(place.apply(USER), 3, str(place.profile), "add by hand")
    assert place.look(("state",)) == before


# --- environments


@pytest.mark.parametrize("uid", [ROOT, USER], ids=["root", "user"])
@pytest.mark.parametrize("what", ["hook", "script"])
def test_an_environment_of_another_user_is_refused(make: Make, uid: int, what: str) -> None:
    place = make(uid)
    own(place.env, OTHER)
    before = place.look(("state",))
    refused(place.apply(uid, plan(place.plan().actions[what == "script"])), 3, str(place.env))
    assert place.look(("state",)) == before


@pytest.mark.parametrize("what", ["hook", "script"])
def test_a_read_only_environment_is_refused(make: Make, what: str) -> None:
    place = make(USER)
    for path in (place.site, place.env):
        path.chmod(0o555)
    before = place.look(("state",))
    refused(place.apply(USER, plan(place.plan().actions[what == "script"])), 3, "is not writable")
    assert place.look(("state",)) == before


def test_two_users_share_one_environment(make: Make) -> None:
    """Writable by both: what one makes is his own, and only he takes it back."""
    place, mine = make(OTHER), make(USER)
    for path in (place.site, place.env):
        path.chmod(0o777)
    hook = plan(place.plan().actions[0])
    more = {"HOME": str(mine.home), "CONVFIX_STATE_DIR": str(mine.state)}
    before = place.look(("state",))
    assert place.apply(USER, hook, more=more).code == 0
    made = {path: found for path, found in place.look(("state",)).items() if path not in before}
    assert made and {found[1] for found in made.values()} == {USER}
    refused(place.undo(OTHER), 2, "no run to undo")
    assert place.undo(USER, more=more).code == 0
    assert place.look(("state",)) == before


# --- where packages must not go


class Scheme(RealHost):
    """A host whose interpreter says that it is ``told``; an installer must not be started on it."""

    def __init__(self, environ: dict[str, str], told: dict[str, str]) -> None:
        super().__init__(environ)
        self.told = told

    def which(self, name: str) -> str | None:
        return f"/stand-in/{name}"

    def run(self, argv: Sequence[str], **more: Any) -> Ran:
        assert "-c" in argv and "install" not in argv, argv
        return Ran(tuple(argv), 0, f"\nconvfix-scheme:{json.dumps(self.told)}\n", "")


def scheme(place: Place, site: Path, base: Path) -> dict[str, str]:
    prefix = str(place.env)
    rest = {"scripts": f"{prefix}/bin", "data": prefix, "include": f"{prefix}/include", "stdlib": str(base / "lib" / "python3.11")}
    return {"purelib": str(site), "platlib": str(site), **rest, "prefix": prefix, "base": str(base), "version": "3.11.0"}


PACKAGE_PLACES = ("externally managed", "the user site", "a --target folder", "a site of another user's", "a link to a site of the system's", "another prefix")


@pytest.mark.parametrize("manager", ["pip", "uv"])
@pytest.mark.parametrize("where", PACKAGE_PLACES)
def test_packages_are_not_put_where_they_must_not_go(make: Make, where: str, manager: str) -> None:
    place = make(ROOT)
    site, base = place.site, place.folder / "usr"
    words = ["does not lie in"]
    if where == "externally managed":
        base, words = place.env, ["EXTERNALLY-MANAGED", "make an environment"]
        (place.site.parent / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    elif where == "the user site":
        site = place.home / ".local" / "lib" / "python3.11" / "site-packages"
        site.mkdir(parents=True)
    elif where == "a --target folder":
        site = place.folder / "target"
        site.mkdir()
    elif where == "a site of another user's":
        os.chown(site, USER, USER)
        words = [f"belongs to user id {USER}"]
    elif where == "a link to a site of the system's":
        site.rmdir()
        (place.folder / "dist-packages").mkdir()
        site.symlink_to(place.folder / "dist-packages")
    told = scheme(place, site, base)
    if where == "another prefix":
        told["prefix"], words = str(place.folder), ["the plan says"]
    params = {"interpreter": f"{place.env}/bin/python", "prefix": str(place.env), "manager": manager, "requirements": ["one==1.0"]}
    before = place.look(("state",))
    host = Scheme(place.environ(PIP_BREAK_SYSTEM_PACKAGES="1", PIP_USER="1", PIP_TARGET="/x"), told)
    refused(forked(ROOT, lambda: apply(plan(action("pip_requirements", params)), host, State.open(host), quiet)), 3, *words)
    assert place.look(("state",)) == before


@pytest.mark.parametrize("where", ["the user site", "a --target folder", "a link out"])
def test_a_hook_is_not_put_outside_of_its_environment(make: Make, where: str) -> None:
    place = make(ROOT)
    site = place.home / ".local" if where == "the user site" else place.folder / "target"
    site.mkdir()
    if where == "a link out":
        place.site.rmdir()
        place.site.symlink_to(site)
    params = {**place.plan().actions[0].params, **({} if where == "a link out" else {"site_packages": str(site)})}
    before = place.look(("state",))
    told = place.apply(ROOT, plan(action("preload_hook", params)))
    assert told.code in (2, 3) and ("does not lie in" in told.text or "must lie below" in told.text), told
    assert place.look(("state",)) == before


@pytest.mark.parametrize("uid", [ROOT, USER], ids=["root", "user"])
@pytest.mark.parametrize("what", ["the prefix", "conda-meta"])
def test_a_conda_base_of_another_user_is_refused(make: Make, what: str, uid: int) -> None:
    place = make(uid)
    (place.env / "conda-meta").mkdir()
    own(place.env, uid)
    os.chown(place.env if what == "the prefix" else place.env / "conda-meta", OTHER, OTHER)
    params = {"prefix": str(place.env), "manager": "conda", "requirements": ["one=1.0"], "channels": ["conda-forge"]}
    host = Scheme(place.environ(), {})
    before = place.look(("state",))
    told = forked(uid, lambda: apply(plan(action("conda_packages", params)), host, State.open(host), quiet))
    refused(told, 3, str(place.env))
    assert place.look(("state",)) == before


# --- the command line


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small environment without pip."""
    env = tmp_path_factory.mktemp("patient") / "env"
    subprocess.run([patients.need_python("3.11"), "-m", "venv", "--without-pip", str(env)], check=True)
    return env


@pytest.mark.parametrize("umask", UMASKS, ids=oct)
def test_the_script_of_activate_is_written_to_by_its_owner_alone(make: Make, patient: Path, umask: int) -> None:
    place = make(ROOT)
    path = place.folder / "on.sh"

    def masked() -> None:
        os.umask(umask)

    told = run(["activate", "--python", f"{patient}/bin/python", "-o", str(path)], place.environ(), before=masked)
    assert told.code == 0, told
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~umask and path.stat().st_uid == ROOT
    assert run(["activate", "--python", f"{patient}/bin/python", "-o", str(path)], place.environ()).code == 2


@pytest.mark.parametrize("verb", ["plan", "doctor", "history", "activate"])
def test_root_leaves_no_file_in_another_users_home(make: Make, patient: Path, verb: str) -> None:
    """sudo -E with any command that only looks: it answers, and the user's home is as it was."""
    place = make(USER)
    before = place.look()
    arguments = [verb] if verb == "history" else [verb, "--python", f"{patient}/bin/python"]
    told = run(arguments, {"HOME": str(place.home), "PATH": "/usr/bin:/bin", **SUDO})
    assert told.code in (0, 1, 6, 8, 9) and b"Traceback" not in told.err, told
    assert place.look() == before


FORBIDDEN = ("sudo", "doas", "pkexec", "su", "--break-system-packages", "--user", "--target")


def executed(argv: Sequence[str], environ: dict[str, str], log: Path) -> list[list[str]]:
    """Every argv that ``argv`` and its children execute, as strace sees them."""
    traced = [patients.need("strace"), "-f", "-qq", "-s", "20000", "-v", "-e", "trace=execve", "-e", "signal=none", "-o", str(log)]
    done = subprocess.run([*traced, *argv], env=environ, capture_output=True, text=True, cwd=Path(fixer.__file__).parents[1])
    assert "Traceback" not in done.stderr, done.stderr
    lists = []
    for line in log.read_text().splitlines():
        if "execve(" in line:
            # execve("/bin/x", ["x", "-c"], [variables]) = 0: strace quotes as C does, which Python reads.
            start = line.index("[", line.index("execve("))
            lists.append(ast.literal_eval(line[start : line.index("], [", start) + 1]))
    return lists


def test_neither_sudo_nor_break_system_packages_is_executed_by_a_look(make: Make, patient: Path, tmp_path: Path) -> None:
    place = make(ROOT)
    for verb in ("plan", "activate"):
        argv = [sys.executable, "-m", "fixer", verb, "--python", f"{patient}/bin/python"]
        seen = executed(argv, place.environ(PIP_BREAK_SYSTEM_PACKAGES="1"), tmp_path / verb)
        assert len(seen) > 1, seen
        assert not [words for words in seen for word in words if os.path.basename(word) in FORBIDDEN], seen


_APPLY = """
import sys
from fixer.apply.state import State
from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.errors import ConvfixError
from fixer.host.real import RealHost
from tests.hands.bodies import action, plan, quiet
host = RealHost()
prefix = sys.argv[1]
params = {"interpreter": prefix + "/bin/python", "prefix": prefix, "manager": "uv", "requirements": ["one==1.0"]}
apply(plan(action("pip_requirements", params)), host, State.open(host), quiet)
undo(None, host, State.open(host), quiet)
"""


def test_neither_sudo_nor_break_system_packages_is_executed_by_apply(make: Make, patient: Path, tmp_path: Path) -> None:
    """A real uv installs a real wheel, with the variables set that would let it work elsewhere."""
    place = make(ROOT)
    house = patients.Wheelhouse(tmp_path / "wheels")
    house.add("one", "1.0", {"one/__init__.py": ""})
    wishes = {"UV_BREAK_SYSTEM_PACKAGES": "1", "UV_SYSTEM_PYTHON": "1", "PIP_BREAK_SYSTEM_PACKAGES": "1", "UV_TARGET": str(place.folder / "target")}
    index = {"UV_NO_INDEX": "1", "UV_OFFLINE": "1", "UV_FIND_LINKS": str(house.folder), "UV_CACHE_DIR": str(tmp_path / "cache")}
    environ = place.environ(**wishes, **index, PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin", PYTHONDONTWRITEBYTECODE="1")
    seen = executed([sys.executable, "-c", _APPLY, str(patient)], environ, tmp_path / "apply")
    assert any("install" in words for words in seen), seen
    assert not [words for words in seen for word in words if os.path.basename(word) in FORBIDDEN], seen
    assert not (place.folder / "target").exists()


def test_no_argv_that_is_built_asks_for_rights() -> None:
    """sudo stands only in steps that a person is told, which nothing executes; what overrides a system's Python stands nowhere."""
    top = Path(fixer.__file__).parent
    tellers = {"rules", "planning", "report"}
    found: dict[str, list[str]] = {}
    for path in top.rglob("*.py"):
        text = path.read_text()
        assert "--break-system-packages" not in text, path
        if not re.search(r"['\"](sudo|doas|pkexec|su)['\"]", text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value in ("sudo", "doas", "pkexec", "su"):
                    found.setdefault(path.relative_to(top).parts[0], []).append(str(path))
    assert found and set(found) <= tellers, found


# --- folders that change under our hands


class Swap:
    """Turns the parent of a file into a link to another folder, and back, at a changing call."""

    def __init__(self, parent: Path, elsewhere: Path) -> None:
        self.parent, self.elsewhere, self.aside = parent, elsewhere, parent.with_name(parent.name + " aside")

    def __call__(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.parent.rename(self.aside)
            self.parent.symlink_to(self.elsewhere)

    def back(self) -> None:
        if self.parent.is_symlink():
            self.parent.unlink()
            self.aside.rename(self.parent)


PARENTS = ("env/lib/python3.11/site-packages", "env/share", "env/lib", "env", "home")


def prepared(place: Place, outside: Path) -> None:
    """Behind the link lies all that convfix will look for: the same folders, and a profile with the same bytes."""
    for name in ("bin", "lib/python3.11/site-packages", "python3.11/site-packages", "share"):
        (outside / name).mkdir(parents=True)
    (outside / ".profile").write_bytes(place.profile.read_bytes() if place.profile.exists() else b"mine\n")


def swapped(place: Place, parents: Sequence[str], calls: Sequence[int] | None = None, ready: bool = False) -> tuple[int, list[str]]:
    """One race for each parent and changing call; how many, and what was written behind the link."""
    outside = place.folder / "outside"
    outside.mkdir()
    if ready:
        prepared(place, outside)
    host, wanted = RealHost(place.environ()), place.plan()

    def whole() -> None:
        apply(wanted, host, State.open(host), quiet)

    count = len(crash.calls_of(whole))
    undo(None, host, State.open(host), quiet)
    theirs, races, wrong = look(outside), 0, []
    for parent in parents:
        for at in calls or range(count):
            swap = Swap(place.folder / parent, outside)
            told = forked(ROOT, functools.partial(crash.with_faults, crash.Faulty(at, swap), whole))
            swap.back()
            races += 1
            now = look(outside)
            if now != theirs:
                wrong.append(f"{parent} at call {at}: {sorted(set(now) - set(theirs)) or 'changed'} {told}")
                return races, wrong
            with contextlib.suppress(ConvfixError):
                undo(None, host, State.open(host), quiet)
    return races, wrong


def test_a_parent_that_is_swapped_for_a_link_leads_nothing_outside(make: Make) -> None:
    """The calls around which a folder that was checked is opened: before they were resolved, five of these wrote behind the link."""
    races, wrong = swapped(make(ROOT), PARENTS[:2], range(7, 18))
    assert not wrong and races == 22, wrong


@pytest.mark.long
@pytest.mark.parametrize("ready", [False, True], ids=["an empty folder", "one that is prepared"])
@pytest.mark.parametrize("bare", [False, True], ids=["profile", "no profile"])
def test_each_parent_swapped_at_each_call(make: Make, bare: bool, ready: bool) -> None:
    """Each parent of each file that apply makes or edits, at each changing call.

    Behind a prepared link these are the parents below the environment: that the person's own environment or home leads
    elsewhere when a step begins is theirs to say.
    """
    races, wrong = swapped(make(ROOT, bare), PARENTS[:3] if ready else PARENTS, ready=ready)
    tally.add("S4 swapped parents", races)
    assert not wrong and races >= 200, (races, wrong)
