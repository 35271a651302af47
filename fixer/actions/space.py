"""Whether an installation fits on the filesystems that it really writes to: the environment's, the cache's, the temporary one.

The unit is ``short``: the problems of one installer call, in words. uv unpacks into its cache and links from there,
which costs nothing more on one filesystem and everything twice on two; pip keeps the archives in its cache and passes
each through the temporary folder. What is not known is not a problem.
"""

from __future__ import annotations

import os
import tempfile
from typing import Callable, Iterable, Mapping

from fixer.host.base import Host
from fixer.model.record import record

_LEAST = 64 << 20
_SWITCHED_OFF = ("", "0", "false", "no", "off")


@record(frozen=True)
class Share:
    """What is written below ``folder``: ``bytes`` of it, for ``what``."""

    folder: str
    bytes: int
    what: str


def short(manager: str, place: str, download: int | None, disk: int | None, host: Host) -> list[str]:
    """Every filesystem that is too small for ``disk`` bytes of packages at ``place``, fetched as ``download`` bytes."""
    unpacked = disk if disk is not None else 4 * (download or 0)
    fetched = download if download is not None else unpacked
    shares = [share for share in _shares(manager, place, fetched, unpacked, host.environ) if not _held(share)]
    return lacking(shares, _device, host.disk_free)


def _held(share: Share) -> bool:
    """Whether a cache has been used before: then nobody knows how much of this it holds already."""
    return share.what.endswith("cache") and os.path.isdir(share.folder) and bool(os.listdir(share.folder))


def _shares(manager: str, place: str, download: int, unpacked: int, environ: Mapping[str, str]) -> Iterable[Share]:
    yield Share(place, unpacked, "the packages")
    if manager == "uv":
        if environ.get("UV_NO_CACHE", "").lower() in _SWITCHED_OFF:
            yield Share(_folder(environ, "UV_CACHE_DIR", "uv"), unpacked, "uv's cache")
    elif manager == "pip":
        if environ.get("PIP_NO_CACHE_DIR", "").lower() in _SWITCHED_OFF:
            yield Share(_folder(environ, "PIP_CACHE_DIR", "pip"), download, "pip's cache")
        yield Share(environ.get("TMPDIR") or tempfile.gettempdir(), download, "temporary files")


def _folder(environ: Mapping[str, str], variable: str, name: str) -> str:
    home = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or "/", ".cache")
    return environ.get(variable) or os.path.join(home, name)


def lacking(
    shares: Iterable[Share], device: Callable[[str], int | None], free: Callable[[str], int | None]
) -> list[str]:
    """The filesystems that cannot hold their shares; on one filesystem uv's cache and the packages are the same bytes."""
    by_device: dict[int, list[Share]] = {}
    for share in shares:
        found = device(share.folder)
        if found is not None:
            by_device.setdefault(found, []).append(share)
    problems = []
    for together in by_device.values():
        linked = {share.what for share in together} >= {"the packages", "uv's cache"}
        need = sum(share.bytes for share in together if not (linked and share.what == "uv's cache")) + _LEAST
        there = free(_nearest(together[0].folder))
        if there is not None and there < need:
            told = " and ".join(f"{share.what} in {share.folder}" for share in together)
            problems.append(f"{there >> 20} MiB free, {need >> 20} MiB needed for {told}")
    return problems


def _device(folder: str) -> int | None:
    try:
        return os.stat(_nearest(folder)).st_dev
    except OSError:
        return None


def _nearest(folder: str) -> str:
    while folder not in ("/", "") and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder or "/"
