"""Finds the dataset's symptoms in lines: anchors first, a bounded pattern only where one stands; linear, bounded memory.

The unit is ``Hit``: a symptom, the values of the line, its number and text. Lines are taken in batches with a
few lines of overlap, so a wording that is broken over lines is found whole. What is kept grows with the number
of different hits, which is capped, and not with the log.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from fixer.dataset.rows import SymptomRow
from fixer.log import parts
from fixer.log.line import Line
from fixer.log.parts import Part, Parts
from fixer.log.templates import SQUEEZE, Template, as_sought, squeeze
from fixer.model.record import record

_BATCH_LINES = 2000
_BATCH_CHARS = 1 << 18
_OVERLAP = 4
_BEFORE, _AFTER = 400, 1200
_REMEMBERED = 400
_MOST_REMEMBERED = 20_000
MOST_DIFFERENT = 24
_SHAPE = {**SQUEEZE, **{ord(char): None for char in "0123456789.=>"}}
# What a part must say beyond a whole wording in the same place, in characters.
_SAYS_MORE = 8
_MOST_TRIES = 500
# A long text is divided into pieces of so many characters, to see which anchors it cannot hold.
_PIECE, _WORTH_DIVIDING = 4, 1 << 14
# Of a line that says the same again and again so many at its beginning and at its end.
_NEAR = 6
_OF_EACH_SHAPE, _SAMPLE, _MOST_SHAPES = 12, 1000, 200_000


@record(frozen=True)
class Hit:
    """One recognised line. ``place`` and ``end`` are where the wording stands in the batch of lines it was found in.

    ``part`` says that some of the wording is missing; ``among`` are all symptoms that the rest fits, where there are several.
    ``last`` is the last line that said the same.
    """

    symptom: SymptomRow
    values: Mapping[str, str]
    line: int
    place: int
    end: int
    text: str
    times: int = 1
    part: bool = False
    among: tuple[str, ...] = ()
    last: int = 0


class Matcher:
    """All symptoms of a dataset, ready to be looked for."""

    def __init__(self, symptoms: Iterable[SymptomRow]) -> None:
        self._by_anchor: dict[str, list[tuple[SymptomRow, Template]]] = {}
        worded = [(row, Template(text)) for row in symptoms for text in row.templates]
        for row, template in worded:
            self._by_anchor.setdefault(template.anchor, []).append((row, template))
        self._anchors = _Anchors(tuple(self._by_anchor))
        self._parts = Parts(worded)
        # Anchors whose wordings depend on nothing that stands before them: what follows decides, and is remembered.
        self._direct = {
            anchor for anchor, found in self._by_anchor.items() if all(template.begins_with_anchor for _, template in found)
        }

    def hits(self, lines: Iterable[Line]) -> tuple[tuple[Hit, ...], int]:
        """Every different hit in the order of the log, and how many lines were read."""
        kept = _Kept()
        fewer = _Fewer(lines)
        for batch, fresh, last in _batches(fewer):
            text = _Text(batch)
            found = self._found(text, fresh, kept)
            found += self._broken(text, fresh, _Whole(self, text, found), kept, fewer.last if last else None)
            harmless = [hit for hit in found if hit.symptom.kind == "noise"]
            for hit in found:
                # What begins inside a harmless wording is part of it.
                around = (one for one in harmless if one.place <= hit.place < one.end and (hit.part or not one.part))
                if hit.symptom.kind == "noise" or not any(around):
                    kept.add(hit)
        return kept.hits(), fewer.number

    def _found(self, text: _Text, fresh: int, kept: _Kept) -> list[Hit]:
        """The hits that end at line ``fresh`` of the batch or after it; earlier ones were found with the batch before."""
        found = []
        for anchor in self._anchors.that_may_stand_in(text.squeezed):
            direct = anchor in self._direct
            at = text.squeezed.find(anchor)
            while at >= 0:
                line = text.squeezed_line(at)
                follows = (anchor, text.squeezed[at : at + _REMEMBERED])
                known = kept.followers.get(follows) if direct else None
                if known is not None:
                    if line >= fresh:
                        kept.again(known, text.batch[line].number)
                        text.again.setdefault(line, []).append((anchor, at))
                else:
                    made = self.matched(text, anchor, at, fresh)
                    found += made
                    if direct and line >= fresh:
                        kept.remember(follows, made)
                at = text.squeezed.find(anchor, at + len(anchor))
        return found

    def matched(self, text: _Text, anchor: str, at: int, fresh: int) -> list[Hit]:
        """The hits of the wordings of ``anchor``, which stands at ``at`` of the squeezed text."""
        place = text.original(at)
        made = (_match(text, row, template, place, fresh) for row, template in self._by_anchor[anchor])
        return [hit for hit in made if hit is not None]

    def _broken(self, text: _Text, fresh: int, whole: _Whole, kept: _Kept, last: int | None) -> list[Hit]:
        """The wordings of which a part is left, where no whole one says as much; ``last`` is the number of the log's last line."""
        heard: list[Hit] = []
        ends_at = max((at for at, line in enumerate(text.batch) if line.number == last and line.text.strip()), default=None)
        for at, line in enumerate(text.batch):
            is_last = at == ends_at
            if at < fresh and not is_last:
                continue
            ends, fronts = parts.places(line)
            length = len(line.text)
            before = [(place, _Signs(place in ends, is_last, line.edge and place == length)) for place in sorted({*ends, length})]
            behind = [(place, _Signs(place in fronts, False)) for place in sorted({0, *fronts})]
            for hear, places in ((self._parts.before, before), (self._parts.behind, behind)):
                for place, signs in places:
                    if kept.tries_left and (group := hear(line.text, place, any(signs))):
                        kept.tries_left -= 1
                        heard += _hit(text, at, group, whole, signs)
        return heard


