"""Finds the dataset's symptoms in lines: anchors first, a bounded pattern only where one stands; linear, bounded memory.

The unit is ``Hit``: a symptom, the values of the line, its number and text. Lines are taken in batches with a
few lines of overlap, so a wording that is broken over lines is found whole. What is kept grows with the number
of different hits, which is capped, and not with the log.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping

from fixer.dataset.rows import SymptomRow
from fixer.log.reader import Line
from fixer.log.templates import SQUEEZE, Template
from fixer.model.record import record

_BATCH_LINES = 2000
_BATCH_CHARS = 1 << 18
_OVERLAP = 4
_BEFORE, _AFTER = 700, 1400
MOST_DIFFERENT = 24


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

    def hits(self, lines: Iterable[Line]) -> tuple[tuple[Hit, ...], int]:
        """Every different hit in the order of the log, and how many lines were read."""
        kept: dict[tuple[object, ...], Hit] = {}
        counts: dict[str, int] = {}
        number = 0
        for batch, fresh in _batches(lines):
            number = max(number, batch[-1].number)
            for hit in self._in_batch(batch, fresh):
                key = (hit.symptom.id, *sorted(hit.values.items()))
                known = kept.get(key)
                if known is not None:
                    if hit.line != known.line:
                        kept[key] = Hit(**{**vars(known), "times": known.times + 1})
                elif counts.get(hit.symptom.id, 0) < MOST_DIFFERENT:
                    counts[hit.symptom.id] = counts.get(hit.symptom.id, 0) + 1
                    kept[key] = hit
        return tuple(sorted(kept.values(), key=lambda hit: (hit.line, hit.place))), number

    def _in_batch(self, batch: list[Line], fresh: int) -> Iterator[Hit]:
        """The hits that end at line ``fresh`` of the batch or after it; what lies inside a harmless line is part of it."""
        found = list(self._found(_Text(batch), fresh))
        harmless = [hit for hit in found if hit.symptom.kind == "noise"]
        for hit in found:
            if hit.symptom.kind == "noise" or not any(one.place <= hit.place and hit.end <= one.end for one in harmless):
                yield hit

    def _found(self, text: _Text, fresh: int) -> Iterator[Hit]:
        for anchor, candidates in self._by_anchor.items():
            at = text.squeezed.find(anchor)
            while at >= 0:
                place = text.original(at)
                for row, template in candidates:
                    hit = _match(text, row, template, place, fresh)
                    if hit is not None:
                        yield hit
                at = text.squeezed.find(anchor, at + len(anchor))


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
        line = bisect_right(self.squeezed_starts, squeezed) - 1
        left = squeezed - self.squeezed_starts[line]
        for at, char in enumerate(self.batch[line].text):
            if ord(char) not in SQUEEZE:
                if left == 0:
                    return self.starts[line] + at
                left -= 1
        return self.starts[line]

    def line_at(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1


def _match(text: _Text, row: SymptomRow, template: Template, place: int, fresh: int) -> Hit | None:
    start, end = max(0, place - _BEFORE), place + _AFTER
    for found in template.pattern.finditer(text.text, start, end):
        if found.start() > place:
            return None
        if found.end() > place:
            first, last = text.line_at(found.start()), text.line_at(max(found.start(), found.end() - 1))
            if last < fresh:
                return None
            values = {name: _trimmed(value) for name, value in found.groupdict().items() if value is not None}
            shown = " ".join(line.text.strip() for line in text.batch[first : last + 1])
            return Hit(row, values, text.batch[first].number, found.start(), found.end(), shown)
    return None


def _trimmed(value: str) -> str:
    return value.strip().rstrip(".,;:").strip()[:300]


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
