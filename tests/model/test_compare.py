"""The quick comparison of versions is packaging's, and what cannot be read gives None."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fixer.model import compare

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
