"""A home and an environment that belong to one user, and deeds done in a fork by that user or another, under any umask.

The unit is ``Place`` with ``apply``, ``undo`` and ``by``; ``Told`` is how a deed ended. Root alone can play other users.
"""

from __future__ import annotations

import json
import os
import stat
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from fixer.apply.state import State
from fixer.apply.transaction import apply
from fixer.apply.undo import recover, undo
from fixer.errors import ConvfixError
from fixer.host.base import Host
from fixer.host.real import RealHost
from fixer.model.plan import Plan
from tests.hands.bodies import action, plan, quiet

ROOT, USER, OTHER = 0, 61234, 61235
Tree = dict[str, tuple[object, ...]]
Deed = Callable[[Host], object]


class Told(NamedTuple):
    """The exit code of a deed (None: it ended by an unforeseen exception) and what it said."""

    code: int | None
    text: str


class Place:
    """A folder that everybody may enter, with a home and a small environment of user ``owner`` in it."""

    def __init__(self, folder: Path, owner: int, bare: bool = False) -> None:
        self.folder, self.owner = folder, owner
        self.home, self.env, self.state = folder / "home", folder / "env", folder / "home" / "state"
        self.site = self.env / "lib" / "python3.11" / "site-packages"
        self.profile = self.home / ".profile"
        self.script = self.env / "share" / "on.sh"
        for made in (self.home, self.env / "bin", self.site):
            made.mkdir(parents=True)
        (self.env / "libone.so").write_bytes(b"\x7fELF")
        if not bare:
            self.profile.write_bytes(b"export KEEP=1\n")
            self.profile.chmod(0o640)
        for path in (self.home, self.env):
            own(path, owner)

    def plan(self) -> Plan:
        common = {"interpreter": f"{self.env}/bin/python", "prefix": str(self.env)}
        return plan(
            action("preload_hook", {**common, "site_packages": str(self.site), "libraries": [str(self.env / "libone.so")]}, "hook"),
            action("activation_script", {**common, "shell": "sh", "path": str(self.script), "prepend": {"LD_LIBRARY_PATH": ["/one/a"]}}, "on"),
            action("profile_block", {"shell": "sh", "path": str(self.profile), "source": str(self.script)}, "profile"),
        )

    def environ(self, **more: str) -> dict[str, str]:
        return {"HOME": str(self.home), "CONVFIX_STATE_DIR": str(self.state), "PATH": "/usr/bin:/bin", **more}

    def by(self, uid: int, deed: Deed, more: Mapping[str, str] | None = None, umask: int = 0o022, before: Callable[[], None] | None = None) -> Told:
        """``deed`` done by user ``uid`` with these variables; ``before`` is called last, as that user."""
        host = RealHost(self.environ(**(more or {})))
        return forked(uid, lambda: deed(host), umask, before)

    def apply(self, uid: int, wanted: Plan | None = None, **more: object) -> Told:
        chosen = wanted or self.plan()
        return self.by(uid, lambda host: apply(chosen, host, State.open(host), quiet), **more)  # type: ignore[arg-type]

    def undo(self, uid: int, **more: object) -> Told:
        return self.by(uid, lambda host: undo(None, host, State.open(host), quiet), **more)  # type: ignore[arg-type]

    def recover(self, uid: int, **more: object) -> Told:
        return self.by(uid, lambda host: recover(host, State.open(host), quiet), **more)  # type: ignore[arg-type]

    def look(self, leave_out: tuple[str, ...] = ()) -> Tree:
        return look(self.folder, leave_out)


def own(top: Path, uid: int, gid: int | None = None) -> None:
    """Give all below ``top`` to a user and a group of the same number."""
    for path in (top, *top.rglob("*")):
        os.chown(path, uid, uid if gid is None else gid, follow_symlinks=False)


def look(top: Path, leave_out: tuple[str, ...] = ()) -> Tree:
    """Everything below ``top``: kind and mode, owner, group, and content or target."""
    seen: Tree = {}
    for here, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in leave_out]
        for name in (*folders, *names):
            path = os.path.join(here, name)
            found = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(found.st_mode) else Path(path).read_bytes() if stat.S_ISREG(found.st_mode) else b""
            seen[path] = (oct(found.st_mode), found.st_uid, found.st_gid, what)
    return seen


def forked(uid: int, deed: Callable[[], object], umask: int = 0o022, before: Callable[[], None] | None = None) -> Told:
    """``deed`` in a child that is user ``uid`` and nobody else."""
    end, start = os.pipe()
    child = os.fork()
    if child == 0:
        _child(uid, deed, umask, before, start)
    os.close(start)
    with os.fdopen(end) as file:
        text = file.read()
    os.waitpid(child, 0)
    code, said = json.loads(text) if text else (None, "the child said nothing")
    return Told(code, said)


def _child(uid: int, deed: Callable[[], object], umask: int, before: Callable[[], None] | None, start: int) -> NoReturn:
    try:
        os.umask(umask)
        if uid != ROOT:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        if before is not None:
            before()
        try:
            deed()
            told = (0, "")
        except ConvfixError as error:
            told = (error.exit_code, error.message)
        except BaseException:  # noqa: BLE001 - what else ends it is what is looked for
            told = (None, traceback.format_exc())  # type: ignore[assignment]
        os.write(start, json.dumps(told).encode())
    finally:
        os._exit(0)
