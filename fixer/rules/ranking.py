"""Chooses the one primary cause, in one place, and the exit code that follows from it.

The order is the contract's: an import failure before a GPU failure, hardware and driver before
libraries, among libraries a setting before shadowing before a wrong version before missing. Only what
blocks can be primary. Certainty breaks ties inside a stage; a cannot-tell of an earlier stage stays in
front, because the unknown fact could change the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fixer import exit_codes
from fixer.model.finding import Finding
from fixer.model.record import altered
from fixer.rules.causes import ORDER, STAGES

_SEVERITIES = ("blocks", "risks", "note")
_CERTAINTIES = ("proven", "likely", "possible", "cannot-tell")
_LEVEL = {name: place for place, name in enumerate(_SEVERITIES)}
_STAGE = {name: place for place, name in enumerate(STAGES)}
_TRUST = {name: place for place, name in enumerate(_CERTAINTIES)}


def _key(found: Finding) -> tuple[int, int, int, int, str, str, tuple[tuple[str, str, str], ...]]:
    return (
        _LEVEL[found.severity],
        _STAGE[found.stage],
        _TRUST[found.certainty],
        ORDER.get(found.cause, len(ORDER)),
        found.code,
        found.title,
        tuple([(one.fact, one.value, one.source) for one in found.evidence]),
    )


def rank(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """``findings`` in order of weight, each once, the first one that blocks marked as primary."""
    ordered = sorted((altered(found, primary=False) if found.primary else found for found in findings), key=_key)
    unique: list[Finding] = []
    for found in ordered:
        if not unique or found != unique[-1]:
            unique.append(found)
    if unique and unique[0].severity == "blocks":
        unique[0] = altered(unique[0], primary=True)
    return tuple(unique)


def exit_code(findings: Sequence[Finding], fail_on: str = "blocks") -> int:
    """0, 1 or 6 for ranked ``findings``: 6 when the weightiest one that counts rests on an unknown fact.

    ``fail_on`` is blocks, risks or note: the least severity that counts.
    """
    counted = sorted((f for f in findings if _LEVEL[f.severity] <= _LEVEL[fail_on]), key=_key)
    if not counted:
        return exit_codes.HEALTHY
    return exit_codes.CANNOT_TELL if counted[0].certainty == "cannot-tell" else exit_codes.PROBLEMS
