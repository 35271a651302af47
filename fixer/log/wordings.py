"""Matches one wording at the place of its anchor.

The unit is ``match(text, row, template, place, fresh) -> Hit or None``; a value that a cut or dots touch is not known.
"""

from __future__ import annotations

import re

from fixer.dataset.rows import SymptomRow
from fixer.log import parts
from fixer.log.batch_text import Text
from fixer.log.hit import Hit, trimmed
from fixer.log.templates import Template

_BEFORE, _AFTER = 400, 1200


def match(text: Text, row: SymptomRow, template: Template, place: int, fresh: int) -> Hit | None:
    """The hit of ``template`` around ``place`` of the batch, where it ends at line ``fresh`` of the batch or after it."""
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
    values = {name: trimmed(value) for name, value in known.items() if value or not held[name]}
    shown = " ".join(line.text.strip() for line in text.batch[first : last + 1])
    return Hit(row, values, text.batch[first].number, found.start(), found.end(), shown, part=known != held)


def _unbroken(found: re.Match[str], name: str, end: int | None) -> str:
    """The value ``name`` as far as it is known: dots beside it stand for the rest of it, as what is behind ``end`` is missing."""
    value, first, last = found.group(name), found.start(name), found.end(name)
    around = found.string[max(0, first - 6) : first].rstrip(" ])"), found.string[last : last + 6].lstrip(" [(")
    if value.rstrip().endswith("...") or around[1].startswith("..."):
        return parts.whole(found, name, end=last)
    return parts.whole(found, name, end=end, front=first if value.startswith("...") or around[0].endswith("...") else None)
