"""A child that cannot outlive us: an installer that went on after convfix was killed would undo the recovery.

The unit is an argv that becomes the given one. A short script asks the kernel to kill the process when its
parent dies, takes the installer lock, which every process of the installer then holds as long as it lives,
and turns into the installer by exec. Whoever recovers waits for that lock.
"""

from __future__ import annotations

import os
import sys
from typing import Sequence

# prctl(PR_SET_PDEATHSIG, SIGKILL); it survives exec. The parent may be gone before it is set, hence the look.
_SCRIPT = """\
import ctypes, fcntl, os, sys
lock, parent, argv = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
try:
    ctypes.CDLL(None).prctl(1, 9)
except (OSError, AttributeError):
    pass
if os.getppid() != parent:
    os._exit(1)
handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
os.set_inheritable(handle, True)
fcntl.flock(handle, fcntl.LOCK_EX)
try:
    os.execv(argv[0], argv)
except OSError as error:
    sys.stderr.write("%s: %s\\n" % (argv[0], error.strerror))
    os._exit(127)
"""


def tethered(argv: Sequence[str], lock: str) -> list[str]:
    """``argv`` (its program an absolute path), tied to this process and to the lock file ``lock``."""
    return [sys.executable, "-I", "-S", "-c", _SCRIPT, lock, str(os.getpid()), *argv]
