"""Loads the CUDA libraries that fit TensorFlow just before TensorFlow is imported; see LIBRARIES.

The dynamic loader takes a library that is already loaded before it searches any path, so these copies win
over LD_LIBRARY_PATH and over a search path that lacks them. The line in convfix_preload.pth puts a finder
in front of Python's own; it imports this module when tensorflow is looked for, and not before. Asking where
tensorflow lies (importlib.util.find_spec) loads nothing. All or none: when a file is gone, the environment
is no longer the one this was written for, and mixing old and new copies would be a new fault.
It never raises. Standard library only, Python 3.6 or newer.
"""

import sys

LIBRARIES = ()
busy = []


def find_spec(finder, name, path, target):
    """What the other finders find, with a loader that opens LIBRARIES first. ``finder`` is the one in the .pth."""
    if busy:
        # Another finder of this kind asks all the others, us among them.
        return None
    busy.append(name)
    try:
        spec = ask_others(finder, name, path, target)
    finally:
        busy.pop()
    try:
        wrap(finder, spec.loader)
    except Exception:
        pass
    return spec


def ask_others(finder, name, path, target):
    finders = list(sys.meta_path)
    if finder in finders:
        finders = finders[finders.index(finder) + 1 :]
    for other in finders:
        if hasattr(other, "find_spec"):
            spec = other.find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


def wrap(finder, loader):
    execute = loader.exec_module

    def exec_module(module):
        try:
            del loader.exec_module
            sys.meta_path.remove(finder)
        except (AttributeError, ValueError):
            pass
        load()
        return execute(module)

    loader.exec_module = exec_module


def load():
    try:
        import ctypes
        import os

        if all(os.path.isfile(path) for path in LIBRARIES):
            for path in LIBRARIES:
                ctypes.CDLL(os.fsdecode(path))
    except Exception:
        pass
