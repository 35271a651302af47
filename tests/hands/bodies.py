"""What the tests of the hands share: plans of single actions, a host of their own, exact trees."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixer.apply.state import State
from fixer.host.real import RealHost
from fixer.model import installers
from fixer.model.action import ActionSpec
from fixer.model.plan import FORMAT, Plan, Wish
from tests import patients


def action(kind: str, params: Mapping[str, Any], name: str = "a1", **more: Any) -> ActionSpec:
    """An action whose commands are what its parameters say."""
    return ActionSpec(name, kind, params, f"do {kind}", commands=installers.commands(kind, params), **more)


def plan(*actions: ActionSpec, **more: Any) -> Plan:
    """A plan of these actions."""
    return Plan(FORMAT, "0", "0", None, Wish(), (), None, (), actions, (), {}, 1, **more)


def quiet(text: str) -> None:
    """Nobody listens."""


class Home:
    """A HOME, a state folder in it, and a host that knows both."""

    def __init__(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        self.home = folder
        folder.mkdir(parents=True, exist_ok=True)
        environ = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
        environ.update({"HOME": str(folder), "CONVFIX_STATE_DIR": str(folder / "state"), **(extra or {})})
        self.host = RealHost(environ)
        self.state = State.open(self.host)


def exact(*folders: str | os.PathLike[str], leave_out: tuple[str, ...] = ()) -> dict[str, tuple[Any, ...]]:
    """Everything below ``folders``: kind, mode, content or target, and a file's mtime; folders by kind and mode."""
    seen: dict[str, tuple[Any, ...]] = {}
    for top in folders:
        for here, names, files in os.walk(top):
            names[:] = [name for name in names if name not in leave_out]
            for name in names + files:
                path = os.path.join(here, name)
                found = os.lstat(path)
                mode = stat.S_IMODE(found.st_mode)
                if stat.S_ISLNK(found.st_mode):
                    seen[path] = ("link", os.readlink(path))
                elif stat.S_ISDIR(found.st_mode):
                    seen[path] = ("folder", mode)
                else:
                    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
                    seen[path] = ("file", mode, content, found.st_mtime_ns)
    return seen


def same(before: dict[str, tuple[Any, ...]], after: dict[str, tuple[Any, ...]]) -> list[str]:
    """What differs, in words, for an assertion's message."""
    keys = sorted({*before, *after})
    return [f"{key}: {before.get(key)} -> {after.get(key)}" for key in keys if before.get(key) != after.get(key)]


def only(house: patients.Wheelhouse) -> dict[str, str]:
    """The variables that make pip and uv use the wheelhouse and no index, and a cache that nobody else uses."""
    folder = str(house.folder)
    cache = str(house.folder.parent / "uv")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder, "UV_NO_INDEX": "1", "UV_FIND_LINKS": folder, "UV_CACHE_DIR": cache}


def three_packages(house: patients.Wheelhouse) -> None:
    """one, two and three at 1.0 and 2.0: packages that gain and lose modules, with scripts and data between the versions."""
    for version in ("1.0", "2.0"):
        for name in ("one", "two", "three"):
            information = f"{name}-{version}.dist-info"
            files: dict[str, str | bytes] = {f"{name}/__init__.py": f"__version__ = {version!r}\n"}
            for number in range(12):
                files[f"{name}/part{number}.py"] = f"VALUE = ({name!r}, {version!r}, {number})\n"
            files[f"{name}/only_in_{version[0]}.py"] = "pass\n"
            files[f"{name}/deep_{version[0]}/__init__.py"] = "pass\n"
            files[f"{name}-{version}.data/data/share/{name}/note.txt"] = f"{name} {version}\n"
            files[f"{information}/entry_points.txt"] = f"[console_scripts]\n{name}-run = {name}:main\n"
            needs = {"one": ["two==" + version], "two": ["three==" + version], "three": []}[name]
            house.add(name, version, files, requires=needs)
