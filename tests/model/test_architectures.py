"""Which code runs on which GPU."""

from __future__ import annotations

import pytest

from fixer.model import architectures


@pytest.mark.parametrize(
    "codes, ptx, gpu, served",
    [
        (("8.0",), (), "8.6", "machine code"),
        (("8.6",), (), "8.0", "none"),
        (("6.0", "7.0"), (), "7.5", "machine code"),
        (("6.0", "8.0"), ("8.0",), "9.0", "ptx"),
        (("8.0", "9.0"), ("9.0a",), "12.0", "none"),
        (("8.0", "9.0"), ("9.0", "9.0a"), "12.0", "none"),
        (("8.0", "9.0"), ("9.0",), "12.0", "ptx"),
        (("8.0",), ("9.0a",), "9.0", "ptx"),
        (("9.0a",), (), "9.0", "machine code"),
        ((), (), "8.6", "unknown"),
        (("8.0",), (), "new", "unknown"),
        (("odd",), ("?",), "8.0", "none"),
    ],
)
def test_coverage(codes: tuple[str, ...], ptx: tuple[str, ...], gpu: str, served: str) -> None:
    assert architectures.coverage(codes, ptx, gpu) == served
