"""Hears a wording of which only a part is left: its end was cut off, its beginning, or words in its middle left out.

The unit is ``Part``: a wording, the values that are whole, and where what is left of it stands in its line. A wording is sought
only where something may be missing (``places``), and enough of its fixed text must be there. A value that the cut touches is
not known. Which of several wordings a part belongs to is not decided here: all that it fits are given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from fixer.dataset.rows import SymptomRow
from fixer.log.line import Line
from fixer.log.templates import NAME, SQUEEZE, Template, as_sought

# So much of the fixed text is a wording's own; a name of a program's (CUDA_ERROR_NO_DEVICE) is rarer than words are.
_ENOUGH, _ENOUGH_OF_A_NAME = 20, 14
SURELY_ENOUGH = 24
# A wording with less than that may still be meant, beside one with enough.
_SOME = 12
STATING = ("fact", "success")
_MOST_OF_A_NAME = 0.6
_KEY = 8
_GRAM = 6
_NEAR = 24
_WINDOW = 600
_VALUE = 240
_NO_CHANCE = 6
_BLANKS = 2
_MOST_ELISIONS = 4
_DOTS = "..."
_AROUND = " \t[](){}<>"
_PASSED_OVER = {**SQUEEZE, ord(":"): None}


class Part(NamedTuple):
    """What is left of a wording: where it stands in its line, the values that are whole, and how much of it is fixed text.

    ``enough`` says that this is a sign of the wording by itself; ``torn`` that it breaks off in the middle of a word, as only a cut does.
    """

    row: SymptomRow
    template: Template
    place: int
    end: int
    values: Mapping[str, str]
    fixed: int
    enough: bool
    torn: bool


def places(line: Line) -> tuple[set[int], set[int]]:
    """Where in ``line`` something seems to be missing: the ends of what is left before it, and the beginnings of what is left behind."""
    end = len(line.text)
    gone = list(elisions(line.text)) if _DOTS in line.text else []
    return {*([end] if line.torn else []), *(start for start, _ in gone)} - {0}, {last for _, last in gone} - {end}


def elisions(text: str) -> Iterator[tuple[int, int]]:
    """Where dots stand for words, with the brackets and blanks around them."""
    at = text.find(_DOTS)
    for _ in range(_MOST_ELISIONS):
        if at < 0:
            return
        start, end = at, at + len(_DOTS)
        while start > 0 and text[start - 1] in _AROUND:
            start -= 1
        while end < len(text) and (text[end] == "." or text[end] in _AROUND):
            end += 1
        yield start, end
        at = text.find(_DOTS, end)


class Parts:
    """All wordings of a dataset, ready to be heard by a part."""

    def __init__(self, worded: Sequence[tuple[SymptomRow, Template]]) -> None:
        self._heads: dict[str, list[_Sought]] = {}
        self._tails: dict[str, list[_Sought]] = {}
        for row, template in worded:
            long = [at for at, run in enumerate(template.fixed) if len(run) >= _KEY]
            # That a wrong remedy was tried is told by the whole command alone.
            if long and row.kind != "folk":
                self._heads.setdefault(template.fixed[long[0]][:_KEY], []).append(_Sought(row, template, long[0]))
                self._tails.setdefault(template.fixed[long[-1]][-_KEY:], []).append(_Sought(row, template, long[-1]))

        self._grams = {run[at : at + _GRAM] for _, template in worded for run in template.fixed for at in range(len(run) - _GRAM + 1)}

    def before(self, text: str, end: int, marked: bool) -> list[Part]:
        """The wordings that begin in what stands before ``end``, and go on behind it; unless ``marked``, in the middle of a word."""
        if not marked and self._is_strange(text[max(0, end - _NEAR) : end], slice(-_GRAM, None)):
            return []
        piece = _Piece(text, max(0, end - _WINDOW), end)
        if not marked and piece.short[-_GRAM:] not in self._grams:
            return []
        return _heard(piece, self._heads, _begun)

    def behind(self, text: str, front: int, marked: bool) -> list[Part]:
        """The wordings that end in what stands from ``front`` on, and began before it; unless ``marked``, in the middle of a word."""
        if not marked and self._is_strange(text[front : front + _NEAR], slice(None, _GRAM)):
            return []
        piece = _Piece(text, front, min(len(text), front + _WINDOW))
        if not marked and piece.short[:_GRAM] not in self._grams:
            return []
        return _heard(piece, self._tails, _ended)

    def _is_strange(self, near: str, place: slice) -> bool:
        """Whether the few characters next to a cut are of no wording; most lines are told by them alone."""
        short = near.lower().translate(_PASSED_OVER)
        return len(short) >= _GRAM and short[place] not in self._grams


def surest(group: Sequence[Part]) -> list[Part]:
    """``group`` without the wordings in which another of it stands: whichever of them it was, that other was said.

    What only states facts gives way instead: it is heard beside the failure and says less.
    """
    failing = [one for one in group if one.row.kind not in STATING]
    stating = [one for one in group if one.row.kind in STATING and not any(_holds(other.template, one.template) for other in failing)]
    return [one for one in failing if not any(_is_more(one.template, other.template) for other in failing)] + stating


def _is_more(longer: Template, other: Template) -> bool:
    return _holds(longer, other) and not _holds(other, longer)


@lru_cache(maxsize=4096)
def _holds(longer: Template, other: Template) -> bool:
    return longer is not other and other.pattern.search(longer.example) is not None


class _Sought(NamedTuple):
    """A wording, and which of its fixed texts it is sought by."""

    row: SymptomRow
    template: Template
    by: int


class _Piece:
    """``text`` from ``start`` to ``end``: ``short`` is the same in lower case without what is passed over."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text, self.start, self.end = as_sought(text), start, end
        self.short = text[start:end].lower().translate(_PASSED_OVER)

    @cached_property
    def at(self) -> list[int]:
        """Where each character of ``short`` stands in ``text``."""
        return [place for place in range(self.start, self.end) for _ in self.text[place].lower().translate(_PASSED_OVER)]


