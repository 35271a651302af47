"""The order of preference among changes, least first, in one table that plans and people read alike.

The unit is a rung. Planning takes the first rung on which a sound plan stands; what it did not take is
explained with the rung's words.
"""

from __future__ import annotations

from functools import lru_cache

from fixer.model import compare
from fixer.model.record import record

RUNGS: tuple[tuple[str, str], ...] = (
    ("setting", "taking a harmful setting away"),
    ("hook", "a preload hook inside the environment"),
    ("pin", "other packages beside the same TensorFlow"),
    ("activation", "variables set when the environment is activated"),
    ("conda", "a conda package"),
    ("patch", "another patch release of TensorFlow"),
    ("minor", "another minor release of TensorFlow"),
    ("environment", "a new environment"),
    ("person", "a step for a person"),
)
_PLACES = {name: place for place, (name, _) in enumerate(RUNGS)}
WORDS = dict(RUNGS)


def place(rung: str) -> int:
    """How big a change a rung is; 0 is the least."""
    return _PLACES[rung]


def words(rung: str) -> str:
    """The rung in words."""
    return WORDS[rung]


@record(frozen=True)
class Step:
    """From the installed TensorFlow to another: the rung, how many minor releases away, and whether backwards."""

    rung: str
    far: int = 0
    older: bool = False


@lru_cache(maxsize=256)
def steps(versions: tuple[str, ...], present: str | None) -> tuple[tuple[str, int, int, bool], ...]:
    """The step from ``present`` to each version as it is sorted by: its rung, the rung's place, how far, whether backwards."""
    return tuple((one.rung, place(one.rung), one.far, one.older) for one in (step(version, present) for version in versions))


@lru_cache(maxsize=16384)
def step(version: str, present: str | None) -> Step:
    """The step from ``present`` to ``version`` in one environment."""
    if present is None or compare.key(version) == compare.key(present):
        return Step("pin")
    mine, theirs = compare.minor(version), compare.minor(present)
    if mine == theirs:
        return Step("patch")
    return Step("minor", abs(mine[0] - theirs[0]) * 100 + abs(mine[1] - theirs[1]), mine < theirs)
