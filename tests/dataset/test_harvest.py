"""The harvester against a real HTTP index on this machine: with ranges, without them, JSON and HTML pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixer.harvest import library, releases, wheels
from fixer.harvest.configuration import configuration
from fixer.harvest.index import File, HarvestError, Index
from fixer.harvest.ranges import RemoteZip
from fixer.harvest.write import as_it_is, write
from fixer.host.real import RealHost
from scripts.harvest import builds, tables
from tests.dataset.wheel_index import Server, serving, shared_library, wheel

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "compat_data"
NAME = "tensorflow-9.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
METADATA = """Metadata-Version: 2.1
Name: tensorflow
Version: 9.1.0
Requires-Dist: numpy<2.0.0,>=1.23.5; python_version <= "3.11"
Requires-Dist: numpy<2.0.0,>=1.26.0; python_version >= "3.12"
Requires-Dist: tensorflow-intel==9.1.0; platform_system == "Windows"
Requires-Dist: not a requirement at all !!
Requires-Dist: nvidia-cudnn-cu12==8.9.4.25; extra == "and-cuda"

numpy>=99 in the description is no requirement
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def client(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_address[1]}/simple")
    return Index(tmp_path / "cache", configuration(RealHost()))


@pytest.fixture
def stocked(server: Server, tmp_path: Path) -> Server:
    path = "$ORIGIN:$ORIGIN/../nvidia/cudnn/lib:$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN/../nvidia/cublas/lib:/usr/nvidia/x/lib"
    members = {
        "filler.bin": bytes(range(256)) * 20_000,
        "tensorflow/libtensorflow_framework.so.2": shared_library(tmp_path, f"-Wl,-rpath,{path}", "-Wl,--enable-new-dtags"),
        "tensorflow/python/platform/build_info.py": b"import collections\nbuild_info = collections.OrderedDict([('cuda_version', "
        b"'12.5.1'), ('cudnn_version', '9'), ('is_cuda_build', True), ('cuda_compute_capabilities', ['sm_60', 'compute_90'])])\n",
        "tensorflow-9.1.0.dist-info/METADATA": METADATA.encode(),
    }
    server.files[NAME] = wheel(tmp_path / NAME, members)
    return server


@pytest.mark.parametrize("kind", ["json", "html"])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_wheel_is_read(stocked: Server, client: Index, kind: str, ranges: bool) -> None:
    stocked.kind, stocked.ranges = kind, ranges
    (file,) = client.project("tensorflow")
    row = wheels.read_wheel(client, file)
    assert (row["cuda"], row["cuda_exact"], row["cudnn_major"]) == ("12.5", "12.5.1", 9)
    assert (row["compute_capabilities"], row["ptx"]) == (["6.0", "9.0"], ["9.0"])
    assert (row["search_kind"], row["search_path"]) == ("RUNPATH", ["cudnn", "cublas"])
    assert "libc.so.6" in row["needed"] and row["glibc"].startswith("2.")
    fetches = [asked for path, asked in stocked.requests if path.startswith("/files/")]
    assert fetches, "something was fetched"


def test_rpath_is_told_from_runpath(tmp_path: Path) -> None:
    data = shared_library(tmp_path, "-Wl,-rpath,$ORIGIN/../nvidia/cufft/lib", "-Wl,--disable-new-dtags")
    facts = wheels.opener_facts(library.read_library(lambda at, length: data[at : at + length]), "tensorflow")
    assert (facts["search_kind"], facts["search_path"]) == ("RPATH", ["cufft"])


def test_only_parts_of_the_wheel_are_fetched(stocked: Server, client: Index) -> None:
    (file,) = client.project("tensorflow")
    archive = RemoteZip(client, file)
    assert archive.named(lambda name: name.endswith("METADATA")) == METADATA.encode()
    assert archive.named(lambda name: name == "nothing") is None
    assert all(asked is not None for path, asked in stocked.requests if path.startswith("/files/"))
    assert archive.head(archive.members["filler.bin"], 10) == bytes(range(10))


def test_metadata_comes_from_inside_where_none_lies_beside_it_and_is_kept(stocked: Server, client: Index) -> None:
    (file,) = client.project("tensorflow")
    assert client.metadata(file) == METADATA
    before = len(stocked.requests)
    assert client.metadata(file) == METADATA
    assert len(stocked.requests) == before
    assert Index(client.cache, None).metadata(file) == METADATA


