"""The order of preference among changes, least first, in one table that plans and people read alike.

The unit is a rung. Planning takes the first rung on which a sound plan stands; what it did not take is
explained with the rung's words.
"""

from __future__ import annotations

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
NAMES = tuple(name for name, _ in RUNGS)
WORDS = dict(RUNGS)


def place(rung: str) -> int:
    """How big a change a rung is; 0 is the least."""
    return NAMES.index(rung)


def words(rung: str) -> str:
    """The rung in words."""
    return WORDS[rung]
