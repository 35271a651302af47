"""scripts/convfix on awkward machines: each test has its own copy of the checkout and really makes the environment.

Most copies hold a stand-in ``fixer/cli.py`` that says how it was started; the launcher is the real one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.patients import POINTING, ROOT, LocalIndex, find_python, missing, need, need_python, tree

HARD = "it's a \"check out\" $HOME; `id`\nnew line: \\n é 🐍\n"
STAND_IN = """
import json, os, sys
def main():
    if "--fail" in sys.argv:
        raise SystemExit(5)
    if "--read" in sys.argv:
        print(sys.stdin.read(), end="")
        return 0
    import click, packaging, elftools, zlib, ssl
    print(json.dumps({"argv": sys.argv, "environ": dict(os.environ), "isolated": sys.flags.isolated, "path": sys.path,
        "executable": sys.executable, "click": click.__file__, "here": __file__}))
    return 0
"""


class Checkout:
    """A copy of what the launcher needs, and how to run it."""

    def __init__(self, root: Path, wheels: Path, real: bool = False) -> None:
        self.root = root
        (root / "scripts").mkdir(parents=True)
        for name in ("convfix", "private_environment.sh", "private_environment.py"):
            shutil.copy(ROOT / "scripts" / name, root / "scripts" / name)
        shutil.copy(ROOT / "setup.cfg", root / "setup.cfg")
        if real:
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / "fixer", root / "fixer", ignore=skipped)
            shutil.copytree(ROOT / "compat_data", root / "compat_data", ignore=skipped)
        else:
            (root / "fixer").mkdir()
            (root / "fixer" / "__init__.py").write_text("")
            (root / "fixer" / "cli.py").write_text(STAND_IN)
        self.environment = {name: value for name, value in os.environ.items() if name not in POINTING and "PIP_" not in name}
        self.environment.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels), HOME=str(root.parent / "home"))
        (root.parent / "home").mkdir(exist_ok=True)

    @property
    def launcher(self) -> str:
        return str(self.root / "scripts" / "convfix")

    @property
    def environments(self) -> list[str]:
        return sorted(path.name for path in (self.root / ".convfix").glob("env-*"))

    def command(self, arguments: Sequence[str], shell: str = "") -> list[str]:
        return [*shell.split(), self.launcher, *arguments]

    def start(self, *arguments: str, env: Mapping[str, str | None] | None = None, shell: str = "", **more: Any) -> subprocess.Popen[str]:
        environment = dict(self.environment)
        for name, value in (env or {}).items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command(arguments, shell), env=environment, text=True, **{**pipes, **more})

    def run(self, *arguments: str, stdin: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
        child = self.start(*arguments, **more)
        out, err = child.communicate(stdin, timeout=300)
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def said(self, *arguments: str, **more: Any) -> dict[str, Any]:
        """Run the stand-in and return what it says of itself."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """convfix's requirements as real wheels, downloaded once from the user's own index."""
    folder = tmp_path_factory.mktemp("wheels")
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from scripts.private_environment import requirements
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    wanted = requirements((ROOT / "setup.cfg").read_text(), "")
    done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "-d", folder, *wanted], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folder.chmod(0o755)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, wheels: Path) -> Checkout:
    return Checkout(tmp_path / "convfix", wheels)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Checkout:
    """A checkout whose environment is made; for tests that change nothing in it."""
    made = Checkout(tmp_path_factory.mktemp("ready") / "convfix", wheels)
    made.said()
    return made


class BarePython:
    """A Python of its own prefix, less some of its library: as distributions cut it up. Its path shows no other."""

    def __init__(self, folder: Path, without: Sequence[str], packages: Sequence[Path] = (), managed: bool = False) -> None:
        real = need_python("3.11")
        asked = "import sysconfig, sys; print(sysconfig.get_path('stdlib')); print(sys.version_info[1])"
        library = Path(subprocess.run([real, "-c", asked], capture_output=True, text=True, check=True).stdout.split("\n")[0])
        self.bin = folder / "bin"
        mine = folder / "lib" / library.name
        self.bin.mkdir(parents=True)
        mine.mkdir(parents=True)
        (mine / "site-packages").mkdir()
        # A copy, not a link: Python finds its library from where its program really lies.
        shutil.copy(os.path.realpath(real), self.bin / "python3")
        for entry in library.iterdir():
            if entry.name not in {*without, "site-packages", "dist-packages", "EXTERNALLY-MANAGED", "__pycache__"}:
                (mine / entry.name).symlink_to(entry)
        for package in packages:
            (mine / "site-packages" / package.name).symlink_to(package)
        if managed:
            (mine / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=This Python belongs to the distribution.\n")
        self.site = mine / "site-packages"
        self.path = os.pathsep.join([str(self.bin), str(tools(folder / "tools"))])

    def can(self, module: str) -> bool:
        return subprocess.run([self.bin / "python3", "-E", "-c", f"import {module}"], capture_output=True).returncode == 0


def tools(folder: Path) -> Path:
    """A PATH folder that holds the few programs that the launcher may use, and no Python."""
    folder.mkdir(parents=True)
    for name in ("sh", "readlink", "env", "cat", "apt-get"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return folder


def only(path: str) -> dict[str, str | None]:
    """Variables with which nothing but ``path`` offers a Python."""
    return {"PATH": path, "PYENV_ROOT": "/nonexistent"}


def pip_folders() -> list[Path]:
    import pip

    return [Path(next(iter(pip.__path__)))]


@pytest.fixture
def no_system_python(monkeypatch: pytest.MonkeyPatch, checkout: Checkout) -> None:
    """The launcher also looks at fixed places; leave only PATH, so that the test's Pythons are all there is."""
    script = checkout.root / "scripts" / "private_environment.sh"
    text = script.read_text()
    cut = re.sub(r" \\\n +/usr/bin/python3 [^\n]*", "", text)
    assert cut != text
    script.write_text(cut)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh", "zsh --emulate sh"])
