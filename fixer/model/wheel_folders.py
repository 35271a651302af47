"""Which folders of the nvidia wheels a library's search path reaches. Text alone: nothing is looked up."""

from __future__ import annotations

import posixpath
import re

_FOLDER = re.compile(r"nvidia/([^/]+)/lib")


def nvidia_folders(path: str, folder: str) -> list[str]:
    """The folders below site-packages/nvidia that a search path reaches from ``folder`` of site-packages, in its order."""
    found = []
    for entry in path.split(":"):
        place = posixpath.normpath(entry.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", folder))
        match = _FOLDER.fullmatch(place)
        if match:
            found.append(match[1])
    return list(dict.fromkeys(found))
