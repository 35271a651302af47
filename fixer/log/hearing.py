"""One log from its bytes to Facts: the pieces of this room in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fixer.log import facts
from fixer.log.form import Form
from fixer.log.hit import Hit
from fixer.log.listings import Listings
from fixer.log.matcher import Matcher
from fixer.log.outputs import Outputs
from fixer.log.reader import lines
from fixer.log.unfamiliar import Ends
from fixer.model.facts import Facts
from fixer.model.record import record


@record(frozen=True)
class Heard:
    """What one log told: its facts, the recognised lines that they rest on, how many lines it has, and a form's answers in it."""

    facts: Facts
    hits: tuple[Hit, ...]
    lines: int
    form: Mapping[str, str]


def hear(read: Callable[[int], bytes], matcher: Matcher) -> Heard:
    """One log, heard to its end; ``read(n)`` gives at most n bytes, and none at the end."""
    listed = Listings(lines(read))
    form = Form(listed)
    printed = Outputs(form)
    ends = Ends(printed)
    hits, count = matcher.hits(ends)
    # A list of packages and what a command printed were understood, though no wording stands in them.
    read_otherwise = {line for _, line in listed.packages.values()} | {one.line for one in printed.told}
    unfamiliar = ends.unfamiliar(hits, read_otherwise)
    return Heard(facts.hear(hits, listed.packages, printed.told, unfamiliar=unfamiliar), hits, count, form.texts())
