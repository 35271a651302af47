"""A TensorFlow that the dataset does not know: its row comes from its own files, and is kept where it is and offered nowhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fixer.dataset.own_build import TABLE, with_patient
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.facts import Environment, Facts, TensorFlowBuild
from fixer.model.observed import found

DATA = Dataset.open(str(Path(__file__).resolve().parents[2] / "compat_data"))
BUILD = TensorFlowBuild(
    version="2.99.0", is_cuda_build=True, cuda="12.5.1", cudnn="9", compute_capabilities=("9.0", "12.0"), ptx=("12.0",),
    opener="libtensorflow_framework.so.2", search_kind="RUNPATH", search_path=("cudnn",), sonames=("libcudnn.so.9",), glibc="2.34",
    bounds={"numpy": ">=2"},
)  # fmt: skip


def facts(build: TensorFlowBuild = BUILD, **packages: str) -> Facts:
    named = {name.replace("_", "-"): version for name, version in packages.items()}
    environment = Environment(found("venv", "x"), found("3.12.4", "x"), packages=found(named, "x"))
    return dataclasses.replace(Facts(), environment=found(environment, "x"), tensorflow_build=found(build, "/site/tensorflow/build_info.py"))


@pytest.mark.parametrize(
    ("name", "version"), [("tf_nightly", "2.22.0.dev20261120"), ("tensorflow", "2.99.0rc1"), ("tensorflow", "2.17.0+cuda12.6")]
)
def test_an_unknown_release_has_a_row_from_its_files(name: str, version: str) -> None:
    data = with_patient(DATA, facts(**{name: version}))
    row = data.tensorflow_row(name.replace("_", "-"), version)
    assert row is not None and row.prerelease
    assert (row.cuda, row.cudnn_major, row.cudnn_compiled, row.python) == ("12.5", 9, None, ("3.12",))
    assert (row.compute_capabilities, row.ptx, row.search_path, row.glibc) == (("9.0", "12.0"), ("12.0",), ("cudnn",), "2.34")
    reference = data.ref(row)
    assert (reference.table, reference.source) == (TABLE, "/site/tensorflow/build_info.py")
    assert row in data.tensorflow_releases(name.replace("_", "-")) and row in data.all(TensorFlowRow)
    assert row not in DATA.all(TensorFlowRow)
    known = data.tensorflow_row("tensorflow", "2.15.1")
    assert known == DATA.tensorflow_row("tensorflow", "2.15.1") and data.ref(known) == DATA.ref(known)


@pytest.mark.parametrize(
    "given",
    [
        facts(tensorflow="2.15.1"), facts(numpy="2.0"), facts(tensorflow="built at home"), Facts(),
        facts(dataclasses.replace(BUILD, opener=None), tensorflow="2.99.0"),
        facts(dataclasses.replace(BUILD, is_cuda_build=None), tensorflow="2.99.0"),
    ],
)  # fmt: skip
def test_otherwise_the_dataset_stays_as_it_is(given: Facts) -> None:
    assert with_patient(DATA, given) is DATA


def test_a_cpu_build_of_ones_own() -> None:
    build = TensorFlowBuild(version="2.99.0", is_cuda_build=False, opener="libtensorflow_framework.so.2")
    row = with_patient(DATA, facts(build, tensorflow="2.99.0")).tensorflow_row("tensorflow", "2.99.0")
    assert row is not None and row.is_cuda_build is False and row.cuda is None and row.cudnn_major is None


def test_equal_builds_share_one_dataset_and_many_are_not_kept() -> None:
    """A fleet of machines with builds of their own neither asks everything anew for each nor keeps them all."""
    one, same = (with_patient(DATA, facts(tensorflow="2.99.1")) for _ in range(2))
    assert one is same and one is not DATA
    for number in range(200):
        with_patient(DATA, facts(tensorflow=f"2.99.{number}"))
    assert len(DATA.own) <= 16
