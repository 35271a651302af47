"""Whether this process may change anything at all: as whom it runs, in whose home, on which machine.

The unit is ``guard``. It comes before every deed: of an apply, of an undo, and of finishing a run that was cut short.
"""

from __future__ import annotations

import contextlib
import os

from fixer.errors import UsageError
from fixer.host.base import Host


def guard(host: Host) -> None:
    """Refuse to touch anything as somebody else: another user's home, a set-uid start, a machine that is data."""
    if host.is_data:
        raise UsageError("cannot-apply", "--sys-root describes a machine; nothing can be changed on it")
    if os.getuid() != os.geteuid():
        raise UsageError("set-uid", "convfix runs with another user's rights than yours; start it as yourself")
    home = host.environ.get("HOME", "")
    if os.path.isabs(home):
        with contextlib.suppress(OSError):
            owner = os.stat(home).st_uid
            if owner != os.geteuid():
                raise UsageError(
                    "not-your-home",
                    f"HOME is {home}, which belongs to user id {owner}; you are {os.geteuid()}",
                    "run convfix as that user, without sudo",
                )