def test_rows_from_the_index(stocked: Server, client: Index) -> None:
    rows = releases.tensorflow_rows(client, "tensorflow")
    assert list(rows) == ["9.1.0"]
    (row,) = rows["9.1.0"]
    assert (row["platform"], row["python"], row["glibc"]) == ("linux_x86_64", ["3.11"], "2.17")
    assert row["bounds"] == {"numpy": "<2.0.0,>=1.23.5"}
    assert row["extras"] == {"and-cuda": {"nvidia-cudnn-cu12": "==8.9.4.25"}}


def test_an_empty_wheel_stands_on_the_pythons_of_its_one_package(server: Server, client: Index, tmp_path: Path) -> None:
    text = "Metadata-Version: 2.1\nName: tensorflow\nVersion: 9.1.0\nRequires-Dist: tensorflow-cpu-aws==9.1.0\n"
    for tag in ("cp310-cp310", "cp311-cp311"):
        name = f"tensorflow-9.1.0-{tag}-manylinux2014_aarch64.whl"
        server.files[name] = wheel(tmp_path / name, {"tensorflow-9.1.0.dist-info/METADATA": text.encode()})
    (row,) = releases.tensorflow_rows(client, "tensorflow")["9.1.0"]
    assert row["python"] == [], "the index has no such package"
    part = "tensorflow_cpu_aws-9.1.0-cp311-cp311-manylinux2014_aarch64.whl"
    server.files[part] = wheel(tmp_path / part, {})
    (row,) = releases.tensorflow_rows(client, "tensorflow")["9.1.0"]
    assert row["python"] == ["3.11"]


def test_a_package_for_macs_alone_has_no_python_on_linux(server: Server, client: Index, tmp_path: Path) -> None:
    about = b"Metadata-Version: 2.1\nName: tensorflow-metal\nVersion: 9.2.0\nRequires-Dist: six >=1.15.0\n\n"
    for tag in ("cp311-cp311-macosx_12_0_arm64", "cp312-cp312-macosx_12_0_arm64", "cp311-cp311-macosx_12_0_x86_64"):
        name = f"tensorflow_metal-9.2.0-{tag}.whl"
        server.files[name] = wheel(tmp_path / name, {"tensorflow_metal-9.2.0.dist-info/METADATA": about})
    (row,) = releases.package_rows(client, "tensorflow-metal", {"tensorflow-metal": "1"})
    assert row["python"] == [] and row["bounds"] == {"six": ">=1.15.0"}
    assert row["elsewhere"] == {"macosx_arm64": ["3.11", "3.12"], "macosx_x86_64": ["3.11"]}


def test_a_project_that_is_not_there(stocked: Server, client: Index) -> None:
    assert client.project("keras") == []


def test_a_wrong_hash_is_refused(stocked: Server, client: Index) -> None:
    stocked.ranges = False
    (file,) = client.project("tensorflow")
    wrong = File(file.filename, file.url, "0" * 64, "", False, file.size)
    with pytest.raises(HarvestError, match="hash"):
        client.part(wrong, 0, 10)
    assert not list((client.cache / "wholes").iterdir())


def test_offline_without_a_cache_says_so(tmp_path: Path) -> None:
    with pytest.raises(HarvestError, match="offline"):
        Index(tmp_path, None).project("tensorflow")


@pytest.mark.parametrize(
    ("name", "pythons", "place"),
    [
        ("numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", ["3.11"], ("linux_x86_64", "2.17")),
        ("h5py-2.10.0-cp27-cp27mu-manylinux1_x86_64.whl", ["2.7"], ("linux_x86_64", "2.5")),
        ("x-1.0-cp39-abi3-manylinux_2_28_x86_64.whl", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"],
         ("linux_x86_64", "2.28")),
        ("x-1.0-cp311-cp311-musllinux_1_1_x86_64.whl", ["3.11"], None),
        ("x-1.0-cp38-cp38-macosx_10_9_x86_64.whl", ["3.8"], ("macosx_x86_64", None)),
        ("x-1.0-cp38-cp38-macosx_11_0_arm64.whl", ["3.8"], ("macosx_arm64", None)),
        ("x-1.0-cp310-cp310-win_amd64.whl", ["3.10"], ("win_amd64", None)),
        ("x-1.0-cp310-cp310-manylinux2014_aarch64.whl", ["3.10"], ("linux_aarch64", "2.17")),
    ],
)  # fmt: skip
def test_file_names(name: str, pythons: list[str], place: tuple[str, str | None] | None) -> None:
    match = releases.WHEEL.fullmatch(name)
    assert match is not None
    assert releases.platform_of(match["plat"]) == place
    assert releases.pythons_of(File(name, "", "", "", False, None)) == pythons