def test_first_and_second_use_in_each_shell(checkout: Checkout, shell: str) -> None:
    need(shell.split()[0])
    first = checkout.run("one", shell=shell)
    assert first.returncode == 0, first.stderr
    assert "making a private environment" in first.stderr
    second = checkout.run("one", shell=shell)
    assert (second.returncode, second.stderr) == (0, "")
    assert json.loads(second.stdout)["argv"] == json.loads(first.stdout)["argv"] == ["convfix", "one"]


def test_the_real_convfix_runs_and_finds_uv_beside_it(tmp_path: Path, wheels: Path) -> None:
    real = Checkout(tmp_path / "convfix", wheels, real=True)
    done = real.run("--version")
    assert done.returncode == 0 and re.fullmatch(r"convfix, version \d+\.\d+\.\d+\n", done.stdout), done.stderr
    uv = subprocess.run([real.root / ".convfix" / "env-1" / "bin" / "uv", "--version"], capture_output=True, text=True)
    assert uv.stdout.startswith("uv ")
    wrong = real.run("no-such-verb", "--json")
    assert wrong.returncode == 2 and json.loads(wrong.stdout)["exit_code"] == 2


def test_arguments_and_exit_code_pass_unchanged(ready: Checkout) -> None:
    hard = ["", " ", "a b", "*", "$HOME", "`id`", "'\"", "-n", "--", "new\nline\n", "é🐍", "\\"]
    assert ready.said(*hard)["argv"] == ["convfix", *hard]
    assert ready.run("--fail").returncode == 5


def test_standard_input_reaches_convfix_on_first_use(checkout: Checkout) -> None:
    done = checkout.run("--read", stdin="a log\nof two lines\n")
    assert done.stdout == "a log\nof two lines\n", done.stderr


@pytest.mark.parametrize("name", [HARD, "-rf"], ids=["hard", "dash"])
def test_odd_directories(tmp_path: Path, wheels: Path, name: str) -> None:
    odd = Checkout(tmp_path / name, wheels)
    assert Path(odd.said()["here"]).resolve() == (odd.root / "fixer" / "cli.py").resolve()
    assert odd.run().stderr == ""
    inside = subprocess.run(["sh", "convfix", "--fail"], cwd=odd.root / "scripts", env=odd.environment, capture_output=True)
    assert inside.returncode == 5, inside.stderr


