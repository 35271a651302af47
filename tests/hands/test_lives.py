"""R14: random lives of a home: apply, kill, recover, undo, a foreign edit; the profile holds what a simple model says."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fixer.errors import ConvfixError
from fixer.shells import block_key
from tests.hands import tally
from tests.hands.crash import killed_at, shared_out
from tests.hands.test_many_profiles import NAMES, Rounds

STEPS = 30


def lived(folder: Path, shell: str, seeds: Sequence[int]) -> Iterator[str]:
    """The model: the lines that people wrote, in their order; ours are there exactly while a run stands."""
    rounds = Rounds(folder, shell)
    ours = b"# >>> convfix " + block_key(rounds.script).encode()
    for number, seed in enumerate(seeds):
        if number % 3 == 0:
            rounds.forget(number)
        chance = random.Random(seed)
        rounds.fill(chance, b"first=1\n")
        theirs = [b"first=1\n"]
        for _ in range(STEPS):
            step = chance.randrange(6)
            with contextlib.suppress(ConvfixError):
                if step == 0:
                    rounds.apply()
                elif step == 1:
                    rounds.undo()
                elif step == 2:
                    line = b"export L%d=1\n" % chance.randrange(10**6)
                    theirs.append(line)
                    rounds.target.write_bytes(rounds.target.read_bytes() + line)
                elif step == 3:
                    rounds.recover()
                else:
                    killed_quietly(chance.randrange(30), rounds.apply if step == 4 else rounds.undo)
            now = rounds.target.read_bytes()
            assert [line for line in now.splitlines(keepends=True) if line in theirs] == theirs, (seed, now)
            assert now.count(ours) <= 1, (seed, now)
        rounds.recover()
        for _ in range(STEPS):
            try:
                rounds.undo()
            except ConvfixError:
                break
        assert rounds.target.read_bytes() == b"".join(theirs), (seed, rounds.target.read_bytes())
        yield "lived"


def killed_quietly(at: int, deed) -> None:  # type: ignore[no-untyped-def]
    """A kill at call ``at``; a deed that is refused ends by itself."""

    def tried() -> None:
        with contextlib.suppress(ConvfixError):
            deed()

    killed_at(at, tried)


def lives(swift: Path, shell: str, count: int) -> None:
    def work(worker: int, mine: Sequence[int]) -> Iterator[str]:
        return lived(swift / f"{shell} {worker}", shell, mine)

    tally.add(f"R14 lives of {STEPS} steps", len(shared_out(range(count), work)))


@pytest.mark.parametrize("shell", NAMES)
def test_random_lives(swift: Path, shell: str) -> None:
    lives(swift, shell, 10)


@pytest.mark.long
def test_many_random_lives(swift: Path) -> None:
    """R14 in full: 2,000 lives."""
    for shell in NAMES:
        lives(swift / "more", shell, 500)