class _Anchors:
    """The anchors, and which of them a long text need not be searched for: most stand in no part of most logs."""

    def __init__(self, anchors: tuple[str, ...]) -> None:
        self._anchors = anchors

    def that_may_stand_in(self, text: str) -> Iterator[str]:
        """Those that ``text`` may hold, in their order: wherever one stands, the pieces of one of its divisions are pieces of the text."""
        if len(text) < _WORTH_DIVIDING:
            yield from self._anchors
            return
        pieces = {text[at : at + _PIECE] for at in range(0, len(text), _PIECE)}
        for anchor, divisions in self._divided:
            if not divisions or any(map(pieces.issuperset, divisions)):
                yield anchor

    @cached_property
    def _divided(self) -> tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]:
        """Each anchor with its divisions into whole pieces, one for each place where the first may begin; none of a short one."""
        return tuple((anchor, _divisions(anchor)) for anchor in self._anchors)


def _divisions(anchor: str) -> tuple[tuple[str, ...], ...]:
    if len(anchor) < 2 * _PIECE - 1:
        return ()
    ends = len(anchor) - _PIECE + 1
    return tuple(tuple(anchor[at : at + _PIECE] for at in range(first, ends, _PIECE)) for first in range(_PIECE))


class _Signs(NamedTuple):
    """What tells that something is missing: marks of a cut there, or that the log or a window ends there, as a torn paste does."""

    marked: bool
    is_end: bool
    at_edge: bool = False

    def are_enough(self, part: Part) -> bool:
        """Whether ``part`` may be heard: without a mark a failure alone is sought, and a word that breaks off is a sign by itself."""
        by_itself = part.torn or self.at_edge or self.is_end and part.fixed >= parts.SURELY_ENOUGH
        return part.enough and (self.marked or by_itself and part.row.kind not in parts.STATING)


class _Whole:
    """The wordings that stand whole in a batch of lines, by the line."""

    def __init__(self, matcher: Matcher, text: _Text, found: Iterable[Hit]) -> None:
        self._matcher, self._text = matcher, text
        self._found: dict[int, list[Hit]] = {}
        for hit in found:
            for line in range(text.line_at(hit.place), text.line_at(max(hit.place, hit.end - 1)) + 1):
                self._found.setdefault(line, []).append(hit)

    def at(self, line: int) -> list[Hit]:
        """Those of ``line``; of one that was known from before they are sought again."""
        known = self._text.again.pop(line, [])
        for anchor, at in known[:_NEAR] + known[_NEAR:][-_NEAR:]:
            self._found.setdefault(line, []).extend(self._matcher.matched(self._text, anchor, at, 0))
        return self._found.get(line, [])

    def are_outdone_by(self, line: int, part: Part) -> bool:
        """Whether ``part`` of ``line`` says nothing more than those that stand in the same place."""
        place, end = self._text.starts[line] + part.place, self._text.starts[line] + part.end
        # A line that states a fact outdoes no failure.
        fails = part.row.kind not in parts.STATING
        same = [
            hit
            for hit in self.at(line)
            if hit.place < end and place < hit.end and not (fails and hit.symptom.kind in parts.STATING)
        ]
        if any(hit.place <= place and (hit.symptom.kind == "noise" or end <= hit.end) for hit in same):
            return True
        left = (one for one in range(place, end) if not any(hit.place <= one < hit.end for hit in same))
        return len(squeeze("".join(self._text.text[one] for one in left))) < _SAYS_MORE


