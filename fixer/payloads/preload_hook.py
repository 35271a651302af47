"""Loads the CUDA libraries that fit TensorFlow just before TensorFlow is imported; see LIBRARIES.

The dynamic loader takes a library that is already loaded before it searches any path, so these copies win
over LD_LIBRARY_PATH and over a search path that lacks them. Nothing happens until tensorflow is imported:
asking where it lies (importlib.util.find_spec) loads nothing. All or none: when a file is gone, the
environment is no longer the one this was written for, and mixing old and new copies would be a new fault.
It never raises. Standard library only, Python 3.6 or newer.
"""

import sys

LIBRARIES = ()


class Preload(object):
    """A finder that finds tensorflow through the other finders and has its loader open LIBRARIES first."""

    busy = False

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "tensorflow" or cls.busy:
            return None
        cls.busy = True
        try:
            spec = cls.ask_others(name, path, target)
        finally:
            cls.busy = False
        try:
            cls.wrap(spec.loader)
        except Exception:
            pass
        return spec

    @classmethod
    def ask_others(cls, name, path, target):
        finders = list(sys.meta_path)
        if cls in finders:
            finders = finders[finders.index(cls) + 1 :]
        for finder in finders:
            if hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None

    @classmethod
    def wrap(cls, loader):
        execute = loader.exec_module

        def exec_module(module):
            try:
                del loader.exec_module
                sys.meta_path.remove(cls)
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


sys.meta_path.insert(0, Preload)