def test_through_links_from_anywhere(ready: Checkout, tmp_path: Path) -> None:
    far = tmp_path / "far away" / "bin"
    far.mkdir(parents=True)
    (far / "a\n").symlink_to(ready.launcher)
    (far / "b c").symlink_to("a\n")
    (far / "convfix").symlink_to("../bin/b c")
    for cwd, program in ((far, "./convfix"), (Path("/"), str(far / "b c")), (far, "convfix")):
        environment = {**ready.environment, "PATH": f"{far}:{ready.environment['PATH']}", "CDPATH": f"{tmp_path}:/"}
        done = subprocess.run([program, "x"], cwd=cwd, env=environment, capture_output=True, text=True)
        assert json.loads(done.stdout)["argv"] == ["convfix", "x"], done.stderr
        assert done.stderr == ""


def test_the_second_call_starts_no_process_but_convfix(ready: Checkout, tmp_path: Path) -> None:
    log = tmp_path / "trace"
    traced = [need("strace"), "-f", "-qq", "-e", "trace=execve,fork,vfork,clone,clone3", "-o", str(log), ready.launcher, "--fail"]
    done = subprocess.run(traced, env=ready.environment, capture_output=True, text=True)
    assert done.returncode == 5, done.stderr
    calls = [line for line in log.read_text().splitlines() if " = -1 " not in line]
    programs = [line for line in calls if "execve(" in line]
    forks = [line for line in calls if re.search(r"\b(v?fork|clone3?)\(", line)]
    # The shell, then convfix in its place; one fork, for the checkout's path.
    assert len(programs) == 2 and "/bin/python" in programs[1], programs
    assert len(forks) <= 1, forks


def test_the_second_call_needs_nothing_from_path(ready: Checkout) -> None:
    assert ready.said(env={"PATH": "/nonexistent"}, shell="/bin/sh")["isolated"] == 1  # noqa: S604 - which shell runs the launcher


@pytest.mark.usefixtures("no_system_python")
def test_externally_managed_without_venv_and_ensurepip(checkout: Checkout, tmp_path: Path) -> None:
    """Debian and Ubuntu without python3-venv: PEP 668's mark, pip, and neither venv nor ensurepip."""
    bare = BarePython(tmp_path / "debian", ["venv", "ensurepip"], pip_folders(), managed=True)
    assert not bare.can("venv") and not bare.can("ensurepip") and bare.can("pip")
    refused = subprocess.run([bare.bin / "python3", "-m", "pip", "install", "click"], env=checkout.environment, capture_output=True, text=True)
    assert "externally-managed" in refused.stderr
    before = tree(bare.site)
    assert str(checkout.root) in checkout.said(env=only(bare.path))["click"]
    assert tree(bare.site) == before


def test_the_system_python_as_it_is(checkout: Checkout) -> None:
    if not os.access("/usr/bin/python3", os.X_OK) or find_python("3.11") is None:
        missing("/usr/bin/python3")
    assert checkout.said(env=only("/usr/bin:/bin"))["isolated"] == 1


@pytest.mark.usefixtures("no_system_python")
def test_no_pip_but_ensurepip(checkout: Checkout, tmp_path: Path) -> None:
    bare = BarePython(tmp_path / "nopip", ["venv"])
    assert not bare.can("pip") and bare.can("ensurepip")
    assert str(checkout.root) in checkout.said(env=only(bare.path))["click"]


@pytest.mark.usefixtures("no_system_python")
def test_no_pip_but_virtualenv(checkout: Checkout, tmp_path: Path) -> None:
    bare = BarePython(tmp_path / "nopip", ["venv", "ensurepip"])
    install = [sys.executable, "-m", "pip", "install", "-q", "--target", str(bare.site), "virtualenv"]
    assert subprocess.run(install, capture_output=True).returncode == 0
    assert not bare.can("pip") and bare.can("virtualenv")
    assert str(checkout.root) in checkout.said(env=only(bare.path))["click"]


@pytest.mark.usefixtures("no_system_python")
def test_no_pip_but_uv(checkout: Checkout, tmp_path: Path, wheels: Path) -> None:
    bare = BarePython(tmp_path / "nopip", ["venv", "ensurepip"])
    (bare.bin / "uv").symlink_to(need("uv"))
    settings = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "UV_CACHE_DIR": str(tmp_path / "cache")}
    assert str(checkout.root) in checkout.said(env={**only(bare.path), **settings})["click"]


