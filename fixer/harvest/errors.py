"""What can go wrong while an index is read: one line each."""

from __future__ import annotations


class HarvestError(Exception):
    """What was read cannot be used; one line that says what and why."""


class Unreachable(HarvestError):
    """The index did not answer, or refused."""
