"""The files that a repair of the loader's path may write: which are there, and how long they are.

The unit is ``observe``: the preload hook's pair, the environment's activation scripts and the profile of the
user's shell, each as a ``RepairFile``. No text of theirs is kept. Whether one may be written to is asked when
it comes to that; a described system root has no home, so its files stay unknown.
"""

from __future__ import annotations

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
    profile = _profile(host)
    if profile is not None:
        yield ("profile", *profile)


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
