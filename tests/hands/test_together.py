"""R11: several at once, and an editor that saves between our reading and our replacing. No foreign edit is lost."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fixer.apply.journal import history, open_run
from fixer.errors import ConvfixError
from fixer.host import durable
from fixer.shells import block_key
from tests.hands import scenes, tally
from tests.hands.crash import Faulty, calls_of, faults, killed_at, shared_out
from tests.hands.test_many_profiles import NAMES, Rounds, content


def saved(path: Path, data: bytes, chance: random.Random) -> None:
    """Save as editors do: in place, by a rename, or by a rename after moving the old file away."""
    way = chance.randrange(3)
    if way == 0:
        path.write_bytes(data)
        return
    if way == 1:
        os.rename(path, path.with_name("rc~"))
    (path.parent / ".swap").write_bytes(data)
    os.replace(path.parent / ".swap", path)


class Editor:
    """Somebody who adds a line, once, when called."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path, self.line, self.chance = path, b"export MINE=%d\n" % seed, random.Random(seed)
        self.saved = False

    def __call__(self) -> None:
        saved(self.path, self.path.read_bytes() + b"\n" + self.line, self.chance)
        self.saved = True


def rounds_with_an_editor(folder: Path, shell: str, seeds: Sequence[int]) -> Iterator[str]:
    """At a random call of apply or undo an editor saves; the line must be in the file in the end, and ours must not."""
    rounds = Rounds(folder, shell)
    for number, seed in enumerate(seeds):
        if number % 10 == 0:
            rounds.forget(number)
        chance = random.Random(seed)
        rounds.fill(chance, content(chance).replace(b"# >>> convfix ", b"").replace(b"# <<< convfix ", b""))
        before = rounds.look()[0]
        editor = Editor(rounds.target, seed)
        deed = rounds.apply
        if chance.random() < 0.4:
            rounds.apply()
            deed = rounds.undo
        with contextlib.suppress(ConvfixError), faults(Faulty(chance.randrange(24), editor)):
            deed()
        rounds.recover()
        assert not editor.saved or editor.line in rounds.target.read_bytes(), (seed, deed)
        with contextlib.suppress(ConvfixError):
            rounds.undo()
        now = rounds.target.read_bytes()
        ours = b"# >>> convfix " + block_key(rounds.script).encode()
        assert ours not in now and before in now and (not editor.saved or editor.line in now), (seed, before, now)
        assert open_run(rounds.home.state) is None
        yield "edited" if editor.saved else "too late"


def with_an_editor(swift: Path, shell: str, count: int) -> None:
    def work(worker: int, mine: Sequence[int]) -> Iterator[str]:
        return rounds_with_an_editor(swift / f"{shell} {worker}", shell, mine)

    ends = shared_out(range(count), work)
    assert ends.count("edited") > count // 2
    tally.add("R11 an editor at work meanwhile", ends.count("edited"))


@pytest.mark.parametrize("shell", NAMES)
def test_an_editor_saves_meanwhile(swift: Path, shell: str) -> None:
    with_an_editor(swift, shell, 150)


@pytest.mark.long
def test_an_editor_saves_meanwhile_again_and_again(swift: Path) -> None:
    for shell in NAMES:
        with_an_editor(swift / "more", shell, 1000)


class EditedThenKilled(Faulty):
    """An editor saves just before the call ``at``, and we are killed just before the call behind it."""

    def __init__(self, at: int, edit: Callable[[], object]) -> None:
        super().__init__(at)
        self.edit = edit

    def _break_down(self, name: str, real: Callable[..., object], given: tuple[object, ...]) -> int | None:
        if self.edit is None:
            return super()._break_down(name, real, given)
        self.edit()
        self.edit = None  # type: ignore[assignment]
        self.at = len(self.calls)
        return None


@pytest.mark.parametrize("way", ["apply", "undo"])
def test_killed_while_the_file_and_its_successor_change_places(swift: Path, way: str) -> None:
    """What an editor saved at the last moment is out of place then: the recovery gives it its place back."""
    rounds = Rounds(swift / "one", "bash")
    rounds.fill(random.Random(1), b"x=1\n")
    calls = calls_of(rounds.apply)
    if way == "undo":
        calls = calls_of(rounds.undo)
        rounds.apply()
    else:
        rounds.undo()
    at = next(number for number, call in enumerate(calls) if call.name == "exchange")
    child = os.fork()
    if child == 0:
        with faults(EditedThenKilled(at, Editor(rounds.target, 7))):
            getattr(rounds, way)()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert b"MINE=7" not in rounds.target.read_bytes()
    rounds.recover()
    now = rounds.target.read_bytes()
    assert b"x=1\n" in now and b"MINE=7" in now
    assert not [name for name in os.listdir(rounds.target.parent) if "convfix-" in name]


