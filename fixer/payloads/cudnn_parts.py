"""Asks cuDNN's parts whether they fit each other, one process for all: argv is a marker, then the paths, the head's last.

Each part compares its own release with those that it was linked to, by a call of its own (cudnnCnnVersionCheck of
cudnn_cnn.h; 0 when they fit). A part that cannot be loaded beside the others gives the loader's words; the head
gives its version as cuDNN counts it. One line for each: the marker, then [path, number or text or null] as JSON. Neither a
GPU nor a driver is needed. Standard library only; run by convfix's own Python.
"""

import ctypes
import json
import os
import sys


def main():
    for path in sys.argv[2:]:
        part = os.path.basename(path).partition(".so")[0][len("libcudnn_") :]
        name = "cudnn" + "".join(word.capitalize() for word in part.split("_")) + "VersionCheck" if part else "cudnnGetVersion"
        try:
            answer = getattr(ctypes.CDLL(path, mode=os.RTLD_LAZY), name)()
        except OSError as error:
            answer = str(error)
        except AttributeError:
            answer = None
        sys.stdout.write(sys.argv[1] + json.dumps([path, answer]) + "\n")
        sys.stdout.flush()


main()
