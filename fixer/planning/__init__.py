"""From facts, findings and the wish to the smallest plan that works: pure functions, no I/O, no clock."""

from fixer.planning.plan import make_plan

__all__ = ["make_plan"]
