"""Which toolkit's libraries serve a TensorFlow that was built with another release of CUDA."""

from __future__ import annotations

import pytest

from fixer.rules.copies import toolkit_serves


@pytest.mark.parametrize(
    "toolkit, built, library, serves",
    [
        ("11.2", "11.2", "cudart", True),
        ("11.8", "11.2", "cusolver", True),
        ("11.2", "11.0", "cusolver", False),
        ("11.0", "11.0", "cusolver", True),
        ("11.2", "11.0", "cudart", True),
        ("10.2", "10.1", "cudart", False),
        ("12.2", "11.8", "cublas", False),
        ("12.9.1", "12.2", "cufft", True),
        (None, "12.2", "cufft", False),
        ("odd", "12.2", "cufft", False),
    ],
)
def test_toolkit_serves(toolkit: str | None, built: str, library: str, serves: bool) -> None:
    assert toolkit_serves(toolkit, built, library) is serves
