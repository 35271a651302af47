"""Meaning over all rows: what no schema can say. Every violation of a check is printed, not only the first."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from fixer.dataset import rows as kinds
from fixer.dataset.questions import TABLES, Dataset, contains
from fixer.model.versions import DriverRelease
from fixer.rules.causes import CAUSES
from scripts.harvest import schemas

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "compat_data"
FILES = sorted(path.name for path in DATA.glob("*.json") if path.name != "manifest.json")
EFFECTS = {"breaks-import", "breaks-use", "works"}
MUSL_ONLY = {"alpine"}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open(str(DATA))


def every(dataset: Dataset) -> list[tuple[type, Any]]:
    found: list[tuple[type, Any]] = []
    for kind in TABLES:
        found += [(kind, row) for row in dataset.all(kind)]
    return found


def test_manifest_lists_every_file_with_its_hash(dataset: Dataset) -> None:
    listed = dataset.files.manifest["files"]
    assert sorted(listed) == FILES
    wrong = [name for name in FILES if hashlib.sha256((DATA / name).read_bytes()).hexdigest() != listed[name]["sha256"]]
    assert wrong == []
    assert [name for name in FILES if dataset.files.check(name) is not None] == []


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


def test_every_row_says_where_it_comes_from(dataset: Dataset) -> None:
    bare = []
    for _, row in every(dataset):
        source = row.sources if isinstance(row, kinds.TensorFlowRow) else row.source
        if not source or not row.checked or row.confidence not in schemas.CONFIDENCES:
            bare.append(dataset.ref(row))
    assert bare == []


def test_keys_are_unique(dataset: Dataset) -> None:
    twice = []
    for kind, (name, _, fields) in TABLES.items():
        counts = Counter(tuple(getattr(row, field) for field in fields) for row in dataset.all(kind))
        twice += [(name, key) for key, count in counts.items() if count > 1]
    assert twice == []


def test_ranges_and_versions_parse(dataset: Dataset) -> None:
    specifiers: list[tuple[str, str]] = []
    versions: list[tuple[str, str]] = []
    for row in dataset.all(kinds.PackageFaultRow):
        specifiers += [(row.id, row.versions), (row.id, row.tensorflow), (row.id, row.python)]
    specifiers += [(row.id, row.versions) for row in dataset.all(kinds.KnownFaultRow)]
    specifiers += [("cudnn", row.versions) for row in dataset.all(kinds.CudnnRow)]
    specifiers += [(row.distro, row.versions) for row in dataset.all(kinds.DriverStepRow)]
    for release in dataset.all(kinds.ReleaseRow):
        versions.append((release.name, release.version))
        specifiers += [(release.name, text) for text in (release.requires_python, *release.bounds.values())]
    for wheel in dataset.all(kinds.TensorFlowRow):
        versions.append((wheel.distribution, wheel.version))
        specifiers += [(wheel.version, text) for text in wheel.bounds.values()]
        specifiers += [(wheel.version, text) for extra in wheel.extras.values() for text in extra.values()]
    wrong = [item for item in set(specifiers) if not _parses(item[1])]
    assert wrong == []
    assert [item for item in versions if str(Version(item[1])) != item[1]] == []


def _parses(text: str) -> bool:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def test_every_soname_has_a_library(dataset: Dataset) -> None:
    opened = {name for row in dataset.all(kinds.TensorFlowRow) for name in row.sonames}
    opened |= {name for row in dataset.all(kinds.CudnnRow) for name in row.sonames}
    assert len(opened) > 30
    assert sorted(name for name in opened if dataset.library(name) is None) == []
    counts = Counter(name for row in dataset.libraries() for name in row.sonames)
    assert [name for name, count in counts.items() if count > 1] == []
    names = {row.name for row in dataset.libraries()}
    assert {need for row in dataset.libraries() for need in row.needs} - names == set()


def test_every_cuda_has_a_driver_and_minimums_grow(dataset: Dataset) -> None:
    used = {row.cuda for row in dataset.all(kinds.TensorFlowRow) if row.cuda}
    assert {"10.0", "10.1", "11.2", "11.8", "12.2", "12.5"} <= used
    without = [cuda for cuda in sorted(used) if (found := dataset.cuda(cuda)) is None or found.linux_driver is None]
    assert without == []
    known = [row for row in reversed(dataset.cuda_releases()) if row.linux_driver]
    pairs = [(DriverRelease.parse(row.linux_driver or ""), row.version) for row in known]
    assert [pair for pair, later in zip(pairs, pairs[1:]) if later[0] < pair[0]] == []
    majors = [dataset.cuda_major(major) for major in (11, 12, 13)]
    assert None not in majors
    floors = [DriverRelease.parse(row.linux_driver) for row in majors if row]
    assert floors == sorted(floors)
    assert dataset.cuda_major(10) is None


def test_capabilities_exist_and_families_agree(dataset: Dataset) -> None:
    known = {capability for row in dataset.families() for capability in row.compute_capabilities}
    devices = {row.compute_capability for row in dataset.all(kinds.GpuRow) if row.compute_capability}
    compiled = {one for row in dataset.all(kinds.TensorFlowRow) for one in row.compute_capabilities}
    listed = {one for row in dataset.all(kinds.CudnnRow) for one in row.compute_capabilities}
    assert devices - known == set() and compiled - known == set() and listed - known == set()
    assert len(dataset.all(kinds.GpuRow)) > 900
    wrong = []
    for row in dataset.all(kinds.GpuRow):
        family = dataset.family(row.compute_capability) if row.compute_capability else None
        if family is not None and family.last_driver_branch != row.last_driver_branch:
            wrong.append(row.pci_id)
    assert wrong == []
    assert {row.module for row in dataset.families()} == {"proprietary", "either", "open"}


def test_cudnn_ranges_do_not_overlap(dataset: Dataset) -> None:
    probes = ["7.0.5", "7.4.2", "7.6.5", "8.0.5", "8.1.0.77", "8.6.0.163", "8.9.4.25", "8.9.7.29", "9.0.0", "9.3.0.75",
              "9.7.1", "9.10.2.21", "9.11.0.98", "9.12.0.46", "9.17.0", "9.28.0.42"]  # fmt: skip
    counts = {text: sum(contains(row.versions, text) for row in dataset.all(kinds.CudnnRow)) for text in probes}
    assert {text: count for text, count in counts.items() if count != 1} == {}


def test_known_faults_name_existing_releases(dataset: Dataset) -> None:
    wrong = []
    for fault in dataset.all(kinds.KnownFaultRow):
        hit = [row for row in dataset.tensorflow_releases(fault.distribution) if contains(fault.versions, row.version)]
        if not hit or not fault.remedy or fault.cause not in CAUSES:
            wrong.append(fault.id)
        named = [row for row in hit if fault.id in row.known_faults]
        if not named:
            wrong.append(f"{fault.id}: no TensorFlow row names it")
    assert wrong == []
    ids = {row.id for row in dataset.all(kinds.KnownFaultRow)}
    assert {one for row in dataset.all(kinds.TensorFlowRow) for one in row.known_faults} - ids == set()


def test_package_faults_are_measured_or_say_that_they_are_not(dataset: Dataset) -> None:
    wrong = []
    for row in dataset.package_faults():
        if row.effect not in EFFECTS or row.cause not in CAUSES:
            wrong.append(f"{row.id}: effect or cause")
        if not row.measured and row.confidence != "inference":
            wrong.append(f"{row.id}: neither measured nor an inference")
        if row.effect != "works" and not (row.message and row.remedy):
            wrong.append(f"{row.id}: no message or no remedy")
    assert wrong == []


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
    row = dataset.tensorflow_row("tensorflow", "2.14.1")
    assert row is not None and any("8.7" in text and "8.6.0" in text for text in row.disagreements)


def test_ptx_suffix_is_kept(dataset: Dataset) -> None:
    for version, ptx in (("2.15.1", ("8.0",)), ("2.20.0", ("9.0", "9.0a")), ("2.21.0", ("9.0",))):
        row = dataset.tensorflow_row("tensorflow", version)
        assert row is not None and row.ptx == ptx, version
