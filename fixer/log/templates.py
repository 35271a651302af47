"""Turns a wording of the dataset into a pattern that matches however the line was broken, quoted or cased.

The unit is ``Template``, made from text such as ``kernel version {kernel:v} does not match DSO version {library:v}``.
Literal text matches with any or no white space between its characters, so that a terminal's line break inside a
word does not matter, with any quotation marks, and without the colons between its words. Values are bounded:
``{name}`` is one word, ``{name:v}`` a version, ``{name:n}`` a number, ``{name:q}`` all up to the closing quotation
mark, ``{name:t}`` text to the end of the line (at most 300 characters), ``{name:w}`` a run of letters, digits and
underscores, ``{name:l}`` the file name of a shared library, ``{name:a|b|c}`` one of the wordings given (a single one
is written ``{name:a|}``) and not a part of a longer word, and ``{..}`` a gap of at most 160 characters on the same
line. A template must hold a literal run of at least four bytes: the longest one is its anchor, by which it is looked
for before any pattern is tried.

No repetition nests in another and every one is bounded or of single characters that the next part cannot
match, so a pattern's cost is linear in the few hundred characters it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

# What is taken out of text and templates before anchors are sought: white space, quotation marks, brackets, the escapes of
# JSON strings, and the boxes that installers draw around messages.
_BRACKETS = "()[]{}"
_OPENING = "([{"
_EMPTY = ("[]", "{}")
DROPPED = _BRACKETS + " \t\r\n\f\v\xa0\"'`\\´‘’“”│┃╰╭╮╯─━└├┌┐┘┤×╎▕▏"
SQUEEZE = {ord(char): None for char in DROPPED}
_LEAST = 4
# Patterns are sought where these characters are ASCII's: a class that holds a later one costs a hundred times as much.
_AS_SOUGHT = {ord(char): " " for char in DROPPED if ord(char) > 0xFF} | str.maketrans("‘’“”", "''\"\"")
_QUOTES = "\"'`´"
_GAP = r"[\s\\×]{0,40}?"
_NO_WORD = r"(?-i:(?![0-9A-Za-z_]))"
_KINDS = {
    "": r"[^\s\"'`,;)\]}>]{1,200}",
    "v": r"[0-9][0-9A-Za-z.+\-]{0,40}",
    "n": r"-?[0-9]{1,20}(?:\.[0-9]{1,9})?",
    "q": r"[^\"'`\n]{0,200}",
    "t": r"[^\n]{0,300}",
    "w": r"[0-9A-Za-z_]{1,120}",
    # Four times an option, and no repetition of repetitions.
    "l": r"(?-i:[0-9A-Za-z_./\\:+\-]{1,120}?)\.(?:so" + _NO_WORD + r"|dll|dylib)" + r"(?:\.[0-9]{1,8})?" * 4,
}
_MARKS = rf"[ \t\\{re.escape(_QUOTES)}]{{0,12}}"
_MARKS_OR_BREAK = rf"[\s\\{re.escape(_QUOTES)}]{{0,12}}"
# A program's own name for an error at a template's end: CUDA_ERROR_INVALID_DEVICE is not the longer names that begin so.
NAME = re.compile(r"(?:[A-Z0-9]+_[A-Z0-9_]+|cuda[A-Z]\w+)$")
_NAMES = re.compile(r"[A-Z0-9]+_[A-Z0-9_]+|cuda[A-Z]\w+")
# Stands in a wording for a colon that may be left out.
_COLON = "\0"
# A colon behind a value stays: it tells where the value ends.
_INNER, _INNER_OR_LAST = re.compile(r"(?<=[^\s:]):(?= \S)"), re.compile(r"(?<=[^\s:]):(?= \S| ?$)")
_SPLIT = re.compile(r"\{(\.\.|[a-z_]{1,30}(?::[^{}]{1,200})?)\}")
# A value that is too long for ``_SPLIT`` would stand as plain text, which no line holds.
_UNREAD = re.compile(r"\{[a-z_]{1,30}:[^{}|]{1,200}\|")


class Template:
    """One wording: its anchor, squeezed and in lower case, and its pattern, compiled when first needed."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = _SPLIT.split(text)
        if any(map(_UNREAD.search, parts[::2])):
            raise ValueError(f"template {text[:60]!r}: expected fewer wordings in one value")
        self._parts = tuple(parts)
        # A colon that may be left out is in no anchor.
        runs = [[squeeze(run) for run in self._marked(at).split(_COLON)] for at in range(0, len(parts), 2)]
        self.anchor = max((run for part in runs for run in part), key=len)
        # A sign of Chinese says as much as several letters, and takes as many bytes.
        if len(self.anchor.encode()) < _LEAST:
            raise ValueError(f"template {text[:60]!r}: expected a literal run of at least {_LEAST} bytes")
        # Where the wording begins with its anchor, it is tried at that place alone.
        self.begins_with_anchor = runs[0][0] == self.anchor
        self._pattern: re.Pattern[str] | None = None
        self._halves: dict[tuple[str, int], re.Pattern[str]] = {}

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """The fixed texts before, between and behind the values, squeezed and without colons; some may be empty."""
        return tuple(squeeze(text).replace(":", "") for text in self._parts[::2])

    @cached_property
    def example(self) -> str:
        """A line of this wording."""
        return "".join(part if at % 2 == 0 else _example(part) for at, part in enumerate(self._parts))

    def left_of_name(self, at: int, length: int) -> float:
        """How much is left of a program's own name (CUDA_ERROR_NO_DEVICE) in which fixed text ``at`` breaks off; else 1."""
        cut = self._place(at, length)
        names = (name for name in _NAMES.finditer(self._parts[2 * at]) if name.start() < cut < name.end())
        return next(((cut - name.start()) / len(name.group()) for name in names), 1.0)

    def splits_word(self, at: int, length: int) -> bool:
        """Whether fixed text ``at`` breaks off in the middle of a word behind ``length`` characters."""
        text, cut = self._parts[2 * at], self._place(at, length)
        return 0 < cut < len(text) and text[cut - 1].isalnum() and text[cut].isalnum()

    def _place(self, at: int, length: int) -> int:
        """The place in fixed text ``at`` behind which ``length`` characters of its squeezed form stand."""
        kept = [place for place, char in enumerate(self._parts[2 * at]) if squeeze(char) and char != ":"]
        return kept[length] if length < len(kept) else len(self._parts[2 * at])

    def is_gap(self, at: int) -> bool:
        """Whether words of any kind stand behind fixed text ``at``, and no value."""
        return self._parts[2 * at + 1] == ".."

    def is_text(self, at: int) -> bool:
        """Whether the value behind fixed text ``at`` may hold words of any kind."""
        return self._parts[2 * at + 1].partition(":")[2] in ("q", "t")

    def before(self, at: int) -> re.Pattern[str]:
        """What stands before fixed text ``at``, to the end of what is searched."""
        return self._half("before", at, slice(0, 2 * at), _END)

    def behind(self, at: int) -> re.Pattern[str]:
        """What stands behind fixed text ``at``."""
        return self._half("behind", at, slice(2 * at + 1, None), "")

    def _half(self, side: str, at: int, parts: slice, end: str) -> re.Pattern[str]:
        if (side, at) not in self._halves:
            self._halves[side, at] = re.compile("".join(list(self._sources())[parts]) + end, re.IGNORECASE)
        return self._halves[side, at]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern; its named groups are the template's values."""
        if self._pattern is None:
            self._pattern = re.compile("".join(self._sources()), re.IGNORECASE)
        return self._pattern

    def _marked(self, at: int) -> str:
        """Literal text ``at`` with ``_COLON`` for each colon that people leave out: between words, and before a plain number.

        Before a word of any kind it stays: what follows it is a value only because of it.
        """
        text = self._parts[at]
        following = self._parts[at + 1] if at + 1 < len(self._parts) else ""
        sure = following.partition(":")[2] in ("v", "n")
        return (_INNER_OR_LAST if sure else _INNER).sub(_COLON, text)

    def _is_open(self, at: int) -> bool:
        """Whether part ``at`` is a value that only what stands beside it ends."""
        return 0 < at < len(self._parts) and (self._parts[at] == ".." or self._parts[at].partition(":")[2] in ("", "q", "t"))

    def _sources(self) -> Iterator[str]:
        """The pattern of each part."""
        for at, part in enumerate(self._parts):
            if at % 2 == 0:
                name = _NO_WORD if at == len(self._parts) - 1 and NAME.search(part) else ""
                runs = self._marked(at).split(_COLON)
                before = "v" if self._is_open(at - 1) else " "
                behind = "v" if self._is_open(at + 1) else "|" if at == len(self._parts) - 1 else " "
                last = len(runs) - 1
                ends = ((before if n == 0 else " ") + (behind if n == last else " ") for n in range(len(runs)))
                yield _OPTIONAL.join(map(_literal, runs, ends)) + name
            elif part == "..":
                yield r"[^\n]{0,160}?"
            else:
                name, _, kind = part.partition(":")
                # Marks before a value are passed over as a whole, else an opening quotation mark would close it.
                marks = _MARKS if kind in ("q", "t") else _MARKS_OR_BREAK
                yield f"{marks}(?P<{name}>{_value(kind, at == len(self._parts) - 2 and not self._parts[-1])})"


