"""Builds findings, so that every rule says the same things in the same way: pure shapes, no judgement.

The unit is ``finding(...)``: stage and plan class come from the vocabulary unless a rule knows better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fixer.model.finding import Certainty, Evidence, Finding, Remedy, RemedyPlan, RowRef, Severity, Stage
from fixer.model.observed import Observed
from fixer.rules.causes import CAUSES

APPLY = (("convfix", "apply"),)
PLAN = (("convfix", "plan"),)
Commands = tuple[tuple[str, ...], ...]
_USUAL: dict[RemedyPlan, Commands] = {"auto": APPLY, "ask": PLAN, "advise": (), "none": ()}


def fact(name: str, value: str, seen: Observed[Any]) -> Evidence:
    """One observation in words, with the source that ``seen`` names."""
    return Evidence(name, value, seen.source)


def joined(words: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def few(words: Iterable[str], most: int = 3) -> str:
    """``joined``, but of a long list only the first two and how many more there are."""
    items = list(words)
    return joined(items) if len(items) <= most else f"{', '.join(items[:2])} and {len(items) - 2} more"


def sentence(text: str) -> str:
    """A dataset row's note as a sentence: a capital first (unless it begins with a package's name), a full stop last."""
    words = text.strip().rstrip(".")
    head = words.split(" ")[0]
    if head.isalpha() and head.islower() and head not in ("tensorflow", "numpy", "keras", "protobuf"):
        words = words[:1].upper() + words[1:]
    return words + "."


def set_at_start(name: str, place: str) -> str:
    """What to do about a variable that the interpreter's own start-up sets: no shell and no activation comes after it."""
    return f"{place} sets {name} whenever this Python starts, whatever the shell says: take the line away there."


def weaker(*certainties: Certainty) -> Certainty:
    """The weakest of several certainties."""
    order: tuple[Certainty, ...] = ("proven", "likely", "possible", "cannot-tell")
    return max(certainties, key=order.index)


def finding(
    cause: str,
    severity: Severity,
    certainty: Certainty,
    title: str,
    evidence: Iterable[Evidence],
    advice: str,
    *,
    code: str | None = None,
    rows: Iterable[RowRef] = (),
    commands: Commands | None = None,
    plan: RemedyPlan | None = None,
    needs: Iterable[str] = (),
    subject: Mapping[str, str] | None = None,
    stage: Stage | None = None,
) -> Finding:
    """A finding of ``cause``; ``code`` is the rule's own name where one cause has several rules."""
    known = CAUSES[cause]
    chosen = plan or known.plan
    # A plan repairs what blocks: for what only risks, apply would find nothing to do.
    usual = _USUAL[chosen] if severity == "blocks" else ()
    remedy = Remedy(advice, usual if commands is None else commands, chosen)
    return Finding(
        code or cause,
        cause,
        severity,
        certainty,
        stage or known.stage,
        title,
        tuple(evidence),
        tuple(rows),
        remedy,
        tuple(needs),
        dict(subject or {}),
    )
