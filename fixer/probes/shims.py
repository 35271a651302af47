"""pyenv's shims: small scripts that cost 200 ms and stand for another Python. They are resolved by reading.

The unit is a tuple of paths on PATH, in order, with each shim replaced by the interpreter that it would
start, or left out where pyenv passes on to the next Python of PATH.
"""

from __future__ import annotations

import os
from typing import Iterator

from fixer.host.base import Host
from fixer.probes.plain import is_executable

_HEAD = 2048


def without_shims(host: Host, paths: tuple[str, ...]) -> Iterator[str]:
    """The interpreters that these paths start."""
    for path in paths:
        if not is_shim(host, path):
            yield path
            continue
        real = _target(host, path)
        if real is not None:
            yield real


def is_shim(host: Host, path: str) -> bool:
    """Whether this file is a shim of pyenv."""
    if os.path.basename(os.path.dirname(path)) != "shims":
        return False
    head = host.text(path, _HEAD) or ""
    return head.startswith("#!") and "pyenv" in head


def _target(host: Host, shim: str) -> str | None:
    root = host.environ.get("PYENV_ROOT") or os.path.dirname(os.path.dirname(shim))
    installed = host.entries(f"{root}/versions")
    for wanted in _wanted(host, root):
        if wanted == "system":
            return None
        # pyenv takes the newest installed version for a prefix: 3.11 stands for 3.11.7.
        fitting = [name for name in installed if name == wanted or name.startswith(wanted + ".")]
        for name in sorted(fitting, key=_numbers, reverse=True):
            path = f"{root}/versions/{name}/bin/{os.path.basename(shim)}"
            if is_executable(host, path):
                return path
    return None


def _wanted(host: Host, root: str) -> list[str]:
    variable = host.environ.get("PYENV_VERSION")
    if variable:
        return variable.split(":")
    folder = host.vantage.folder if not host.is_data else None
    while folder:
        text = host.text(f"{folder}/.python-version", _HEAD)
        if text is not None and text.split():
            return _names(text)
        folder = os.path.dirname(folder) if folder != "/" else ""
    return _names(host.text(f"{root}/version", _HEAD) or "system")


def _names(text: str) -> list[str]:
    lines = (one.split("#", 1)[0] for one in text.splitlines())
    return [word.removeprefix("python-") for one in lines for word in one.split() if "/" not in word]


def _numbers(name: str) -> list[int]:
    return [int(part) if part.isascii() and part.isdigit() and len(part) < 9 else -1 for part in name.split(".")]