def _heard(
    piece: _Piece, index: Mapping[str, Sequence[_Sought]], read: Callable[[_Piece, _Sought, int], Iterator[Part]]
) -> list[Part]:
    """The best reading of each row of which something is left."""
    best: dict[str, Part] = {}
    for key in range(len(piece.short) - _KEY + 1):
        for sought in index.get(piece.short[key : key + _KEY], ()):
            for part in read(piece, sought, key):
                known = best.get(part.row.id)
                if part.fixed >= _SOME and (known is None or _rank(part) > _rank(known)):
                    best[part.row.id] = part
    return list(best.values())


def _rank(part: Part) -> tuple[int, int, int]:
    """Of two wordings of a row the one of which more is left; of equal ones the shorter, which says no more than is there."""
    return part.fixed, len(part.values), -len(part.template.text)


def _begun(piece: _Piece, sought: _Sought, key: int) -> Iterator[Part]:
    """What is left of a wording whose end is missing: ``key`` is where the fixed text begins by which it is sought."""
    template, fixed = sought.template, sought.template.fixed
    rest = piece.short[key:]
    room = len(rest) - len(fixed[sought.by])
    for at in range(sought.by, len(fixed)):
        if at == sought.by:
            lengths = [len(rest)] if fixed[at].startswith(rest) else []
        elif rest.startswith(fixed[sought.by]):
            lengths = [n for n in range(min(len(fixed[at]), room), -1, -1) if rest.endswith(fixed[at][:n])]
        else:
            return
        for length in lengths:
            if length == len(fixed[at]) and at == len(fixed) - 1 or at > sought.by and _is_chance(template, at - 1, length):
                continue
            end = piece.at[len(piece.short) - length] if length else piece.end
            start = piece.at[key] if sought.by == 0 else max(piece.start, piece.at[key] - _VALUE)
            found = template.before(at).search(piece.text, start, end)
            if found is not None and (length or not at or _is_one_word(found)):
                broken = piece.end if not length else None
                values = {name: kept for name in found.groupdict() if (kept := whole(found, name, end=broken))}
                count = sum(map(len, fixed[:at])) + length
                # Behind a gap of any words other sentences go on otherwise.
                if length or not template.is_gap(at - 1):
                    first = _begins_message(piece.text, found.start())
                    enough = _is_enough(template, count, first) and template.left_of_name(at, length) >= _MOST_OF_A_NAME
                    least = _ENOUGH_OF_A_NAME if NAME.fullmatch(template.text) else SURELY_ENOUGH
                    torn = count >= least and template.splits_word(at, length)
                    yield Part(sought.row, template, found.start(), piece.end, values, count, enough, torn)


