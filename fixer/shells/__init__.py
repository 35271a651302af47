"""Activation scripts: what a shell must read to get the environment's variables, and to lose them again.

The unit is ``script(shell, values)``, a pure function to text. Sourcing it twice is sourcing it once;
``convfix_deactivate`` brings the old values back (unset, empty and set are three things); path lists get
no empty, relative or repeated element, since the loader reads an empty one as the current directory.
Which variables an environment needs is planning's business, where the text goes is the actions'.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import field
from typing import Mapping

from fixer.model.record import record

SHELLS = ("bash", "zsh", "fish", "sh")


@record(frozen=True)
class Values:
    """What to change: folders put before a path list, variables set, variables removed, folders taken off a path list.

    Folders are absolute and hold no colon; names of path lists end in PATH. What is taken off goes before anything is added.
    """

    prepend: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    set: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    drop: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def lists(self) -> list[str]:
        """The names of the path lists that change."""
        return sorted({*self.prepend, *self.drop})

    @property
    def key(self) -> str:
        """A short name for exactly these values; it keeps the scripts of two environments apart."""
        content = [sorted((k, list(v)) for k, v in self.prepend.items()), sorted(self.set.items()), sorted(self.unset)]
        content += [sorted((k, list(v)) for k, v in self.drop.items())] if self.drop else []
        return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()[:10]


def script(shell: str, values: Values) -> str:
    """The script for one of SHELLS; KeyError for another."""
    return _of(shell).script(values)


def off_line(shell: str, values: Values) -> str:
    """One line that takes these values back where they are active, for an environment's own deactivation."""
    return _of(shell).off_line(values)


def block(shell: str, path: str) -> str:
    """The guarded lines for a profile that source the script at ``path`` if it is there."""
    key = block_key(path)
    return f"{begin(key)}\n{_of(shell).source_line(path)}\n{end(key)}\n"


def block_key(path: str) -> str:
    """The name of the block that sources ``path``."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:10]


def begin(key: str) -> str:
    """The line above a block of ours."""
    return f"# >>> convfix {key} >>>"


def end(key: str) -> str:
    """The line below a block of ours."""
    return f"# <<< convfix {key} <<<"


def quote(shell: str, text: str) -> str:
    """``text`` as one word of the shell."""
    return _of(shell).quote(text)


class _Posix:
    """bash, zsh and sh read the same text."""

    def __init__(self) -> None:
        from fixer.shells import posix

        self.script = posix.script
        self.off_line = posix.off_line
        self.source_line = posix.source_line
        self.quote = posix.quote


class _Fish:
    def __init__(self) -> None:
        from fixer.shells import fish

        self.script = fish.script
        self.off_line = fish.off_line
        self.source_line = fish.source_line
        self.quote = fish.quote


def _of(shell: str) -> _Posix | _Fish:
    if shell not in SHELLS:
        raise KeyError(shell)
    return _Fish() if shell == "fish" else _Posix()
