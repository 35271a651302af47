"""One script from a shell's texts and the values: which text follows which, in every shell alike.

The unit is ``script(dialect, values)``. A dialect is a module of texts, one for each thing to do and to take back;
@KEY@ stands for the values' key, @V@ for a variable's name, @RESTORE@ for ``RESTORE``, @OFF@ for all that takes back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from fixer.shells.values import Values


class Dialect(Protocol):
    """The texts of a shell; each ends with a line break."""

    HEAD: str
    SAVE: str
    PREPEND: str
    SET: str
    UNSET: str
    RESTORE: str
    OFF_PREPEND: str
    OFF_SET: str
    OFF_UNSET: str
    FORGET: str
    TAIL: str

    def folders(self, prepend: tuple[str, ...], drop: tuple[str, ...]) -> Mapping[str, str]:
        """What stands for the placeholders of ``PREPEND`` and ``OFF_PREPEND`` that tell of folders."""

    def quote(self, text: str) -> str:
        """``text`` as one word."""

    def off_line(self, key: str) -> str:
        """One line that takes the values of this key back where they are active."""

    def source_line(self, path: str) -> str:
        """One line that sources the script at ``path`` if it is there."""


def script(dialect: Dialect, values: Values) -> str:
    """The whole script."""
    key = values.key
    on, off = [dialect.HEAD.replace("@KEY@", key)], []

    def back(template: str) -> str:
        return template.replace("@RESTORE@", dialect.RESTORE.rstrip("\n"))

    for name in values.lists:
        folders = dialect.folders(tuple(dict.fromkeys(values.prepend.get(name, ()))), values.drop.get(name, ()))
        on.append(_filled(dialect.SAVE + dialect.PREPEND, key, name, folders))
        off.append(_filled(back(dialect.OFF_PREPEND), key, name, folders))
    for name, value in sorted(values.set.items()):
        on.append(_filled(dialect.SAVE + dialect.SET, key, name, {"@VALUE@": dialect.quote(value)}))
        off.append(_filled(back(dialect.OFF_SET), key, name))
    for name in sorted(values.unset):
        on.append(_filled(dialect.SAVE + dialect.UNSET, key, name))
        off.append(_filled(dialect.OFF_UNSET, key, name))
    for name in sorted({*values.lists, *values.set, *values.unset}):
        off.append(_filled(dialect.FORGET, key, name))
    on.append(dialect.TAIL.replace("@KEY@", key).replace("@OFF@", "".join(off).rstrip("\n")))
    return "".join(on)


def _filled(template: str, key: str, name: str, words: Mapping[str, str] | None = None) -> str:
    """``template`` with its placeholders replaced, in one pass: a person's folder may be called like one."""
    known = {"@KEY@": key, "@V@": name, **(words or {})}
    return re.sub("@[A-Z]+@", lambda found: known[found[0]], template)
