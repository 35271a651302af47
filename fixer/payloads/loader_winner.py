"""Run by the patient, on top of library_check.py: which file did the real loader take for a soname?

After TensorFlow's own library check has opened its libraries, each asked soname is looked up among the objects
already loaded (dlopen with RTLD_NOLOAD), and the loader is asked for the file (dlinfo). The unit is one record
``{"winners": {soname: path or null}}``. Python 3.6 syntax, standard library only. Nothing is loaded that TensorFlow
did not load.
"""
import ctypes
import os

from library_check import import_tensorflow, own_check

RTLD_LAZY = 1
RTLD_NOLOAD = 4
RTLD_DI_LINKMAP = 2


class LinkMap(ctypes.Structure):
    """The head of glibc's struct link_map (link.h)."""

    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]


def winner(soname):
    """The file loaded under ``soname``, or None when none is."""
    try:
        handle = ctypes.CDLL(soname, mode=RTLD_LAZY | RTLD_NOLOAD)._handle
    except OSError:
        return None
    process = ctypes.CDLL(None)
    process.dlinfo.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    found = ctypes.POINTER(LinkMap)()
    if process.dlinfo(handle, RTLD_DI_LINKMAP, ctypes.byref(found)) != 0:
        return None
    return os.fsdecode(found.contents.name).encode("utf-8", "replace").decode("utf-8")


def prove(report):
    """Import TensorFlow, let it open its libraries, and report the winners."""
    if report.step("tensorflow-imports", import_tensorflow) is not None:
        own_check()
        report.put({"winners": {soname: winner(soname) for soname in report.wish["sonames"]}})
