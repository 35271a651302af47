"""The stand-ins are like NVIDIA's libraries where the loader and a version check look."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from tests.lab import toolkits, wheels
from tests.lab.build import Builder, Library, cudnn, cudnn_number, driver_libraries, mathematics, runtime

ASK = "import ctypes, sys; l = ctypes.CDLL(sys.argv[1]); l.{0}.restype = ctypes.c_size_t; print(l.{0}())"


def dynamic(path: Path) -> dict[str, list[str]]:
    """The SONAME, NEEDED and RUNPATH entries of a library."""
    seen: dict[str, list[str]] = {"SONAME": [], "NEEDED": [], "RUNPATH": [], "RPATH": []}
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".dynamic")
        assert isinstance(section, DynamicSection)
        for tag in section.iter_tags():
            kind = tag.entry.d_tag[3:]
            if kind in seen:
                seen[kind].append(getattr(tag, kind.lower()))
    return seen


def ask(*arguments: str, variables: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True, env=variables)


@pytest.mark.parametrize(
    ("library", "needed", "runpath"),
    [
        (runtime("12.5"), [], []),
        (mathematics("libcublas.so.12", "12.5.3.2"), ["libcublasLt.so.12"], ["$ORIGIN"]),
        (
            mathematics("libcusolver.so.11", "11.6.3.83"),
            ["libnvJitLink.so.12", "libcusparse.so.12", "libcublas.so.12", "libcublasLt.so.12"],
            ["$ORIGIN:$ORIGIN/../../cublas/lib:$ORIGIN/../../nvjitlink/lib:$ORIGIN/../../cusparse/lib"],
        ),
        (mathematics("libcusparse.so.12", "12.5.1.3"), ["libnvJitLink.so.12"], ["$ORIGIN:$ORIGIN/../../nvjitlink/lib"]),
        (
            mathematics("libcusolver.so.11", "11.4.1.48"),
            ["libcublas.so.11", "libcublasLt.so.11"],
            ["$ORIGIN:$ORIGIN/../../cublas/lib:$ORIGIN/../../cusparse/lib"],
        ),
        (mathematics("libcusparse.so.11", "11.7.5.86"), [], ["$ORIGIN"]),
        (cudnn("9.3.0.75", "12.5")[0], [], ["$ORIGIN"]),
        (cudnn("8.9.4.25", "12.2")[0], [], ["$ORIGIN"]),
        (
            next(one for one in cudnn("8.9.4.25", "12.2") if one.soname == "libcudnn_cnn_train.so.8"),
            ["libcudnn_ops_infer.so.8", "libcudnn_ops_train.so.8", "libcudnn_cnn_infer.so.8"],
            ["$ORIGIN:$ORIGIN/../../cublas/lib:$ORIGIN/../../nvrtc/lib"],
        ),
    ],
    ids=lambda value: f"{value.soname}-{value.version}" if isinstance(value, Library) else "",
)
def test_the_loader_sees_what_it_sees_of_nvidias_own(
    builder: Builder, library: Library, needed: list[str], runpath: list[str]
) -> None:
    """Measured with readelf on the wheels named in build.SEEN_IN."""
    seen = dynamic(builder.file(library))
    system = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2"}
    assert seen["SONAME"] == [library.soname]
    assert [name for name in seen["NEEDED"] if name not in system] == needed
    assert seen["RUNPATH"] == runpath
    assert seen["RPATH"] == []


@pytest.mark.parametrize("version", ["7.6.5", "8.0.5", "8.6.0.163", "8.9.4.25", "9.3.0.75"])
def test_cudnn_tells_its_version(builder: Builder, version: str) -> None:
    told = ask(ASK.format("cudnnGetVersion"), str(builder.file(cudnn(version, "12.2")[0])))
    assert told.stdout.strip() == str(cudnn_number(version))


@pytest.mark.parametrize(
    ("version", "soname", "status"), [("8.9.4.25", "libcudnn_ops_infer.so.8", 14), ("9.3.0.75", "libcudnn_ops.so.9", 1002)]
)
def test_a_part_of_another_cudnn_is_refused_and_its_own_accepted(
    builder: Builder, tmp_path: Path, version: str, soname: str, status: int
) -> None:
    create = "import ctypes, sys; h = ctypes.c_void_p(); print(ctypes.CDLL(sys.argv[1]).cudnnCreate(ctypes.byref(h)))"
    for library in cudnn(version, "12.2"):
        builder.install(library, tmp_path / "own")
    other = {"8.9.4.25": "8.6.0.163", "9.3.0.75": "9.1.0.70"}[version]
    builder.install(next(one for one in cudnn(other, "12.2") if one.soname == soname), tmp_path / "other")
    head = str(tmp_path / "own" / cudnn(version, "12.2")[0].soname)
    assert ask(create, head).stdout.strip() == "0"
    assert ask(create, head, variables={"LD_LIBRARY_PATH": str(tmp_path / "other")}).stdout.strip() == str(status)


def test_a_cudnn_without_its_parts_says_so_and_aborts(builder: Builder, tmp_path: Path) -> None:
    head = builder.install(cudnn("8.9.4.25", "12.2")[0], tmp_path)
    done = ask("import ctypes, sys; ctypes.CDLL(sys.argv[1]).cudnnCreate(ctypes.byref(ctypes.c_void_p()))", str(head))
    assert done.returncode == -6
    assert "Could not load library libcudnn_ops_infer.so.8" in done.stderr


def test_a_wheel_is_the_same_bytes_twice_and_installs_where_nvidias_does(builder: Builder, tmp_path: Path) -> None:
    wheel = next(one for one in wheels.SETS["2.21.0"] if one.name == "nvidia-cusolver-cu12")
    first, second = (wheels.write(wheel, builder, tmp_path / name) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert "nvidia/cusolver/lib/libcusolver.so.11" in zipfile.ZipFile(first).namelist()


def test_a_toolkit_has_links_by_soname_and_its_version_file(builder: Builder, tmp_path: Path) -> None:
    lib = toolkits.install(builder, tmp_path / "cuda-11.0", "11.0", "8.0.5")
    assert (lib / "libcudart.so.11.0").readlink() == Path("libcudart.so.11.0.221")
    assert (lib / "libcudnn.so.8").readlink() == Path("libcudnn.so.8.0.5")
    assert (lib.parent / "version.txt").read_text() == "CUDA Version 11.0.221\n"
    assert "#define CUDNN_MINOR 0" in (lib.parent / "include" / "cudnn_version.h").read_text()


def test_the_driver_reads_its_settings_from_the_environment(builder: Builder) -> None:
    libcuda = str(builder.file(driver_libraries()[0]))
    code = "import ctypes, sys; v = ctypes.c_int(); l = ctypes.CDLL(sys.argv[1]); l.cuDriverGetVersion(ctypes.byref(v)); print(v.value, l.cuInit(0))"
    told = ask(code, libcuda, variables={"FAKEGPU_CUDA": "11040", "FAKEGPU_CUINIT": "803"})
    assert told.stdout.split() == ["11040", "803"]
