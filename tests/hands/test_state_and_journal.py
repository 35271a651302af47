"""The state folder, the locks and the journal: what is refused, what is tolerated, what is told."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fixer.actions import snapshot
from fixer.apply.journal import Journal, history, open_run, read
from fixer.apply.lock import LockedError, environment_lock
from fixer.apply.state import State
from fixer.apply.transaction import apply
from fixer.apply.undo import preview, recover, undo
from fixer.errors import ConvfixError, UsageError
from fixer.host.real import RealHost
from tests.hands import scenes
from tests.hands.bodies import Home, quiet

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")


@pytest.fixture
def files(tmp_path: Path) -> scenes.Files:
    made = scenes.make("bash", tmp_path / "scene")
    assert isinstance(made, scenes.Files)
    return made


def test_looking_writes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert history(home.state) == () and open_run(home.state) is None
    assert recover(home.host, home.state, quiet) is None
    with pytest.raises(UsageError, match="no run to undo"):
        undo(None, home.host, home.state, quiet)
    assert list(home.home.iterdir()) == []


def test_where_it_is(tmp_path: Path) -> None:
    def folder(**variables: str) -> str:
        return State.open(RealHost(variables)).folder

    assert folder(HOME=str(tmp_path)) == f"{tmp_path}/.local/state/convfix"
    assert folder(HOME=str(tmp_path), XDG_STATE_HOME=f"{tmp_path}/s") == f"{tmp_path}/s/convfix"
    assert folder(HOME=str(tmp_path), XDG_STATE_HOME="relative") == f"{tmp_path}/.local/state/convfix"
    assert folder(HOME="", CONVFIX_STATE_DIR=f"{tmp_path}/x") == f"{tmp_path}/x"
    for wrong in ({"HOME": ""}, {}, {"HOME": "relative"}, {"CONVFIX_STATE_DIR": "relative"}):
        with pytest.raises(UsageError) as caught:
            folder(**wrong)
        assert "CONVFIX_STATE_DIR" in caught.value.message + caught.value.hint


def test_it_is_ours_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    os.umask(old := os.umask(0))
    home.state.prepare()
    os.umask(old)
    assert {os.stat(path).st_mode & 0o777 for path in (home.state.folder, home.state.runs)} == {0o700}
    os.chmod(home.state.folder, 0o777)
    with pytest.raises(UsageError, match="written to by others"):
        State.open(home.host)
    os.chmod(home.state.folder, 0o755)
    State.open(home.host).prepare()
    assert os.stat(home.state.folder).st_mode & 0o777 == 0o700


@ROOT_ONLY
def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.state.prepare()
    os.chown(home.state.folder, 12345, 12345)
    with pytest.raises(UsageError, match="12345"):
        State.open(home.host)


@ROOT_ONLY
def test_another_users_home_is_refused(files: scenes.Files) -> None:
    os.chown(files.home.home, 12345, 12345)
    with pytest.raises(UsageError, match="belongs to user id 12345") as caught:
        files.apply()
    assert "sudo" in caught.value.hint
    with pytest.raises(UsageError, match="belongs to user id 12345"):
        files.undo()


@ROOT_ONLY
def test_root_does_not_write_into_another_users_environment(files: scenes.Files) -> None:
    for top, _, names in os.walk(files.env):
        for name in [".", *names]:
            os.chown(os.path.join(top, name), 12345, 12345, follow_symlinks=False)
    before = files.look()
    with pytest.raises(ConvfixError, match="run convfix as that user") as caught:
        files.apply()
    assert caught.value.exit_code == 3 and files.look() == before


@ROOT_ONLY
def test_another_users_changes_in_a_shared_environment_are_told_before_anything_is_begun(swift: Path) -> None:
    """What convfix keeps there is its user's alone, so another one cannot even look whether a run was interrupted."""
    scene = scenes.make("packages", swift / "scene")
    scene.apply()
    prefix = str(swift / "scene" / "env")
    assert snapshot.unfinished(prefix) is None
    swift.chmod(0o755)
    os.seteuid(12345)
    try:
        problem = snapshot.unfinished(prefix)
    finally:
        os.seteuid(0)
    assert problem is not None and "user id 0" in problem and "only they" in problem


def test_a_second_convfix_is_told_who_is_at_work(files: scenes.Files, tmp_path: Path) -> None:
    files.home.state.prepare()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from fixer.apply.state import State; from fixer.apply.lock import state_lock, environment_lock\n"
        "with state_lock(State(sys.argv[2])), environment_lock(sys.argv[3]):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", code, root, files.home.state.folder, str(files.env)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=f"process {other.pid}"):
            files.apply()
        with pytest.raises(LockedError, match=f"process {other.pid}"):
            files.home.state.prepare()
            with environment_lock(str(files.env)):
                pass
        other.communicate()
    files.apply()
    files.undo()


def test_a_torn_last_line_is_passed_over_and_rubbish_is_named(files: scenes.Files) -> None:
    files.apply()
    path = Path(files.home.state.journal("1"))
    whole = path.read_bytes()
    entries = read(str(path))
    for cut in range(1, len(whole), 97):
        path.write_bytes(whole[:-cut])
        if b"\n" not in whole[:-cut]:
            break
        assert len(read(str(path))) == whole[:-cut].count(b"\n")
        Journal.open(files.home.state, "1")
        assert path.read_bytes().endswith(b"\n")
    path.write_bytes(whole)
    lines = whole.split(b"\n")
    for number, rubbish in [(1, b"{"), (2, b"\xff\xfe"), (3, b"[]"), (2, b'{"a": 1}'), (4, b"[" * 100_000), (2, b""), (3, lines[1])]:
        path.write_bytes(b"\n".join([*lines[: number - 1], rubbish, *lines[number:]]))
        with pytest.raises(UsageError, match=rf"1\.jsonl: line {number}"):
            read(str(path))
        assert history(files.home.state)[0].state.startswith("damaged")
        for run in ("1", None):
            with pytest.raises(UsageError, match="line"):
                preview(run, files.home.state)
    path.write_bytes(whole)
    assert len(entries) > 10
    files.undo()
    assert files.look() == files.before


