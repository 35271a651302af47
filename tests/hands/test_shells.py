"""Activation scripts in the real shells: values set, given back, nested, repeated, changed in between, hostile."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.shells import Values, quote, script
from tests import patients
from tests.hands.bodies import Home, action, exact, plan, quiet, same

SHELLS = ["bash", "zsh", "fish", "sh", "dash"]
HOSTILE = "/tmp/a 'quo\"te' $HOME `id` ; & | \\ * ? [x] é 😀 !x #y"


def kind(shell: str) -> str:
    return "sh" if shell == "dash" else shell


class Shell:
    """One real shell, reading no start-up files."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.path = patients.need(name)

    def run(self, text: str, variables: dict[str, str] | None = None) -> list[str]:
        """The lines that a script prints."""
        path = self.folder / "script"
        path.write_text(text)
        flags = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["-N"]}.get(self.name, [])
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **(variables or {})}
        done = subprocess.run([self.path, *flags, str(path)], capture_output=True, env=environ, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 and not done.stderr, done.stderr.decode()
        return done.stdout.decode().split("\n")[:-1]

    def show(self, *names: str) -> str:
        """A line that prints what a child sees of these variables: its repr, or None."""
        code = "import os,sys; print([os.environ.get(n) for n in sys.argv[1:]])"
        return f"{patients.find_python('3.11')} -c {quote(kind(self.name), code)} {' '.join(names)}\n"

    def source(self, values: Values, name: str = "on") -> str:
        path = self.folder / f"{name} it's.{self.name}"
        path.write_text(script(kind(self.name), values))
        return f"{'source' if self.name == 'fish' else '.'} {quote(kind(self.name), str(path))}\n"

    @property
    def strict(self) -> str:
        return "" if self.name == "fish" else "set -eu\n"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    return Shell(request.param, tmp_path)


ONE = Values({"LD_LIBRARY_PATH": ("/one/a", "/one/b", "/one/a")}, {"CUDA_HOME": HOSTILE}, ("XLA_FLAGS",))
TWO = Values({"LD_LIBRARY_PATH": ("/two",)}, {"CUDA_HOME": "two"})
OFF = "convfix_deactivate\n"


@pytest.mark.parametrize("old", [None, "", "/x", "/x:/one/b", ":/x:", "/x::/y", ".", "rel:/x:/x", "/has space/é:/x*"])
def test_values_come_and_go(shell: Shell, old: str | None) -> None:
    given = {"XLA_FLAGS": "--a=1", **({} if old is None else {"LD_LIBRARY_PATH": old})}
    names = ("LD_LIBRARY_PATH", "CUDA_HOME", "XLA_FLAGS")
    look = shell.show(*names)
    lines = shell.run(shell.strict + look + shell.source(ONE) + look + shell.source(ONE) + look + OFF + look, given)
    kept = [item for item in dict.fromkeys((old or "").split(":")) if item.startswith("/") and item not in ("/one/a", "/one/b")]
    expected = repr([":".join(["/one/a", "/one/b", *kept]), HOSTILE, None])
    assert lines == [repr([old, None, "--a=1"]), expected, expected, repr([old, None, "--a=1"])]


@pytest.mark.parametrize("first", [(), ("/good one",)])
@pytest.mark.parametrize("old", [None, "", "/bad", "/bad/:/x", "/x:/bad:/y:/bad", "/badder:/x/bad", ":/bad", "/good one:/bad"])
def test_harmful_folders_go_before_good_ones_come(shell: Shell, old: str | None, first: tuple[str, ...]) -> None:
    values = Values({"LD_LIBRARY_PATH": first} if first else {}, drop={"LD_LIBRARY_PATH": ("/bad", "/it's $worse")})
    given = {} if old is None else {"LD_LIBRARY_PATH": old}
    look = shell.show("LD_LIBRARY_PATH")
    lines = shell.run(shell.strict + look + shell.source(values) + look + shell.source(values) + look + OFF + look, given)
    kept = [item for item in (old or "").split(":") if item.startswith("/") and item.rstrip("/") not in ("/bad", *first)]
    now = None if old is None and not first else ":".join([*first, *kept])
    assert lines == [repr([old]), repr([now]), repr([now]), repr([old])]


def test_nothing_of_ours_is_left_in_the_shell(shell: Shell) -> None:
    listing = {"fish": "set -n; functions -an", "zsh": "typeset +; typeset +f", "bash": "compgen -v; compgen -A function || true"}
    look = listing.get(shell.name, "set") + "\n"
    lines = shell.run(shell.strict + shell.source(ONE) + OFF + look)
    assert not [line for line in lines if "convfix" in line.lower() and "script" not in line and "/" not in line]


def test_nested(shell: Shell) -> None:
    look = shell.show("LD_LIBRARY_PATH", "CUDA_HOME")
    text = shell.strict + shell.source(ONE) + shell.source(TWO, "two") + look + OFF + look + OFF + look
    assert shell.run(text, {"LD_LIBRARY_PATH": "/x"}) == [
        repr(["/two:/one/a:/one/b:/x", "two"]),
        repr(["/one/a:/one/b:/x", HOSTILE]),
        repr(["/x", None]),
    ]


def test_left_in_the_other_order(shell: Shell) -> None:
    look = shell.show("LD_LIBRARY_PATH", "CUDA_HOME")
    text = shell.strict + shell.source(ONE) + shell.source(TWO, "two") + f"_convfix_off_{ONE.key}\n" + look + OFF + look
    lines = shell.run(text, {"LD_LIBRARY_PATH": "/x"})
    assert lines[0] == repr(["/two:/x", "two"]) and "/one" not in lines[1] and "/two" not in lines[1].split(",")[0]


def test_changed_in_between(shell: Shell) -> None:
    change = "set -gx LD_LIBRARY_PATH /mine $LD_LIBRARY_PATH\n" if shell.name == "fish" else "export LD_LIBRARY_PATH=/mine:$LD_LIBRARY_PATH\n"
    change += "set -gx CUDA_HOME mine\n" if shell.name == "fish" else "export CUDA_HOME=mine\n"
    look = shell.show("LD_LIBRARY_PATH", "CUDA_HOME")
    text = shell.strict + shell.source(ONE) + change + OFF + look
    assert shell.run(text, {"LD_LIBRARY_PATH": "/x:/one/b"}) == [repr(["/mine:/one/b:/x", "mine"])]
    assert shell.run(text) == [repr(["/mine", "mine"])]


def test_a_child_shell_has_nothing_to_give_back(shell: Shell) -> None:
    inner = shell.folder / "inner"
    inner.write_text(shell.strict + shell.source(ONE) + OFF + shell.show("LD_LIBRARY_PATH"))
    text = shell.source(ONE) + f"{shell.path} {quote(kind(shell.name), str(inner))}\n"
    assert shell.run(text, {"LD_LIBRARY_PATH": "/x"}) == [repr(["/one/a:/one/b:/x"])]


def test_quoting_round_trips(shell: Shell, tmp_path: Path) -> None:
    """Random hostile texts in every interpolated value; nothing of them is ever run."""
    chance = random.Random(3)
    letters = "ab/ \t'\"\\$`!;&|<>(){}[]*?#~=^%@:,é😀\x1b-"
    payloads = ["$(touch canary)", "`touch canary`", "';touch canary;'", "\\';touch canary;\\'"]
    payloads += ["".join(chance.choice(letters) for _ in range(chance.randrange(1, 24))) for _ in range(300)]
    words = " ".join(quote(kind(shell.name), text) for text in payloads)
    code = "import sys; print([s.encode() for s in sys.argv[1:]])"
    lines = shell.run(f"{patients.find_python('3.11')} -c {quote(kind(shell.name), code)} {words}\n")
    assert lines == [repr([text.encode() for text in payloads])]
    assert not (tmp_path / "canary").exists() and not Path("canary").exists()


@pytest.mark.parametrize("maker", ["venv", "uv"])
def test_an_environments_own_activate(shell: Shell, tmp_path: Path, maker: str) -> None:
    home = Home(tmp_path / "home")
    env = tmp_path / "env"
    if maker == "uv":
        patients.make_patient(env, "3.11", pip=False)
    else:
        subprocess.run([patients.need_python("3.11"), "-m", "venv", "--without-pip", str(env)], check=True)
    before = exact(env)
    path = env / "bin" / ("activate.fish" if shell.name == "fish" else "activate")
    params = {
        "interpreter": f"{env}/bin/python", "prefix": str(env), "shell": kind(shell.name), "path": str(path),
        "prepend": {"LD_LIBRARY_PATH": ["/one/a"]}, "set": {"CUDA_HOME": HOSTILE},
    }  # fmt: skip
    apply(plan(action("activation_script", params)), home.host, home.state, quiet)
    enter = f"{'source' if shell.name == 'fish' else '.'} {path}\n"
    look = shell.show("LD_LIBRARY_PATH", "CUDA_HOME", "VIRTUAL_ENV")
    lines = shell.run(enter + look + enter + look + "deactivate\n" + look, {"LD_LIBRARY_PATH": "/x"})
    inside = repr(["/one/a:/x", HOSTILE, str(env)])
    assert lines == [inside, inside, repr(["/x", None, None])]
    undo(None, home.host, home.state, quiet)
    assert not same(before, exact(env))


def test_condas_hooks(shell: Shell, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    env = tmp_path / "env"
    (env / "etc" / "conda" / "activate.d").mkdir(parents=True)
    before = exact(env)
    path = env / "etc" / "conda" / "activate.d" / f"convfix.{kind(shell.name)}"
    params = {
        "interpreter": f"{env}/bin/python", "prefix": str(env), "shell": kind(shell.name), "path": str(path),
        "prepend": {"LD_LIBRARY_PATH": ["/one/a"]},
    }  # fmt: skip
    apply(plan(action("activation_script", params)), home.host, home.state, quiet)
    twin = env / "etc" / "conda" / "deactivate.d" / path.name
    verb = "source" if shell.name == "fish" else "."
    look = shell.show("LD_LIBRARY_PATH")
    text = shell.strict + f"{verb} {twin}\n{verb} {path}\n" + look + f"{verb} {twin}\n" + look
    assert shell.run(text) == [repr(["/one/a"]), repr([None])]
    undo(None, home.host, home.state, quiet)
    assert not same(before, exact(env))
