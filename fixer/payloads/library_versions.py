"""Asks libraries for their own versions, one process for all: argv is a marker, then paths.

One JSON line after the marker: {path: version or null}. A library that kills the process takes the answers with
it; the caller then knows none of them. Standard library only; run by convfix's own Python.
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


def main():
    answers = {}
    for path in sys.argv[2:]:
        name = os.path.basename(path)
        try:
            # RTLD_LAZY: the version needs none of the library's own symbols from elsewhere.
            library = ctypes.CDLL(path, mode=os.RTLD_LAZY)
            answers[path] = _cudnn(library) if name.startswith("libcudnn.") else _cudart(library)
        except (OSError, AttributeError):
            answers[path] = None
    sys.stdout.write(sys.argv[1] + json.dumps(answers) + "\n")


main()
