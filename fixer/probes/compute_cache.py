"""The driver's cache of compiled kernels: where it is for this user, and whether the driver can keep anything there.

The unit is one ``ComputeCache``. The place is CUDA_CACHE_PATH, else ~/.nv/ComputeCache (NVIDIA's programming guide, environment
variables). Nothing in it is opened: owners, modes, free space and the kind of filesystem say all that is told.
"""

from __future__ import annotations

import posixpath

from fixer.host.base import Host
from fixer.model.facts import ComputeCache
from fixer.model.observed import Observed, absent, found, unknown
from fixer.probes.plain import clean

VARIABLE = "CUDA_CACHE_PATH"
MOUNTS = "/proc/mounts"
# What the kernel calls filesystems that other machines serve.
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "afs", "panfs", "fuse.sshfs", "fuse.glusterfs")
_MOST_ENTRIES = 64


def observe(host: Host) -> Observed[ComputeCache]:
    """The cache of this user; absent where CUDA_CACHE_DISABLE turns it off, unknown where there is no home to look into."""
    if host.environ.get("CUDA_CACHE_DISABLE", "").strip() == "1":
        return absent("CUDA_CACHE_DISABLE")
    named, home = host.environ.get(VARIABLE, ""), host.environ.get("HOME", "")
    path = posixpath.normpath(named or posixpath.join(home, ".nv", "ComputeCache"))
    if not posixpath.isabs(path) or not named and not host.is_dir(home):
        return unknown("there is no such folder to look into", VARIABLE if named else "HOME")
    above = path
    while above != "/" and not host.exists(above):
        above = posixpath.dirname(above)
    closed = _closed(host, path, above, (path,) if named else (posixpath.dirname(path), path))
    free = host.disk_free(above)
    mib = None if free is None else free >> 20
    made = ComputeCache(path, above == path, closed, "" if closed is None else _why(host, closed), mib, _remote(host, above))
    return found(made, *([VARIABLE] if named else []), path)


def _closed(host: Host, path: str, above: str, own: tuple[str, ...]) -> str | None:
    """The first thing that keeps the driver out: a folder of the cache's own, what it would be made in, or a file in it."""
    for one in (*own, above):
        # A link that leads nowhere has a name in its folder, and nothing else.
        there = host.exists(one) or posixpath.basename(one) in host.entries(posixpath.dirname(one))
        if there and (not host.is_dir(one) or not host.may_write(one)):
            return one
    inside = (posixpath.join(path, name) for name in (host.entries(path) if above == path else ())[:_MOST_ENTRIES])
    return next((one for one in inside if host.exists(one) and not host.may_write(one)), None)


def _why(host: Host, closed: str) -> str:
    status = host.stat(closed)
    if status is None:
        return "it is a link that leads nowhere"
    if status.st_uid != host.vantage.uid:
        return "it belongs to root" if status.st_uid == 0 else "it belongs to another user"
    return "this user may not write to it" if not host.may_write(closed) else "it is no folder"


def _remote(host: Host, path: str) -> str:
    """The kind of filesystem, where another machine serves it; "" otherwise."""
    best, kind = "", ""
    for line in (host.text(MOUNTS, 1 << 20) or "").splitlines():
        words = line.split(" ")
        if len(words) > 2 and len(words[1]) >= len(best) and (path + "/").startswith(words[1].rstrip("/") + "/"):
            best, kind = words[1], words[2]
    return clean(kind) if kind in _REMOTE else ""