def test_a_last_line_with_holes_was_never_acknowledged(files: scenes.Files) -> None:
    """A line of more than a block, of which the power left the end and not the beginning: it reads as NULs."""
    files.apply()
    path = Path(files.home.state.journal("1"))
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for hole in (b"\0" * len(lines[-1]), b"\0" * (len(lines[-1]) - 1) + b"\n", b"\0" * 20 + lines[-1][20:]):
        path.write_bytes(b"".join(lines[:-1]) + hole)
        assert read(str(path))[-1].state == "done" and open_run(files.home.state) is not None
    path.write_bytes(b"".join([*lines[:3], b"\0" * 20 + lines[3][20:], *lines[4:]]))
    with pytest.raises(UsageError, match="line 4") as caught:
        read(str(path))
    assert "move the file away" in caught.value.hint
    path.write_bytes(b"".join(lines[:-1]) + b"\0" * 20 + lines[-1][20:])
    recover(files.home.host, files.home.state, quiet)
    assert files.look() == files.before and open_run(files.home.state) is None


def test_an_empty_journal_is_no_run(files: scenes.Files) -> None:
    """Killed while it was made where there are no hard links: the name was claimed, and nothing was begun."""
    files.home.state.prepare()
    path = Path(files.home.state.journal("1"))
    path.touch()
    assert open_run(files.home.state) is None and history(files.home.state) == ()
    files.apply()
    assert [run.run for run in history(files.home.state)] == ["1"]
    files.undo()
    assert files.look() == files.before


@pytest.mark.parametrize("now", ["a file", "nothing", "a link"])
def test_undo_where_the_environment_is_something_else_by_now(files: scenes.Files, now: str) -> None:
    """What is gone needs nothing taken back; the profile gets its bytes; what lies elsewhere is left and told."""
    files.apply()
    os.rename(files.env, files.folder / "elsewhere")
    if now == "a file":
        files.env.write_text("x")
    elif now == "a link":
        files.env.symlink_to(files.folder / "elsewhere")
    back = undo(None, files.home.host, files.home.state, quiet)
    assert files.profile.read_bytes() == b"# caf\xe9\r\nexport KEEP=1\r\nexport LAST=2"
    assert open_run(files.home.state) is None
    assert (len(back.conflicts) == 2 and "elsewhere" in back.conflicts[0]) if now == "a link" else back.conflicts == ()


def test_bytes_flipped_anywhere_in_a_journal_never_touch_a_foreign_file(files: scenes.Files, tmp_path: Path) -> None:
    """The journal is the user's own, but it may be damaged: an error or a right undo, and nothing outside is touched."""
    chance = random.Random(11)
    files.apply()
    path = Path(files.home.state.journal("1"))
    whole = path.read_bytes()
    outside = tmp_path / "outside"
    outside.write_text("mine")
    for _ in range(200):
        at = chance.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(7))]) + whole[at + 1 :])
        try:
            undo("1", files.home.host, files.home.state, quiet)
        except ConvfixError as error:
            assert error.exit_code in (2, 4)
        assert outside.read_text() == "mine"
        path.write_bytes(whole)
        # Back to the applied state, by what undo left.
        rest = list(files.plan.actions)
        assert rest


def test_a_journal_that_points_elsewhere_is_refused(files: scenes.Files, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    import hashlib

    digest = hashlib.sha256(b"mine").hexdigest()
    for deed in (
        {"deed": "create", "path": str(victim), "sha256": digest, "folders": []},
        {"deed": "edit", "path": str(victim), "target": str(victim), "before": "0", "after": digest, "kept": "0", "pieces": []},
        {"deed": "packages", "prefix": "/", "store": str(tmp_path), "sites": [str(tmp_path)], "scripts": "/", "names": []},
    ):
        files.apply()
        number = files.home.state.numbers()[-1]
        path = Path(files.home.state.journal(str(number)))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        changed = next(line for line in lines if line["state"] == "intent")
        kept = dict(changed["before"])
        changed["before"] = deed
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with pytest.raises(ConvfixError):
            undo(str(number), files.home.host, files.home.state, quiet)
        assert victim.read_text() == "mine"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        next(line for line in lines if line["before"] == deed)["before"] = kept
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        recover(files.home.host, files.home.state, quiet)
        assert open_run(files.home.state) is None and files.look() == files.before


def test_the_preview_of_an_undo_and_its_order(files: scenes.Files) -> None:
    files.apply()
    run, steps = preview(None, files.home.state)
    assert run == "1" and [step.name for step in steps] == ["profile", "kernel", "script", "conda", "own", "hook"]
    assert files.home.state.numbers() == (1,)
    files.undo()
    for wrong in ("1", "2", "x", "-1", "9" * 30):
        with pytest.raises(UsageError):
            preview(wrong, files.home.state)
        with pytest.raises(UsageError):
            undo(wrong, files.home.host, files.home.state, quiet)


def test_apply_to_a_described_machine_is_refused(files: scenes.Files) -> None:
    host = RealHost(files.home.host.environ, sys_root=str(files.env))
    with pytest.raises(UsageError, match="sys-root"):
        apply(files.plan, host, files.home.state, quiet)
