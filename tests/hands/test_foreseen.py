"""The plan's diffs: from a machine file the same as live, and exactly the bytes that apply then writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fixer.actions.foreseen import with_files
from fixer.apply.transaction import apply, shown
from fixer.apply.undo import undo
from fixer.errors import StalePlanError
from fixer.model import machine
from fixer.model.facts import Facts, Patient
from fixer.model.plan import Plan
from fixer.probes import repair_files
from tests.hands.bodies import Home, action, exact, plan, quiet, same

VALUES = {"prepend": {"LD_LIBRARY_PATH": ["/one/a"]}, "set": {"TF_X": "1\té"}, "unset": []}
HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$")


def patched(before: bytes, diff: str) -> bytes:
    """``before`` after a unified diff; any context or removed line must be as the diff says."""
    old = before.decode().split("\n") if before else []
    ended = not before or before.endswith(b"\n")
    old = old[:-1] if before.endswith(b"\n") else old
    made: list[str] = []
    at = 0
    lines = diff.split("\n")[2:-1]
    for line in lines:
        head = HUNK.match(line)
        if head:
            start, count = int(head[1]), int(head[2] or 1)
            upto = start if count == 0 else start - 1
            made += old[at:upto]
            at = upto
        elif line.startswith("\\"):
            ended = True
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert old[at] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            at += 1
    made += old[at:]
    return ("\n".join(made) + ("\n" if ended and made else "")).encode()


class Place:
    """A real environment, a library in it, and a home with a shell."""

    def __init__(self, folder: Path, shell: str = "bash", conda: bool = False) -> None:
        self.env = folder / "env 'of' me"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.env)], check=True)
        if conda:
            (self.env / "conda-meta").mkdir()
        self.site = next(self.env.glob("lib/python*/site-packages"))
        self.library = self.site / "libx.so"
        self.library.write_bytes(b"")
        self.home = Home(folder / "home", {"SHELL": f"/usr/bin/{shell}"})
        self.shell = shell

    def facts(self) -> Facts:
        """What the probe sees, after a trip through a machine file."""
        patient = Patient(str(self.env / "bin/python"), str(self.env), str(self.site), False, True, False)
        seen = Facts(repair_files=repair_files.observe(self.home.host, patient))
        again = machine.decode(json.loads(json.dumps(machine.encode(seen))))
        assert again.repair_files.value == seen.repair_files.value
        return again

    @property
    def profile(self) -> str:
        return next(one.path for one in self.facts().repair_files.or_else(()) if one.role == "profile")

    def hook(self) -> Plan:
        return plan(action("preload_hook", {**self.common, "site_packages": str(self.site), "libraries": [str(self.library)]}))

    def script(self, path: str, shell: str = "bash") -> Plan:
        return plan(action("activation_script", {**self.common, **VALUES, "shell": shell, "path": str(self.env / path)}))

    def block(self) -> Plan:
        script = str(self.env / "share" / "convfix" / ("activate.fish" if self.shell == "fish" else "activate.sh"))
        made = action("activation_script", {**self.common, **VALUES, "shell": self.shell, "path": script}, "script")
        return plan(made, action("profile_block", {"shell": self.shell, "path": self.profile, "source": script}, "profile"))

    @property
    def common(self) -> dict[str, str]:
        return {"interpreter": str(self.env / "bin/python"), "prefix": str(self.env)}

    def holds(self, made: Plan, left: int = 0) -> Plan:
        """The law: planned from facts = live; the diffs are the bytes that apply writes; undo gives all back."""
        planned = with_files(made, self.facts())
        live = shown(made, self.home.host)
        assert len(planned.notes) == left, planned.notes
        if not left:
            assert planned.actions == live.actions
        assert all(spec.files for spec in live.actions)
        diffs = [change for spec in live.actions for change in spec.files]
        before = {change.path: _content(change.path) for change in diffs}
        trees = exact(self.env, self.home.home, leave_out=("state",))
        apply(shown(planned, self.home.host), self.home.host, self.home.state, quiet)
        for change in diffs:
            assert patched(before[change.path], change.diff) == _content(change.path), change.path
        assert with_files(made, self.facts()).actions == made.actions, "what is done already has no diff"
        undo(None, self.home.host, self.home.state, quiet)
        assert not same(trees, exact(self.env, self.home.home, leave_out=("state",)))
        return planned


def _content(path: str) -> bytes:
    return Path(path).read_bytes() if Path(path).exists() else b""


@pytest.mark.parametrize("kind", ["hook", "new script", "own", "own fish", "conda", "conda fish"])
def test_the_planned_diffs_are_the_bytes_that_apply_writes(tmp_path: Path, kind: str) -> None:
    place = Place(tmp_path, conda=kind.startswith("conda"))
    made = {
        "hook": place.hook,
        "new script": lambda: place.script("share/convfix/activate.sh"),
        "own": lambda: place.script("bin/activate"),
        "own fish": lambda: place.script("bin/activate.fish", "fish"),
        "conda": lambda: place.script("etc/conda/activate.d/convfix.sh"),
        "conda fish": lambda: place.script("etc/conda/activate.d/convfix.fish", "fish"),
    }[kind]()
    files = [change for spec in place.holds(made).actions for change in spec.files]
    assert len(files) == (2 if kind in ("hook", "conda", "conda fish") else 1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "dash"])
@pytest.mark.parametrize("content", [None, b"", b"x=1\n", b"x=1\r\ny=\x0c2\xe2\x80\xa8\n\n", b"export TOKEN=secret\n"])
def test_a_profile_is_shown_without_a_line_of_its_own(tmp_path: Path, shell: str, content: bytes | None) -> None:
    place = Place(tmp_path, "sh" if shell == "dash" else shell)
    if content is not None:
        Path(place.profile).parent.mkdir(parents=True, exist_ok=True)
        Path(place.profile).write_bytes(content)
    planned = place.holds(place.block())
    assert "secret" not in json.dumps(machine.encode(place.facts())) + "".join(planned.actions[1].files[0].diff)


def test_a_last_line_without_a_line_feed_is_left_to_apply(tmp_path: Path) -> None:
    place = Place(tmp_path)
    Path(place.profile).write_bytes(b"x=1\nexport TOKEN=secret")
    planned = place.holds(place.block(), left=1)
    assert planned.actions[1].files == () and ".bashrc" in planned.notes[0] and "secret" not in planned.notes[0]


def test_another_hook_in_the_way_is_told(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (place.site / "_convfix_preload.py").write_text("# older\n")
    planned = with_files(place.hook(), place.facts())
    assert planned.actions[0].files == () and "_convfix_preload.py is there already" in planned.notes[0]


def test_a_described_machine_shows_our_own_files_and_no_guess_of_others(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert len(with_files(place.hook(), Facts()).actions[0].files) == 2
    own = with_files(place.script("bin/activate"), Facts())
    assert own.actions[0].files == () and "bin/activate is not known" in own.notes[0]
    homeless = plan(action("profile_block", {"shell": "bash", "path": "~/.bashrc", "source": "/e/x"}))
    nowhere = with_files(homeless, Facts())
    assert nowhere.actions[0].files == () and "step 1" in nowhere.notes[0]


def test_a_saved_plan_is_stale_when_its_file_has_changed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    Path(place.profile).write_bytes(b"x=1\n")
    saved = with_files(place.block(), place.facts())
    Path(place.profile).write_bytes(b"x=1\ny=2\n")
    with pytest.raises(StalePlanError, match=r"\.bashrc"):
        apply(shown(saved, place.home.host), place.home.host, place.home.state, quiet)
    assert Path(place.profile).read_bytes() == b"x=1\ny=2\n"


@pytest.mark.parametrize(
    ("variables", "shell", "tail"),
    [
        ({"SHELL": "/bin/zsh", "ZDOTDIR": "/z"}, "zsh", "/z/.zshrc"),
        ({"SHELL": "/bin/zsh", "ZDOTDIR": "z"}, "zsh", "home/.zshrc"),
        ({"SHELL": "/usr/bin/fish", "XDG_CONFIG_HOME": "/c"}, "fish", "/c/fish/config.fish"),
        ({"SHELL": "/usr/bin/tcsh"}, "bash", "home/.bashrc"),
        ({"SHELL": "/bin/ksh"}, "sh", "home/.profile"),
        ({}, "bash", "home/.bashrc"),
    ],
)
def test_the_profile_is_the_one_of_the_users_shell(tmp_path: Path, variables: dict[str, str], shell: str, tail: str) -> None:
    place = Place(tmp_path)
    host = Home(tmp_path / "home", {"SHELL": "", "ZDOTDIR": "", "XDG_CONFIG_HOME": "", **variables}).host
    patient = Patient("/e/bin/python", str(place.env), str(place.site), False, True, False)
    seen = repair_files.observe(host, patient).or_else(())
    chosen = next(one for one in seen if one.role == "profile")
    assert (chosen.shell, chosen.path.endswith(tail)) == (shell, True), chosen
