"""Which compiled code runs on which GPU, by compute capability: machine code and PTX.

The unit is a pure function of strings, remembered. It is the one rule by which both judging and planning measure
TensorFlow, cuBLAS and cuDNN; what cannot be read is unknown, never an error.
"""

from __future__ import annotations

import re
from functools import lru_cache

_REMEMBERED = 8192


@lru_cache(maxsize=_REMEMBERED)
def capability(text: str) -> tuple[int, int, str] | None:
    """A compute capability as major, minor and suffix: ``(9, 0, "a")`` for 9.0a; None when unreadable."""
    parts = re.fullmatch(r"(\d{1,2})\.(\d)([a-z]?)", text)
    return (int(parts.group(1)), int(parts.group(2)), parts.group(3)) if parts else None


@lru_cache(maxsize=_REMEMBERED)
def coverage(machine_code: tuple[str, ...], ptx: tuple[str, ...], wanted: str) -> str:
    """How code serves a GPU: "machine code", "ptx" (the driver compiles it first), "none", or "unknown".

    Machine code for X.Y runs on X.Z with Z >= Y. PTX runs on its target and later, except a target with
    a suffix: "9.0a" runs on 9.0 alone. A wheel that carries such a target beside plain ones holds two
    groups of kernels, and the group with the suffix has nothing for a later GPU.
    """
    gpu = capability(wanted)
    if gpu is None or not (machine_code or ptx):
        return "unknown"
    for text in machine_code:
        code = capability(text)
        if code and code[0] == gpu[0] and code[1] <= gpu[1] and (not code[2] or code[:2] == gpu[:2]):
            return "machine code"
    targets = [target for target in map(capability, ptx) if target]
    if any(target[2] and target[:2] != gpu[:2] for target in targets):
        return "none"
    return "ptx" if any(target[:2] <= gpu[:2] for target in targets) else "none"


@lru_cache(maxsize=_REMEMBERED)
def older_than_all(codes: tuple[str, ...], wanted: str) -> bool:
    """Whether a GPU is older than the newest architecture in ``codes``: the wheel left it behind, or skipped it."""
    gpu = capability(wanted)
    known = [code[:2] for code in map(capability, codes) if code]
    return gpu is not None and bool(known) and gpu[:2] < max(known)
