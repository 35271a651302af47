"""Whether a line of a log is the program's own word on the run that counts: pure, asks nothing but the lines.

The unit is one finding. A wording in a comment, in a quotation or in somebody's sentence was not printed by the run, and an
error before a later success was an earlier run's. Neither proves anything of the failure that is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from fixer.model.finding import Certainty, Finding
from fixer.rules.case import Case
from fixer.rules.events import Heard, heard

# A comment, or what somebody typed at a prompt: not printed by a program.
_TYPED = re.compile(r"\s*(?:#(?!#)|//|\$\s|<!--|>>>\s|In \[\d{1,5}\]:)")
# A quotation, an item of a list, a cell of a table.
_MARKED = re.compile(r"\s*(?:>|\*\s|-\s|•|\|(?=.*\|\s*$))")
# Words with which people speak, and programs do not begin; one of the second kind is enough.
_SPOKEN = re.compile(
    r"\b(?:i|i'm|i've|we|you|your|my|me|if|when|because|instead|should|would|could|try|tried|fix|fixes|issue|why|how|what|does|"
    r"means?|says?|said|like|similar|avoid|known|see|seen)\b",
    re.IGNORECASE,
)
_TELLING = re.compile(
    r"\b(?:someone|anyone|people|maybe|perhaps|solution|answer|question|readme|faq|wiki|manual|tutorial)\b", re.IGNORECASE
)
_WORD = re.compile(r"(?<![\w.])[a-z]{2,}(?![\w.:])")
_TALK_IS_WORDS = 2
_GOT_THERE = ("created-device", "gpu-listed", "xla-device", "loaded-cudnn-version")
_RAN = (*_GOT_THERE, "epoch")


def weakened(case: Case, found: Finding) -> Certainty:
    """The certainty of ``found`` once it is asked who speaks, and when."""
    lines = _lines(case, found)
    if found.certainty not in ("proven", "likely"):
        return found.certainty
    if _rests_on_a_list(case, found):
        return "likely"
    if not lines:
        return found.certainty
    if (found.certainty == "proven" or found.stage == "import") and _overtaken(case, found, lines):
        return "possible"
    told = [_told(one) for one in lines]
    if "spoken" in told and "printed" not in told:
        return "possible"
    # Of a line that was cut nobody knows how it went on.
    return "likely" if "printed" not in told or all(one.event.part for one in lines) else found.certainty


def _lines(case: Case, found: Finding) -> list[Heard]:
    sources = {item.source for item in found.evidence}
    return [one for one in heard(case) if one.event.source in sources and one.row.kind in ("error", "headline")]


def _rests_on_a_list(case: Case, found: Finding) -> bool:
    """Whether an installer's list tells some of it: which environment it lists, and whether it still holds, nobody says."""
    said = {one.event.source for one in heard(case) if any(name.startswith("package.") for name in one.row.states)}
    told = [item.source for item in found.evidence if item.fact.startswith("environment.packages.")]
    return any(" line " in source and source not in said for source in told)


def _overtaken(case: Case, found: Finding, lines: Iterable[Heard]) -> bool:
    """Whether a later run got past the place where these lines stopped one."""
    last = max(one.event.line for one in lines)
    further = _RAN if found.stage == "import" else _GOT_THERE
    return any(one.event.line > last and one.row.id in further for one in heard(case))


def _told(one: Heard) -> Literal["printed", "quoted", "spoken"]:
    """Who says the line: the program, somebody who quotes it, or somebody who speaks of it."""
    text = one.event.text
    before = text[: _begins(one)]
    asked = text.rstrip().endswith("?") and len(_WORD.findall(before)) > _TALK_IS_WORDS
    if asked or _TYPED.match(text) or _TELLING.search(before) or len(_SPOKEN.findall(before)) >= _TALK_IS_WORDS:
        return "spoken"
    return "quoted" if _MARKED.match(text) else "printed"


def _begins(one: Heard) -> int:
    """Where the wording begins in its line; 0 where that is not plain to see."""
    text = one.event.text.lower()
    heads = (re.split(r"\{", template)[0].strip().lower()[:24] for template in one.row.templates)
    places = [text.find(head) for head in heads if len(head) > 5]
    return min((place for place in places if place >= 0), default=0)
