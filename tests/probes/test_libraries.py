"""Toolkits and copies of libraries: what they say of themselves, and what stays unknown."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fixer.dataset.questions import Dataset
from fixer.host.real import RealHost
from fixer.model.facts import Patient
from fixer.probes import libraries, loader, toolkits
from tests import patients
from tests.lab.build import Builder, cudnn, mathematics, runtime
from tests.probes.trees import ELF, plant

DATA = Dataset.open()


def test_an_archive_of_cudnn_unpacked_beside_the_toolkits_is_a_copy(tmp_path: Path) -> None:
    plant(tmp_path, {"/usr/local/cudnn-8.9/lib/libcudnn.so.8": ELF, "/opt/cudnn/lib64/libcudnn.so.9": ELF, "/opt/other/lib64/libcudnn.so.8": ELF})
    seen = libraries.observe(RealHost({}, sys_root=str(tmp_path)), None, {}, DATA).or_else(())
    assert [one.path for one in seen] == ["/opt/cudnn/lib64/libcudnn.so.9", "/usr/local/cudnn-8.9/lib/libcudnn.so.8"]


def _put(root: Path, path: str, content: str) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)


@pytest.mark.parametrize(
    ("name", "content", "version"),
    [
        ("version.json", '{"cuda": {"version": "12.2.140"}}', "12.2.140"),
        ("version.txt", "CUDA Version 10.1.243\n", "10.1.243"),
        ("version.json", '{"cuda": {"version": 12}}', None),
        ("version.json", "{" * 5000, None),
        ("version.txt", "\x00\x01 nothing", None),
    ],
)
def test_a_toolkits_version_is_what_it_says_and_never_its_folders_name(tmp_path: Path, name: str, content: str, version: str | None) -> None:
    _put(tmp_path, f"/usr/local/cuda-11.8/{name}", content)
    seen = toolkits.observe(RealHost({}, sys_root=str(tmp_path)))
    assert [(kit.version, kit.path) for kit in seen.or_else(())] == [(version, "/usr/local/cuda-11.8")]


def test_a_linked_toolkit_is_named_once(tmp_path: Path) -> None:
    _put(tmp_path, "/usr/local/cuda-12.2/version.json", '{"cuda": {"version": "12.2.0"}}')
    (tmp_path / "usr/local/cuda").symlink_to("cuda-12.2")
    seen = toolkits.observe(RealHost({}, sys_root=str(tmp_path)))
    assert [kit.path for kit in seen.or_else(())] == ["/usr/local/cuda-12.2"]


def test_no_toolkit_and_no_library_are_absent(tmp_path: Path) -> None:
    host = RealHost({}, sys_root=str(tmp_path))
    assert toolkits.observe(host).is_absent
    assert libraries.observe(host, None, {}, DATA).is_absent


def test_a_version_is_asked_of_the_library_and_not_read_off_its_name(tmp_path: Path) -> None:
    compiler = patients.need("cc")
    source = tmp_path / "cudnn.c"
    source.write_text("unsigned long cudnnGetVersion(void) { return 8904; }\n")
    folder = tmp_path / "lib"
    folder.mkdir()
    library = folder / "libcudnn.so.8"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    shutil.copy(library, folder / "libcudnn_ops_infer.so.8")
    host = RealHost({"PATH": "/usr/bin"})
    seen = libraries.observe(host, None, {"LD_LIBRARY_PATH": f":relative:{folder}"}, DATA).or_else(())
    ours = {copy.path: copy.version for copy in seen if copy.path.startswith(str(folder))}
    assert ours == {str(library): "8.9.4", str(folder / "libcudnn_ops_infer.so.8"): None}
    library.write_bytes(b"\x7fELF rubbish")
    again = libraries.observe(host, None, {"LD_LIBRARY_PATH": str(folder)}, DATA).or_else(())
    assert {copy.version for copy in again if copy.path.startswith(str(folder))} == {None}


def test_a_link_whose_library_was_moved_away_is_no_copy(tmp_path: Path) -> None:
    (tmp_path / "libcudnn.so.8").symlink_to("gone/libcudnn.so.8")
    seen = libraries.observe(RealHost({"PATH": "/usr/bin"}), None, {"LD_LIBRARY_PATH": str(tmp_path)}, DATA).or_else(())
    assert not [copy for copy in seen if copy.path.startswith(str(tmp_path))]


def test_the_folder_that_xla_is_told_of_is_looked_into(tmp_path: Path) -> None:
    _put(tmp_path, "/nvvm/libdevice/libdevice.10.bc", "")
    flags = {"XLA_FLAGS": f"--xla_dump_to=/x --xla_gpu_cuda_data_dir='{tmp_path}'"}
    seen = libraries.observe(RealHost({"PATH": "/usr/bin"}), None, flags, DATA).or_else(())
    assert f"{tmp_path}/nvvm/libdevice/libdevice.10.bc" in [copy.path for copy in seen]


MATHEMATICS = {
    "libcublas.so.12": "12.5.3", "libcublasLt.so.12": "12.5.3", "libcufft.so.11": "11.2.3", "libcurand.so.10": "10.3.6",
    "libcusolver.so.11": "11.6.3", "libcusparse.so.12": "12.5.1", "libnvJitLink.so.12": "12.5", "libnccl.so.2": "2.21.5",
}  # fmt: skip


def test_every_library_tells_its_own_version_in_a_conda_prefix_too(builder: Builder, tmp_path: Path) -> None:
    folder = tmp_path / "lib"
    for soname, version in MATHEMATICS.items():
        # The file's own name says otherwise.
        builder.install(mathematics(soname, version), folder, f"{soname}.99.99")
    builder.install(runtime("12.5"), folder)
    builder.install(mathematics("libcupti.so.12", "12.5.82"), folder)
    (tmp_path / "conda-meta").mkdir()
    patient = Patient("/x/bin/python", str(tmp_path), str(tmp_path / "site-packages"), True, True, False)
    seen = libraries.observe(RealHost({"PATH": "/usr/bin"}), patient, {}, DATA).or_else(())
    ours = {copy.path.rpartition("/")[2]: copy.version for copy in seen if copy.path.startswith(str(folder))}
    assert ours == {**MATHEMATICS, "libcudart.so.12": "12.5", "libcupti.so.12": None}


def test_a_library_that_kills_the_child_leaves_only_those_after_it_unknown(builder: Builder, tmp_path: Path) -> None:
    builder.install(cudnn("8.9.4.25", "12.2")[0], tmp_path)
    builder.install(mathematics("libcurand.so.10", "10.3.6"), tmp_path)
    deadly = tmp_path / "deadly.c"
    deadly.write_text("int cublasGetProperty(int which, int *value) { return *(volatile int *)0; }\n")
    argv = [patients.need("cc"), "-shared", "-fPIC", "-w", "-o", str(tmp_path / "libcublas.so.12"), str(deadly)]
    subprocess.run(argv, check=True)
    seen = libraries.observe(RealHost({"PATH": "/usr/bin"}), None, {"LD_LIBRARY_PATH": str(tmp_path)}, DATA).or_else(())
    ours = {copy.path.rpartition("/")[2]: copy.version for copy in seen if copy.path.startswith(str(tmp_path))}
    assert ours == {"libcudnn.so.8": "8.9.4", "libcublas.so.12": None, "libcurand.so.10": None}


RECORD = {
    "cuda": {"version": "12.5.0"}, "libcublas": {"version": "12.5.2.13"}, "cuda_cupti": {"version": "12.5.39"},
    "cuda_nvcc": {"version": "12.5.40"}, "libcusolver": {"version": ["12"]}, "libcufft": "11",
}  # fmt: skip


def test_a_described_root_has_what_toolkits_record_and_nothing_of_stubs_compat_or_wsl(tmp_path: Path) -> None:
    kit = "/usr/local/cuda-12.5"
    lib, tools = f"{kit}/targets/x86_64-linux/lib", f"{kit}/bin/ptxas"
    known = {f"{lib}/libcublas.so.12": "12.5.2.13", f"{kit}/extras/CUPTI/lib64/libcupti.so.12": "12.5.39", tools: "12.5.40"}
    unknown = [
        f"{lib}/libcusolver.so.11", f"{lib}/libcufft.so.11", f"{kit}/lib64/stubs/libcublas.so.12", f"{kit}/compat/libcuda.so.1",
        "/usr/lib/wsl/lib/libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcudnn.so.9", "/usr/lib64/libnccl.so.2",
    ]  # fmt: skip
    for path in (*known, *unknown):
        _put(tmp_path, path, "")
    _put(tmp_path, f"{kit}/version.json", json.dumps(RECORD))
    seen = libraries.observe(RealHost({}, sys_root=str(tmp_path)), None, {}, DATA).or_else(())
    assert {copy.path: copy.version for copy in seen} == {**known, **dict.fromkeys(unknown)}


@pytest.mark.parametrize(("on_disk", "version"), [(100, "9.10.2.21"), (200, "9.12.0.46"), (150, None)])
def test_of_two_wheels_that_own_a_file_the_one_whose_record_fits_has_written_it(tmp_path: Path, on_disk: int, version: str | None) -> None:
    name = "nvidia/cudnn/lib/libcudnn.so.9"
    packages = {"nvidia-cudnn-cu12": "9.10.2.21", "nvidia-cudnn-cu13": "9.12.0.46"}
    for (wheel, release), size in zip(packages.items(), (100, 200)):
        _put(tmp_path, f"{wheel.replace('-', '_')}-{release}.dist-info/RECORD", f"{name},sha256=x,{size}\n")
    _put(tmp_path, name, "x" * on_disk)
    patient = Patient("/usr/bin/python3", str(tmp_path), str(tmp_path), True, True, False)
    host = RealHost({"PATH": "/usr/bin"})
    assert loader._version(host, str(tmp_path / name), {}, patient, packages, DATA) == version
    alone = {"nvidia-cudnn-cu12": "9.10.2.21"}
    assert loader._version(host, str(tmp_path / name), {}, patient, alone, DATA) == "9.10.2.21"


def test_the_loader_is_not_followed_for_a_cpu_build_or_an_unknown_one(tmp_path: Path) -> None:
    patient = Patient("/usr/bin/python3", str(tmp_path), str(tmp_path / "site-packages"), True, True, False)
    host = RealHost({"PATH": "/usr/bin"})
    row = DATA.tensorflow_row("tensorflow-cpu", "2.15.1")
    assert row is not None and loader.observe(host, patient, {}, row, {}, (), DATA).is_absent
    gpu = DATA.tensorflow_row("tensorflow", "2.15.1")
    assert loader.observe(host, patient, {}, gpu, {}, (), DATA).is_unknown
