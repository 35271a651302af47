"""R14: random lives of a home: look, plan, apply, kill, recover, undo, foreign edits, another convfix; a simple model agrees.

A later or an earlier convfix writes another block for the same script. What one wrote any other takes back, since the
journal tells it how; and no profile ever holds two blocks for one script.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fixer.actions import profile_block
from fixer.apply.journal import history
from fixer.apply.transaction import shown
from fixer.errors import ConvfixError
from fixer.shells import block, block_key
from tests.hands import tally
from tests.hands.crash import calls_of, killed_at, shared_out
from tests.hands.test_many_profiles import NAMES, Rounds

STEPS = 30
ROW = f"R14 lives of {STEPS} steps"
STEP_NAMES = ("look_and_plan", "apply", "undo", "edit", "recover", "kill apply", "kill undo", "upgrade")


class Life(Rounds):
    """A profile, the lines that people wrote into it, and a convfix whose block says its version."""

    theirs: list[bytes]

    def begin(self, chance: random.Random) -> None:
        self.fill(chance, b"first=1\n")
        self.theirs = [b"first=1\n"]
        self.upgrade(0)

    def upgrade(self, version: int) -> None:
        """Become another convfix, whose journals and blocks are its own."""
        self.plan = dataclasses.replace(self.plan, version=str(version))
        remark = f"# as version {version} says it\n" if version else ""

        def its_block(shell: str, path: str) -> str:
            first, _, rest = block(shell, path).partition("\n")
            return f"{first}\n{remark}{rest}"

        profile_block.block = its_block  # type: ignore[attr-defined]

    def look_and_plan(self) -> None:
        assert calls_of(lambda: (history(self.home.state), shown(self.plan, self.home.host))) == []

    def edit(self, chance: random.Random) -> None:
        """Somebody adds a line at the end or at the top, or takes our block out by hand."""
        now = self.target.read_bytes()
        line = b"export L%d=1\n" % chance.randrange(10**6)
        way = chance.randrange(3)
        if way == 0:
            self.theirs.append(line)
            self.target.write_bytes(now + line)
        elif way == 1:
            self.theirs.insert(0, line)
            self.target.write_bytes(line + now)
        else:
            self.target.write_bytes(b"".join(self.theirs))

    def agree(self, seed: int) -> None:
        now = self.target.read_bytes()
        ours = b"# >>> convfix " + block_key(self.script).encode()
        assert [line for line in now.splitlines(keepends=True) if line in self.theirs] == self.theirs, (seed, now)
        assert now.count(ours) <= 1, (seed, now)


def lived(folder: Path, shell: str, seeds: Sequence[int]) -> Iterator[str]:
    """The model: the lines that people wrote, in their order; ours are there exactly while a run stands."""
    life = Life(folder, shell)
    for number, seed in enumerate(seeds):
        if number % 3 == 0:
            life.forget(number)
        chance = random.Random(seed)
        life.begin(chance)
        for _ in range(STEPS):
            step = chance.choice(STEP_NAMES)
            with contextlib.suppress(ConvfixError):
                if step == "upgrade":
                    life.upgrade(chance.randrange(3))
                elif step == "edit":
                    life.edit(chance)
                elif step.startswith("kill "):
                    killed_quietly(chance.randrange(30), getattr(life, step[5:]))
                else:
                    getattr(life, step)()
            life.agree(seed)
        life.recover()
        for _ in range(STEPS):
            try:
                life.undo()
            except ConvfixError:
                break
        assert life.target.read_bytes() == b"".join(life.theirs), (seed, life.target.read_bytes())
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

    tally.add(ROW, len(shared_out(range(count), work)))


@pytest.mark.parametrize("shell", NAMES)
def test_random_lives(swift: Path, shell: str) -> None:
    lives(swift, shell, 10)


@pytest.mark.long
def test_many_random_lives(swift: Path) -> None:
    """R14 in full: 2,000 lives."""
    for shell in NAMES:
        lives(swift / "more", shell, 500)
    tally.at_least(ROW, 2000)
