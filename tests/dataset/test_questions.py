"""The questions: names and versions as people and files write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.facts import Distro

DATA = str(Path(__file__).resolve().parents[2] / "compat_data")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Dataset.open(DATA)


@pytest.mark.parametrize(
    ("name", "chip", "capability"),
    [
        ("NVIDIA GeForce RTX 3080", "GA102", "8.6"),
        ("RTX 3080", "GA102", "8.6"),
        ("NVIDIA GeForce RTX 3080 Laptop GPU", "GA104", "8.6"),
        ("Tesla V100-SXM2-16GB", "GV100", "7.0"),
        ("V100", "GV100", "7.0"),
        ("NVIDIA A100-SXM4-80GB", "GA100", "8.0"),
        ("NVIDIA H100 80GB HBM3", "GH100", "9.0"),
        ("Tesla T4", "TU104", "7.5"),
        ("Tesla K80", "GK210", "3.7"),
        ("Quadro RTX 8000", "TU102", "7.5"),
        ("GTX 1080 Ti", "GP102", "6.1"),
        ("NVIDIA GeForce RTX 5090 Laptop GPU", "GB203", "12.0"),
        ("NVIDIA GB10", "GB20B", "12.1"),
    ],
)
def test_gpus_by_the_names_that_drivers_and_people_use(data: Dataset, name: str, chip: str, capability: str) -> None:
    found = data.gpus_named(name)
    assert found and {row.compute_capability for row in found} == {capability}
    assert chip in {row.chip for row in found}


@pytest.mark.parametrize("name", ["", "garbage", "RTX", "NVIDIA", "GPU", "GeForce", "x" * 10_000, "\0", "🂡", "80GB"])
def test_no_gpu_for_what_is_no_name(data: Dataset, name: str) -> None:
    assert data.gpus_named(name) == ()


def test_gpu_by_id(data: Dataset) -> None:
    assert data.gpu("10DE:2206") == data.gpu("10de:2206")
    row = data.gpu("10de:2206")
    assert row is not None and row.name == "GeForce RTX 3080"
    assert data.gpu("10de:ffff") is None and data.gpu("") is None


def test_kepler_to_volta_know_their_last_branch(data: Dataset) -> None:
    assert [row.last_driver_branch for row in (*data.gpus_named("Tesla K80"), *data.gpus_named("GTX 1080"))] == [470, 580]


@pytest.mark.parametrize("version", ["2.15.1", "2.15.1.0", "v2.15.1"])
def test_versions_as_pep_440_reads_them(data: Dataset, version: str) -> None:
    if version == "2.15.1.0":
        assert data.tensorflow("tensorflow", version) == ()
    else:
        assert {row.version for row in data.tensorflow("TensorFlow", version)} == {"2.15.1"}


def test_unknown_releases_and_names_are_nothing(data: Dataset) -> None:
    assert data.tensorflow("tensorflow", "99.0") == ()
    assert data.tensorflow("tensorflow", "not a version") == ()
    assert data.tensorflow("no-such-thing", "2.15.1") == ()
    assert data.releases("no-such-thing") == ()
    assert data.tensorflow_row("tensorflow", "2.15.1", "plan9_mips") is None


def test_releases_are_newest_first(data: Dataset) -> None:
    versions = [row.version for row in data.tensorflow_releases() if row.platform == "linux_x86_64" and not row.build]
    assert versions.index("2.21.0") < versions.index("2.20.0") < versions.index("2.9.3") < versions.index("1.15.5")
    numpy = [row.version for row in data.releases("NumPy")]
    assert numpy.index("2.0.2") < numpy.index("1.26.4") < numpy.index("1.23.5")


def test_final_and_pre_releases_are_told_apart(data: Dataset) -> None:
    marked = {row.version for row in data.tensorflow_releases() if row.prerelease}
    assert "2.22.0rc0" in marked and not any(version.replace(".", "").isdigit() for version in marked)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("12.2", "12.2.0"), ("12.2.1", "12.2.1"), ("12.2.140", "12.2.2"), ("11.0", "11.0.1"), ("10.1", "10.1.105"),
     ("99.1", None), ("12", None), ("", None), ("nonsense", None)],
)  # fmt: skip
def test_cuda_by_version(data: Dataset, asked: str, expected: str | None) -> None:
    row = data.cuda(asked)
    assert (row.version if row else None) == expected


def test_bounds_of_a_newer_python_are_kept_apart(data: Dataset) -> None:
    row = data.tensorflow_row("tensorflow", "2.16.1")
    assert row is not None
    assert row.bounds["numpy"] == "<2.0.0,>=1.23.5" and row.python_bounds["3.12"]["numpy"] == "<2.0.0,>=1.26.0"
    assert row.extras["and-cuda"]["nvidia-cudnn-cu12"] == "==8.9.7.29"


def test_driver_steps(data: Dataset) -> None:
    ubuntu = data.driver_steps(Distro("ubuntu", "24.04", ("debian",)))
    assert {(row.branch, row.module) for row in ubuntu} == {(580, "open"), (580, "proprietary"), (470, "proprietary")}
    assert {row.branch for row in data.driver_steps(Distro("ubuntu", "20.04", ("debian",)))} == {535, 470}
    assert data.driver_steps(Distro("ubuntu", None)) == ()
    assert data.driver_steps(Distro("manjaro", None, ("arch",))), "a parent's steps that hold for any version"
    assert data.driver_steps(Distro("nitrux", "3.0", ("debian",))) == (), "a parent's versions are not the derivative's"
    assert {(row.branch, row.origin) for row in data.driver_steps(Distro("debian", "12"))} == {(535, ""), (580, "NVIDIA")}


def test_published_faults(data: Dataset) -> None:
    ids = {row.id for row in data.known_faults("tensorflow", "2.21.0")}
    assert "tf-2.21.0-cusolver-search-path" in ids
    assert data.known_faults("tensorflow", "2.16.2") != data.known_faults("tensorflow", "2.16.1")


def test_a_reference_names_file_key_and_source(data: Dataset) -> None:
    row = data.tensorflow_row("tensorflow", "2.15.1")
    reference = data.ref(row)
    assert (reference.table, reference.key) == ("tensorflow", "tensorflow 2.15.1 linux_x86_64")
    assert reference.source
    assert data.ref(data.cuda_major(12)).key == "12"
