"""CUDA toolkits on disk outside the environment: where they lie and what they say of themselves.

The unit is ``observe(host)``. A toolkit's version is what its own version.json or version.txt says, never its
folder's name: /usr/local/cuda-11.8 may hold anything. CUDA_HOME and CUDA_PATH are both looked at.
"""

from __future__ import annotations

import json
import posixpath
import re

from fixer.host.base import Host
from fixer.model.facts import Toolkit
from fixer.model.observed import Observed, absent, found

_PARENTS = ("/usr/local", "/opt")
_NAME = re.compile(r"cuda(-[0-9]{1,2}(\.[0-9]{1,2})?)?")
_TEXT = re.compile(r"CUDA Version ([0-9]{1,2}(?:\.[0-9]{1,3}){1,2})")
_VERSION = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,3}){1,2}")
_SMALL = 1 << 16


def observe(host: Host) -> Observed[tuple[Toolkit, ...]]:
    """Every toolkit, each once by its real path; ``version`` None where it does not say."""
    places: dict[str, str] = {}
    for path in _candidates(host):
        real = host.real_path(path)
        # The plain name (/usr/local/cuda) is a link to one of the others: the other is the better name.
        if real not in places or path == real:
            places[real] = path
    seen = tuple(Toolkit(version_of(host, path), path) for path in sorted(places.values()) if _is_toolkit(host, path))
    return found(seen, *_PARENTS) if seen else absent(*_PARENTS)


def version_of(host: Host, path: str) -> str | None:
    """The toolkit's version by its own files: ``12.2.140`` or ``11.2``; None when they do not tell."""
    text = host.text(posixpath.join(path, "version.json"), _SMALL)
    if text is not None:
        try:
            told = json.loads(text)["cuda"]["version"]
        except (ValueError, KeyError, TypeError, RecursionError):
            told = None
        if isinstance(told, str) and _VERSION.fullmatch(told):
            return told
    match = _TEXT.search(host.text(posixpath.join(path, "version.txt"), _SMALL) or "")
    return match.group(1) if match else None


def _candidates(host: Host) -> list[str]:
    paths = [posixpath.join(top, name) for top in _PARENTS for name in host.entries(top) if _NAME.fullmatch(name)]
    if not host.is_data:
        named = (host.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH"))
        paths += [posixpath.normpath(path) for path in named if posixpath.isabs(path)]
    return paths


def _is_toolkit(host: Host, path: str) -> bool:
    return any(
        host.exists(posixpath.join(path, part)) for part in ("version.json", "version.txt", "bin/nvcc", "lib64/libcudart.so")
    )
