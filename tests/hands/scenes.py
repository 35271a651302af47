"""Scenes for the kill tests: a place, a plan, and the question whether all is old or all is new.

The unit is a ``Scene``. ``Files`` holds every kind of file step, for one shell; ``Packages`` and ``Environment`` hold the
package steps with a stand-in for the installer that works in this process, through the calls that ``crash`` counts, so
that the installer's own calls are points as well. The real pip and uv are killed elsewhere (test_kill_packages).
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fixer.apply.journal import open_run
from fixer.apply.transaction import apply
from fixer.apply.undo import recover, undo
from fixer.host import within
from fixer.host.base import Host, Ran
from fixer.host.real import RealHost
from fixer.model.plan import Plan
from tests import patients
from tests.hands.bodies import Home, action, exact, plan, quiet, same

SHELLS = ("bash", "zsh", "fish", "sh")
Tree = dict[str, tuple[Any, ...]]
MANY = 20


def contents(one: Tree, other: Tree) -> list[str]:
    """What differs but for times, since a new file is as old as its making, and uv's lock, which an error may leave until the undo."""
    former, now = ({path: seen[:3] for path, seen in tree.items() if not path.endswith("/env/.lock")} for tree in (one, other))
    return same(former, now)


class Scene:
    """A folder, a home in it, a plan, and the tree as it was before. ``kept`` are names that no comparison counts."""

    kept: tuple[str, ...] = ("state", ".cache")

    def __init__(self, folder: Path, made: Plan, host: Host | None = None) -> None:
        self.folder = folder
        self.home = Home(folder / "home", {"CONVFIX_STATE_DIR": str(folder / "home" / "state" / "of" / "convfix")})
        self.host: Host = host or self.home.host
        self.plan = made
        self.before = self.look()

    def look(self) -> Tree:
        return exact(self.folder, leave_out=self.kept)

    def forget_state(self) -> None:
        """No run was ever made here; the state folder is there with the mode that a careless person gave it."""
        shutil.rmtree(self.home.state.folder, ignore_errors=True)
        os.makedirs(self.home.state.folder, 0o755)

    def forget_runs(self) -> None:
        """After many runs, let their journals go: each is looked at by every later run, which is the slower for it."""
        if len(self.home.state.numbers()) > MANY:
            assert not self.interrupted
            for name in os.listdir(self.home.state.runs):
                path = os.path.join(self.home.state.runs, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def apply(self) -> None:
        apply(self.plan, self.host, self.home.state, quiet)

    def recover(self) -> None:
        recover(self.host, self.home.state, quiet)

    def undo(self) -> None:
        undo(None, self.host, self.home.state, quiet)

    @property
    def interrupted(self) -> bool:
        return open_run(self.home.state) is not None

    def is_old(self) -> bool:
        return not same(self.before, self.look())

    def new(self) -> Tree:
        """The tree as a whole apply leaves it; afterwards all is old again."""
        self.apply()
        made = self.look()
        assert same(self.before, made)
        self.undo()
        assert self.is_old(), same(self.before, self.look())
        return made

    def settle(self, new: Tree | None) -> str:
        """Recover once, and say whether all is old or new; it must be one of them. Leaves all old."""
        self.recover()
        assert not self.interrupted
        now = self.look()
        if not same(self.before, now):
            self.forget_runs()
            return "old"
        assert new is not None and not contents(new, now), contents(new, now) if new else same(self.before, now)
        self.undo()
        assert self.is_old(), same(self.before, self.look())
        self.forget_runs()
        return "new"


class Files(Scene):
    """Profiles, an environment, and a plan that changes files of every kind in them."""

    def __init__(self, folder: Path, shell: str, bare: bool = False) -> None:
        """``bare``: there is no profile yet; else it is a link into a folder of dotfiles (but for fish, which has its own file)."""
        folder.mkdir(parents=True, exist_ok=True)
        self.env = folder / "env with 'a' $name"
        subprocess.run([patients.need_python("3.11"), "-m", "venv", "--without-pip", str(self.env)], check=True)
        self.site = next(self.env.glob("lib/python*/site-packages"))
        (folder / "libone.so").write_bytes(b"\x7fELF")
        home = folder / "home"
        home.mkdir()
        self.profile = home / {"fish": ".config/fish/conf.d/convfix.fish", "zsh": ".zshrc"}.get(shell, ".profile")
        if not bare and shell != "fish":
            dotfiles = folder / "dotfiles"
            dotfiles.mkdir()
            (dotfiles / "rc").write_bytes(b"# caf\xe9\r\nexport KEEP=1\r\nexport LAST=2")
            self.profile.symlink_to(dotfiles / "rc")
        self.kernel = self.env / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
        self.kernel.parent.mkdir(parents=True)
        self.kernel.write_text('{\n "argv": ["%s/bin/python", "-m", "ipykernel_launcher"],\n "language": "python"\n}\n' % self.env)
        super().__init__(folder, self.make_plan(folder, shell))

    def make_plan(self, folder: Path, shell: str) -> Plan:
        common = {"interpreter": f"{self.env}/bin/python", "prefix": str(self.env)}
        values = {"prepend": {"LD_LIBRARY_PATH": [f"{self.env}/lib"]}, "set": {"CUDA_HOME": "/x y"}, "unset": ["XLA_FLAGS"]}
        own = "bin/activate.fish" if shell == "fish" else "bin/activate"
        script = str(self.env / "etc" / "convfix" / f"on.{shell}")
        ours = {"prepend": {"LD_LIBRARY_PATH": ["/opt/lib"]}, "set": values["set"]}
        return plan(
            action("preload_hook", {**common, "site_packages": str(self.site), "libraries": [str(folder / "libone.so")]}, "hook"),
            action("activation_script", {**common, **values, "shell": shell, "path": f"{self.env}/{own}"}, "own"),
            action(
                "activation_script", {**common, **values, "shell": shell, "path": f"{self.env}/etc/conda/activate.d/c.{shell}"}, "conda"
            ),
            action("activation_script", {**common, **values, "shell": shell, "path": script}, "script"),
            action("kernelspec", {**common, **ours, "path": str(self.kernel)}, "kernel"),
            action("profile_block", {"shell": shell, "path": str(self.profile), "source": script}, "profile"),
        )


    def undo(self) -> None:
        """Python has started in between, as it does."""
        (self.site / "__pycache__").mkdir(exist_ok=True)
        (self.site / "__pycache__" / "_convfix_preload.cpython-311.pyc").write_bytes(b"compiled")
        super().undo()


class StandIn(RealHost):
    """A machine whose uv and whose environments' Pythons are a few lines of this process."""

    def __init__(self, environ: Mapping[str, str], prefix: Path) -> None:
        super().__init__(environ)
        self.prefix = prefix
        self.site = prefix / "lib" / "python3.11" / "site-packages"

    def which(self, name: str) -> str | None:
        return "/stand-in/uv" if name == "uv" else super().which(name)

    def run(self, argv: Sequence[str], **more: Any) -> Ran:
        words = list(argv)
        if words[:4] == [sys.executable, "-I", "-S", "-c"]:
            words = words[7:]
        told = ""
        if "-c" in words:
            told = "\nconvfix-scheme:" + json.dumps(self._scheme(Path(words[0]).parents[1])) + "\n"
        elif "--dry-run" in words:
            self._lock(Path(words[words.index("--python") + 1]).parents[1])
            return Ran(tuple(argv), 0, "", " - one==1.0\n + one==2.0\n - two==1.0\n + two==2.0\n")
        elif "--generate-hashes" in words:
            told = "".join(f"{name}==2.0 --hash=sha256:{'0' * 64}\n" for name in ("one", "two"))
        elif "venv" in words:
            self._make()
        elif "install" in words:
            self._lock(self.prefix)
            for name in ("one", "two"):
                if (self.site / f"{name}-1.0.dist-info").is_dir():
                    take_off(self.site, name, "1.0")
                lay_down(self.site, name, "2.0", within.os)
        else:
            raise AssertionError(words)
        return Ran(tuple(argv), 0, told, "")

    def _lock(self, prefix: Path) -> None:
        """As uv does: a file that is made where it is missing, and left."""
        within.os.close(within.os.open(str(prefix / ".lock"), os.O_RDWR | os.O_CREAT, 0o666))

    def _make(self) -> None:
        work = within.os
        for folder in ("bin", "lib", "lib/python3.11", "lib/python3.11/site-packages"):
            work.mkdir(str(self.prefix / folder), 0o755)
        work.symlink("lib", str(self.prefix / "lib64"))
        write(work, self.prefix / "bin" / "python", b"#!/bin/false\n")
        write(work, self.prefix / "pyvenv.cfg", b"home = /usr\n")

    def _scheme(self, prefix: Path) -> dict[str, str]:
        """What a Python tells of itself that is called from ``prefix``."""
        where = {key: str(prefix / self.site.relative_to(self.prefix)) for key in ("purelib", "platlib")}
        rest = {"scripts": "bin", "data": ".", "include": "include", "stdlib": "lib/python3.11"}
        made = {key: os.path.normpath(self.prefix / value) for key, value in rest.items()}
        return {**where, **made, "prefix": str(prefix), "base": "/usr", "version": "3.11.0"}


def write(work: Any, path: Path, data: bytes) -> None:
    """A file through the calls that are counted."""
    handle = work.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        left = data
        while left:
            left = left[work.write(handle, left) :]
    finally:
        os.close(handle)


def lay_down(site: Path, name: str, version: str, work: Any = os) -> None:
    """A package of three modules, a script and its metadata, as an installer would, RECORD last.

    What is a file in one version is a folder in the other, and the package's folder has another mode.
    """
    information = f"{name}-{version}.dist-info"
    if not (site / name).is_dir():
        work.mkdir(str(site / name), 0o755 if version == "1.0" else 0o700)
    listed = {
        f"{name}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{name}/part" + ("" if version == "1.0" else "/part.py"): b"pass\n",
        f"{name}/in_{version[0]}.py": b"pass\n",
        f"../../../bin/{name}-run": b"#!/bin/false\n" + version.encode(),
        f"{information}/METADATA": f"Name: {name}\nVersion: {version}\n".encode(),
    }
    rows = []
    for member, data in listed.items():
        path = Path(os.path.normpath(site / member))
        if not path.parent.is_dir():
            work.mkdir(str(path.parent), 0o755)
        write(work, path, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{member},sha256={digest},{len(data)}\n")
    if version == "1.0":
        os.symlink("__init__.py", site / name / "link")
        rows.append(f"{name}/link,,\n")
    write(work, site / information / "RECORD", "".join([*rows, f"{information}/RECORD,,\n"]).encode())


def take_off(site: Path, name: str, version: str) -> None:
    """Remove what ``lay_down`` made, RECORD first, as uv may."""
    work = within.os
    information = site / f"{name}-{version}.dist-info"
    work.chmod(str(site / name / "__init__.py"), 0o600)
    work.utime(str(site / name / "__init__.py"), (1, 1))
    for path in (information / "RECORD", information / "METADATA", *sorted((site / name).iterdir())):
        work.unlink(str(path))
    work.unlink(str(site.parents[2] / "bin" / f"{name}-run"))
    work.rmdir(str(information))
    work.rmdir(str(site / name))


class Packages(Scene):
    """An environment with one and two at 1.0, and a plan for 2.0."""

    def __init__(self, folder: Path) -> None:
        prefix = folder / "env"
        host = StandIn({**os.environ, "HOME": str(folder / "home"), "CONVFIX_STATE_DIR": str(folder / "home" / "state")}, prefix)
        host.site.mkdir(parents=True)
        (prefix / "bin").mkdir()
        (prefix / "pyvenv.cfg").write_bytes(b"home = /usr\n")
        for name in ("one", "two", "three"):
            lay_down(host.site, name, "1.0")
        params = {"interpreter": f"{prefix}/bin/python", "prefix": str(prefix), "manager": "uv", "requirements": ["one==2.0"]}
        super().__init__(folder, plan(action("pip_requirements", params)), host)

    def look(self) -> Tree:
        """The store that an apply keeps for its undo is no part of the environment."""
        return exact(self.folder, leave_out=(*self.kept, ".convfix"))


class Environment(Scene):
    """A new environment with one and two at 2.0, below two folders that are missing."""

    def __init__(self, folder: Path) -> None:
        (folder / "home").mkdir(parents=True)
        prefix = folder / "home" / "envs" / "new" / "env"
        host = StandIn({**os.environ, "HOME": str(folder / "home"), "CONVFIX_STATE_DIR": str(folder / "home" / "state")}, prefix)
        params = {"path": str(prefix), "python": "3.11", "manager": "uv", "requirements": ["one==2.0"]}
        super().__init__(folder, plan(action("new_environment", params)), host)

    def apply(self) -> None:
        """Each time as if it were the first run of all."""
        self.forget_state()
        super().apply()

    def look(self) -> Tree:
        """The marker names its run, which differs from apply to apply."""
        seen = super().look()
        return {path: (found[:2] if path.endswith(".convfix-environment.json") else found) for path, found in seen.items()}


def make(name: str, folder: Path) -> Scene:
    """The scene of that name in an empty ``folder``: a shell's, packages, environment."""
    shutil.rmtree(folder, ignore_errors=True)
    what, _, layout = name.partition(" ")
    if what == "packages":
        return Packages(folder)
    return Environment(folder) if what == "environment" else Files(folder, what, layout.startswith("bare"))


def poor(patch: pytest.MonkeyPatch) -> None:
    """A filesystem without hard links on which names cannot change places, as some network mounts and memory cards are."""

    def refused(*given: Any, **more: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    patch.setattr(os, "link", refused)
    patch.setattr(within, "exchange", lambda *given: False)


ALL = (*SHELLS, *(f"{shell} bare" for shell in SHELLS), "packages", "environment")
# To be played after ``poor``.
POOR = ("bash poor", "sh bare poor", "packages poor", "environment poor")
