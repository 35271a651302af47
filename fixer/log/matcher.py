"""Finds the dataset's symptoms in lines: anchors first, a bounded pattern only where one stands; linear, bounded memory.

The unit is ``Hit``: a symptom, the values of the line, its number and text. Lines are taken in batches with a
few lines of overlap, so a wording that is broken over lines is found whole. What is kept grows with the number
of different hits, which is capped, and not with the log.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping

from fixer.dataset.rows import SymptomRow
from fixer.log.line import Line
from fixer.log.templates import SQUEEZE, Template
from fixer.model.record import record

_BATCH_LINES = 2000
_BATCH_CHARS = 1 << 18
_OVERLAP = 4
_BEFORE, _AFTER = 400, 1200
_REMEMBERED = 400
_MOST_REMEMBERED = 20_000
MOST_DIFFERENT = 24
_SHAPE = {**SQUEEZE, **{ord(char): None for char in "0123456789.=>"}}
_OF_EACH_SHAPE, _SAMPLE, _MOST_SHAPES = 12, 1000, 200_000


@record(frozen=True)
class Hit:
    """One recognised line. ``place`` and ``end`` are where the wording stands in the batch of lines it was found in."""

    symptom: SymptomRow
    values: Mapping[str, str]
    line: int
    place: int
    end: int
    text: str
    times: int = 1


class Matcher:
    """All symptoms of a dataset, ready to be looked for."""

    def __init__(self, symptoms: Iterable[SymptomRow]) -> None:
        self._by_anchor: dict[str, list[tuple[SymptomRow, Template]]] = {}
        for row in symptoms:
            for text in row.templates:
                template = Template(text)
                self._by_anchor.setdefault(template.anchor, []).append((row, template))
        # Anchors whose wordings depend on nothing that stands before them: what follows decides, and is remembered.
        self._direct = {
            anchor for anchor, found in self._by_anchor.items() if all(template.begins_with_anchor for _, template in found)
        }

    def hits(self, lines: Iterable[Line]) -> tuple[tuple[Hit, ...], int]:
        """Every different hit in the order of the log, and how many lines were read."""
        kept = _Kept()
        fewer = _Fewer(lines)
        for batch, fresh in _batches(fewer):
            found = self._found(_Text(batch), fresh, kept)
            harmless = [hit for hit in found if hit.symptom.kind == "noise"]
            for hit in found:
                # What begins inside a harmless wording is part of it.
                if hit.symptom.kind == "noise" or not any(one.place <= hit.place < one.end for one in harmless):
                    kept.add(hit)
        return kept.hits(), fewer.number

    def _found(self, text: _Text, fresh: int, kept: _Kept) -> list[Hit]:
        """The hits that end at line ``fresh`` of the batch or after it; earlier ones were found with the batch before."""
        found = []
        for anchor, candidates in self._by_anchor.items():
            direct = anchor in self._direct
            at = text.squeezed.find(anchor)
            while at >= 0:
                line = text.squeezed_line(at)
                follows = (anchor, text.squeezed[at : at + _REMEMBERED])
                known = kept.followers.get(follows) if direct else None
                if known is not None:
                    if line >= fresh:
                        kept.again(known, text.batch[line].number)
                else:
                    place = text.original(at)
                    made = [_match(text, row, template, place, fresh) for row, template in candidates]
                    found += [hit for hit in made if hit is not None]
                    if direct and line >= fresh:
                        kept.remember(follows, [hit for hit in made if hit is not None])
                at = text.squeezed.find(anchor, at + len(anchor))
        return found


class _Kept:
    """What was found so far: different hits, how often, and which text gave which hits."""

    def __init__(self) -> None:
        self._hits: dict[tuple[object, ...], Hit] = {}
        self._times: dict[tuple[object, ...], tuple[int, int]] = {}
        self._different: dict[str, int] = {}
        self.followers: dict[tuple[str, str], list[tuple[object, ...]]] = {}

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
        made = [Hit(**{**vars(hit), "times": self._times[key][0]}) for key, hit in self._hits.items()]
        return tuple(sorted(made, key=lambda hit: (hit.line, hit.place)))


def _key(hit: Hit) -> tuple[object, ...]:
    return (hit.symptom.id, *sorted(hit.values.items()))


class _Text:
    """A batch of lines as one text, with and without white space, and the way back from the one to the other."""

    def __init__(self, batch: list[Line]) -> None:
        self.batch = batch
        self.text = "\n".join(line.text for line in batch)
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
        left = squeezed - self.squeezed_starts[line]
        for at, char in enumerate(self.batch[line].text):
            if ord(char) not in SQUEEZE:
                if left == 0:
                    return self.starts[line] + at
                left -= 1
        return self.starts[line]

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
    values = {name: _trimmed(value) for name, value in found.groupdict().items() if value is not None}
    shown = " ".join(line.text.strip() for line in text.batch[first : last + 1])
    return Hit(row, values, text.batch[first].number, found.start(), found.end(), shown)


def _trimmed(value: str) -> str:
    return value.strip().rstrip(".,;:").strip()[:300]


class _Fewer:
    """Lines without those that were there before but for their digits: of each shape the first few, and a sample.

    A training run prints the same line a million times; what it states does not change with the loss.
    ``number`` is the number of the last line that was read.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[Line]:
        seen: dict[int, int] = {}
        for line in self._lines:
            self.number = line.number
            shape = hash(line.text.translate(_SHAPE))
            times = seen.get(shape, 0) + 1
            if len(seen) >= _MOST_SHAPES:
                seen.clear()
            seen[shape] = times
            if times <= _OF_EACH_SHAPE or times % _SAMPLE == 0:
                yield line


def _batches(lines: Iterable[Line]) -> Iterator[tuple[list[Line], int]]:
    """Lines in batches; the number says how many of a batch were already seen with the one before."""
    batch: list[Line] = []
    fresh = size = 0
    for line in lines:
        batch.append(line)
        size += len(line.text)
        if len(batch) >= _BATCH_LINES or size >= _BATCH_CHARS:
            yield batch, fresh
            batch = batch[-_OVERLAP:]
            fresh, size = len(batch), sum(len(one.text) for one in batch)
    if batch and (len(batch) > fresh or fresh == 0):
        yield batch, fresh