def test_requires_python_narrows_what_a_wheel_installs_on() -> None:
    pure = File("x-1.0-py2.py3-none-any.whl", "", "", ">=3.8,<3.11", False, None)
    assert releases.pythons_of(pure) == ["3.8", "3.9", "3.10"]
    patch = File("x-1.0-cp37-cp37m-manylinux2014_x86_64.whl", "", "", ">=3.7.1", False, None)
    assert releases.pythons_of(patch) == ["3.7"]


def test_build_info_of_every_age() -> None:
    old = "is_cuda_build = True\ncuda_version_number = \"10.0\"\ncudnn_version_number = '7'\n"
    assert wheels.build_facts(old) == {
        "is_cuda_build": True, "cuda": "10.0", "cuda_exact": "10.0", "cudnn_major": 7, "compute_capabilities": [], "ptx": [],
    }  # fmt: skip
    assert wheels.build_facts("is_cuda_build = False\n") == {"is_cuda_build": False}
    suffixed = wheels.build_facts("build_info = dict([('is_cuda_build', True), ('cuda_compute_capabilities', ['sm_90a', 'compute_90a'])])")
    assert (suffixed["compute_capabilities"], suffixed["ptx"]) == (["9.0a", "9.0a"], ["9.0a"])
    assert wheels.build_facts("")["is_cuda_build"] is None
    assert wheels.build_facts("build_info = __import__('os').system('false')") == {"is_cuda_build": None}


def test_the_tables_alone_give_the_committed_bytes(tmp_path: Path) -> None:
    """Deleting any row and harvesting again gives the same bytes; with nothing new no byte changes."""
    folder = tmp_path / "compat_data"
    shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / "gpus.json").read_bytes().splitlines(keepends=True)
    (folder / "gpus.json").write_bytes(b"".join(line for line in text if b"10de:2206" not in line))
    command = [sys.executable, str(ROOT / "scripts" / "harvest"), "--tables", "--out", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "gpus.json: 963 rows, 12 families, 8 reserves, 1784 names (changed)" in ran.stdout
    for path in DATA.glob("**/*.json"):
        assert (folder / path.relative_to(DATA)).read_bytes() == path.read_bytes(), path.name


def test_a_data_file_read_and_written_again_keeps_its_bytes(tmp_path: Path) -> None:
    write(tmp_path, {name: as_it_is(DATA / name) for name in ("tensorflow.json", "packages.json")}, "2026-01-01")
    for name in ("tensorflow.json", "packages.json"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_a_broken_table_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TABLES", tmp_path)
    (tmp_path / "cudnn.json").write_text("{")
    with pytest.raises(ValueError, match=r"cudnn\.json"):
        tables.curated("cudnn.json")


def test_reads_of_wheels_win_over_the_official_table() -> None:
    known = builds.Knowledge()
    row = {"distribution": "tensorflow", "version": "2.14.1", "platform": "linux_x86_64", "sources": ["x"], "glibc": "2.17"}
    done = known.completed(row)
    assert (done["cuda"], done["cudnn_compiled"]) == ("11.8", "8.6.0")
    (found,) = known.disagreements({**done, "python": ["3.9", "3.10", "3.11"], "checked": "2026-01-01"})
    assert (found["about"], found["published"], found["artefact"]) == ("cudnn", "8.7", "8.6.0")
    gpu = {**row, "distribution": "tensorflow-gpu", "version": "1.13.2"}
    assert known.completed(gpu)["cuda"] == "10.0"
    unread = {**row, "version": "1.9.0", "distribution": "tensorflow-gpu"}
    assert (known.completed(unread)["cuda"], known.completed(unread)["confidence"]) == ("9.0", "secondary")
    nothing = known.completed({**row, "version": "1.9.0"})
    assert "cuda" not in nothing and "is_cuda_build" not in nothing
