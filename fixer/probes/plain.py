"""Small readers that several probes share: one line of a file, key=value files, a bounded clean line.

The unit is a function from text to a value. Nothing here decides what a value means.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Mapping

from fixer.host.base import SYSTEM_FOLDERS, Host, Ran
from fixer.model import pep440

SHORT = 65536
_LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def line(host: Host, path: str) -> str | None:
    """The first line of a small file, stripped; None when it cannot be read."""
    text = host.text(path, SHORT)
    return None if text is None else text.split("\n", 1)[0].strip("\x00 \t\r\n")


def clean(text: str) -> str:
    """Other people's text as one short line without control characters."""
    made = _CONTROL.sub(" ", text).strip()
    return made if len(made) <= _LONGEST else made[:_LONGEST] + "..."


def assignments(text: str) -> dict[str, str]:
    """``KEY=value`` and ``key = value`` lines (os-release, pyvenv.cfg) with the quotes of a shell taken off."""
    made = {}
    for one in text.splitlines():
        key, sign, value = one.partition("=")
        if sign and not key.lstrip().startswith("#"):
            made[key.strip()] = value.strip().strip("\"'")
    return made


def how_it_failed(ran: Ran, what: str) -> str:
    """Why a child gave no usable answer, in words."""
    if ran.missing:
        return f"{what} cannot be started: {clean(ran.stderr)}"
    if ran.timed_out:
        return f"{what} gave no answer within the time limit"
    if ran.cut:
        return f"{what} printed more than it may"
    if ran.status is not None and ran.status < 0:
        return f"{what} was killed by signal {-ran.status}"
    if ran.status:
        said = [one for one in ran.stderr.splitlines() if one.strip()]
        # A Python that cannot start puts the reason first and a useless frame last.
        telling = next((one for one in said if "rror:" in one), said[-1] if said else "")
        return f"{what} ended with exit status {ran.status}" + (f": {clean(telling)}" if telling else "")
    return f"{what} printed no answer that can be read"


def is_version(text: str) -> bool:
    """Whether ``text`` is a version as PEP 440 says, of a length that one has."""
    return len(text) <= _LONGEST and pep440.is_version(text)


def is_file(host: Host, path: str) -> bool:
    """Whether ``path`` is a regular file, links followed."""
    status = host.stat(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def is_executable(host: Host, path: str) -> bool:
    """Whether ``path`` is a file that somebody may execute."""
    status = host.stat(path)
    return status is not None and stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)


def on_path(host: Host, name: str) -> tuple[str, ...]:
    """Every executable ``name`` in PATH's folders, in order. Unlike ``host.which`` it never looks beside convfix.

    For a described system root, folders that it does not describe are passed over: they are of this machine.
    """
    made = []
    for folder in host.environ.get("PATH", os.defpath).split(os.pathsep):
        if folder.startswith("/") and (not host.is_data or folder.startswith(SYSTEM_FOLDERS)):
            path = os.path.join(folder, name)
            if path not in made and is_executable(host, path):
                made.append(path)
    return tuple(made)


def split_folders(value: str | None, here: str | None) -> tuple[str, ...]:
    """The folders of a path list, made absolute; an empty element is the current folder."""
    if not value:
        return ()
    made = []
    for element in value.split(os.pathsep):
        folder = element if element.startswith("/") else os.path.join(here, element) if here else ""
        if folder:
            made.append(os.path.normpath(folder))
    return tuple(dict.fromkeys(made))


def count(text: str | None) -> int | None:
    """A whole number from a file of /sys or /proc."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else None


def chosen(environ: Mapping[str, str], *names: str) -> tuple[str, str] | None:
    """The first of these variables that is set and not empty: its name and value."""
    return next(((name, environ[name]) for name in names if environ.get(name)), None)
