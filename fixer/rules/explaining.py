"""Puts findings in the order of how probable they are behind a log, one entry a cause: pure, judges no fact anew.

The doctor asks what stands in the way; a log asks what was behind these lines. Findings that rest on lines come
first. Where lines name several possible causes, a fact that names one of them moves it to the front; facts alone
follow, and stand alone where the log says nothing. No fact is proof of what happened in a run unless a line
agrees with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fixer.model.finding import Certainty, Finding, Remedy
from fixer.model.heard import Aside, Explanation, NamedCause, Quote
from fixer.rules.advice import ADVICE
from fixer.rules.case import Case
from fixer.rules.causes import CAUSES, ORDER, STAGES
from fixer.rules.events import Heard, heard
from fixer.rules.ranking import rank

_TRUST: dict[Certainty, int] = {"proven": 3, "likely": 2, "possible": 1, "cannot-tell": 0}
_MOST_CAUSES = 8
_MOST_LINES = 6
_SAID = "said"


def explain(case: Case, findings: Iterable[Finding], lines: int = 0) -> Explanation:
    """What ``findings`` say about the log whose events ``case`` holds."""
    ranked = rank(findings)
    asides = [one for one in heard(case) if one.row.kind in ("noise", "folk")]
    causes = _causes(case, ranked)
    return Explanation(
        causes,
        tuple(_aside(one) for one in asides if one.row.kind == "noise"),
        tuple(_aside(one) for one in asides if one.row.kind == "folk"),
        (),
        lines,
        sum(one.event.times for one in heard(case)),
    )


def _aside(one: Heard) -> Aside:
    event, row = one.event, one.row
    return Aside(row.id, row.about, event.line, event.text, event.times)


def _causes(case: Case, findings: Sequence[Finding]) -> tuple[NamedCause, ...]:
    groups: dict[str, list[Finding]] = {}
    for found in findings:
        if _speaks(found) or (found.severity == "blocks" and found.certainty != "cannot-tell"):
            groups.setdefault(found.cause, []).append(found)
    spoken = any(_speaks(found) for group in groups.values() for found in group)
    ordered = sorted(groups.items(), key=lambda item: _key(item[0], item[1], spoken))
    lines = {one.event.line: one.event.text for one in heard(case)}
    return tuple(_named(cause, group, lines) for cause, group in ordered[:_MOST_CAUSES])


def _speaks(found: Finding) -> bool:
    """Whether a line of the log supports the finding."""
    return any(item.fact == _SAID or " line " in item.source for item in found.evidence)


def _key(cause: str, group: list[Finding], spoken: bool) -> tuple[float, ...]:
    """The smaller the more probable."""
    lines = [found for found in group if _speaks(found)]
    facts = [found for found in group if not _speaks(found)]
    trust = max((_TRUST[found.certainty] for found in lines), default=-1)
    weight = sum(int(found.subject.get("weight", "0")) for found in lines)
    by_facts = max((_TRUST[found.certainty] for found in facts), default=0)
    agreed = bool(lines) and bool(facts)
    stage = STAGES.index(CAUSES[cause].stage)
    if trust >= 1 or not spoken:
        return (0, -max(trust, by_facts), -int(agreed), stage, -weight, ORDER[cause])
    if lines:
        return (1 if agreed else 2, -by_facts, -weight, stage, ORDER[cause])
    return (3, -by_facts, stage, 0, ORDER[cause])


def _named(cause: str, group: list[Finding], texts: Mapping[int, str]) -> NamedCause:
    lines = [found for found in group if _speaks(found)]
    facts = [found for found in group if not _speaks(found)]
    best = max(group, key=lambda found: (_TRUST[found.certainty], _speaks(found)))
    certainty: Certainty = best.certainty
    if certainty == "proven" and not lines:
        certainty = "likely"
    quotes: dict[int, Quote] = {}
    evidence = []
    for found in lines + facts:
        for item in found.evidence:
            number = item.source.rpartition(" line ")[2]
            if " line " in item.source and number.isdigit():
                quotes.setdefault(int(number), Quote(int(number), texts.get(int(number), item.value)))
            else:
                evidence.append(item)
    advice = ADVICE[cause]
    remedy = best.remedy if best.remedy.summary else Remedy(advice.summary, advice.commands or (), CAUSES[cause].plan)
    decide = advice.decide_with if certainty in ("cannot-tell", "possible") else ()
    shown = tuple(sorted(quotes.values(), key=lambda quote: quote.line)[:_MOST_LINES])
    return NamedCause(cause, certainty, best.title, shown, tuple(dict.fromkeys(evidence)), remedy, decide, best.code)
