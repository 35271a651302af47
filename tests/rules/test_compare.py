"""Which code runs on which GPU, and what the small comparisons do with what they cannot read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixer.rules import compare
from fixer.rules.copies import toolkit_serves


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
    assert compare.coverage(codes, ptx, gpu) == served


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


plain = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
clause = st.builds(
    lambda sign, numbers, tail: sign + numbers + tail,
    st.sampled_from([">=", "<=", "==", "!=", "~=", ">", "<", ">= ", "==="]),
    plain,
    st.sampled_from(["", "", "", ".*", "dev", ".dev1", "rc1", ".post1"]),
)
versions = st.builds(
    lambda numbers, tail: numbers + tail, plain, st.sampled_from(["", "", "", "rc1", ".post1", "+cu12", ".dev3"])
)


@settings(max_examples=1000, deadline=None)
@given(specifier=st.lists(clause, max_size=3).map(", ".join), version=versions)
def test_the_quick_comparison_is_packaging_s(specifier: str, version: str) -> None:
    assert compare.within(specifier, version) == compare._within_any(specifier, version)


def test_what_cannot_be_read_gives_none() -> None:
    assert compare.within("<2", "not a version") is None
    assert compare.within("<<2", "1") is None
    assert compare.driver("latest") is compare.cuda("") is compare.cudnn("?") is compare.glibc(None) is None
    assert compare.release("?") == () and compare.release("v2.15.1rc0") == (2, 15, 1)


def test_a_wheel_s_cudnn_version_is_its_library_s() -> None:
    version = compare.cudnn("9.10.2.21.post1")
    assert version is not None and (version.major, version.minor) == (9, 10)
