"""Command lines as a person types them in PowerShell, of Windows (5.1) and later alike.

The unit is a function from words to text. A word that PowerShell would read as anything but itself stands in single
quotes, where nothing but a quote means anything: about_Quoting_Rules and about_Parsing of Microsoft's documentation.
Paths of Windows hold no double quote, the one character that 5.1 passes on wrongly.
"""

from __future__ import annotations

import re
from typing import Iterable

# What means itself everywhere in an argument. A leading @, % or digit and a dash with a dot behind it mean more.
_PLAIN = re.compile(r"[A-Za-z_.\\/][A-Za-z0-9_.\\/:+=!~-]*|\d[A-Za-z0-9_.]*[=:][A-Za-z0-9_.=-]*|\d+(\.\d+)*|--?[A-Za-z][A-Za-z0-9-]*")
# PowerShell takes the typographic quotes for the plain one.
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")


def word(text: str) -> str:
    """One argument."""
    return text if _PLAIN.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """``text`` as a string that stands for itself."""
    return "'" + _QUOTES.sub(lambda found: found.group() * 2, text) + "'"


def line(argv: Iterable[str]) -> str:
    """A whole command. A program in quotes is called by ``&``: without it PowerShell would print the string."""
    program, *words = argv
    named = word(program)
    return " ".join((f"& {named}" if named.startswith("'") else named, *map(word, words)))
