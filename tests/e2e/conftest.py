"""The lab's fixtures, for patients whose GPU libraries are the trouble."""

from tests.lab.fixtures import builder, lab, staged

__all__ = ["builder", "lab", "staged"]
