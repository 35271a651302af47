"""NVIDIA's wheels, the frameworks that pin them and conda-forge's recipe, read from small real ones made here."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import pytest

from fixer.harvest.fatbins import targets
from fixer.harvest.index import Index
from scripts.harvest import feedstock, frameworks, nvidia, reads, tables
from tests.dataset.test_harvest import client, server
from tests.dataset.wheel_index import Server, shared_library, wheel

__all__ = ["client", "server"]
NAME = "nvidia_cudnn_cu12-9.9.1-py3-none-manylinux_2_27_x86_64.whl"


def container(*entries: tuple[int, int, bytes]) -> bytes:
    """A fat binary of (kind, architecture, code)."""
    body = b"".join(
        struct.pack("<HHIQIIHHI", kind, 1, 64, len(code), len(code), 0, 7, 1, arch) + bytes(32) + code for kind, arch, code in entries
    )
    return b"\x50\xed\x55\xba\x01\x00\x10\x00" + struct.pack("<Q", len(body)) + body


def test_machine_code_is_told_from_ptx() -> None:
    data = b"x" * 13 + container((2, 60, b"code"), (2, 90, b"more"), (1, 120, b"ptx")) + bytes(8) + container((2, 75, b""))
    assert targets(data, 9) == targets(data, 2)
    assert (targets(data, 9).machine_code, targets(data, 9).ptx, targets(data, 9).containers) == (("6.0", "7.5", "9.0"), ("12.0",), 2)
    assert targets(data, 1).machine_code == ("6.0", "9.0")


@pytest.mark.parametrize("cut", [1, 20, 60, 100])
def test_a_container_that_is_cut_off_is_left_out(cut: int) -> None:
    whole = container((2, 50, b"a" * 40), (2, 80, b"b" * 40))
    assert targets(whole[:-cut], 9).containers == 0


def test_a_magic_number_by_chance_is_no_container() -> None:
    assert targets(b"\x50\xed\x55\xba\x01\x00\x10\x00" + struct.pack("<Q", 100) + b"\xff" * 200, 9).machine_code == ()
    assert targets(b"\x50\xed\x55\xba\x01\x00\x10\x00" * 40, 9).containers == 0


def library(folder: Path, code: bytes, *flags: str) -> bytes:
    """A shared library with ``code`` in a section of its own."""
    (folder / "code.bin").write_bytes(code)
    source = folder / "code.s"
    source.write_text(f'.section .note.GNU-stack, ""\n.section .nv_fatbin, "a"\n.incbin "{folder}/code.bin"\n')
    return shared_library(folder, str(source), *flags)


@pytest.fixture
def stocked(server: Server, tmp_path: Path) -> Server:
    code = container((2, 75, b"one"), (2, 120, b"two")) * 3
    members = {
        "nvidia/cudnn/lib/libcudnn.so.9": shared_library(tmp_path, "-Wl,-soname,libcudnn.so.9", "-Wl,-rpath,$ORIGIN"),
        "nvidia/cudnn/lib/libcudnn_ops.so.9": library(
            tmp_path, code, "-Wl,-soname,libcudnn_ops.so.9", "-Wl,-rpath,$ORIGIN:$ORIGIN/../../cublas/lib", "-Wl,--enable-new-dtags"
        ),
        "nvidia/cudnn/include/cudnn.h": b"/* 9 */",
        "nvidia_cudnn_cu12-9.9.1.dist-info/METADATA": b"Name: nvidia-cudnn-cu12\nRequires-Dist: nvidia-cublas-cu12\n\n",
    }
    server.files[NAME] = wheel(tmp_path / NAME, members)
    twin = NAME.replace("cu12", "cu13")
    server.files[twin] = wheel(tmp_path / twin, {"nvidia/cudnn/lib/libcudnn.so.9": members["nvidia/cudnn/lib/libcudnn.so.9"]})
    toolkit = "cuda_toolkit-12.8.1-py2.py3-none-any.whl"
    metadata = (
        'Name: cuda-toolkit\nRequires-Dist: nvidia-cudnn-cu12==9.9.1.*; extra == "all"\n'
        'Requires-Dist: nvidia-cudnn-cu12==9.9.1.*; extra == "cudnn"\nRequires-Dist: nvidia-x<14,>=13; extra == "all"\n\n'
    )
    server.files[toolkit] = wheel(tmp_path / toolkit, {"cuda_toolkit-12.8.1.dist-info/METADATA": metadata.encode()})
    torch = "torch-2.9.0-cp312-cp312-manylinux_2_28_x86_64.whl"
    needs = "Name: torch\nRequires-Dist: cuda-toolkit[cudnn]==12.8.1\nRequires-Dist: nvidia-cuda-runtime-cu12==12.8.90\n\n"
    server.files[torch] = wheel(tmp_path / torch, {"torch-2.9.0.dist-info/METADATA": needs.encode()})
    return server


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / nvidia.READS).write_text('{"note": "n", "rows": []}')
    (folder / feedstock.TABLE).write_text('{"note": "n", "rows": []}')
    monkeypatch.setattr(tables, "TABLES", folder)
    return folder / nvidia.READS


def test_a_wheel_becomes_a_row(stocked: Server, client: Index, table: Path) -> None:
    pins = {"nvidia-cudnn-cu12": {"<10,>=9"}, "nvidia-cudnn-cu13": {"==9.9.1"}}
    lines = list(nvidia.read(client, pins, 9))
    assert len(lines) == 3 and "sonames and search path" in lines[-1] and "central directory" in lines[-1]
    kept = table.read_bytes()
    assert list(nvidia.read(client, pins, 9)) == [] and table.read_bytes() == kept, "nothing is read twice"
    toolkits = frameworks.Toolkits(client).releases_of()
    (row,) = nvidia.rows(client, pins, toolkits, "2026-01-01")["nvidia-cudnn-cu12"]
    assert (row["glibc"], row["folders"], row["cuda"], row["search_path"]) == ("2.27", ["cudnn"], ["12.8.1"], ["cudnn", "cublas"])
    assert sorted(row["libraries"]) == ["libcudnn.so.9", "libcudnn_ops.so.9"]
    assert (row["compute_capabilities"], row["shares_files_with"]) == (["7.5", "12.0"], ["nvidia-cudnn-cu13"])
    assert row["bounds"] == {"nvidia-cublas-cu12": ""} and row["size_bytes"] == len(stocked.files[NAME])


def test_reading_goes_on_where_it_stopped(stocked: Server, client: Index, table: Path) -> None:
    pins = {"nvidia-cudnn-cu12": {""}, "nvidia-cudnn-cu13": {""}}
    list(nvidia.read(client, pins, 1))
    assert len(json.loads(table.read_text())["rows"]) == 1
    list(nvidia.read(client, pins, 1))
    rows = json.loads(table.read_text())["rows"]
    assert [row["name"] for row in rows] == ["nvidia-cudnn-cu12", "nvidia-cudnn-cu13"]
    total = reads.Reads(nvidia.READS, ("name", "version", "file")).spent()
    assert sum(total.values()) == sum(sum(row["bytes_read"].values()) for row in rows) > 0


def test_torch_pins_are_written_out(stocked: Server, client: Index) -> None:
    (row,) = frameworks.torch_rows(client, frameworks.Toolkits(client), "2.0")
    assert row["bounds"]["nvidia-cudnn-cu12"] == "==9.9.1"
    pinned = frameworks.torch_pins(row)
    assert (pinned["cuda"], sorted(pinned["pins"])) == ("12.8", ["nvidia-cuda-runtime-cu12", "nvidia-cudnn-cu12"])
    assert frameworks.nvidia_pins([pinned, {"extras": {"with-cuda": {"nvidia-x": ">=1", "six": ""}}}]) == {
        "nvidia-cuda-runtime-cu12": {"==12.8.90"}, "nvidia-cudnn-cu12": {"==9.9.1"}, "nvidia-x": {">=1"},
    }  # fmt: skip


def test_the_recipe_gives_builds(tmp_path: Path, table: Path) -> None:
    clone = tmp_path / "feedstock"
    (clone / "recipe").mkdir(parents=True)
    (clone / ".ci_support").mkdir()

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)

    def commit(version: str, cuda: str, targets: str) -> None:
        (clone / "recipe/meta.yaml").write_text(f'{{% set version = "{version}" %}}\n')
        (clone / "recipe/build.sh").write_text(
            'if [[ "${cuda_compiler_version}" == 11.8 ]]; then\nexport TF_CUDA_COMPUTE_CAPABILITIES=sm_35,compute_35\n'
            f'elif [[ "${{cuda_compiler_version}}" == 12* ]]; then\nexport HERMETIC_CUDA_COMPUTE_CAPABILITIES={targets}\nfi\n'
        )
        for old in (clone / ".ci_support").iterdir():
            old.unlink()
        for one in (cuda, "None"):
            (clone / f".ci_support/linux_64_cuda_compiler_version{one}.yaml").write_text(
                f"c_stdlib_version:\n- '2.17'\ncuda_compiler_version:\n- '{one}'\ncudnn:\n- '9.10'\npython:\n- 3.10.* *_cpython\n- 3.13.* *_cp313\n"
            )
        git("add", "-A")
        git("commit", "-q", "-m", version)

    git("init", "-q")
    commit("2.18.0", "12.6", "sm_60,compute_90")
    commit("2.19.1", "12.8", "sm_60,sm_120,compute_120")
    commit("2.20.0.rc1", "12.9", "sm_70")
    assert feedstock.write_table(clone) == "conda_builds.json: 4 builds of 2 releases"
    rows = {(row["version"], row["build"]): row for row in json.loads((table.parent / feedstock.TABLE).read_text())["rows"]}
    assert sorted(rows) == [("2.18.0", "cpu"), ("2.18.0", "cuda126"), ("2.19.1", "cpu"), ("2.19.1", "cuda128")]
    newest = rows["2.19.1", "cuda128"]
    assert (newest["compute_capabilities"], newest["ptx"], newest["cudnn_major"]) == (["6.0", "12.0"], ["12.0"], 9)
    assert (newest["python"], newest["glibc"]) == (["3.10", "3.13"], "2.17")
    assert rows["2.18.0", "cuda126"]["compute_capabilities"] == ["6.0", "9.0"] and not rows["2.18.0", "cpu"]["is_cuda_build"]


def test_what_the_recipe_skips_on_arm_was_never_built(tmp_path: Path, table: Path) -> None:
    clone = tmp_path / "feedstock"
    (clone / "recipe").mkdir(parents=True)
    (clone / ".ci_support").mkdir()
    for arch, cuda in (("64", "12.8"), ("aarch64", "12.8"), ("aarch64", "None")):
        (clone / f".ci_support/linux_{arch}_cuda_compiler_version{cuda}.yaml").write_text("python:\n- 3.13.* *_cp313\n")
    skip = 'build:\n  skip: true  # [aarch64 and cuda_compiler_version != "None"]\n'
    builds = {}
    for recipe in ('{% set version = "2.18.0" %}\n', '{% set version = "2.18.0" %}\n' + skip):
        (clone / "recipe/meta.yaml").write_text(recipe)
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "a"]):
            command = ["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@b", *words]
            subprocess.run(command, check=True, capture_output=True)
        feedstock.write_table(clone)
        rows = json.loads((table.parent / feedstock.TABLE).read_text())["rows"]
        builds[recipe] = sorted((row["platform"], row["build"]) for row in rows)
    before, after = builds.values()
    assert before == [("linux_aarch64", "cpu"), ("linux_aarch64", "cuda128"), ("linux_x86_64", "cuda128")]
    assert after == [("linux_aarch64", "cpu"), ("linux_x86_64", "cuda128")]
