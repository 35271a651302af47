"""R13: what a plan shows is what apply does, seen by strace; and the commands that look change and ask nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixer.apply.transaction import shown
from fixer.host import durable
from fixer.model.action import ActionSpec
from fixer.model.codec import to_json
from tests import conda_standin, patients
from tests.conda_channel import Channel
from tests.hands import tally
from tests.hands.bodies import Home, action, only, plan
from tests.hands.watched import Watched, watch

ROW = "R13 plans and commands watched"
# The real apply and nothing around it: what it does is what the plan's actions do.
APPLY = """
import json, sys
from fixer.apply.state import State
from fixer.apply.transaction import apply
from fixer.host.real import RealHost
from fixer.model.codec import from_json
from fixer.model.plan import Plan
host = RealHost()
apply(from_json(Plan, json.load(open(sys.argv[1])), "plan"), host, State.open(host), lambda text: None)
"""


class Place:
    """A home, an environment in it, and plans of every kind for the two."""

    def __init__(self, folder: Path, small: Callable[[Path], patients.Patient], extra: dict[str, str]) -> None:
        self.folder = folder
        self.env = small(folder / "env").path
        self.home = Home(folder / "home", {"TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(patients.ROOT), "PYTHONDONTWRITEBYTECODE": "1", **extra})
        (folder / "tmp").mkdir()
        self.cache = folder / "cache"
        self.common = {"interpreter": f"{self.env}/bin/python", "prefix": str(self.env)}
        self.values = {"prepend": {"LD_LIBRARY_PATH": ["/opt/lib"]}, "set": {"CUDA_HOME": "/x y"}}

    def script(self, shell: str, path: str) -> ActionSpec:
        return action("activation_script", {**self.common, **self.values, "shell": shell, "path": f"{self.env}/{path}"}, "script")

    def actions(self, kind: str) -> list[ActionSpec]:
        """The actions of one kind of plan."""
        what, _, which = kind.partition(" ")
        if what == "hook":
            (self.env / "libone.so").write_bytes(b"\x7fELF")
            site = str(next(self.env.glob("lib/python*/site-packages")))
            return [action("preload_hook", {**self.common, "site_packages": site, "libraries": [f"{self.env}/libone.so"]})]
        if what == "own":
            return [self.script(which, "bin/activate.fish" if which == "fish" else "bin/activate")]
        if what == "conda-hook":
            return [self.script("sh", "etc/conda/activate.d/convfix.sh")]
        if what == "kernel":
            path = self.env / "share/jupyter/kernels/python3/kernel.json"
            path.parent.mkdir(parents=True)
            path.write_text('{"argv": ["%s/bin/python"], "language": "python"}\n' % self.env)
            return [action("kernelspec", {**self.common, **self.values, "path": str(path)})]
        if what == "profile":
            path = self.home.home / {"bash": ".bashrc", "zsh": ".zshrc", "sh": ".profile", "fish": ".config/fish/config.fish"}[which]
            if which == "bash":
                path.symlink_to(self.folder / "rc")
                (self.folder / "rc").write_text("x=1\n")
            made = self.script(which, f"share/convfix/on.{which}")
            source = str(made.params["path"])
            return [made, action("profile_block", {"shell": which, "path": str(path), "source": source}, "profile")]
        if what == "packages":
            return [action("pip_requirements", {**self.common, "manager": which, "requirements": ["one==2.0"]})]
        if what == "remove":
            return [action("pip_requirements", {**self.common, "manager": which, "requirements": ["two==2.0"], "remove": ["one"]})]
        made_of: dict[str, Any] = {"path": f"{self.home.home}/envs/new", "python": "3.11", "manager": which}
        made_of["interpreter"] = patients.need_python("3.11") if which in ("pip", "uv") else None
        made_of["requirements"] = ["one==2.0"] if which in ("pip", "uv") else []
        if which in conda_standin.NAMES:
            made_of |= {"conda": ["cudnn=8.1.0"]}
        return [action("new_environment", made_of)]


KINDS = [
    "hook", "own bash", "own fish", "conda-hook", "kernel", *(f"profile {shell}" for shell in ("bash", "zsh", "sh", "fish")),
    *(f"{what} {manager}" for what in ("packages", "remove", "new") for manager in ("uv", "pip")),
    *(f"new {name}" for name in conda_standin.NAMES),
]  # fmt: skip
# CI watches one of each sort; check --all watches every kind and every command.
IN_CI = ("hook", "profile bash", "packages uv", "doctor", "plan", "plan --prove --manager uv", "plan --prove --manager pip", "facts", "explain LOG", "why-not tensorflow==2.4 python==3.12")


def shared(names: list[str]) -> list[Any]:
    """The names as parameters, those that CI does not watch marked long."""
    return [pytest.param(name, marks=() if name in IN_CI else pytest.mark.long) for name in names]



@pytest.mark.parametrize("kind", shared(KINDS))
def test_apply_does_what_the_plan_shows(tmp_path: Path, small: Any, house: patients.Wheelhouse, kind: str) -> None:
    """The files that the plan shows are those that convfix changes; its commands are those that run, in their order."""
    # No rustc on PATH: pip asks it for its version, and rustup's writes to HOME then.
    extra = {**only(house), "PATH": f"{os.path.dirname(patients.need('uv'))}:/usr/bin:/bin", "UV_CACHE_DIR": str(tmp_path / "cache" / "uv"), "PIP_CACHE_DIR": str(tmp_path / "cache" / "pip")}
    if kind.split()[-1] in conda_standin.NAMES:
        channel = Channel(tmp_path / "channel")
        channel.add_pythons()
        channel.add("cudnn", "8.1.0.77", files={"lib/libcudnn.so.8": b"new"})
        tools = conda_standin.put(tmp_path / "tools", channel.folder, tmp_path / "tmp" / "calls")
        extra["PATH"] = f"{tools}:{extra['PATH']}"
    place = Place(tmp_path, small, extra)
    made = shown(plan(*place.actions(kind)), place.home.host)
    (tmp_path / "plan.json").write_text(json.dumps(to_json(made)))
    seen = watch([sys.executable, "-c", APPLY, str(tmp_path / "plan.json")], tmp_path / "trace", place.home.host.environ, tmp_path)
    assert seen.status == 0, seen.err
    assert ran(seen, place.home) == [list(argv) for spec in made.actions for argv in spec.commands]
    files = {change.path for spec in made.actions for change in spec.files}
    assert bool(files) != bool(any(spec.commands for spec in made.actions))
    assert own_changes(seen, place, made.actions) == {os.path.realpath(path) for path in files}
    assert seen.programs[0][0] not in {process for process, _ in seen.connected}
    tally.add(ROW, 1)


def ran(seen: Watched, home: Home) -> list[list[str]]:
    """The commands that ran and were no question, with their programs named as a plan names them."""
    found = []
    tethered: dict[int, list[str]] = {}
    for process, argv in seen.programs:
        if argv[1:4] == ["-I", "-S", "-c"] and "prctl" in argv[4]:
            tethered[process] = argv[7:]
        elif process in tethered:
            assert argv == tethered.pop(process)
            found.append(argv)
    assert not tethered
    words = [word for _, argv in seen.programs for word in argv]
    assert "sudo" not in {os.path.basename(word) for word in words} and "--break-system-packages" not in words
    return [[_named(argv[0], home), *argv[1:]] for argv in found]


def _named(program: str, home: Home) -> str:
    name = os.path.basename(program)
    return name if home.host.which(name) == program else program


def own_changes(seen: Watched, place: Place, actions: tuple[ActionSpec, ...]) -> set[str]:
    """What convfix's own process changed, its journal and its cache apart, and names and folders on the way to a file left out.

    An installer's process may change the environment that its plan names, its cache and temporary files, nothing else.
    """
    ours, cache = seen.programs[0][0], place.home.home / ".cache"
    inside = [str(spec.params["path" if spec.kind == "new_environment" else "prefix"]) for spec in actions if spec.commands]
    others = Watched(0, "", "", changes=[one for one in seen.changes if one[0] != ours])
    strange = others.changed(place.home.state.folder, cache, place.cache, place.folder / "tmp", place.folder / "channel", *inside)
    assert not strange, strange
    own = Watched(0, "", "", changes=[one for one in seen.changes if one[0] == ours])
    changed = own.changed(place.home.state.folder, cache, *inside)
    left = {path for path in changed if not os.path.isdir(path)}
    on_the_way = tuple(durable.temporary(path) for path in left)
    return {path for path in left if not path.startswith(on_the_way)}


LOOKING = [
    "doctor", "doctor --all --json", "plan", "plan --prove --manager uv", "plan --prove --manager pip", "plan --json --device cpu", "plan --format requirements", "plan --format dockerfile",
    "plan --want tensorflow==2.10.*", "facts", "facts --json", "explain LOG", "explain --this-machine LOG",
    "why-not tensorflow==2.4 python==3.12", "history", "activate --shell bash", "undo --dry-run -y", "data show 2.15.1",
    "apply --dry-run -y",
]  # fmt: skip
LOG = "2024-01-01 E tensorflow/stream_executor/cuda/cuda_dnn.cc:329] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR\n"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> patients.Patient:
    """An environment whose TensorFlow (by its metadata) does not fit its NumPy: plans for it hold package steps."""
    folder = tmp_path_factory.mktemp("broken")
    house = patients.Wheelhouse(folder / "wheels")
    house.add("numpy", "2.2.6")
    house.add("tensorflow", "2.15.1", requires=["numpy"])
    made = patients.make_patient(folder / "env", "3.11", ["tensorflow"], options=["--no-index", "--find-links", str(house.folder)])
    (made.path / ".lock").unlink()
    return made


@pytest.mark.parametrize("command", shared(LOOKING))
def test_looking_changes_and_asks_nothing(tmp_path: Path, broken: patients.Patient, command: str) -> None:
    """No file but in convfix's cache is opened for writing, and no connection is made; some ask an installer, which has a cache of its own."""
    # No rustc: pip asks it for its version, and rustup's writes to HOME then.
    path = f"{broken.path}/bin:{os.path.dirname(patients.need('uv'))}:/usr/bin:/bin"
    home = Home(tmp_path / "home", {"PATH": path, "VIRTUAL_ENV": str(broken.path)})
    environ = {name: value for name, value in home.host.environ.items() if name != "CONVFIX_STATE_DIR"}
    environ |= {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(tmp_path / "tmp"), "UV_CACHE_DIR": str(tmp_path / "installers"), "UV_NO_INDEX": "1"}
    environ |= {"PIP_CACHE_DIR": str(tmp_path / "installers"), "PIP_NO_INDEX": "1"}
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home" / ".cache").mkdir()
    (tmp_path / "log").write_text(LOG)
    argv = [sys.executable, "-m", "fixer", *(str(tmp_path / "log") if word == "LOG" else word for word in command.split())]
    seen = watch(argv, tmp_path / "trace", {**environ, "PYTHONPATH": str(patients.ROOT)}, tmp_path)
    assert seen.status in (0, 1, 2, 6, 8, 9) and "Traceback" not in seen.err, seen.err
    asks = command.startswith("apply") or "--prove" in command
    caches = [tmp_path / "home" / ".cache" / "convfix", *([tmp_path / "installers"] if asks else [])]
    assert not seen.changed(*caches)
    # An installer that was not asked would have nothing to change.
    assert asks == any("--dry-run" in argv for _, argv in seen.programs if argv[0] != sys.executable)
    assert asks or not seen.connected
    tally.add(ROW, 1)


