"""What ``explain`` answers: causes behind a log, most probable first, and what was recognised beside them."""

from __future__ import annotations

from fixer.model.finding import Certainty, Evidence, Remedy
from fixer.model.record import record


@record(frozen=True)
class Quote:
    """A line of the log."""

    line: int
    text: str


@record(frozen=True)
class NamedCause:
    """One cause: how sure, the lines that say so, the facts that join them, and the remedy.

    ``decide_with`` is the command that would settle a ``cannot-tell``; ``code`` the rule's own name.
    """

    cause: str
    certainty: Certainty
    title: str
    evidence: tuple[Quote, ...]
    facts: tuple[Evidence, ...]
    remedy: Remedy
    decide_with: tuple[str, ...] = ()
    code: str = ""


@record(frozen=True)
class Aside:
    """A recognised line that is no cause: noise that is harmless, or a wrong remedy that was tried."""

    symptom: str
    about: str
    line: int
    text: str
    times: int = 1


@record(frozen=True)
class Explanation:
    """All that a log told. ``contradictions`` says in words where the log and the machine differ.

    ``unexplained`` are the failures of a log that names no cause: what failed is known, why is not.
    """

    causes: tuple[NamedCause, ...]
    harmless: tuple[Aside, ...] = ()
    tried: tuple[Aside, ...] = ()
    unexplained: tuple[Aside, ...] = ()
    contradictions: tuple[str, ...] = ()
    lines: int = 0
    recognised: int = 0
