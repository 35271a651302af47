"""Takes text out of what keeps it: a record of JSON, a string of JSON's or Python's, a table of one column, capitals.

The unit is a ``Line`` in and the lines that it held out, all of its number. What is no such thing stays as it is. Which form a
whole paste has is learned from its first lines. No character that a terminal acts on is made.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from fixer.log.line import Line
from fixer.log.plain import bare
from fixer.model import bounded_json

_MOST_MEMORY = 1 << 20
_DEEPEST = 3
_SAMPLE = 200
_MOST_OF_THEM = 0.8
# Under these names services keep what a program printed.
_TEXTS = frozenset((
    "log", "message", "msg", "textpayload", "text", "line", "content", "output", "stderr", "stdout", "body", "error", "err", "evalue",
    "traceback", "exception", "exc_info", "stack", "stack_trace",
))  # fmt: skip
# A string, or several in brackets, and nothing else on the line; it may be the value of a key.
_STRING = re.compile(
    r"""\s*(?P<key>"[^"\\]{1,60}"\s*:\s*)?(?P<open>[\[(]\s*)?[bu]?(?P<mark>["'])(?P<text>.*)(?P=mark)\s*[\])]?,?\s*""", re.DOTALL
)
_MAY_KEEP = frozenset(" \t{\"'[(bu")
_LINE_ENDS = re.compile(r"\\[nrtu]")
_BETWEEN = re.compile(r"""(?<!\\)["'],\s?[bu]?["']""")
_ESCAPED = re.compile(r"\\(?:([nrtbf\\/'\"])|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SIGNS = {"n": "\n", "r": "\n", "t": "\t", "b": "", "f": "\n"}
# A path of Windows in which no backslash is doubled: this text was not escaped.
_RAW_PATH = re.compile(r"\b[A-Za-z]:\\(?!\\)")
# A line end that was written out looks like a folder of Windows such as C:\new.
_WINDOWS_PATH = re.compile(r"\b[A-Za-z]:\\")
_CELL = re.compile(r"\s*\|\s?(?:\d{1,5}\s?\|\s?)?(?P<text>(?:[^|]|\\\||(?<=\w)\|(?=\w))*)\|\s*")
# A program's own table is filled up to its border.
_PADDED = re.compile(r"\S {4,}\S| {3}\|")
_WORD = re.compile(r"[^\W\d_]{2,}")
_WORDS = 4
_TITLE = re.compile(r"[^\W\d_a-z][^\W\d_A-Z]*")
_TITLED = 8


def opened(lines: Iterable[Line]) -> Iterator[Line]:
    """``lines`` with the text of records and strings in their place."""
    for line in lines:
        # Most lines begin with a letter or a number, and were not escaped.
        texts = _texts(line.text) if line.text[:1] in _MAY_KEEP or "\\n" in line.text else None
        if texts is None:
            yield line
        else:
            rows = [_CONTROL.sub("", bare(row)) for text in texts for row in text.split("\n") if row.strip()]
            yield from (Line(line.number, row) for row in rows or [""])


def _texts(text: str) -> list[str] | None:
    first = text.lstrip()[:1]
    found = _of_record(text) if first == "{" else _of_string(text) if first and first in "\"'[(bu" else None
    if found is None and text.count("\\n") > 1 and not _WINDOWS_PATH.search(text):
        # A text of which the ends of the string were cut off.
        return text.split("\\n")
    return found


def _of_record(text: str) -> list[str] | None:
    """What a record of JSON keeps of a program's output; None where it is none, or keeps nothing of it."""
    trimmed = text.strip().rstrip(",")
    if not trimmed.endswith("}"):
        return None
    try:
        texts = list(_kept(bounded_json.loads(trimmed, _MOST_MEMORY), _DEEPEST))
    except (ValueError, RecursionError):
        return None
    return texts or None


def _kept(value: object, deep: int) -> Iterator[str]:
    for name, part in value.items() if isinstance(value, dict) else ():
        if isinstance(part, dict) and deep:
            yield from _kept(part, deep - 1)
        elif name.lower() in _TEXTS:
            yield from (one for one in (part if isinstance(part, list) else [part]) if isinstance(one, str))


def _of_string(text: str) -> list[str] | None:
    """The text of a string in which line ends were escaped, or of several in brackets."""
    found = _STRING.fullmatch(text)
    if found is None or _RAW_PATH.search(text):
        return None
    is_item = found.group("key") is None and text.rstrip().endswith(",")
    if _LINE_ENDS.search(text) is None and found.group("open") is None and not is_item:
        return None
    inner = found.group("text")
    parts = _BETWEEN.split(inner) if found.group("open") else [inner]
    return [_ESCAPED.sub(_sign, part) for part in parts]


def _sign(found: re.Match[str]) -> str:
    simple, wide, narrow = found.groups()
    return _SIGNS.get(simple, simple) if simple else chr(int(wide or narrow, 16)) if not wide or not wide.lower().startswith("d") else ""


def as_printed(lines: Iterable[Line]) -> Iterator[Line]:
    """``lines`` out of a table of one column, and out of capitals, where all of the first ones are so."""
    source = iter(lines)
    sample = list(itertools.islice(source, _SAMPLE))
    texts = [line.text for line in sample if line.text.strip()]
    undo = _taken_off(texts)
    rest = itertools.chain(sample, source)
    return (Line(line.number, undo(line.text), line.torn, line.edge) for line in rest) if undo is not None else rest


def _taken_off(texts: Sequence[str]) -> Callable[[str], str] | None:
    if sum(_CELL.fullmatch(text) is not None and not _PADDED.search(text) for text in texts) > _MOST_OF_THEM * len(texts):
        return _cell
    words = [word for text in texts for word in _WORD.findall(text)]
    if len(words) >= _TITLED and all(map(_TITLE.fullmatch, words)):
        # What a word processor makes of a text, each word large; the same words in small letters say the same.
        return str.lower
    if any(char.islower() for text in texts for char in text) or len(words) < _WORDS or not any(" " in text.strip() for text in texts):
        return None
    # No program prints in capitals alone; the names of modules and libraries are not written so.
    return str.lower


def _cell(text: str) -> str:
    found = _CELL.fullmatch(text)
    return found.group("text").strip().strip("`").replace("\\|", "|") if found is not None else text