def _hit(text: _Text, at: int, heard: Iterable[Part], whole: _Whole, signs: _Signs) -> Iterator[Hit]:
    """One hit for all that the part may be of; a harmless wording that begins before the others and holds them is meant alone."""
    group = [part for part in heard if not whole.are_outdone_by(at, part)]
    if not any(signs.are_enough(part) for part in group):
        return
    group = parts.surest(group)
    first = max(group, key=lambda part: (part.enough, part.fixed))
    if first.row.kind == "noise" and all(first.place <= part.place for part in group):
        group = [first]
    start, line = text.starts[at], text.batch[at]
    among = tuple(sorted(part.row.id for part in group)) if len(group) > 1 else ()
    values = {} if among else {name: _trimmed(value) for name, value in first.values.items()}
    yield Hit(first.row, values, line.number, start + first.place, start + first.end, line.text.strip(), part=True, among=among)


class _Kept:
    """What was found so far: different hits, how often, and which text gave which hits."""

    def __init__(self) -> None:
        self._hits: dict[tuple[object, ...], Hit] = {}
        self._times: dict[tuple[object, ...], tuple[int, int]] = {}
        self._different: dict[str, int] = {}
        self.followers: dict[tuple[str, str], list[tuple[object, ...]]] = {}
        # What a part says of which so many were heard is nothing new.
        self.tries_left = _MOST_TRIES

    def add(self, hit: Hit) -> None:
        key = _key(hit)
        if key in self._hits:
            self.again([key], hit.line)
        elif self._different.get(hit.symptom.id, 0) < MOST_DIFFERENT:
            self._different[hit.symptom.id] = self._different.get(hit.symptom.id, 0) + 1
            self._hits[key], self._times[key] = hit, (1, hit.line)

    def again(self, keys: list[tuple[object, ...]], line: int) -> None:
        """The same was said at ``line``; two hits of one line count once."""
        for key in keys:
            times, last = self._times.get(key, (0, 0))
            if times and line != last:
                self._times[key] = (times + 1, line)

    def remember(self, follows: tuple[str, str], hits: list[Hit]) -> None:
        if len(self.followers) >= _MOST_REMEMBERED:
            self.followers.clear()
        self.followers[follows] = [_key(hit) for hit in hits]

    def hits(self) -> tuple[Hit, ...]:
        made = [Hit(**{**vars(hit), "times": self._times[key][0], "last": self._times[key][1]}) for key, hit in self._hits.items()]
        return tuple(sorted(made, key=lambda hit: (hit.line, hit.place)))


def _key(hit: Hit) -> tuple[object, ...]:
    return (hit.symptom.id, hit.part, hit.among, *sorted(hit.values.items()))


