"""R1 to R4: killed, interrupted or refused at every changing call of apply, of recovery and of undo.

After one recovery all is old, or all is new. A point is one call of one run; each of its call sites in the product is
among them. The scenes are in ``scenes``, the faults in ``crash``.
"""

from __future__ import annotations

import ast
import errno
import functools
import os
import random
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fixer.errors import ConvfixError, Interrupted
from fixer.host import durable
from tests.hands import scenes, tally
from tests.hands.crash import ERRORS, Call, Faulty, calls_of, faults, killed_at, shared_out, with_faults

HANDS = Path(durable.__file__).parents[1]


@pytest.fixture(params=scenes.ALL)
def name(request: pytest.FixtureRequest) -> str:
    """Each scene in turn."""
    return str(request.param)


def sites(calls: Sequence[Call]) -> set[str]:
    return {call.site for call in calls}


@pytest.mark.parametrize("name", [*scenes.ALL, "bash poor", "packages poor"])
def test_killed_at_every_call_of_apply(swift: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """R1: at every call, and in the middle of every write."""
    if name in scenes.POOR:
        scenes.poor(monkeypatch)
    scene = scenes.make(name, swift / "first")
    scene.new()
    calls = calls_of(scene.apply)
    points = [(at, "kill") for at in range(len(calls))]
    points += [(at, what) for at, call in enumerate(calls) if call.name == "write" for what in ("torn", "torn 1", "torn -1")]

    def work(worker: int, mine: Sequence[tuple[int, str]]) -> Iterator[str]:
        own = scenes.make(name, swift / str(worker))
        new = own.new()
        for at, what in mine:
            assert killed_at(at, own.apply, what), (at, what)
            yield own.settle(new)
        own.apply()
        own.undo()
        left = [path for path in scenes.exact(own.folder) if "convfix-new" in path or "convfix-back" in path]
        assert not left, left

    ends = shared_out(points, work)
    assert set(ends) <= {"old", "new"} and ends.count("old") > len(ends) // 2
    tally.add("R1 killed in apply", len(ends), sites(calls))


def test_killed_at_every_call_of_undo(swift: Path, name: str) -> None:
    """R2, its first half: undo is killed at every call."""
    scene = scenes.make(name, swift / "first")
    scene.apply()
    calls = calls_of(scene.undo)

    def work(worker: int, mine: Sequence[int]) -> Iterator[str]:
        own = scenes.make(name, swift / str(worker))
        for at in mine:
            own.apply()
            assert killed_at(at, own.undo), at
            met = sites(calls_of(own.recover))
            if not own.is_old():
                # Killed before the undo was announced: the run stands whole.
                own.undo()
            assert own.is_old() and not own.interrupted, (at, scenes.same(own.before, own.look()))
            own.forget_runs()
            yield "\n".join(met)

    ends = shared_out(range(len(calls)), work)
    tally.add("R2 killed in undo and recovery", len(ends), sites(calls).union(*(text.split("\n") for text in ends)))


def test_killed_while_only_our_lines_go(swift: Path) -> None:
    """R2: an undo that takes our lines out of a profile which somebody edited since, killed at every call."""
    scene = scenes.make("bash", swift / "first")
    target = scene.profile.resolve()  # type: ignore[attr-defined]
    former = target.read_bytes()
    at = 0
    met: set[str] = set()
    while True:
        scene.apply()
        target.write_bytes(b"first=1\n" + target.read_bytes() + b"last=1\n")
        if at == 0:
            met = sites(calls_of(scene.undo))
            assert target.read_bytes() == b"first=1\n" + former + b"\nlast=1\n"
            target.write_bytes(former)
            scene.apply()
            target.write_bytes(b"first=1\n" + target.read_bytes() + b"last=1\n")
        if not killed_at(at, scene.undo):
            break
        scene.recover()
        if b"convfix" in target.read_bytes():
            scene.undo()
        assert target.read_bytes() == b"first=1\n" + former + b"\nlast=1\n", at
        target.write_bytes(former)
        at += 1
    tally.add("R2 killed in undo and recovery", at, met)


def test_killed_in_recovery(swift: Path, name: str) -> None:
    """R2, its second half: apply is killed at each of its call sites, and the recovery of that at every call, or twice."""
    scene = scenes.make(name, swift / "first")
    new = scene.new()
    calls = calls_of(scene.apply)
    scene.undo()
    last = {call.site: at for at, call in enumerate(calls)}
    points = []
    met: set[str] = set()
    for at in sorted(last.values()):
        assert killed_at(at, scene.apply, "torn")
        again = calls_of(scene.recover)
        met |= sites(again)
        assert scene.settle(new) in ("old", "new")
        points += [(at, k) for k in range(len(again))]
    chance = random.Random(7)
    points = chance.sample(points, min(len(points), 170 if name in scenes.SHELLS or name.endswith('bare') else 300))

    def work(worker: int, mine: Sequence[tuple[int, int]]) -> Iterator[str]:
        own = scenes.make(name, swift / str(worker))
        made = own.new()
        luck = random.Random(worker)
        for at, second in mine:
            assert killed_at(at, own.apply, "torn")
            killed_at(second, own.recover)
            yield "once"
            if luck.random() < 0.5 and killed_at(luck.randrange(second + 1), own.recover):
                yield "twice"
            own.settle(made)

    ends = shared_out(points, work)
    tally.add("R2 killed in undo and recovery", len(ends), met)
    tally.add("R2 of these twice in a row", ends.count("twice"))


def test_every_changing_call_of_the_hands_was_a_point() -> None:
    """The product's call sites, read from its syntax, against those at which R1 and R2 killed."""
    if "R2 of these twice in a row" not in tally.ROWS or "R1 killed in apply" not in tally.ROWS:
        pytest.skip("the kill tests did not run")
    tally.at_least("R1 killed in apply", 2000)
    tally.at_least("R2 killed in undo and recovery", 2000)
    met = {site.partition(" < ")[2] for row in tally.ROWS.values() for site in row.sites}
    # Where conda is the installer, which is not at hand here.
    elsewhere = {"actions/conda_packages.py", "actions/new_environment.py: remove_dir"}
    looking = {"read", "hash_file", "sha256", "temporary", "hash_open", "sync_filesystem", "missing_folders"}
    missed = []
    for path in sorted((HANDS / "actions").glob("*.py")) + sorted((HANDS / "apply").glob("*.py")):
        where = str(path.relative_to(HANDS))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "durable":
                lines = {f"{where}:{number}" for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
                named = f"{where}: {node.func.attr}"
                if node.func.attr not in looking and not {where, named} & elsewhere and not lines & met:
                    missed.append(f"{where}:{node.lineno}: durable.{node.func.attr}")
    assert missed == [], missed


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("name", ["bash", "fish", "packages", "environment"])
def test_interrupted_at_each_step(swift: Path, name: str) -> None:
    """R3: a signal at a call; all old and 130 or 143, or all new when it came too late."""
    scene = scenes.make(name, swift / "first")
    new = scene.new()
    calls = calls_of(scene.apply)
    scene.undo()
    count = 0
    for at in range(0, len(calls), 3):
        for number in SIGNALS:
            try:
                with_faults(Faulty(at, functools.partial(os.kill, os.getpid(), number)), scene.apply)
            except Interrupted as error:
                assert error.exit_code == (130 if number == signal.SIGINT else 143)
                assert scene.is_old() and not scene.interrupted, (at, number)
            assert scene.settle(new) in ("old", "new")
            count += 1
    tally.add("R3 interrupted", count)


def test_nobody_listens_any_more(swift: Path, name: str) -> None:
    """R3: the reader of the talk is gone (EPIPE) from the first, second... line on; the work is done all the same."""
    from fixer.apply.transaction import apply
    from fixer.apply.undo import undo

    scene = scenes.make(name, swift / "first")
    scene.new()
    for lines in range(4):
        listener = GoneAfter(lines)
        apply(scene.plan, scene.host, scene.home.state, listener)
        assert not scene.is_old()
        undo(None, scene.host, scene.home.state, listener)
        assert scene.is_old()
        tally.add("R3 interrupted", 2)


class GoneAfter:
    """A listener who takes a few lines and closes the pipe."""

    def __init__(self, lines: int) -> None:
        self.left = lines

    def __call__(self, text: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


STICKY = (errno.ENOSPC, errno.EROFS, errno.EDQUOT)
FAULTS = [*((number, False) for number in ERRORS), ("short", False), *((number, True) for number in STICKY)]


def erred(swift: Path, name: str, step: int) -> int:
    """R4: every ``step``-th call fails in each way; the number of runs."""
    scene = scenes.make(name, swift / "first")
    scene.new()
    calls = calls_of(scene.apply)
    points = [(at, number, sticky) for at in range(0, len(calls), step) for number, sticky in FAULTS]

    def work(worker: int, mine: Sequence[tuple[int, int | str, bool]]) -> Iterator[str]:
        own = scenes.make(name, swift / str(worker))
        new = own.new()
        for at, number, sticky in mine:
            faulty = Faulty(at, number, sticky)
            try:
                with faults(faulty):
                    own.apply()
            except ConvfixError as error:
                assert error.exit_code in (2, 3, 4), error.message
                if error.exit_code != 4:
                    assert own.is_old(), (at, number, sticky, error.message, scenes.same(own.before, own.look()))
                else:
                    assert own.home.state.folder in error.hint, error.hint
            else:
                assert not scenes.contents(new, own.look()), (at, number, sticky)
            assert faulty.hit or number == "short"
            yield own.settle(new)

    ends = shared_out(points, work)
    tally.add("R4 errors at a call", len(ends), sites(calls))
    return len(ends)


def test_an_error_at_every_call(swift: Path, name: str) -> None:
    """R4 as CI runs it: all calls of one shell, a share of the others'."""
    erred(swift, name, {"bash": 1, "packages": 1, "environment": 1}.get(name, 10))


@pytest.mark.long
def test_every_error_at_every_call(swift: Path) -> None:
    """R4 in full."""
    assert sum(erred(swift, name, 1) for name in scenes.ALL) >= 10_000


def test_a_failed_fsync_is_never_taken_for_success(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    calls = calls_of(lambda: durable.replace(str(path), b"new", durable.sha256(b"old")))
    for at in [number for number, call in enumerate(calls) if call.name == "fsync"]:
        path.write_bytes(b"old")
        with pytest.raises(OSError, match="Input/output"):
            with_faults(Faulty(at, errno.EIO), lambda: durable.replace(str(path), b"new", durable.sha256(b"old")))
        assert path.read_bytes() in (b"old", b"new") and os.listdir(tmp_path) == ["file"]


def test_fsyncs_of_a_file_step(swift: Path) -> None:
    """The cost of a step, counted: temp, folder, twice the journal; an edit keeps a before-image as well."""
    scene = scenes.make("bash", swift / "first")
    names = [call.name for call in calls_of(scene.apply)]
    assert names.count("fsync") + names.count("fdatasync") <= 60, (names.count("fsync"), names.count("fdatasync"))
