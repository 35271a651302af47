"""Rules about lines that name their cause, and about lines that several causes share.

A row of the dataset says which causes a line can have. A line that names one is a verdict as strong as the row
says; a line that several share names them all, each with its weight, and cannot tell. Lines whose values must be
compared first have rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from fixer.model.finding import Certainty, Finding
from fixer.rules.advice import ADVICE
from fixer.rules.case import Case
from fixer.rules.events import Heard, heard
from fixer.rules.say import finding


def said_outright(case: Case) -> Iterator[Finding]:
    """A line that names one cause."""
    for one in heard(case):
        if len(one.row.causes) == 1 and one.row.kind not in ("noise", "folk"):
            cause = next(iter(one.row.causes))
            yield from_line(one, cause, 100)


def said_among_several(case: Case) -> Iterator[Finding]:
    """A line that several causes share: each of them is named, none is told."""
    for one in heard(case):
        if len(one.row.causes) > 1 and one.row.kind not in ("noise", "folk"):
            whole = sum(one.row.causes.values())
            for cause, weight in one.row.causes.items():
                yield from_line(one, cause, max(1, round(100 * weight / whole)))


def from_line(one: Heard, cause: str, weight: int) -> Finding:
    """The verdict of one line on one cause."""
    advice = ADVICE[cause]
    alone = len(one.row.causes) == 1
    return finding(
        cause,
        "blocks",
        cast(Certainty, one.row.certainty) if alone else "cannot-tell",
        one.row.about or one.event.text[:120],
        (one.evidence,),
        advice.summary,
        code=f"said-{one.row.id}",
        commands=advice.commands,
        needs=() if alone else (" ".join(one.row.decide_with or advice.decide_with),),
        subject={"weight": str(weight), "symptom": one.row.id},
    )