def squeeze(text: str) -> str:
    """``text`` as anchors are sought in it: lower case, without white space and quotation marks."""
    return text.lower().translate(SQUEEZE)


def as_sought(text: str) -> str:
    """``text``, of the same length, as patterns are sought in it: with ASCII's quotation marks, and blanks for the lines of boxes."""
    return text if text.isascii() else text.translate(_AS_SOUGHT)


def _value(kind: str, last: bool) -> str:
    if "|" in kind:
        return "(?:" + "|".join(_literal(word) for word in kind.split("|") if word) + rf"){_NO_WORD}"
    # In the middle the shortest value that lets the rest match; at the end the longest.
    value = _KINDS[kind] + ("" if last or kind in ("v", "n", "q", "w") else "?")
    # Classes that hold both cases are not folded: that would cost more than all the rest.
    return value if kind == "l" else f"(?-i:{value})"


def _example(value: str) -> str:
    kind = value.partition(":")[2]
    return kind.split("|")[0] if "|" in kind else "1.0" if kind in ("v", "n") else "x.so"


def _literal(text: str, ends: str = "  ") -> str:
    """Each character of ``text``, with room between them; white space, quotation marks and brackets of the text are optional.

    Brackets around nothing say that nothing is there, and stay. ``ends`` says what stands before and behind the text: nothing, or a
    value that brackets alone end (``v``), or the wording's own end (``|``), where a bracket tells it from a longer one.
    """
    made: list[str] = []
    words = [at for at, char in enumerate(text) if char not in DROPPED]
    first, last = (words[0], words[-1]) if words else (len(text), -1)
    for at, char in enumerate(text):
        if char in _BRACKETS and _stays(text, at, ends[0] if at < first else ends[1] if at > last else " "):
            made += [_GAP] if made and made[-1] != _LOOSE else []
            made.append(re.escape(char))
        elif char in DROPPED:
            if char in _BRACKETS and made and made[-1] != _LOOSE and (text[at - 1].isalnum() or text[at - 1] == "_"):
                # Without its brackets (3) is not the beginning of 30.
                made.append(_NO_WORD)
            if not made or made[-1] != _LOOSE:
                made.append(_LOOSE)
        else:
            if made and made[-1] != _LOOSE:
                made.append(_GAP)
            made.append(re.escape(char))
    return "".join(made)


def _stays(text: str, at: int, end: str) -> bool:
    """Whether the bracket at ``at`` must be there."""
    is_empty = text[at : at + 2] in _EMPTY or at > 0 and text[at - 1 : at + 1] in _EMPTY
    return is_empty or end == "v" or end == "|" and text[at] in _OPENING


_LOOSE = rf"[\s{re.escape(_QUOTES + _BRACKETS)}\\×]{{0,60}}?"
_OPTIONAL = rf"{_LOOSE}:?"
_END = rf"[\s:\\{re.escape(_QUOTES)}]{{0,12}}\Z"
