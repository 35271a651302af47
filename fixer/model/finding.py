"""What a rule concludes, and what it rests on: pure data, the contract's ``findings``."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar, Literal, Mapping

from fixer.model.record import record

Severity = Literal["blocks", "risks", "note"]
Certainty = Literal["proven", "likely", "possible", "cannot-tell"]
RemedyPlan = Literal["auto", "ask", "advise", "none"]
# The order in which causes stand in each other's way; the contract's order for choosing the primary one.
# An earlier stage hides the later ones: a failed import is met before any driver, a dead driver before
# any library. Among libraries the one nearest to what the person must change comes first.
Stage = Literal["import", "hardware", "driver", "visibility", "setting", "shadowing", "version", "missing", "memory", "none"]


@record(frozen=True)
class Evidence:
    """One observation that a finding rests on: the fact's name, its value in words, and where it was seen."""

    fact: str
    value: str
    source: str


@record(frozen=True)
class RowRef:
    """The dataset row that a verdict rests on: the file, the row's key, and where the row comes from; a dataset has one for each row."""

    shared: ClassVar[bool] = True
    table: str
    key: str
    source: str


@record(frozen=True)
class Remedy:
    """What to do. ``commands`` are argv lists and hold only what we advise; ``plan`` is who can do it."""

    summary: str
    commands: tuple[tuple[str, ...], ...] = ()
    plan: RemedyPlan = "none"


@record(frozen=True)
class Finding:
    """A verdict of one rule.

    ``code`` is the rule's own name, ``cause`` a slug of the vocabulary. ``needs`` names the unknown
    facts that would settle a ``cannot-tell``. ``stage`` serves the ranking. ``subject`` carries what a
    repair must know (package names, paths), as strings.
    """

    code: str
    cause: str
    severity: Severity
    certainty: Certainty
    stage: Stage
    title: str
    evidence: tuple[Evidence, ...] = ()
    rows: tuple[RowRef, ...] = ()
    remedy: Remedy = Remedy("")
    needs: tuple[str, ...] = ()
    subject: Mapping[str, str] = field(default_factory=dict)
    primary: bool = False
