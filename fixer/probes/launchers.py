"""Who else starts Pythons here: Jupyter's kernels, VS Code, PyCharm, services of systemd, cron's tables, job scripts.

The unit is a ``Launcher``: the file that says which interpreter is started, and the variables that it sets for
it. None of them reads a shell's profile by itself. Only files are read; a command line is never kept.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import Any, Iterator

from fixer.host.base import Host
from fixer.model.facts import Launcher
from fixer.model.observed import Observed, absent, found
from fixer.probes import job_scripts
from fixer.probes.plain import clean
from fixer.probes.variables import matters

_LIMIT = 1 << 18
_MOST = 60
_SYSTEM_KERNELS = ("/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels")
_UNITS = ("/etc/systemd/system", "/usr/lib/systemd/user", "/usr/local/lib/systemd/system")
_TABLES = ("/etc/crontab", "/etc/cron.d")
_PYTHON = re.compile(r"^/\S{1,400}/python(?:3(?:\.\d{1,2})?)?$")
_VSCODE = re.compile(r'^[ \t]*"python\.(?:defaultInterpreterPath|pythonPath)"\s*:\s*"([^"\n]{1,1000})"', re.MULTILINE)
_PYCHARM = re.compile(r'<homePath\s+value="([^"\n]{1,1000})"')
_SETTING = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$")


def observe(host: Host, prefix: str | None = None) -> Observed[tuple[Launcher, ...]]:
    """The launchers that name an interpreter by an absolute path, by their files' order; ``prefix`` is the patient's."""
    if host.is_data:
        made = [*_kernels(host, _SYSTEM_KERNELS), *_services(host, _UNITS), *_tables(host)]
    else:
        made = [*_kernels(host, _kernel_folders(host, prefix)), *_editors(host), *_services(host, _unit_folders(host))]
        made += [*_tables(host), *_jobs(host)]
    unique = {(one.kind, one.path, one.interpreter): one for one in made}
    return found(tuple(unique.values())[:_MOST], *sorted({one.path for one in made})[:4]) if unique else absent(*_SYSTEM_KERNELS)


def _home(host: Host) -> str:
    home = host.environ.get("HOME", "")
    return home.rstrip("/") if home.startswith("/") else ""


def _kernel_folders(host: Host, prefix: str | None) -> tuple[str, ...]:
    home = _home(host)
    data = host.environ.get("JUPYTER_DATA_DIR") or (f"{host.environ.get('XDG_DATA_HOME') or home + '/.local/share'}/jupyter")
    more = [one for one in host.environ.get("JUPYTER_PATH", "").split(os.pathsep) if one.startswith("/")]
    own = [f"{prefix}/share/jupyter"] if prefix else []
    return tuple(dict.fromkeys((*(f"{one}/kernels" for one in (*more, data, *own)), *_SYSTEM_KERNELS)))


def _kernels(host: Host, folders: tuple[str, ...]) -> Iterator[Launcher]:
    for folder in folders:
        for name in host.entries(folder)[:_MOST]:
            path = f"{folder}/{name}/kernel.json"
            told = _json(host, path)
            argv, env = (told.get("argv"), told.get("env")) if isinstance(told, dict) else (None, None)
            if isinstance(argv, list) and argv and isinstance(argv[0], str) and argv[0].startswith("/"):
                yield Launcher("jupyter", clean(name), path, argv[0], _kept(env if isinstance(env, dict) else {}))


def _json(host: Host, path: str) -> Any:
    try:
        return json.loads(host.read(path, _LIMIT))
    except (OSError, ValueError, RecursionError):
        return None


def _kept(pairs: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if isinstance(value, str) and (matters(name) or name == "PATH")}


def _editors(host: Host) -> Iterator[Launcher]:
    """VS Code's settings of this project and of the user; PyCharm's table of interpreters."""
    home, here = _home(host), host.vantage.folder
    projects = [f"{here}/.vscode/settings.json"] if here else []
    for path in (*projects, *(f"{home}/{one}/User/settings.json" for one in (".config/Code", ".config/VSCodium", ".vscode-server/data"))):
        for value in _VSCODE.findall(host.text(path, _LIMIT) or ""):
            interpreter = value.replace("${workspaceFolder}", here or "").replace("~/", f"{home}/")
            if interpreter.startswith("/"):
                yield Launcher("vscode", "VS Code", path, os.path.normpath(interpreter), {})
    settings = f"{home}/.config/JetBrains"
    for name in host.entries(settings) if home else ():
        path = f"{settings}/{name}/options/jdk.table.xml"
        for value in _PYCHARM.findall(host.text(path, _LIMIT) or ""):
            interpreter = value.replace("$USER_HOME$", home)
            if interpreter.startswith("/") and os.path.basename(interpreter).startswith("python"):
                yield Launcher("pycharm", "PyCharm", path, interpreter, {})


def _jobs(host: Host) -> Iterator[Launcher]:
    here = host.vantage.folder
    yield from job_scripts.observe(host, here) if here else ()


def _unit_folders(host: Host) -> tuple[str, ...]:
    home = _home(host)
    return (*_UNITS, *([f"{home}/.config/systemd/user"] if home else []))


def _services(host: Host, folders: tuple[str, ...]) -> Iterator[Launcher]:
    """Units whose ExecStart is a Python, with their drop-ins; nothing of a shell is read for them."""
    home = _home(host)
    for folder in folders:
        for name in host.entries(folder)[:500]:
            if not name.endswith(".service"):
                continue
            path = f"{folder}/{name}"
            of_user = folder.endswith("/systemd/user")
            lines = _unit_lines(host, (path, *_parts(host, [f"{one}/{name}.d" for one in folders])))
            words = _programs([value.replace("%h", home) if of_user else value for value in _values(lines, "ExecStart")])
            interpreters = dict.fromkeys(filter(_PYTHON.match, words))
            variables = _kept(_set_by_unit(host, lines, home if of_user else "")) if interpreters else {}
            for interpreter in interpreters:
                yield Launcher("systemd", clean(name), path, interpreter, variables)


def _parts(host: Host, folders: list[str]) -> list[str]:
    """The .conf files of drop-in folders, by name, as systemd orders them."""
    found = [(name, f"{folder}/{name}") for folder in folders for name in host.entries(folder)[:_MOST] if name.endswith(".conf")]
    return [path for _, path in sorted(found)]


def _unit_lines(host: Host, paths: tuple[str, ...]) -> list[str]:
    return [line.strip() for path in paths for line in (host.text(path, _LIMIT) or "").replace("\\\n", " ").splitlines()]


def _values(lines: list[str], key: str) -> list[str]:
    """What a unit gives a key, in order; an empty value takes back what stood before."""
    made: list[str] = []
    for line in lines:
        name, sign, value = line.partition("=")
        if sign and name.strip() == key:
            if not value.strip():
                made.clear()
            else:
                made.append(value.strip())
    return made


def _programs(values: list[str]) -> list[str]:
    return [word.strip("\"'") for value in values for word in value.lstrip("@-:+!").split()[:1]]


def _set_by_unit(host: Host, lines: list[str], home: str) -> dict[str, str]:
    """A unit's variables: environment.d for a user's unit, Environment=, then the files of EnvironmentFile=, which win."""
    made: dict[str, str] = {}
    for path in _parts(host, [f"{home}/.config/environment.d"]) if home else ():
        made.update(_settings(host.text(path, _LIMIT) or ""))
    made.update(_assigned(" ".join(_values(lines, "Environment")).replace("%h", home)))
    for value in _values(lines, "EnvironmentFile")[:_MOST]:
        path = value.removeprefix("-").replace("%h", home)
        if path.startswith("/") and "*" not in path:
            made.update(_settings(host.text(path, _LIMIT) or ""))
    return made


def _settings(text: str) -> dict[str, str]:
    found = (_SETTING.match(line.strip()) for line in text.splitlines())
    return {one.group(1): one.group(2).strip().strip("\"'") for one in found if one}


def _assigned(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError:
        return {}
    return {name: value for name, sign, value in (word.partition("=") for word in words) if sign}


def _tables(host: Host) -> Iterator[Launcher]:
    """Cron's system tables: NAME=value lines hold for the commands below them."""
    paths = [_TABLES[0], *(f"{_TABLES[1]}/{name}" for name in host.entries(_TABLES[1]))]
    for path in paths:
        variables: dict[str, str] = {}
        started: dict[str, Launcher] = {}
        for line in (host.text(path, _LIMIT) or "").splitlines():
            setting = _SETTING.match(line.strip())
            if setting and len(variables) < _MOST:
                variables.update(_kept({setting.group(1): setting.group(2).strip().strip("\"'")}))
            elif not setting and not line.lstrip().startswith("#") and len(started) < _MOST:
                for interpreter in filter(_PYTHON.match, line.split()):
                    started[interpreter] = Launcher("cron", os.path.basename(path), path, interpreter, dict(variables))
        yield from started.values()
