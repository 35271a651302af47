"""Lines of which no wording is known: what reports about the same things turned out to be; candidates, never a verdict.

The unit is a group of candidates, by what ``base_rates`` counted. It is silent where a failure has a known wording, since then
that line's rules have judged, and where the log shows a run that got somewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from fixer.model.finding import Evidence, Finding
from fixer.rules import surroundings
from fixer.rules.advice import ADVICE
from fixer.rules.base_rates import logarithms
from fixer.rules.case import Case, is_reported
from fixer.rules.events import heard
from fixer.rules.heard import candidates
from fixer.rules.hearsay import AN_ERROR
from fixer.rules.likelihood import refuted
from fixer.rules.say import fact
from fixer.rules.topics import names_the_stack, tells_a_failure

# The group's name.
REPORTS = "reports"
_MOST, _LEAST = 8, 0.01
_MOST_LINES = 4
# What a person who reports trouble tells of the machine.
_REPORTED = ("os", "environment", "gpus", "driver", "toolkits", "libraries", "wsl", "container")


def like_other_reports(case: Case) -> Iterator[Finding]:
    """What reports about the same things turned out to be, where no line names the cause."""
    # A known failure's rules have judged, and a run that got somewhere has none.
    if any(one.row.fails or one.row.kind == "success" for one in heard(case)):
        return
    lines = tuple(_failing_lines(case))
    if not lines and not _is_silent_report(case):
        return
    excluded = refuted(case)
    shares = {cause: math.exp(one) for cause, one in logarithms(case).items() if cause in ADVICE and cause not in excluded}
    likeliest = sorted(shares, key=lambda cause: -shares[cause])[:_MOST]
    weights = {cause: 100 * shares[cause] for cause in likeliest if shares[cause] >= _LEAST}
    if weights:
        title = "no line decides; this is what reports about the same things turned out to be"
        yield from candidates(REPORTS, weights, title, lines[:_MOST_LINES] or _told(case), ("convfix", "doctor"))


def _failing_lines(case: Case) -> Iterator[Evidence]:
    """Lines without a known wording that name a part of the stack and a failure."""
    known = {one.event.line for one in heard(case) if one.row.id != AN_ERROR}
    for one in heard(case):
        if one.row.id == AN_ERROR and one.event.line not in known and tells_a_failure(one.event.text):
            yield one.evidence
    for line in case.facts.unfamiliar.or_else(()):
        if tells_a_failure(line.text):
            yield Evidence("said", line.text, line.source)


def _told(case: Case) -> tuple[Evidence, ...]:
    """What a person told of the machine."""
    os = (fact("os", case.os, case.facts.os),) if case.facts.os.is_found else ()
    return (*os, *case.tensorflow_evidence(), *case.card_evidence(case.cards))


def _is_silent_report(case: Case) -> bool:
    """Whether a person tells of trouble with a machine, and shows a log of which no line is known."""
    strange = case.facts.unfamiliar.or_else(())
    if any(event.line for event in case.facts.events.or_else(())) or strange and not any(names_the_stack(line.text) for line in strange):
        return False
    return surroundings.is_silent(case) and any(is_reported(getattr(case.facts, name)) for name in _REPORTED)
