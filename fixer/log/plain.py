"""Gives a line the characters that programs print: what word processors, web pages and mark-up made of them is undone.

The unit is ``plain(text) -> text``, one line in and one line out. Typographic quotation marks stay: they are passed
over wherever wordings are sought. Nothing is recognised here, and no character that a terminal acts on is made.
"""

from __future__ import annotations

import re

from fixer.log.translated import english

# Full-width forms of ASCII lie in the same order; spaces and hyphens of every width stand for the plain ones.
_FULL_WIDTH = {0xFF01 + at: 0x21 + at for at in range(94)}
_SPACES = dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
_HYPHENS = dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0xFE63), "-")
_UNSEEN = dict.fromkeys((0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF))
# Quotation marks of other languages; those of English are passed over wherever wordings are sought.
_SINGLE, _DOUBLE = "\u201a\u201b\u2039\u203a\u300c\u300d", "\u201e\u201f\u00ab\u00bb\u300e\u300f"
_QUOTES = {ord(mark): "'" for mark in _SINGLE} | {ord(mark): '"' for mark in _DOUBLE}
_CHARACTERS = {**_FULL_WIDTH, **_SPACES, **_HYPHENS, **_UNSEEN, **_QUOTES, 0x2026: "..."}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'", "nbsp": " ", "lsquo": "'", "rsquo": "'", "ldquo": '"', "rdquo": '"'}
_ENTITY = re.compile(r"&(?:#(\d{2,4})|#[xX]([0-9a-fA-F]{2,4})|([a-z]{2,5}));")
_TAGS = "a|br|p|pre|code|li|ul|ol|div|span|strong|em|b|tt|samp|kbd|font|table|tbody|td|th|tr"
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]{{0,200}})?/?>", re.IGNORECASE)
# Two cells of a row.
_NEXT_CELL = re.compile(r"</t[dh]>\s{0,8}<(?=t[dh]\b)", re.IGNORECASE)
# Mark-up guards an underscore by a backslash; in a path it parts folders, python\\_pywrap for one.
_WINDOWS_PATH = re.compile(r"\\[A-Za-z]")
_BOLD = re.compile(r"^(\s*)\*\*(?!\*)(.*[^*])\*\*(\s*)$")


# CSI and OSC sequences, other escapes, and the backspaces by which old programs print bold.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x9b[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)|\x1b[@-Z\\-_a-z=>]|.\x08"
)
# A colour as text, where the character that begins it was written out.
_COLOUR = re.compile(r"(?:\\u001b|\\x1b|\\033|\\e|\^\[|[\u241b\ufffd\u2190\u25a1])\[[0-9;]{0,20}m", re.IGNORECASE)
# What is left of colours whose first character was lost: beside the end of one ([0m) all that look so; else a colour's own number
# before a word, as times are written so too: [31m 20s], [1m30s].
_END_OF_COLOUR, _LEFT_OF_COLOURS = re.compile(r"\[0{0,2}m(?!\d)"), re.compile(r"\[(?:\d{1,3}(?:;\d{1,3}){0,5})?m")
_LEFT_OF_COLOUR = re.compile(r"\[(?:\d;){0,2}(?:[39][0-7]|38;5;\d{1,3})(?:;\d{1,2}){0,2}m(?![\d\s\]])")
# UTF-8 that was read as another encoding: of these signs each of these made others.
_READ_AS = ("cp1252", "latin-1", "cp437", "cp850")
_MISREAD_SIGNS = "\u2018\u2019\u201c\u201d\u2026\u2013\u2014\u00a0\u2022"


def _misread() -> dict[str, str]:
    made = {}
    for sign in _MISREAD_SIGNS:
        for encoding in _READ_AS:
            # Where a byte is no character of an encoding, programs leave it out or put a mark for it.
            made[sign.encode().decode(encoding, "replace")] = sign
            made[sign.encode().decode(encoding, "ignore")] = sign
    return {read: sign for read, sign in made.items() if len(read) > 1}


_MISREAD = _misread()
_MISREAD_TEXT = re.compile("|".join(sorted(map(re.escape, _MISREAD), key=len, reverse=True)))
_MISREAD_FIRST = frozenset(read[0] for read in _MISREAD)


def bare(text: str) -> str:
    """``text`` without what a terminal acts on."""
    if "\x1b" in text or "\x08" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
    return text.replace("\0", "")


def _without_colours(text: str) -> str:
    if "\\" in text or "^[" in text or not text.isascii():
        text = _COLOUR.sub("", text)
    if ("[0" in text or "[m" in text) and _END_OF_COLOUR.search(text):
        return _LEFT_OF_COLOURS.sub("", text)
    return _LEFT_OF_COLOUR.sub("", text)


def plain(text: str) -> str:
    """``text`` in the characters of a program's own output."""
    if "[" in text and "m" in text:
        text = _without_colours(text)
    # A record of JSON that stands behind something else needs its backslashes.
    if ("\\'" in text or '\\"' in text) and '{"' not in text:
        text = text.replace("\\'", "'").replace('\\"', '"')
    if not text.isascii():
        if not _MISREAD_FIRST.isdisjoint(text):
            text = _MISREAD_TEXT.sub(lambda found: _MISREAD[found.group()], text)
        text = text.translate(_CHARACTERS)
    if "\t" in text and " " not in text.strip():
        # Blanks that became tabs.
        text = text.replace("\t", " ")
    if "&" in text and ";" in text:
        text = _ENTITY.sub(_character, text.replace("&amp;", "&"))
    if "<" in text:
        text = _TAG.sub("", _NEXT_CELL.sub(" | <", text))
    if "\\_" in text and not _WINDOWS_PATH.search(text):
        text = text.replace("\\_", "_")
    if text.endswith("**"):
        text = _BOLD.sub(r"\1\2\3", text)
    return english(text)


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    if name is not None:
        return _NAMED.get(name, found.group())
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0x20 <= code < 0x7F or 0x2018 <= code <= 0x201D else " " if code == 0xA0 else found.group()
