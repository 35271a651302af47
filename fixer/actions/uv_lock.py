"""uv's own lock of an environment: an empty file ``.lock``, which uv makes when it is missing and never removes.

The unit is one environment. Where a call of uv made the file, it goes again, so that an undo leaves nothing. One that was
there before, that somebody holds or that has content, stays. A dry run never comes near it (``shadow``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import Iterator

from fixer.actions.tree import Mark
from fixer.host import durable

_NAME = ".lock"


def missing(prefix: str) -> bool:
    """Whether the environment ``prefix`` has no such file, nor anything else of its name."""
    return not os.path.lexists(os.path.join(prefix, _NAME))


@contextlib.contextmanager
def not_left(prefix: str) -> Iterator[None]:
    """Inside, uv may be called on the environment ``prefix``."""
    new = missing(prefix)
    try:
        yield
    finally:
        if new:
            forget(prefix)


def is_one(path: str, found: Mark, prefix: str) -> bool:
    """Whether ``path`` is that file."""
    return path == os.path.join(prefix, _NAME) and found.kind == "f" and found.size == 0


def forget(prefix: str) -> None:
    """Remove the file; one that is held, has content, or cannot be removed, stays."""
    path = os.path.join(prefix, _NAME)
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_size == 0:
                durable.unlink(path)
        finally:
            os.close(handle)