@pytest.mark.usefixtures("no_system_python")
def test_no_python_but_uv_with_one(checkout: Checkout, tmp_path: Path, wheels: Path) -> None:
    folder = tools(tmp_path / "tools")
    # A uv that knows where a Python lies; the rest is the real one's work.
    (folder / "uv").write_text(f'#!/bin/sh\n[ "$1" != python ] || {{ echo "{need_python("3.11")}"; exit; }}\nexec {need("uv")} "$@"\n')
    (folder / "uv").chmod(0o755)
    assert checkout.said(env=only(str(folder)))["isolated"] == 1


@pytest.mark.usefixtures("no_system_python")
@pytest.mark.parametrize("json_wanted", [False, True])
def test_no_way_to_install_says_the_one_line(checkout: Checkout, tmp_path: Path, json_wanted: bool) -> None:
    bare = BarePython(tmp_path / "nopip", ["venv", "ensurepip"])
    done = checkout.run("plan", *(["--json"] if json_wanted else []), env=only(bare.path))
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("convfix: the Python found here has no pip")
    if (bare.bin.parent / "tools" / "apt-get").exists():
        assert "sudo apt install python3-venv" in done.stderr
    assert checkout.environments == []
    if json_wanted:
        document = json.loads(done.stdout)
        assert document["exit_code"] == 2 and document["data"] == {} and document["errors"][0]["code"] == "no-pip"
    else:
        assert done.stdout == ""


@pytest.mark.usefixtures("no_system_python")
def test_a_python_without_pip_gives_way_to_one_with_it(checkout: Checkout, tmp_path: Path) -> None:
    bare = BarePython(tmp_path / "nopip", ["venv", "ensurepip"])
    other = BarePython(tmp_path / "other", [], pip_folders())
    (other.bin / "python3").rename(other.bin / "python3.12")
    assert checkout.said(env=only(f"{bare.bin}:{other.path}"))["isolated"] == 1


@pytest.mark.usefixtures("no_system_python")
def test_old_and_broken_defaults_are_passed_over(checkout: Checkout, tmp_path: Path) -> None:
    folder = tools(tmp_path / "shims")
    old = find_python("3.8")
    # A shim of a version manager that has none selected, then an old Python, then a good one through a noisy shim.
    scripts = {
        "python3": "echo 'pyenv: python3: command not found' >&2; exit 127",
        "python3.12": f'exec {old} "$@"' if old else "exit 3",
        "python3.13": f'echo "welcome to the shim"; exec {need_python("3.11")} "$@"',
    }
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    executable = checkout.said(env=only(str(folder)))["executable"]
    assert os.path.realpath(executable) == os.path.realpath(need_python("3.11"))


@pytest.mark.usefixtures("no_system_python")
def test_no_python_at_all_is_one_clear_line(checkout: Checkout, tmp_path: Path) -> None:
    done = checkout.run("doctor", "--json", env={**only(str(tools(tmp_path / "empty"))), "HOME": "/nonexistent"})
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "convfix: convfix needs Python 3.10 or newer, and found none"
    assert json.loads(done.stdout)["errors"][0]["code"] == "no-python"


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_without_a_home(checkout: Checkout, home: str | None, tmp_path: Path) -> None:
    before = set(os.listdir("/"))
    # In a folder of its own: pip asks rustc, whose launcher makes itself a home below the folder it stands in.
    assert checkout.said(env={"HOME": home}, cwd=tmp_path)["environ"].get("HOME") == home
    assert set(os.listdir("/")) == before


