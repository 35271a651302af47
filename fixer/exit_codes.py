"""The exit codes of the contract and their precedence: numbers, and nothing else."""

from __future__ import annotations

from typing import Iterable

HEALTHY = 0
PROBLEMS = 1
USAGE = 2
ROLLED_BACK = 3
ROLLBACK_INCOMPLETE = 4
KEPT_UNVERIFIED = 5
CANNOT_TELL = 6
STALE_PLAN = 7
PERSON_ONLY = 8
NO_STACK = 9
BUG = 70
INTERRUPTED = 130
TERMINATED = 143

PRECEDENCE = (
    INTERRUPTED,
    TERMINATED,
    BUG,
    USAGE,
    STALE_PLAN,
    ROLLBACK_INCOMPLETE,
    ROLLED_BACK,
    NO_STACK,
    CANNOT_TELL,
    KEPT_UNVERIFIED,
    PROBLEMS,
    PERSON_ONLY,
    HEALTHY,
)


def strongest(codes: Iterable[int]) -> int:
    """The first of PRECEDENCE among ``codes``; HEALTHY when there is none."""
    held = set(codes)
    return next((code for code in PRECEDENCE if code in held), HEALTHY)
