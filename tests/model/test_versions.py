"""Versions that look alike do not compare by accident, and TensorFlow's cuDNN rule is its own."""

import pytest

from fixer.model.versions import ComputeCapability, CudaVersion, CudnnVersion, DriverRelease, GlibcVersion, PythonVersion


def test_a_driver_release_orders_by_number_and_names_its_branch():
    assert DriverRelease.parse("535.104.05") > DriverRelease.parse("535.54.03")
    assert DriverRelease.parse("535.104.05").branch == 535


def test_trailing_zeros_say_nothing():
    assert CudaVersion.parse("12.0") == CudaVersion.parse("12.0.0") and CudaVersion.parse("12") == CudaVersion.parse("12.0")
    assert hash(CudaVersion.parse("12.0")) == hash(CudaVersion.parse("12"))


def test_different_kinds_do_not_compare():
    with pytest.raises(TypeError):
        assert CudaVersion.parse("12.2") < DriverRelease.parse("535.54")  # type: ignore[operator]
    assert CudaVersion.parse("12.2") != CudnnVersion.parse("12.2")


@pytest.mark.parametrize(
    ("number", "text"), [(8904, "8.9.4"), (7605, "7.6.5"), (91002, "9.10.2"), (90300, "9.3.0"), (8100, "8.1.0")]
)
def test_cudnn_numbers_decode_on_both_sides_of_the_change_at_nine(number, text):
    assert CudnnVersion.from_number(number) == CudnnVersion.parse(text)


@pytest.mark.parametrize(
    ("loaded", "compiled", "fits"),
    [("8.9.4", "8.9.6", True), ("8.6.0", "8.9.4", False), ("8.10.0", "8.9.4", True), ("9.1.0", "8.9.4", False), ("9.10.2.21", "9.3.0", True)],
)
def test_the_load_rule_is_same_major_and_at_least_the_minor(loaded, compiled, fits):
    assert CudnnVersion.parse(loaded).satisfies(CudnnVersion.parse(compiled)) is fits


@pytest.mark.parametrize("kind", [DriverRelease, CudaVersion, CudnnVersion, ComputeCapability, GlibcVersion, PythonVersion])
@pytest.mark.parametrize("text", ["", "x", "1.", ".1", "1..2", "-1.2", "1.2\n", "١.٢", "9" * 4000, "12.2; rm -rf /"])
def test_rubbish_is_refused_with_what_was_expected(kind, text):
    with pytest.raises(ValueError, match="expected a"):
        kind.parse(text)


@pytest.mark.parametrize(
    ("kind", "text", "plain"),
    [
        (DriverRelease, "550.54.15-0ubuntu1", "550.54.15"),
        (DriverRelease, "3:570.133.07-1.fc42", "570.133.07"),
        (DriverRelease, "535.104.05", "535.104.05"),
        (DriverRelease, "550.54.15 (nvidia)", "550.54.15 (nvidia)"),
        (GlibcVersion, "2.35-0ubuntu3.8", "2.35"),
        (GlibcVersion, "2.35ubuntu", "2.35ubuntu"),
        (PythonVersion, "3.13.0rc2", "3.13.0"),
        (PythonVersion, "3.9.2+", "3.9.2"),
        (PythonVersion, "3.13-dev", "3.13-dev"),
    ],
)
def test_a_package_s_revision_is_no_part_of_the_release(kind, text, plain):
    assert kind.plain(text) == plain
