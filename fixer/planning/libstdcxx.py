"""Whether another libstdc++ than the system's may win: then nobody knows which GLIBCXX versions a wheel finds."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Folders that people name for CUDA's and the driver's sake, and the system's own: none puts another libstdc++ first.
_WITHOUT_LIBSTDCXX = re.compile(
    r"/usr/local/cuda[^/]*/(lib64(/stubs)?|lib|compat|extras/CUPTI/lib64|targets/[^/]+/lib)|/usr/lib/wsl/lib"
    r"|(/usr)?/lib(64|/[^/]+-linux-gnu)?"
)


def may_bring_libstdcxx(variables: Mapping[str, str]) -> bool:
    """Whether a variable leads the loader to folders that may hold a libstdc++ of their own."""
    folders = [one.rstrip("/") for one in variables.get("LD_LIBRARY_PATH", "").split(":")]
    return bool(variables.get("LD_PRELOAD")) or any(one and not _WITHOUT_LIBSTDCXX.fullmatch(one) for one in folders)
