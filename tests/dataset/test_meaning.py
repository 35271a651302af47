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
                # A pair that names no NumPy was measured with the one that its TensorFlow installs: 2 from 2.18 on.
                there = dict(one.split("==") for one in pair.get("beside", ()))
                if not all(contains(spec, there.get(other, "2.0.2")) for other, spec in row.beside.items()):
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
                for numpy in ("1.26.4", "2.2.6") if any(row.beside for row in rows) else ("2.2.6",):
                    here = [row for row in rows if contains(row.beside.get("numpy", ""), numpy)]
                    met = {row.id: row.effect for row in here if contains(row.tensorflow, tensorflow)}
                    if len(set(met.values())) > 1:
                        wrong.append((package, version, tensorflow, numpy, met))
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


def test_libstdcxx_decides_where_the_name_of_a_wheel_promises_too_much(dataset: Dataset) -> None:
    """A manylinux name bounds GLIBCXX as it bounds glibc, so the glibc gate would do; these wheels were named manylinux1 wrongly."""
    systems = [row for row in dataset.all(kinds.DistroRow) if row.version]
    assert [row for row in systems if row.glibcxx is None] == []
    wheels = [row for row in dataset.all(kinds.TensorFlowRow) if row.glibc and row.glibcxx]
    assert len(wheels) > 180
    decided = {
        (wheel.distribution, wheel.version, system.id, system.version)
        for wheel in wheels
        for system in systems
        if Version(system.glibc or "0") >= Version(wheel.glibc or "0")
        and Version(system.glibcxx or "0") < Version(wheel.glibcxx or "0")
    }
    early = {("tensorflow", "1.13.1"), ("tensorflow", "1.13.2"), ("tensorflow", "1.14.0"), ("tensorflow-gpu", "1.14.0")}
    assert decided == {(*wheel, name, "7") for wheel in early for name in ("centos", "ol", "rhel")}


# The newest GLIBCXX that a wheel may ask for by the glibc in its manylinux name (github.com/pypa/auditwheel@86154d1,
# src/auditwheel/policy/manylinux-policy.json, x86_64).
MANYLINUX = {
    "2.5": "3.4.8", "2.12": "3.4.13", "2.17": "3.4.19", "2.24": "3.4.22", "2.26": "3.4.22", "2.27": "3.4.24", "2.28": "3.4.24",
    "2.31": "3.4.28", "2.34": "3.4.29", "2.35": "3.4.30", "2.38": "3.4.30", "2.39": "3.4.33", "2.41": "3.4.33",
}  # fmt: skip


def test_a_truly_named_wheel_finds_its_libstdcxx_wherever_it_finds_its_glibc(dataset: Dataset) -> None:
    for system in dataset.all(kinds.DistroRow):
        for glibc, ceiling in MANYLINUX.items():
            if system.glibc and Version(system.glibc) >= Version(glibc):
                assert Version(system.glibcxx or "0") >= Version(ceiling), (system.id, system.version, glibc)


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


def test_a_third_package_decides(dataset: Dataset) -> None:
    rows = {row.id: row for row in dataset.package_faults("h5py")}
    assert rows["h5py-before-3.11-numpy-2"].beside == {"numpy": ">=2"} and rows["h5py-before-3.11-numpy-2"].effect == "breaks-import"
    assert rows["h5py-before-3.11-numpy-1"].effect == "works"


def test_nvidias_wheels_say_what_they_bring(dataset: Dataset) -> None:
    cudnn = {row.version: row for row in dataset.nvidia_wheels("nvidia-cudnn-cu12")}
    assert cudnn["9.10.2.21"].glibc == "2.27" and {"5.0", "6.1", "7.0", "12.0"} <= set(cudnn["9.10.2.21"].compute_capabilities)
    assert cudnn["9.11.1.4"].compute_capabilities[0] == "7.5", "9.11 lost what is older than Turing"
    assert "10.0" not in cudnn["9.6.0.74"].compute_capabilities and "10.0" in cudnn["9.7.1.26"].compute_capabilities
    assert "nvidia-cudnn-cu13" in cudnn["9.28.0.42"].shares_files_with
    assert cudnn["8.9.7.29"].libraries["libcudnn_cnn_train.so.8"], "needs the other parts"
    kepler = {row.version: "3.5" in row.compute_capabilities for row in dataset.nvidia_wheels("nvidia-cudnn-cu11")}
    assert kepler["8.6.0.163"] and not kepler["8.8.1.3"]
    blas = {row.version: row for row in dataset.nvidia_wheels("nvidia-cublas-cu12")}
    assert blas["12.4.5.8"].cuda == ("12.4.1",) and blas["12.4.5.8"].folders == ("cublas",)


