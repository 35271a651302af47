"""Activation scripts: what a shell must read to get the environment's variables, and to lose them again.

The unit is ``script(shell, values)``, a pure function to text. Sourcing it twice is sourcing it once;
``convfix_deactivate`` brings the old values back (unset, empty and set are three things); path lists get
no empty, relative or repeated element, since the loader reads an empty one as the current directory.
Which variables an environment needs is planning's business, where the text goes is the actions'.
"""

from __future__ import annotations

import hashlib

from fixer.shells import compose
from fixer.shells.compose import Dialect
from fixer.shells.values import Values

SHELLS = ("bash", "zsh", "fish", "sh")


def script(shell: str, values: Values) -> str:
    """The script for one of SHELLS; KeyError for another."""
    return compose.script(_of(shell), values)


def off_line(shell: str, values: Values) -> str:
    """One line that takes these values back where they are active, for an environment's own deactivation."""
    return _of(shell).off_line(values.key)


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


def _of(shell: str) -> Dialect:
    """The shell's dialect, loaded when a script is written; bash, zsh and sh read the same text."""
    if shell not in SHELLS:
        raise KeyError(shell)
    if shell == "fish":
        from fixer.shells import fish

        return fish
    from fixer.shells import posix

    return posix
