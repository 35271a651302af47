"""Activation scripts in the real shells: values set, given back, nested, repeated, changed in between, hostile."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.shells import quote, script
from fixer.shells.values import Values
from tests import patients
from tests.hands import tally
from tests.hands.bodies import Home, action, exact, plan, quiet, same

# What /bin/sh is differs: dash on Debian, mksh on Android, ksh on others.
SHELLS = ["bash", "zsh", "fish", "sh", "dash", *(name for name in ("mksh", "ksh") if shutil.which(name))]
POSIX = ("dash", "mksh", "ksh")
HOSTILE = "/tmp/a 'quo\"te' $HOME `id` ; & | \\ * ? [x] é 😀 !x #y"


def kind(shell: str) -> str:
    return "sh" if shell in POSIX else shell


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
PYTHON = patients.find_python("3.11") or "python3"


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


def test_a_folder_called_like_a_placeholder_stays_itself(shell: Shell) -> None:
    values = Values({"LD_LIBRARY_PATH": ("/y/@V@",)}, {"CUDA_HOME": "@FOLDERS@@KEY@"}, drop={"LD_LIBRARY_PATH": ("/x/@FOLDERS@",)})
    look = shell.show("LD_LIBRARY_PATH", "CUDA_HOME")
    lines = shell.run(shell.strict + shell.source(values) + look + OFF + look, {"LD_LIBRARY_PATH": "/x/@FOLDERS@:/k"})
    assert lines == [repr(["/y/@V@:/k", "@FOLDERS@@KEY@"]), repr(["/x/@FOLDERS@:/k", None])]


def test_nothing_of_ours_is_left_in_the_shell(shell: Shell) -> None:
    listing = {"fish": "set -n; functions -an", "zsh": "typeset +; typeset +f", "bash": "compgen -v; compgen -A function || true"}
    look = listing.get(shell.name, "set") + "\n"
    lines = shell.run(shell.strict + shell.source(ONE) + OFF + look)
    assert not [line for line in lines if "convfix" in line.lower() and "script" not in line and "/" not in line and line[:2] != "_="]


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


LETTERS = "ab/ \t'\"\\$`!;&|<>(){}[]*?#~=^%@:,+é😀\x1b\x07\u202e\u0085-"
ATTACKS = ["$(touch canary)", "`touch canary`", "';touch canary;'", "\\';touch canary;\\'", '";touch canary;"', "&& touch canary", "|touch canary"]
ATTACKS += ["$((touch canary))", "${x:-$(touch canary)}", "<(touch canary)", "(touch canary)", "!touch", "-e", "--", "\\", "\\\\'", "'", "''", "'\\''"]


def payloads(count: int, seed: int, letters: str = LETTERS) -> list[str]:
    """Attacks first, then random texts of the letters that shells treat specially, whole attacks among them."""
    chance = random.Random(seed)
    made = list(ATTACKS)
    while len(made) < count:
        text = "".join(chance.choice(letters) for _ in range(chance.randrange(1, 24)))
        made.append(text + chance.choice(ATTACKS) + text if chance.random() < 0.3 else text)
    return made


def test_quoting_round_trips(shell: Shell, tmp_path: Path) -> None:
    """S1: 10,000 hostile texts; each is one word, and nothing of them is ever run."""
    code = "import sys; print([s.encode() for s in sys.argv[1:]])"
    texts = payloads(10_000, 3, LETTERS + "\n")
    for start in range(0, len(texts), 1000):
        part = texts[start : start + 1000]
        words = " ".join(quote(kind(shell.name), text) for text in part)
        lines = shell.run(f"cd {quote(kind(shell.name), str(tmp_path))}; {PYTHON} -c {quote(kind(shell.name), code)} {words}\n")
        assert lines == [repr([text.encode() for text in part])]
    assert not (tmp_path / "canary").exists() and not Path("canary").exists()
    tally.add("S1 payloads quoted", len(texts))


def test_hostile_values_in_a_script(shell: Shell, tmp_path: Path) -> None:
    """S1: folders and values of hostile texts, in whole scripts; they come and they go."""
    texts = [text for text in payloads(40, 5) if "\0" not in text]
    text = shell.strict
    expected = []
    for number, payload in enumerate(texts):
        folder = "/f/" + payload.replace(":", "").replace("/", "")
        values = Values({"LD_LIBRARY_PATH": (folder,)}, {"CUDA_HOME": payload})
        text += shell.source(values, f"on{number}") + shell.show("LD_LIBRARY_PATH", "CUDA_HOME") + OFF
        expected.append(repr([folder, payload]))
    assert shell.run(text + shell.show("LD_LIBRARY_PATH", "CUDA_HOME")) == [*expected, repr([None, None])]
    assert not (tmp_path / "canary").exists() and not Path("canary").exists()
    tally.add("S1 payloads quoted", 2 * len(texts))


MEMBERS = ["", ".", "rel/x", "/x", "/x", "/y y", "/one/a", "/one/b", "/é*", "..", "~", "$HOME"]


def case(shell: Shell, chance: random.Random, off: str, source: str) -> tuple[str, list[str]]:
    """One random life of LD_LIBRARY_PATH as a shell's text, and the values that it must show (or none)."""
    fish = shell.name == "fish"
    old = None if chance.random() < 0.15 else ":".join(chance.choice(MEMBERS) for _ in range(chance.randrange(5)))
    if fish:
        words = " ".join(quote("fish", one) for one in (old or "").split(":"))
        text = "set -e LD_LIBRARY_PATH\n" if old is None else f"set -gx LD_LIBRARY_PATH {words}\n"
        look = "if set -q LD_LIBRARY_PATH; set -l shown (string join : -- $LD_LIBRARY_PATH); echo \"=$shown\"; else; echo none; end\n"
    else:
        text = "unset LD_LIBRARY_PATH\n" if old is None else f"export LD_LIBRARY_PATH={quote('sh', old)}\n"
        look = 'if [ -n "${LD_LIBRARY_PATH+x}" ]; then printf "=%s\\n" "$LD_LIBRARY_PATH"; else echo none; fi\n'
    kept = [one for one in dict.fromkeys((old or "").split(":")) if one.startswith("/") and one not in ("/one/a", "/one/b")]
    active = ["/one/a", "/one/b", *kept]
    text += source * chance.choice((1, 1, 2)) + look
    expected = ["=" + ":".join(active)]
    if chance.random() < 0.4:
        mine = chance.choice(["/mine", "/one/c", "", "."])
        if fish:
            text += f"set -gx LD_LIBRARY_PATH {quote('fish', mine)} $LD_LIBRARY_PATH\n"
        else:
            text += f'export LD_LIBRARY_PATH={quote("sh", mine)}:"$LD_LIBRARY_PATH"\n'
        before = (old or "").split(":")
        rest = [one for one in dict.fromkeys([mine, *active]) if one.startswith("/") and (one in before or one not in ("/one/a", "/one/b"))]
        after = "=" + ":".join(rest) if rest or old is not None else "none"
    else:
        after = "none" if old is None else "=" + old
    return text + off + look, [*expected, after]


