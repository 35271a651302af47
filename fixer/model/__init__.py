"""Frozen data that flows between the stages; no I/O, and nothing of ours is imported from outside this package."""
