"""R5: the power goes at any call of apply or undo. Whatever of the unsynced calls came through, recovery gives old or new."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.hands import scenes, tally
from tests.hands.crash import shared_out
from tests.hands.power import Recording, lay_down
from tests.hands.scenes import Scene

ROW = "R5 states of the disk after a loss of power"
# Taking back a package's step makes most calls: of its recoveries, hundreds, each has tens of thousands of choices.
SECOND_LOSS = {"packages": 101}


def recorded(scene: Scene, vault: Path, deed: Callable[[Scene], None]) -> Recording:
    """A deed on the scene, written down; the scene is as before the deed in the recording's ``before``."""
    # Only a package's snapshot knows inodes by their number; a second name in a vault would look like a hard link.
    recording = Recording(scene.folder, vault if isinstance(scene, scenes.Packages) else None)
    with recording.running():
        deed(scene)
    return recording


def replayed(swift: Path, name: str, way: str, step: int, again: int = 0) -> int:
    """Every ``step``-th state of the disk, recovered; how many there were.

    The recovery of every ``again``-th state is written down itself, and the power goes in that as well.
    """

    def work(worker: int, mine: Sequence[int]) -> Iterator[str]:
        folder = swift / f"{way} {worker}"
        folder.mkdir(parents=True)
        scene = scenes.make(name, folder / "scene")
        Scene.apply(scene)
        new = scene.look()
        Scene.undo(scene)
        assert scene.is_old()
        # The first run of all: the state folder and those above it are made as well.
        shutil.rmtree(scene.home.home / "state")
        if way == "undo":
            Scene.apply(scene)
        recording = recorded(scene, folder / "vault", Scene.apply if way == "apply" else Scene.undo)
        # Two workers share the states out; each has recorded the same run.
        for number, (tree, returned) in enumerate(itertools.islice(recording.states(), mine[0] * step, None, len(workers) * step)):
            lay_down(tree, scene.folder, recording.vault)
            if again and number % again == again - 1:
                yield from twice(scene, folder / f"vault {number}", new, SECOND_LOSS.get(name.split()[0], 1))
                continue
            end = recovered(scene, new)
            assert not returned or end == ("new" if way == "apply" else "old"), f"{way} had returned, and all is {end}"
            yield end

    workers = range(2)
    ends = shared_out(workers, work)
    assert set(ends) <= {"old", "new"}
    tally.add(ROW, len(ends))
    return len(ends)


def twice(scene: Scene, vault: Path, new: scenes.Tree, every: int) -> Iterator[str]:
    """The power goes again while the recovery works, at any call; ``every`` as ``states`` takes it."""
    recording = recorded(scene, vault, Scene.recover)
    for tree, _ in recording.states(every):
        lay_down(tree, scene.folder, recording.vault)
        yield recovered(scene, new)
    shutil.rmtree(vault, ignore_errors=True)


def recovered(scene: Scene, new: scenes.Tree) -> str:
    """Recover once: all is old, or all is new and can be undone."""
    scene.recover()
    assert not scene.interrupted
    now = scene.look()
    if not scenes.same(scene.before, now):
        return "old"
    assert not scenes.contents(new, now), (scenes.same(scene.before, now), scenes.contents(new, now))
    Scene.undo(scene)
    assert scene.is_old(), scenes.same(scene.before, scene.look())
    return "new"


@pytest.fixture(autouse=True)
def filesystem(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poor one where the scene's name says so."""
    if "poor" in request.node.name:
        scenes.poor(monkeypatch)


@pytest.mark.parametrize("way", ["apply", "undo"])
@pytest.mark.parametrize("name", ["bash", "packages", "environment"])
def test_the_power_goes(swift: Path, name: str, way: str) -> None:
    """R5 as CI runs it: a share of the states of three scenes."""
    assert replayed(swift, name, way, 12) > 10


@pytest.mark.long
@pytest.mark.parametrize("way", ["apply", "undo"])
@pytest.mark.parametrize("name", [*scenes.ALL, *scenes.POOR])
def test_the_power_goes_in_every_state(swift: Path, name: str, way: str) -> None:
    """R5 in full, and again in the recovery of every fortieth state."""
    assert replayed(swift, name, way, 1, again=40) > 100