def test_every_library_of_a_wheel_that_tensorflow_opens_is_known(dataset: Dataset) -> None:
    opened = {library.name for row in dataset.all(kinds.TensorFlowRow) for one in row.sonames if (library := dataset.library(one))}
    stems = {soname.split(".so.")[0] for row in dataset.libraries() if row.name in opened for soname in row.sonames}
    brought = {soname for row in dataset.all(kinds.NvidiaWheelRow) for soname in row.libraries}
    unknown = [one for one in sorted(brought) if one.split(".so.")[0] in stems and dataset.library(one) is None]
    assert len(brought) > 60 and unknown == []


def test_pins_of_other_frameworks(dataset: Dataset) -> None:
    torch = {row.version: row for row in dataset.torch()}
    assert (torch["2.0.0"].cuda, torch["2.0.0"].pins["nvidia-cudnn-cu11"]) == ("11.7", "==8.5.0.96")
    assert torch["2.14.1"].pins["nvidia-cublas"] == "==13.1.1.3", "written out from cuda-toolkit"
    plugin = dataset.jax("jax-cuda12-plugin")[0]
    assert plugin.cuda_major == 12 and "9." in plugin.extras["with-cuda"]["nvidia-cudnn-cu12"]
    read = {(row.name, row.version) for row in dataset.all(kinds.NvidiaWheelRow)}
    exact = {(name, pin[2:]) for row in torch.values() for name, pin in row.pins.items() if pin.startswith("==") and "*" not in pin}
    assert len(exact) > 90 and exact - read == set()


def test_conda_builds_are_candidates_of_their_own(dataset: Dataset) -> None:
    builds = {row.build: row for row in dataset.tensorflow("tensorflow", "2.19.1") if row.build}
    for build in ("cuda128", "cuda129"):
        assert {"10.0", "12.0"} <= set(builds[build].compute_capabilities) and builds[build].confidence == "recipe"
    wheels = [row for row in dataset.tensorflow_releases() if not row.build]
    assert [row.version for row in wheels if {"10.0", "12.0"} & set(row.compute_capabilities)] == []


def test_conda_builds_without_cuda_for_arm_alone(dataset: Dataset) -> None:
    arm = [row for row in dataset.tensorflow_releases() if row.build and row.platform == "linux_aarch64"]
    assert [(row.version, row.is_cuda_build) for row in arm] == [("2.19.1", False), ("2.19.0", False), ("2.18.0", False)]


def test_what_the_metadata_keeps_silent_about_is_a_bound_with_its_source(dataset: Dataset) -> None:
    rows = dataset.releases("tensorflow-addons")
    assert rows and all(row.bounds["tensorflow"] == "<2.16" and "run on" in row.source for row in rows)


def test_a_release_candidate_that_names_no_cuda_is_read_all_the_same(dataset: Dataset) -> None:
    row = dataset.tensorflow_row("tensorflow", "2.22.0rc0")
    assert row is not None and row.prerelease
    assert (row.cuda, row.cudnn_compiled, row.ptx, row.ptx_versions, row.partly_compiled) == (
        "12.5", "9.10.0", ("9.0",), ("8.3", "8.5"), ("9.0",),
    )  # fmt: skip
    assert "cusolver" in row.search_path and row.compute_capabilities == ("6.0", "7.0", "8.0", "8.9", "9.0")


def test_ptx_suffix_is_kept(dataset: Dataset) -> None:
    for version, ptx in (("2.15.1", ("8.0",)), ("2.20.0", ("9.0", "9.0a")), ("2.21.0", ("9.0",))):
        row = dataset.tensorflow_row("tensorflow", version)
        assert row is not None and row.ptx == ptx, version
