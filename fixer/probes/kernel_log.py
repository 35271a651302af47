"""What the kernel says of the GPU: the lines of its log that name NVIDIA's driver or nouveau.

The unit is a bounded tuple of lines, newest last. It is read only when something about the driver asks
for it, since it costs a process. Nothing is concluded here.
"""

from __future__ import annotations

import re

from fixer.host.base import Host
from fixer.model.facts import KernelLine
from fixer.model.observed import Observed, absent, found, unknown
from fixer.probes.plain import clean, how_it_failed

FILES = ("/var/log/dmesg", "/var/log/kern.log")
_BEARS = re.compile(r"NVRM|nvidia|nouveau|Xid|module verification|Key was rejected", re.IGNORECASE)
_MOST = 40
_BYTES = 8 << 20
_SECONDS = 2.0


def observe(host: Host, wanted: bool) -> Observed[tuple[KernelLine, ...]]:
    """The lines; unknown when nothing asked for them or the log is closed to this user."""
    if not wanted:
        return unknown("not read: nothing here asks for it", "kernel log")
    why = "a described system root has no running kernel"
    if not host.is_data:
        ran = host.run(("dmesg",), timeout=min(host.timeout, _SECONDS), limit=_BYTES)
        if ran.ok:
            return _lines(ran.stdout, "dmesg")
        why = how_it_failed(ran, "dmesg")
    for path in FILES:
        status = host.stat(path)
        if status is not None and status.st_size < _BYTES:
            text = host.text(path, _BYTES)
            if text is not None:
                return _lines(text, path)
    return unknown(why, "dmesg", *FILES)


def _lines(text: str, source: str) -> Observed[tuple[KernelLine, ...]]:
    made = [clean(one) for one in text.splitlines() if _BEARS.search(one)]
    return found(tuple(KernelLine(one, source) for one in made[-_MOST:]), source) if made else absent(source)