def _ended(piece: _Piece, sought: _Sought, key: int) -> Iterator[Part]:
    """What is left of a wording whose beginning is missing: the fixed text by which it is sought ends with what stands at ``key``."""
    template, fixed = sought.template, sought.template.fixed
    rest = piece.short[: key + _KEY]
    room = len(rest) - len(fixed[sought.by])
    for at in range(sought.by, -1, -1):
        if at == sought.by:
            lengths = [len(rest)] if fixed[at].endswith(rest) else []
        elif rest.endswith(fixed[sought.by]):
            lengths = [n for n in range(min(len(fixed[at]), room), -1, -1) if rest.startswith(fixed[at][len(fixed[at]) - n :])]
        else:
            return
        for length in lengths:
            if length == len(fixed[at]) and (at == 0 or template.is_gap(at - 1)) or at < sought.by and (
                not length and template.is_gap(at) or _is_chance(template, at, length)
            ):
                continue
            start = piece.at[length - 1] + 1 if length else piece.start
            found = template.behind(at).match(piece.text, start)
            if found is not None and (length or _is_one_word(found)):
                broken = piece.start if not length else None
                values = {name: kept for name in found.groupdict() if (kept := whole(found, name, front=broken))}
                count = sum(map(len, fixed[at + 1 :])) + length
                enough = _is_enough(template, count) and _is_a_sentence(piece, found.end())
                torn = count >= SURELY_ENOUGH and template.splits_word(at, len(fixed[at]) - length)
                yield Part(sought.row, template, piece.start, found.end(), values, count, enough, torn)


def _is_chance(template: Template, value: int, length: int) -> bool:
    """Whether few characters beside a value of any words may stand there by chance; of a named value alone the place is plain."""
    return 0 < length < _NO_CHANCE and (template.is_gap(value) or template.is_text(value))


def _is_one_word(found: re.Match[str]) -> bool:
    """Whether the values that a cut may have touched are single words, as names and numbers are."""
    return not any(" " in value.strip() for value in found.groupdict().values() if value)


def _is_enough(template: Template, count: int, first: bool = False) -> bool:
    return count >= (_ENOUGH_OF_A_NAME if NAME.fullmatch(template.text) else _SOME if first else _ENOUGH)


def _is_a_sentence(piece: _Piece, end: int) -> bool:
    """Whether several words are left: the name of a program or a file at a wording's end also stands where another sentence begins."""
    return piece.text.count(" ", piece.start, end) >= _BLANKS or piece.text.endswith("...", 0, piece.start)


def _begins_message(text: str, place: int) -> bool:
    """Whether a message begins at ``place``: nothing stands before it, or what a program puts before its messages."""
    before = text[max(0, place - 3) : place].rstrip(" '\"")
    return not before or before[-1] in "]:"


def whole(found: re.Match[str], name: str, *, end: int | None = None, front: int | None = None) -> str:
    """The value ``name`` where nothing of it is missing: it does not touch ``end``, where the text was cut off, nor ``front``.

    Of a library's file name the part before its version is known all the same.
    """
    value, first, last = found.group(name) or "", found.start(name), found.end(name)
    if front is not None and first <= front:
        # Of a path whose first folders are missing the file's name is whole.
        return value.rpartition("/")[2] if name == "library" and "/" in value else ""
    if end is None or last < end:
        return value
    stem, version, _ = value.partition(".so.")
    if name == "library" and "." in value:
        return stem + ".so" if version else value.partition(".")[0]
    return ""
