"""SHA-256 for small texts, without loading OpenSSL: ``hashlib`` takes as long to import as doctor's rules.

CPython carries its own implementation (``random`` takes it for the same reason); its name changed in 3.12.
For files use hashlib: OpenSSL is several times faster on megabytes.
"""

from __future__ import annotations

from typing import Any, Callable

try:
    from _sha2 import sha256 as _own  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256 as _own  # type: ignore[import-not-found,no-redef,unused-ignore]
    except ImportError:
        from hashlib import sha256 as _own  # type: ignore[assignment,unused-ignore]

_sha256: Callable[[bytes], Any] = _own


def digest(data: bytes) -> str:
    """The SHA-256 of ``data`` in hexadecimal."""
    return str(_sha256(data).hexdigest())
