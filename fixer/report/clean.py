"""Text from outside, made safe for a terminal: no control character, no bidirectional override reaches it raw.

The unit is ``clean(text) -> str``. A file name, a GPU's name or a tool's message may hold escape
sequences that rewrite the screen. They are shown as visible escapes; nothing is dropped silently.
"""

from __future__ import annotations

import unicodedata

# Cc: C0 and C1 controls. Cf: bidirectional overrides, zero-width marks. Cs: lone surrogates from
# undecodable file names. Zl, Zp: line separators that terminals may obey.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean(text: str, keep: str = "") -> str:
    """``text`` with every control character but those in ``keep`` written as an escape such as ``\\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or unicodedata.category(char) not in _HIDDEN else _escape(char) for char in text)


def clean_lines(text: str) -> tuple[str, ...]:
    """The lines of ``text``, each clean; a tab becomes four spaces."""
    return tuple(clean(line.replace("\t", "    ")) for line in text.splitlines())


def _escape(char: str) -> str:
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
