"""Finds the dataset's symptoms in lines: anchors first, a bounded pattern only where one stands; linear, bounded memory.

The unit is ``Matcher.hits(lines)``, the different ``Hit``s of a log. Lines are taken in batches with a
few lines of overlap, so a wording that is broken over lines is found whole. What is kept grows with the number
of different hits, which is capped, and not with the log.
"""

from __future__ import annotations

from collections.abc import Iterable

from fixer.dataset.rows import SymptomRow
from fixer.log.anchors import Anchors
from fixer.log.batch_text import Text
from fixer.log.batches import Fewer, batches
from fixer.log.broken import Whole, broken
from fixer.log.hit import Hit
from fixer.log.kept import REMEMBERED, Kept
from fixer.log.line import Line
from fixer.log.parts import Parts
from fixer.log.templates import Template
from fixer.log.wordings import match


class Matcher:
    """All symptoms of a dataset, ready to be looked for."""

    def __init__(self, symptoms: Iterable[SymptomRow]) -> None:
        self._by_anchor: dict[str, list[tuple[SymptomRow, Template]]] = {}
        worded = [(row, Template(text)) for row in symptoms for text in row.templates]
        for row, template in worded:
            self._by_anchor.setdefault(template.anchor, []).append((row, template))
        self._anchors = Anchors(tuple(self._by_anchor))
        self._parts = Parts(worded)
        # Anchors whose wordings depend on nothing that stands before them: what follows decides, and is remembered.
        self._direct = {
            anchor for anchor, found in self._by_anchor.items() if all(template.begins_with_anchor for _, template in found)
        }

    def hits(self, lines: Iterable[Line]) -> tuple[tuple[Hit, ...], int]:
        """Every different hit in the order of the log, and how many lines were read."""
        kept = Kept()
        fewer = Fewer(lines)
        for batch, fresh, last in batches(fewer):
            text = Text(batch)
            found = self._found(text, fresh, kept)
            found += broken(text, fresh, self._parts, Whole(text, found, self.matched), kept, fewer.last if last else None)
            harmless = [hit for hit in found if hit.symptom.kind == "noise"]
            for hit in found:
                # What begins inside a harmless wording is part of it.
                around = (one for one in harmless if one.place <= hit.place < one.end and (hit.part or not one.part))
                if hit.symptom.kind == "noise" or not any(around):
                    kept.add(hit)
        return kept.hits(), fewer.number

    def _found(self, text: Text, fresh: int, kept: Kept) -> list[Hit]:
        """The hits that end at line ``fresh`` of the batch or after it; earlier ones were found with the batch before."""
        found = []
        for anchor in self._anchors.that_may_stand_in(text.squeezed):
            direct = anchor in self._direct
            at = text.squeezed.find(anchor)
            while at >= 0:
                line = text.squeezed_line(at)
                follows = (anchor, text.squeezed[at : at + REMEMBERED])
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

    def matched(self, text: Text, anchor: str, at: int, fresh: int = 0) -> list[Hit]:
        """The hits of the wordings of ``anchor``, which stands at ``at`` of the squeezed text."""
        place = text.original(at)
        made = (match(text, row, template, place, fresh) for row, template in self._by_anchor[anchor])
        return [hit for hit in made if hit is not None]
