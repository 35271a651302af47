"""Free space where an installation would land. The unit is MiB on one filesystem, for this user."""

from __future__ import annotations

import os

from fixer.host.base import Host
from fixer.model.observed import Observed, found, unknown


def observe(host: Host, folder: str) -> Observed[int]:
    """Free MiB on the filesystem of ``folder``, or of the nearest folder above it that exists."""
    while folder not in ("/", "") and not host.exists(folder):
        folder = os.path.dirname(folder)
    free = host.disk_free(folder or "/")
    return unknown("the filesystem does not say", folder) if free is None else found(free >> 20, folder)
