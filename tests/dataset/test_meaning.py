"""Meaning over all rows: what no schema can say. Every violation of a check is printed, not only the first."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
from packaging.version import Version

from fixer.dataset import integrity
from fixer.dataset import rows as kinds
from fixer.dataset.meaning import violations
from fixer.dataset.questions import Dataset, contains
from fixer.planning.faults import refusal
from fixer.rules.causes import CAUSES
from scripts.harvest import schemas

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "compat_data"
FILES = sorted(path.name for path in DATA.glob("*.json") if path.name != "manifest.json")
MUSL_ONLY = {"alpine"}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open(str(DATA))


def test_manifest_lists_every_file_with_its_hash(dataset: Dataset) -> None:
    listed = dataset.files.manifest["files"]
    assert sorted(listed) == FILES
    wrong = [name for name in FILES if hashlib.sha256((DATA / name).read_bytes()).hexdigest() != listed[name]["sha256"]]
    assert wrong == []
    assert integrity.damage(dataset.files) == ()


def test_every_law_holds(dataset: Dataset) -> None:
    broken = violations(dataset, CAUSES, refusal)
    assert not broken, "\n".join(one.line for one in broken)


def test_the_laws_had_something_to_judge(dataset: Dataset) -> None:
    rows = dataset.all(kinds.TensorFlowRow)
    assert {"10.0", "10.1", "11.2", "11.8", "12.2", "12.5"} <= {row.cuda for row in rows}
    assert len({name for row in rows for name in row.sonames}) > 20
    assert len(dataset.all(kinds.GpuRow)) > 900
    assert {row.module for row in dataset.families()} == {"proprietary", "either", "open"}
    assert [dataset.cuda_major(major) is not None for major in (10, 11, 12, 13)] == [False, True, True, True]


def test_blocks_cover_each_file_and_hold_what_the_file_holds(dataset: Dataset) -> None:
    for name in FILES:
        whole = json.loads((DATA / name).read_bytes())
        for section in dataset.files.sections(name):
            keys = [key for key, _ in dataset.files.groups(name, section)]
            assert keys == sorted(whole[section]), f"{name} {section}"


@pytest.mark.parametrize("name", FILES)
def test_file_fits_its_schema(name: str) -> None:
    schema = json.loads((DATA / "schema" / name).read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads((DATA / name).read_bytes()))


def test_schemas_are_what_the_row_types_make() -> None:
    stale = [name for name, schema in schemas.schemas().items() if (DATA / "schema" / name).read_text() != schemas.text(schema)]
    assert stale == []


def test_package_faults_agree_with_what_was_measured(dataset: Dataset) -> None:
    """Every measured pair that a row speaks of has the row's effect: no range is wider than the truth."""
    table = json.loads((ROOT / "scripts/harvest/tables/measured_pairs.json").read_text())
    assert len(table["rows"]) > 250
    wrong, spoken = [], 0
    for pair in table["rows"]:
        for row in dataset.package_faults(pair["package"]):
            if pair["version"] == "absent" or pair["effect"] == "not-installable":
                continue
            if contains(row.versions, pair["version"]) and contains(row.tensorflow, pair["tensorflow"]):
                if row.python and not contains(row.python, pair["python"]):
                    continue
                spoken += 1
                if row.effect != pair["effect"]:
                    wrong.append((row.id, pair["tensorflow"], pair["version"], pair["effect"]))
    assert wrong == []
    assert spoken > 120


def test_package_fault_rows_do_not_contradict_each_other(dataset: Dataset) -> None:
    releases = [row.version for row in dataset.tensorflow_releases() if row.platform == "linux_x86_64"]
    wrong = []
    for package in sorted({row.package for row in dataset.package_faults()}):
        for version in [row.version for row in dataset.releases(package)]:
            rows = [row for row in dataset.package_faults(package) if contains(row.versions, version)]
            for tensorflow in releases:
                met = {row.id: row.effect for row in rows if contains(row.tensorflow, tensorflow)}
                if len(set(met.values())) > 1:
                    wrong.append((package, version, tensorflow, met))
    assert wrong == []