class _Text:
    """A batch of lines as one text, with and without white space, and the way back from the one to the other."""

    def __init__(self, batch: list[Line]) -> None:
        self.batch = batch
        # Anchors whose wordings were known from before, by the line they stand in.
        self.again: dict[int, list[tuple[str, int]]] = {}
        self.text = "\n".join(as_sought(line.text) for line in batch)
        low = [line.text.lower() for line in batch]
        # Lower case may change a text's length (İ); such a line keeps its case, which costs one hit at most.
        low = [one if len(one) == len(line.text) else line.text for one, line in zip(low, batch, strict=True)]
        parts = [one.translate(SQUEEZE) for one in low]
        self.squeezed = "".join(parts)
        self.starts: list[int] = []
        self.squeezed_starts: list[int] = []
        at = squeezed_at = 0
        for line, part in zip(batch, parts, strict=True):
            self.starts.append(at)
            self.squeezed_starts.append(squeezed_at)
            at += len(line.text) + 1
            squeezed_at += len(part)

    def original(self, squeezed: int) -> int:
        """The place in ``text`` of the character at ``squeezed`` of the squeezed text."""
        line = self.squeezed_line(squeezed)
        left, at = squeezed - self.squeezed_starts[line], 0
        text = self.batch[line].text
        # What is kept of the next ``left`` characters is left no more.
        while left > 0 and at < len(text):
            piece = text[at : at + left]
            at += len(piece)
            left -= len(piece.translate(SQUEEZE))
        while at < len(text) and ord(text[at]) in SQUEEZE:
            at += 1
        return self.starts[line] + at if at < len(text) else self.starts[line]

    def squeezed_line(self, squeezed: int) -> int:
        return bisect_right(self.squeezed_starts, squeezed) - 1

    def line_at(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1


def _match(text: _Text, row: SymptomRow, template: Template, place: int, fresh: int) -> Hit | None:
    if template.begins_with_anchor:
        found = template.pattern.match(text.text, place, place + _AFTER)
    else:
        # Of the matches that begin before the anchor the one that holds it.
        start = max(0, place - _BEFORE, text.starts[max(0, text.line_at(place) - 2)])
        found = None
        for one in template.pattern.finditer(text.text, start, place + _AFTER):
            if one.end() > place:
                found = one if one.start() <= place else None
                break
    if found is None:
        return None
    first, last = text.line_at(found.start()), text.line_at(max(found.start(), found.end() - 1))
    if last < fresh:
        return None
    end = text.starts[last] + len(text.batch[last].text) if text.batch[last].torn else None
    held = {name: value for name, value in found.groupdict().items() if value is not None}
    known = {name: _unbroken(found, name, end) for name in held}
    values = {name: _trimmed(value) for name, value in known.items() if value or not held[name]}
    shown = " ".join(line.text.strip() for line in text.batch[first : last + 1])
    return Hit(row, values, text.batch[first].number, found.start(), found.end(), shown, part=known != held)


def _unbroken(found: re.Match[str], name: str, end: int | None) -> str:
    """The value ``name`` as far as it is known: dots beside it stand for the rest of it, as what is behind ``end`` is missing."""
    value, first, last = found.group(name), found.start(name), found.end(name)
    around = found.string[max(0, first - 6) : first].rstrip(" ])"), found.string[last : last + 6].lstrip(" [(")
    if value.rstrip().endswith("...") or around[1].startswith("..."):
        return parts.whole(found, name, end=last)
    return parts.whole(found, name, end=end, front=first if value.startswith("...") or around[0].endswith("...") else None)


def _trimmed(value: str) -> str:
    return value.strip().rstrip(".,;:").strip()[:300]


class _Fewer:
    """Lines without those that were there before but for their digits: of each shape the first few, and a sample.

    A training run prints the same line a million times; what it states does not change with the loss.
    ``number`` is the number of the last line that was read, ``last`` that of the last one with any text.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self.number = self.last = 0

    def __iter__(self) -> Iterator[Line]:
        seen: dict[int, int] = {}
        for line in self._lines:
            self.number = line.number
            if line.text and not line.text.isspace():
                self.last = line.number
            shape = hash(line.text.translate(_SHAPE))
            times = seen.get(shape, 0) + 1
            if len(seen) >= _MOST_SHAPES:
                seen.clear()
            seen[shape] = times
            if times <= _OF_EACH_SHAPE or times % _SAMPLE == 0:
                yield line


def _batches(lines: Iterable[Line]) -> Iterator[tuple[list[Line], int, bool]]:
    """Lines in batches; the number says how many of a batch were already seen with the one before, the last word whether it is the last."""
    batch: list[Line] = []
    fresh = size = 0
    for line in lines:
        if len(batch) >= _BATCH_LINES or size >= _BATCH_CHARS:
            yield batch, fresh, False
            batch = batch[-_OVERLAP:]
            fresh, size = len(batch), sum(len(one.text) for one in batch)
        batch.append(line)
        size += len(line.text)
    if batch:
        yield batch, fresh, True
