"""Toolkits and copies of libraries: what they say of themselves, and what stays unknown."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fixer.dataset.questions import Dataset
from fixer.host.real import RealHost
from fixer.model.facts import Patient
from fixer.probes import libraries, loader, toolkits
from tests import patients

DATA = Dataset.open()


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


def test_the_loader_is_not_followed_for_a_cpu_build_or_an_unknown_one(tmp_path: Path) -> None:
    patient = Patient("/usr/bin/python3", str(tmp_path), str(tmp_path / "site-packages"), True, True, False)
    host = RealHost({"PATH": "/usr/bin"})
    row = DATA.tensorflow_row("tensorflow-cpu", "2.15.1")
    assert row is not None and loader.observe(host, patient, {}, row, {}, (), DATA).is_absent
    gpu = DATA.tensorflow_row("tensorflow", "2.15.1")
    assert loader.observe(host, patient, {}, gpu, {}, (), DATA).is_unknown
