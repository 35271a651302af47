"""R8 and R9: thousands of random profiles come back byte for byte, and a second apply writes nothing."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import recover, undo
from fixer.errors import ConvfixError
from tests.hands import tally
from tests.hands.bodies import Home, action, plan, quiet
from tests.hands.crash import calls_of, shared_out

NAMES = {"bash": ".bashrc", "zsh": ".zshrc", "sh": ".profile", "fish": ".config/fish/config.fish"}
PARTS = (
    b"export A=1\n", b"export PATH=\"/opt/bin:$PATH\"\n", b"if true; then\n  :\nfi\n", b"alias ll='ls -l'\r\n", b"\r\n", b"\r", b"\n", b"\n\n",
    b"# caf\xe9 \xff\xfe\n", b"# caf\xc3\xa9 \xf0\x9f\x98\x80\n", b"\0", b"\x1b[0m", b"\t \t", b"\\\n", b"'", b'"', b"`", b"$(", b"case x in\n",
    b"cat <<'E'\n# >>> conda initialize >>>\nE\n", b"# >>> conda initialize >>>\n__conda_setup=1\n# <<< conda initialize <<<\n",
    b"cat <<E\n  # >>> convfix 0123456789 >>>\nE\n", b"# >>> convfixes >>>\n", b"# convfix\n", b"[ -r ~/x ] && . ~/x\n", b"exit 0\n", b"return\n",
    b"# \xe2\x80\xae bidi\n", b"x" * 4095 + b"\n", b"\xef\xbb\xbf",
)  # fmt: skip
UNBALANCED = (b"# >>> convfix 0123456789 >>>\n", b"# <<< convfix 0123456789 <<<\n", b"# <<< convfix a <<<\n# >>> convfix a >>>\n")


def content(chance: random.Random) -> bytes:
    """A random profile: pieces of real ones, pieces of trouble, random bytes, often without a last newline."""
    made = b"".join(chance.choice(PARTS) for _ in range(chance.randrange(7)))
    if chance.random() < 0.2:
        made += chance.randbytes(chance.randrange(40))
    if chance.random() < 0.5:
        made = made.rstrip(b"\n")
    if chance.random() < 0.05:
        made += b"\n" + chance.choice(UNBALANCED)
    return made


class Rounds:
    """One profile of one shell, filled again and again; the script that it sources is there already."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.shell, self.folder = shell, folder
        self.env = folder / "env"
        (self.env / "bin").mkdir(parents=True)
        self.script = str(self.env / "share" / f"it's on.{shell}")
        self.path = folder / "home" / NAMES[shell]
        self.path.parent.mkdir(parents=True)
        self.target = self.path
        common = {"interpreter": f"{self.env}/bin/python", "prefix": str(self.env), "shell": shell, "path": self.script}
        made = action("activation_script", {**common, "prepend": {"LD_LIBRARY_PATH": ["/one/a"]}}, "script")
        self.home = Home(folder / "home")
        apply(plan(made), self.home.host, self.home.state, quiet)
        self.plan = plan(action("profile_block", {"shell": shell, "path": str(self.path), "source": self.script}, "profile"))

    def fill(self, chance: random.Random, data: bytes) -> None:
        """Put ``data`` there: a file, or one that a link leads to; with some mode and some old time."""
        if os.path.lexists(self.path):
            os.unlink(self.path)
        self.target = self.path
        if chance.random() < 0.2:
            self.target = self.folder / "dotfiles-rc"
            self.path.symlink_to(self.target if chance.random() < 0.5 else os.path.relpath(self.target, self.path.parent))
        self.target.write_bytes(data)
        self.target.chmod(chance.choice((0o644, 0o600, 0o640, 0o755)))
        at = 1_500_000_000_000_000_000 + chance.randrange(10**17)
        os.utime(self.target, ns=(at, at))

    def forget(self, number: int) -> None:
        """Another state folder: the time of listing runs must not grow with the rounds."""
        self.home = Home(self.folder / "home", {"CONVFIX_STATE_DIR": str(self.folder / f"state-{number}")})

    def apply(self) -> None:
        apply(self.plan, self.home.host, self.home.state, quiet)

    def undo(self) -> None:
        undo(None, self.home.host, self.home.state, quiet)

    def recover(self) -> None:
        recover(self.home.host, self.home.state, quiet)

    def look(self) -> tuple[bytes, int, int, str | None]:
        found = os.stat(self.target)
        link = os.readlink(self.path) if self.path.is_symlink() else None
        return self.target.read_bytes(), found.st_mode, found.st_mtime_ns, link


def came_back(folder: Path, shell: str, seeds: Sequence[int], again: bool = False) -> Iterator[str]:
    """Each seed's profile through apply and undo; with ``again`` twice, and a second apply that must write nothing."""
    rounds = Rounds(folder, shell)
    for number, seed in enumerate(seeds):
        if number % 10 == 0:
            rounds.forget(number)
        chance = random.Random(seed)
        rounds.fill(chance, content(chance))
        before = rounds.look()
        try:
            rounds.apply()
        except ConvfixError as error:
            assert "add by hand" in error.message and b"convfix" in before[0], (seed, error.message)
            assert rounds.look() == before, seed
            yield "refused"
            continue
        after = rounds.look()
        assert after[0].startswith(before[0]) and after[0] != before[0] and after[1] == before[1] and after[3] == before[3], seed
        if again:
            calls = calls_of(rounds.apply)
            assert calls == [] and rounds.look() == after, (seed, calls)
        rounds.undo()
        assert rounds.look() == before, seed
        if again:
            rounds.apply()
            assert rounds.look()[0] == after[0], seed
            rounds.undo()
            assert rounds.look() == before, seed
        yield "back"


def many(swift: Path, shell: str, count: int, again: bool = False) -> list[str]:
    """``count`` rounds in all cores."""

    def work(worker: int, mine: Sequence[int]) -> Iterator[str]:
        return came_back(swift / f"{shell} {worker}", shell, mine, again)

    return shared_out(range(count), work)


@pytest.mark.parametrize("shell", NAMES)
def test_random_profiles_come_back_byte_for_byte(swift: Path, shell: str) -> None:
    """R8: 5,000 of each shell."""
    ends = many(swift, shell, 5000)
    assert ends.count("back") > 4500 and ends.count("refused") > 50
    tally.add("R8 profiles taken back", len(ends))


@pytest.mark.parametrize("shell", NAMES)
def test_a_second_apply_writes_nothing(swift: Path, shell: str) -> None:
    """R9: apply twice, undo, apply, undo; 1,250 of each shell."""
    tally.add("R9 applied twice", len(many(swift, shell, 1250, again=True)))


@pytest.mark.long
def test_ten_times_as_many_profiles_come_back(swift: Path) -> None:
    """R8 in full."""
    for shell in NAMES:
        assert len(many(swift / "more", shell, 50_000)) == 50_000
        tally.add("R8 profiles taken back", 50_000)
