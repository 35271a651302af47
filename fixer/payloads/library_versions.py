"""Asks libraries for their own versions, one process for all: argv is a marker, then paths, the weightiest first.

One line for each library, as soon as it has answered: the marker, then [path, version or null] as JSON. A library that
kills the process, or takes too long, takes the answers of those after it along, and of none before. The calls need
neither a GPU nor a driver. Standard library only; run by convfix's own Python.
"""

import ctypes
import json
import os
import sys


def _cudnn(library):
    call = library.cudnnGetVersion
    call.restype = ctypes.c_size_t
    number = call()
    step = 10000 if number >= 90000 else 1000
    return "%d.%d.%d" % (number // step, number % step // 100, number % 100)


def _cudart(library):
    number = ctypes.c_int(0)
    if library.cudaRuntimeGetVersion(ctypes.byref(number)) != 0:
        return None
    return "%d.%d" % (number.value // 1000, number.value % 1000 // 10)


def _nccl(library):
    number = ctypes.c_int(0)
    if library.ncclGetVersion(ctypes.byref(number)) != 0:
        return None
    # nccl.h: from 2.9 on four digits stand below the major version, before that three.
    step = 10000 if number.value >= 10000 else 1000
    return "%d.%d.%d" % (number.value // step, number.value % step // 100, number.value % 100)


def _nvjitlink(library):
    major, minor = ctypes.c_uint(0), ctypes.c_uint(0)
    if library.nvJitLinkVersion(ctypes.byref(major), ctypes.byref(minor)) != 0:
        return None
    return "%d.%d" % (major.value, minor.value)


def _nvrtc(library):
    major, minor = ctypes.c_int(0), ctypes.c_int(0)
    if library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)) != 0:
        return None
    return "%d.%d" % (major.value, minor.value)


def _property(name):
    """library_types.h: MAJOR_VERSION, MINOR_VERSION and PATCH_LEVEL are 0, 1 and 2."""

    def ask(library):
        parts = []
        for which in range(3):
            value = ctypes.c_int(0)
            if getattr(library, name)(which, ctypes.byref(value)) != 0:
                return None
            parts.append(str(value.value))
        return ".".join(parts)

    return ask


ASK = {
    "libcudnn": _cudnn,
    "libcudart": _cudart,
    "libnccl": _nccl,
    "libnvJitLink": _nvjitlink,
    "libnvrtc": _nvrtc,
    "libcublas": _property("cublasGetProperty"),
    "libcublasLt": _property("cublasLtGetProperty"),
    "libcufft": _property("cufftGetProperty"),
    "libcurand": _property("curandGetProperty"),
    "libcusolver": _property("cusolverGetProperty"),
    "libcusparse": _property("cusparseGetProperty"),
}


def main():
    for path in sys.argv[2:]:
        version = None
        try:
            ask = ASK[os.path.basename(path).partition(".so")[0]]
            # RTLD_LAZY: the version needs none of the library's own symbols from elsewhere.
            version = ask(ctypes.CDLL(path, mode=os.RTLD_LAZY))
        except (OSError, AttributeError, KeyError):
            pass
        sys.stdout.write(sys.argv[1] + json.dumps([path, version]) + "\n")
        sys.stdout.flush()


main()