class ReadOnly:
    """A checkout that the caller cannot write to: root's, used by somebody else, or simply without the mode."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.checkout = Checkout(folder / "convfix", wheels)
        home = folder / "home"
        self.more: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(home, 65534, 65534)
            self.more = {"user": 65534, "group": 65534, "extra_groups": []}
        for path in [self.checkout.root, *self.checkout.root.rglob("*")]:
            path.chmod(0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444)

    def open_again(self) -> None:
        for path in [self.checkout.root, *(path for path in self.checkout.root.rglob("*") if path.is_dir())]:
            path.chmod(0o755)


@pytest.fixture
def read_only(wheels: Path) -> Iterator[ReadOnly]:
    # Not below pytest's own folder, which others may not enter.
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="convfix-read-only-"))
    folder.chmod(0o755)
    copied = folder / "wheels"
    shutil.copytree(wheels, copied)
    copied.chmod(0o755)
    made = ReadOnly(folder, copied)
    yield made
    made.open_again()
    shutil.rmtree(folder)


def test_a_read_only_checkout_uses_the_cache(read_only: ReadOnly) -> None:
    checkout = read_only.checkout
    before = tree(checkout.root)
    more = {**read_only.more, "cwd": "/"}
    # Another user cannot enter a home where a version manager keeps its Pythons.
    variables = only("/usr/local/bin:/usr/bin:/bin")
    if not os.access("/usr/bin/python3", os.X_OK):
        missing("/usr/bin/python3")
    cache = Path(checkout.environment["HOME"]) / ".cache"
    assert str(cache / "convfix") in checkout.said(env=variables, **more)["executable"]
    second = checkout.run(env=variables, **more)
    assert (second.returncode, second.stderr) == (0, "")
    assert list(cache.rglob("cli.*.pyc")), "byte code must be kept apart, or every start compiles convfix"
    assert tree(checkout.root) == before
    own = {**variables, "XDG_CACHE_HOME": str(cache / "of my own")}
    assert "of my own" in checkout.said(env=own, **more)["executable"]
    nowhere = checkout.run("plan", "--json", env={**variables, "HOME": ""}, **more)
    assert nowhere.returncode == 2 and json.loads(nowhere.stdout)["errors"][0]["code"] == "no-place"
    assert "XDG_CACHE_HOME" in nowhere.stderr


def test_killed_first_use_heals_itself(checkout: Checkout) -> None:
    child = checkout.start(start_new_session=True)
    started = checkout.root / ".convfix" / "env-1" / "pyvenv.cfg"
    until = time.monotonic() + 60
    while not started.exists() and time.monotonic() < until and child.poll() is None:
        time.sleep(0.005)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    assert started.exists() and not (checkout.root / ".convfix" / "stamp").exists()
    assert checkout.said()["isolated"] == 1
    assert checkout.environments == ["env-1"]


def test_a_torn_stamp_and_a_vanished_python_heal_themselves(checkout: Checkout) -> None:
    checkout.said()
    stamp = checkout.root / ".convfix" / "stamp"
    for damage in (b"\xff\xfe../../evil\n", stamp.read_bytes()[:200], stamp.read_bytes() + b"more\n"):
        stamp.write_bytes(damage)
        assert checkout.said()["isolated"] == 1
        assert checkout.run().stderr == ""
    python = checkout.root / ".convfix" / checkout.environments[-1] / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3.11")
    assert checkout.said()["isolated"] == 1


def test_two_first_uses_at_once(checkout: Checkout) -> None:
    children = [checkout.start(str(number)) for number in range(3)]
    answers = [child.communicate("", timeout=300) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], answers
    assert [json.loads(out)["argv"][1] for out, _ in answers] == ["0", "1", "2"]
    assert sum("making a private environment" in err for _, err in answers) == 1
    assert checkout.environments == ["env-1"]


def test_changed_requirements_make_a_new_environment_and_keep_the_last(checkout: Checkout) -> None:
    config = checkout.root / "setup.cfg"
    for number in (1, 2, 3):
        assert f"env-{number}" in checkout.said()["executable"]
        config.write_text(config.read_text() + f"# {number}\n")
    # env-2 is the one that a convfix started a moment ago may run in.
    assert checkout.environments == ["env-2", "env-3"]


def test_a_moved_checkout_still_runs(checkout: Checkout, tmp_path: Path) -> None:
    checkout.said()
    checkout.root = checkout.root.rename(tmp_path / "moved")
    done = checkout.run()
    assert done.stderr == "" and str(tmp_path / "moved") in json.loads(done.stdout)["executable"]


def test_the_patients_variables_reach_convfix_and_do_not_bend_it(checkout: Checkout, tmp_path: Path) -> None:
    poison = tmp_path / "poison"
    poison.mkdir()
    for name in ("libz.so.1", "libssl.so.3", "libcrypto.so.3", "libpython3.11.so.1.0", "libffi.so.8", "libexpat.so.1"):
        (poison / name).write_text("not a library")
    for name in ("click", "sitecustomize", "usercustomize", "fixer", "json", "pip", "packaging"):
        (poison / f"{name}.py").write_text("raise SystemExit('poisoned')")
    variables = {
        "LD_LIBRARY_PATH": f"{poison}::/usr/local/cuda/lib64", "LD_PRELOAD": "", "PYTHONPATH": str(poison), "PYTHONSTARTUP": "x",
        "PYTHONHOME": str(poison), "VIRTUAL_ENV": str(poison), "CONDA_PREFIX": str(poison), "PYTHONINSPECT": "1", "PYTHONDEBUG": "",
    }  # fmt: skip
    for _ in range(2):
        said = checkout.said(env=variables, cwd=poison)
        assert {name: said["environ"].get(name) for name in variables} == variables
        assert not [name for name in said["environ"] if name.startswith("CONVFIX_KEPT")]
        assert str(poison) not in said["path"] and "" not in said["path"]
    assert "LD_LIBRARY_PATH" not in checkout.said(env={"LD_LIBRARY_PATH": None})["environ"]
    assert checkout.said(env={"LD_LIBRARY_PATH": ""})["environ"]["LD_LIBRARY_PATH"] == ""


def test_pip_settings_that_point_elsewhere_do_not_mislead(checkout: Checkout, tmp_path: Path) -> None:
    configuration = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("[global]\nrequire-virtualenv = true\n[install]\nuser = true\n")
    elsewhere = tmp_path / "elsewhere"
    settings = {"PIP_TARGET": str(elsewhere), "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_DRY_RUN": "1", "PIP_NO_DEPS": "1"}
    assert str(checkout.root) in checkout.said(env=settings)["click"]
    assert not elsewhere.exists()


@pytest.mark.parametrize("by", ["variable", "file", "proxy"])
def test_a_mirror_or_proxy_configured_for_pip_is_used(checkout: Checkout, tmp_path: Path, wheels: Path, by: str) -> None:
    with LocalIndex(wheels, upstream=None) as mirror:
        settings: dict[str, str | None] = {"PIP_NO_INDEX": None, "PIP_FIND_LINKS": None}
        if by == "variable":
            settings["PIP_INDEX_URL"] = mirror.url
        elif by == "file":
            configuration = tmp_path / "home" / ".config" / "pip" / "pip.conf"
            configuration.parent.mkdir(parents=True)
            configuration.write_text(f"[global]\nindex-url = {mirror.url}\n")
        else:
            settings["PIP_INDEX_URL"] = "http://mirror.invalid/simple/"
            settings["PIP_TRUSTED_HOST"] = "mirror.invalid"
            settings["PIP_PROXY"] = mirror.url.removesuffix("/simple/")
            settings.update(no_proxy=None, NO_PROXY=None)
        # Without the machine's own pip configuration, which may add other places.
        settings["XDG_CONFIG_DIRS"] = str(tmp_path / "none")
        assert checkout.said(env=settings)["isolated"] == 1
        assert any("/files/click-" in path for path in mirror.asked), mirror.asked


def test_a_failed_first_use_is_clear_and_leaves_nothing(checkout: Checkout) -> None:
    unreachable = {"PIP_NO_INDEX": None, "PIP_FIND_LINKS": None, "PIP_INDEX_URL": "http://127.0.0.1:9/simple/", "PIP_RETRIES": "0"}
    unreachable.update(XDG_CONFIG_DIRS="/nonexistent", PIP_CONFIG_FILE="/dev/null")
    done = checkout.run("doctor", "--json", env=unreachable)
    assert done.returncode == 2 and json.loads(done.stdout)["errors"][0]["code"] == "no-environment"
    assert "convfix: pip could not install convfix's requirements" in done.stderr
    assert "Traceback" not in done.stderr and checkout.environments == []
    assert checkout.run("doctor", env=unreachable).stdout == ""
    assert checkout.said()["isolated"] == 1