def test_path_lists_of_every_kind(shell: Shell) -> None:
    """S2: 2,000 random lives of a path list: empty, relative and repeated members, unset and empty, twice, changed meanwhile."""
    chance = random.Random(9)
    values = Values({"LD_LIBRARY_PATH": ("/one/a", "/one/b")})
    source = shell.source(values)
    text, expected = shell.strict, []
    for _ in range(2000):
        more, shown = case(shell, chance, OFF, source)
        text += more
        expected += shown
    lines = shell.run(text)
    wrong = [(number, one, other) for number, (one, other) in enumerate(zip(lines, expected)) if one != other]
    assert len(lines) == len(expected) and not wrong, wrong[:5]
    for line in lines[::2]:
        members = line[1:].split(":")
        assert all(one.startswith("/") for one in members) and len(set(members)) == len(members)
    tally.add("S2 lives of a path list", 2000)


def test_the_loader_never_looks_into_the_current_folder(shell: Shell, tmp_path: Path) -> None:
    """S2: a library in the current folder, and lists that name it in every way that the loader understands."""
    source = tmp_path / "hijack.c"
    source.write_text("int hijacked(void) { return 1; }\n")
    command = [patients.need("cc"), "-shared", "-fPIC", "-Wl,-soname,libconvfixnone.so.1", "-o", str(tmp_path / "libconvfixnone.so.1")]
    subprocess.run([*command, str(source)], check=True)
    code = "import ctypes\ntry:\n    ctypes.CDLL('libconvfixnone.so.1'); print('hijacked')\nexcept OSError:\n    print('safe')"
    look = f"cd {quote(kind(shell.name), str(tmp_path))}; {PYTHON} -c {quote(kind(shell.name), code)}\n"
    for old in (":/opt/x", "/opt/x:", "/opt/x::/opt/y", ".", ""):
        lines = shell.run((look if old else "echo hijacked\n") + shell.source(ONE) + look, {"LD_LIBRARY_PATH": old})
        assert lines == ["hijacked", "safe"], old
        tally.add("S2 lives of a path list", 1)


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
