from tests.lab.fixtures import builder, lab, staged

__all__ = ["builder", "lab", "staged"]
