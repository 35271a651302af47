"""The files that a repair of the loader's path may write: which are there, and how long they are.

The unit is ``observe``: the preload hook's pair, the environment's activation scripts, the kernels that start it
and the profiles of the user's shell (bash has one for login shells besides), each as a ``RepairFile``. No text of
theirs is kept. Whether one may be written to is asked when it comes to that; a described system root has no home,
so its files stay unknown.
"""

from __future__ import annotations

import json
import posixpath
from typing import Iterator

from fixer.host.base import Host
from fixer.model.edits import outline
from fixer.model.facts import Patient, RepairFile
from fixer.model.observed import Observed, found, unknown

_LARGEST = 8 << 20
_HOOK = ("_convfix_preload.py", "convfix_preload.pth")
_SHELLS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "sh": "sh", "dash": "sh", "ksh": "sh", "ash": "sh"}


def observe(host: Host, patient: Patient) -> Observed[tuple[RepairFile, ...]]:
    """Every such file of this patient and this user, each once."""
    if host.is_data:
        return unknown("a described system root has no home", "HOME")
    made = [_seen(host, role, shell, path) for role, shell, path in _places(host, patient)]
    return found(tuple(made), patient.prefix, *(("HOME",) if host.environ.get("HOME") else ()))


def _places(host: Host, patient: Patient) -> Iterator[tuple[str, str, str]]:
    for name in _HOOK:
        yield "hook", "", posixpath.join(patient.site_packages, name)
    prefix = patient.prefix
    if host.is_dir(posixpath.join(prefix, "conda-meta")):
        for folder in ("deactivate.d", "activate.d"):
            for shell, name in (("bash", "convfix.sh"), ("fish", "convfix.fish")):
                yield "script", shell, posixpath.join(prefix, "etc", "conda", folder, name)
    else:
        yield "script", "bash", posixpath.join(prefix, "bin", "activate")
        yield "script", "fish", posixpath.join(prefix, "bin", "activate.fish")
    for shell, name in (("bash", "activate.sh"), ("fish", "activate.fish")):
        yield "script", shell, posixpath.join(prefix, "share", "convfix", name)
    for path in _kernels(host, patient):
        yield "kernel", "", path
    profile = _profile(host)
    if profile is not None:
        yield ("profile", *profile)
        login = _login_profile(host) if profile[0] == "bash" else None
        if login is not None:
            yield "profile", "bash", login


def _kernels(host: Host, patient: Patient) -> Iterator[str]:
    """The kernels of this environment and this user that start the patient (Jupyter's ``kernel.json``)."""
    data, home = host.environ.get("JUPYTER_DATA_DIR", ""), host.environ.get("HOME", "")
    base = host.environ.get("XDG_DATA_HOME", "")
    if not posixpath.isabs(data):
        base = base if posixpath.isabs(base) else posixpath.join(home, ".local", "share")
        data = posixpath.join(base, "jupyter") if posixpath.isabs(base) else ""
    for folder in dict.fromkeys((posixpath.join(patient.prefix, "share", "jupyter"), posixpath.normpath(data) if data else "")):
        kernels = posixpath.join(folder, "kernels")
        for name in host.entries(kernels) if folder else ():
            path = posixpath.join(kernels, name, "kernel.json")
            if _started(host.text(path, 1 << 20)) == patient.interpreter:
                yield path


def _started(text: str | None) -> str | None:
    """The program that a kernel starts."""
    try:
        data = json.loads(text or "")
        return str(data["argv"][0])
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None


def _login_profile(host: Host) -> str | None:
    """What a login bash reads instead of ``.bashrc``: the first of three, unless it names ``.bashrc`` itself."""
    home = posixpath.normpath(host.environ["HOME"])
    for name in (".bash_profile", ".bash_login", ".profile"):
        path = posixpath.join(home, name)
        if host.exists(path):
            return path if ".bashrc" not in (host.text(path) or "") else None
    return None


def _profile(host: Host) -> tuple[str, str] | None:
    """The user's shell, and the start-up file that every interactive one of it reads; bash's where the shell is another."""
    home = host.environ.get("HOME", "")
    if not posixpath.isabs(home):
        return None
    shell = _SHELLS.get(posixpath.basename(host.environ.get("SHELL", "")), "bash")
    home = posixpath.normpath(home)
    if shell == "fish":
        config = host.environ.get("XDG_CONFIG_HOME", "")
        config = posixpath.normpath(config) if posixpath.isabs(config) else posixpath.join(home, ".config")
        return shell, posixpath.join(config, "fish", "config.fish")
    if shell == "zsh":
        folder = host.environ.get("ZDOTDIR", "")
        return shell, posixpath.join(posixpath.normpath(folder) if posixpath.isabs(folder) else home, ".zshrc")
    return shell, posixpath.join(home, ".bashrc" if shell == "bash" else ".profile")


def _seen(host: Host, role: str, shell: str, path: str) -> RepairFile:
    try:
        content = host.read(path, _LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return RepairFile(role, shell, path)
    except (OSError, ValueError):
        return RepairFile(role, shell, path, there=True)
    return RepairFile(role, shell, path, True, outline(content, shell) if len(content) <= _LARGEST else None)