def test_our_block_taken_out_by_hand_after_a_killed_undo(swift: Path) -> None:
    """Killed while the former bytes were written beside the profile: that piece must never take the profile's place."""
    rounds = Rounds(swift / "one", "bash")
    rounds.forget(0)
    rounds.fill(random.Random(1), b"x=1\n")
    rounds.apply()
    calls = calls_of(rounds.undo)
    for at in range(len(calls)):
        for number, what in enumerate(("kill", "torn")):
            rounds.forget(1 + 2 * at + number)
            rounds.fill(random.Random(1), b"x=1\n")
            rounds.apply()
            assert killed_at(at, rounds.undo, what)
            rounds.target.write_bytes(b"x=1\n")
            rounds.recover()
            with contextlib.suppress(ConvfixError):
                rounds.undo()
            assert rounds.target.read_bytes() == b"x=1\n", at
            assert not [name for name in os.listdir(rounds.target.parent) if "convfix-" in name]


MANY = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.hands import scenes
from fixer.apply.journal import history
from fixer.errors import ConvfixError
import random
class There(scenes.Files):
    def __init__(self, folder):
        self.env = folder / "env with 'a' $name"
        self.site = next(self.env.glob("lib/python*/site-packages"))
        self.profile = folder / "home" / ".profile"
        self.kernel = self.env / "share/jupyter/kernels/python3/kernel.json"
        scenes.Scene.__init__(self, folder, self.make_plan(folder, "bash"))
    undo = scenes.Scene.undo
scene = There(Path(sys.argv[2]))
chance = random.Random(int(sys.argv[3]))
for _ in range(int(sys.argv[4])):
    deed = chance.choice([scene.apply, scene.undo, lambda: history(scene.home.state), scene.recover])
    try:
        deed()
        print("did")
    except ConvfixError as error:
        assert error.exit_code in (2, 3), (error.exit_code, error.message)
        print("busy" if "at work" in error.message or "changing" in error.message else "refused")
"""


def at_once(swift: Path, processes: int, rounds: int, seed: int) -> int:
    """``processes`` that apply, undo, recover and look at random; the number of deeds. All old in the end."""
    scene = scenes.make("bash", swift / "many")
    command = [sys.executable, "-c", MANY, str(Path(__file__).parents[2]), str(scene.folder)]
    running = [
        subprocess.Popen([*command, str(seed + number), str(rounds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    said = [child.communicate() for child in running]
    assert all(child.returncode == 0 for child in running), "\n".join(error for _, error in said)
    words = " ".join(text for text, _ in said).split()
    assert "did" in words and not scene.interrupted
    if history(scene.home.state) and any(run.state == "applied" for run in history(scene.home.state)):
        scene.undo()
    assert scene.is_old(), scenes.same(scene.before, scene.look())
    return len(words)


def test_several_at_once(swift: Path) -> None:
    """R11 as CI runs it."""
    tally.add("R11 deeds of several at once", at_once(swift, 4, 12, 1))


@pytest.mark.long
@pytest.mark.parametrize("processes", [2, 8, 16])
def test_many_at_once(swift: Path, processes: int) -> None:
    """R11 in full: 500 deeds."""
    tally.add("R11 deeds of several at once", at_once(swift, processes, 25, processes))


def test_a_replacement_is_seen_whole_or_not_at_all(swift: Path) -> None:
    """A reader that opens the file all the time sees the old bytes or the new ones, never a mixture or nothing."""
    path = swift / "rc"
    old, new = b"a" * 50_000, b"b" * 70_000
    path.write_bytes(old)
    child = os.fork()
    if child == 0:
        while True:
            if path.read_bytes() not in (old, new):
                os._exit(1)
    for _ in range(150):
        durable.replace(str(path), new, durable.sha256(old))
        durable.replace(str(path), old, durable.sha256(new))
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, 9)
    os.waitpid(child, 0)