@pytest.mark.long
def test_planning_for_every_machine_changes_and_asks_nothing(tmp_path: Path) -> None:
    """Each recorded machine's plan and doctor, in one process each."""
    home = Home(tmp_path / "home", {"PYTHONPATH": str(patients.ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
    (tmp_path / "tmp").mkdir()
    machines = sorted((patients.ROOT / "tests" / "machines").iterdir())
    for command in ("plan", "doctor"):
        for machine in [path for path in machines if path.is_dir()]:
            seen = watch(
                [sys.executable, "-m", "fixer", command, "--json", "--machine", str(machine)],
                tmp_path / f"{command}-{machine.name}", {**home.host.environ, "TMPDIR": str(tmp_path / "tmp")}, tmp_path,
            )  # fmt: skip
            assert json.loads(seen.out)["exit_code"] == seen.status, (machine.name, seen.err)
            assert not seen.changed(tmp_path / "home" / ".cache" / "convfix"), machine.name
            assert not seen.connected
            tally.add(ROW, 1)


NOISY = """
import os, socket, subprocess, sys
open("it's > new", "w").close()
os.rename("it's > new", "moved")
os.mkdir("folder")
subprocess.run([sys.executable, "-c", "import os; os.chdir('folder'); os.symlink('x', 'link')"], check=True)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))
"""


def test_the_watch_sees(tmp_path: Path) -> None:
    """What the other tests rest on: files, a child's files and a connection are noticed."""
    (tmp_path / "cwd").mkdir()
    seen = watch([sys.executable, "-c", NOISY], tmp_path / "trace", {"PATH": os.environ["PATH"]}, tmp_path / "cwd")
    assert seen.status == 0, seen.err
    assert seen.changed() == {f"{tmp_path}/cwd/{name}" for name in ("it's > new", "moved", "folder", "folder/link")}
    assert seen.changed(tmp_path / "cwd") == set() and [family for _, family in seen.connected] == ["AF_INET"]
    assert [argv[1] for _, argv in seen.programs] == ["-c", "-c"]
