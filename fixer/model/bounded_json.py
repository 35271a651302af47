"""JSON that others wrote, parsed only where that takes memory in reason.

The unit is ``loads(text) -> value``. A list, an object, a key and a value cost up to two hundred bytes once they are
parsed, however few bytes of text they took: ``memory`` tells the cost before.
"""

from __future__ import annotations

import json
import re
from typing import Any

MOST = 64 << 20
# About what CPython takes on 64-bit systems, in bytes: a list or object, a key with its place in one, a value in its place.
_CONTAINER, _KEY, _VALUE = 64, 110, 50
_KEYS = re.compile(rb'"\s*:'), re.compile(r'"\s*:')


def loads(text: bytes | str, most: int = MOST) -> Any:
    """The value in ``text``; raises ValueError where it takes more than ``most`` bytes, RecursionError where it is too deep."""
    if exceeds(text, most):
        raise ValueError(f"it would take {memory(text) >> 20} MiB of memory")
    return json.loads(text)


def exceeds(text: bytes | str, most: int) -> bool:
    """Whether the parsed value takes more than ``most`` bytes; a short text is not looked through."""
    # No character costs more than the one that opens a list: a key has two of its own at least.
    return len(text) * _CONTAINER > most and memory(text) > most


def memory(text: bytes | str) -> int:
    """About how many bytes the parsed value takes besides its texts; never much less than it does."""
    if isinstance(text, bytes):
        containers, values, keys = text.count(b"{") + text.count(b"["), text.count(b","), sum(1 for _ in _KEYS[0].finditer(text))
    else:
        containers, values, keys = text.count("{") + text.count("["), text.count(","), sum(1 for _ in _KEYS[1].finditer(text))
    return _CONTAINER * containers + _VALUE * values + _KEY * keys
