"""Finds the wordings of which only a part is left, where no whole one in the same place says as much.

The unit is ``broken(...) -> hits`` of one batch of lines; what a part is, and where one is sought, ``parts`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from fixer.log import parts
from fixer.log.batch_text import Text
from fixer.log.hit import Hit, trimmed
from fixer.log.kept import Kept
from fixer.log.parts import Part, Parts
from fixer.log.templates import squeeze

# What a part must say beyond a whole wording in the same place, in characters.
_SAYS_MORE = 8
# Of a line that says the same again and again so many at its beginning and at its end.
_NEAR = 6
# Gives the hits at an anchor that stands at a place of the squeezed text.
Again = Callable[[Text, str, int], list[Hit]]


def broken(text: Text, fresh: int, heard: Parts, whole: Whole, kept: Kept, last: int | None) -> list[Hit]:
    """The wordings of which a part is left; ``last`` is the number of the log's last line, where it is in this batch."""
    made: list[Hit] = []
    ends_at = max((at for at, line in enumerate(text.batch) if line.number == last and line.text.strip()), default=None)
    for at, line in enumerate(text.batch):
        is_last = at == ends_at
        if at < fresh and not is_last:
            continue
        ends, fronts = parts.places(line)
        length = len(line.text)
        before = [(place, _Signs(place in ends, is_last, line.edge and place == length)) for place in sorted({*ends, length})]
        behind = [(place, _Signs(place in fronts, False)) for place in sorted({0, *fronts})]
        for hear, places in ((heard.before, before), (heard.behind, behind)):
            for place, signs in places:
                if kept.tries_left and (group := hear(line.text, place, any(signs))):
                    kept.tries_left -= 1
                    made += _hit(text, at, group, whole, signs)
    return made


class _Signs(NamedTuple):
    """What tells that something is missing: marks of a cut there, or that the log or a window ends there, as a torn paste does."""

    marked: bool
    is_end: bool
    at_edge: bool = False

    def are_enough(self, part: Part) -> bool:
        """Whether ``part`` may be heard: without a mark a failure alone is sought, and a word that breaks off is a sign by itself."""
        by_itself = part.torn or self.at_edge or self.is_end and part.fixed >= parts.SURELY_ENOUGH
        return part.enough and (self.marked or by_itself and part.row.kind not in parts.STATING)


class Whole:
    """The wordings that stand whole in a batch of lines, by the line."""

    def __init__(self, text: Text, found: Iterable[Hit], again: Again) -> None:
        self._text, self._again = text, again
        self._found: dict[int, list[Hit]] = {}
        for hit in found:
            for line in range(text.line_at(hit.place), text.line_at(max(hit.place, hit.end - 1)) + 1):
                self._found.setdefault(line, []).append(hit)

    def at(self, line: int) -> list[Hit]:
        """Those of ``line``; of one that was known from before they are sought again."""
        known = self._text.again.pop(line, [])
        for anchor, at in known[:_NEAR] + known[_NEAR:][-_NEAR:]:
            self._found.setdefault(line, []).extend(self._again(self._text, anchor, at))
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


def _hit(text: Text, at: int, heard: Iterable[Part], whole: Whole, signs: _Signs) -> Iterator[Hit]:
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
    values = {} if among else {name: trimmed(value) for name, value in first.values.items()}
    yield Hit(first.row, values, line.number, start + first.place, start + first.end, line.text.strip(), part=True, among=among)