def test_driver_commands_are_argv_and_never_follow_the_newest_branch(dataset: Dataset) -> None:
    for row in dataset.all(kinds.DriverStepRow):
        assert row.module in ("open", "proprietary"), row
        assert all(part and part == part.strip() and not set(part) & set("|;&$`\"'") for argv in row.commands for part in argv), row
        text = " ".join(part for argv in row.commands for part in argv)
        assert "latest-dkms" not in text and "--break-system-packages" not in text
        if row.module == "proprietary":
            assert row.branch <= 580, "a newer branch serves no card that needs the proprietary module"


def test_distributions_say_glibc_or_why_not(dataset: Dataset) -> None:
    wrong = [row for row in dataset.all(kinds.DistroRow) if row.version and row.glibc is None]
    assert wrong == []
    assert dataset.distro("ubuntu", "22.04").glibc == "2.35"  # type: ignore[union-attr]
    assert dataset.distro("almalinux", "9.4").glibc == "2.34"  # type: ignore[union-attr]
    assert {row.id for row in dataset.all(kinds.DistroRow) if row.glibc is None} >= MUSL_ONLY


def test_wheels_of_every_release_were_read(dataset: Dataset) -> None:
    """Linux x86_64 from 1.13 on: build facts come from the artefact, not from a table."""
    unread = []
    for distribution in ("tensorflow", "tensorflow-gpu"):
        for row in dataset.tensorflow_releases(distribution):
            if row.platform == "linux_x86_64" and not row.build and Version(row.version) >= Version("1.13"):
                if row.opener is None or row.is_cuda_build is None or row.search_kind is None:
                    unread.append((distribution, row.version))
    assert unread == []


@pytest.mark.parametrize(
    ("version", "cuda", "cudnn", "folders"),
    [
        ("2.4.4", "11.0", "8.0.4", ()),
        ("2.10.1", "11.2", "8.1.0", ()),
        ("2.14.1", "11.8", "8.6.0", ("cuda_runtime", "cublas", "cudnn", "cufft", "cusolver", "cusparse")),
        ("2.15.1", "12.2", "8.9.4", ("cuda_runtime", "cublas", "cudnn", "cufft", "cusolver", "cusparse")),
        ("2.16.1", "12.3", "8.9.6", ("cuda_runtime",)),
        ("2.20.0", "12.5", "9.3.0", ("cuda_cupti", "cublas", "cudnn", "cufft", "cusolver", "cusparse", "cuda_runtime")),
        (
            "2.21.0",
            "12.5",
            "9.3.0",
            ("nccl", "cuda_cupti", "cublas", "cudnn", "cufft", "cusparse", "cuda_runtime", "nvshmem"),
        ),
    ],
)
def test_artefacts_decide(dataset: Dataset, version: str, cuda: str, cudnn: str, folders: tuple[str, ...]) -> None:
    row = dataset.tensorflow_row("tensorflow", version)
    assert row is not None
    assert (row.cuda, row.cudnn_compiled, row.search_path) == (cuda, cudnn, folders)
    assert row.is_cuda_build and row.confidence == "primary"


def test_disagreements_with_the_official_table_are_written_down(dataset: Dataset) -> None:
    (row,) = dataset.disagreements("tensorflow", "2.14.1")
    assert (row.about, row.published, row.artefact) == ("cudnn", "8.7", "8.6.0")
    (early,) = dataset.disagreements("tensorflow", "2.15.1")
    assert (early.published, early.artefact) == ("8.8", "8.9.4") and "corrected" in early.published_by
    assert dataset.disagreements("tensorflow", "2.13.1") == ()


def test_ptx_suffix_is_kept(dataset: Dataset) -> None:
    for version, ptx in (("2.15.1", ("8.0",)), ("2.20.0", ("9.0", "9.0a")), ("2.21.0", ("9.0",))):
        row = dataset.tensorflow_row("tensorflow", version)
        assert row is not None and row.ptx == ptx, version
