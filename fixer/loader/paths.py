"""Path lists as the loader takes them apart: separators, empty elements, $ORIGIN, $LIB, $PLATFORM.

The unit is one element after expansion: a folder with exactly one slash at its end, or "" for the working
folder. Follows ``fillin_rpath`` and ``_dl_dst_substitute`` of glibc's elf/dl-load.c.
"""

from __future__ import annotations

import re

from fixer.model.record import record

_SEPARATORS = {"rpath": ":", "environment": ":;"}


@record(frozen=True)
class Tokens:
    """What the three tokens stand for. None means that the loader has no value: the element is dropped."""

    origin: str | None
    lib: str
    platform: str | None


def expand(text: str, tokens: Tokens) -> str | None:
    """``text`` with its tokens replaced; None when one of them has no value."""
    made: list[str] = []
    at = 0
    while True:
        dollar = text.find("$", at)
        if dollar < 0:
            return "".join(made) + text[at:]
        made.append(text[at:dollar])
        name, length = _token(text[dollar + 1 :])
        if not length:
            made.append("$")
            at = dollar + 1
            continue
        value = {"ORIGIN": tokens.origin, "LIB": tokens.lib, "PLATFORM": tokens.platform}[name]
        if value is None:
            return None
        made.append(value)
        at = dollar + 1 + length


def _token(rest: str) -> tuple[str, int]:
    """The token that follows a dollar sign and its length; ("", 0) for any other text."""
    curly = rest.startswith("{")
    for name in ("ORIGIN", "PLATFORM", "LIB"):
        start = 1 if curly else 0
        following = rest[start + len(name) : start + len(name) + 1]
        if not rest.startswith(name, start) or (curly and following != "}"):
            continue
        if re.fullmatch(r"[A-Za-z0-9_]", following):
            continue
        return name, len(name) + (2 if curly else 0)
    return "", 0


def elements(text: str, tokens: Tokens, kind: str) -> tuple[tuple[str, str], ...]:
    """The folders of a path list in order, each ``(folder, element as written)``.

    ``kind`` is ``rpath`` (colons separate) or ``environment`` (semicolons too). An empty text is no list;
    an empty element inside a list is the working folder. A folder that occurs twice counts once.
    """
    if not text:
        return ()
    separators = _SEPARATORS[kind]
    found: dict[str, str] = {}
    for written in re.split("[" + separators + "]", text):
        folder: str | None = ""
        if written:
            folder = expand(written, tokens)
            if not folder:
                continue
            folder = folder.rstrip("/") + "/"
        found.setdefault(folder or "", written)
    return tuple(found.items())
