"""Stand-in nvidia-* wheels: the names, versions, paths and sonames of the wheels that TensorFlow's releases ask for.

    python -m tests.lab.wheels FOLDER       every wheel, about 1 MB

The unit is ``Wheel``. ``SETS`` holds what ``tensorflow[and-cuda]`` of a release pins (its METADATA), and the cu11 set that
people install by hand beside TensorFlow 2.13. Headers, licences and everything else of the true wheels are left out.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab.build import Builder, Library, cudnn, mathematics, runtime

# An empty LLVM module for nvptx64 (a target triple and a data layout, nothing else): TensorFlow's kernel generator wants
# to link libdevice before it hands its PTX to the driver, and the stand-in driver takes any PTX.
LIBDEVICE = Path(__file__).parent / "stubs" / "libdevice.10.bc"


@dataclass(frozen=True)
class Wheel:
    """One wheel: ``folder`` is "cudnn" for nvidia/cudnn/lib."""

    name: str
    version: str
    folder: str
    libraries: tuple[Library, ...] = ()


def _set(suffix: str, cuda: str, versions: dict[str, str], sonames: dict[str, tuple[str, ...]]) -> tuple[Wheel, ...]:
    """The wheels of one set: ``versions`` by library, ``sonames`` by library."""
    folders = {"cuda-runtime": "cuda_runtime", "cuda-cupti": "cuda_cupti", "cuda-nvcc": "cuda_nvcc", "cuda-nvrtc": "cuda_nvrtc"}
    made = []
    for library, version in versions.items():
        if library == "cuda-runtime":
            held: tuple[Library, ...] = (runtime(cuda),)
        elif library == "cudnn":
            held = cudnn(version, cuda)
        else:
            held = tuple(mathematics(soname, version) for soname in sonames.get(library, ()))
        made.append(Wheel(f"nvidia-{library}-{suffix}", version, folders.get(library, library), held))
    return tuple(made)


_CU12_SONAMES = {
    "cublas": ("libcublas.so.12", "libcublasLt.so.12"),
    "cufft": ("libcufft.so.11",),
    "curand": ("libcurand.so.10",),
    "cusolver": ("libcusolver.so.11",),
    "cusparse": ("libcusparse.so.12",),
    "nvjitlink": ("libnvJitLink.so.12",),
    "nccl": ("libnccl.so.2",),
    "cuda-cupti": ("libcupti.so.12",),
    "cuda-nvrtc": ("libnvrtc.so.12",),
}
_CU11_SONAMES = {
    "cublas": ("libcublas.so.11", "libcublasLt.so.11"),
    "cufft": ("libcufft.so.10",),
    "curand": ("libcurand.so.10",),
    "cusolver": ("libcusolver.so.11",),
    "cusparse": ("libcusparse.so.11",),
    "nccl": ("libnccl.so.2",),
}
_ORDER = ("cublas", "cuda-cupti", "cuda-nvcc", "cuda-nvrtc", "cuda-runtime", "cudnn", "cufft", "curand", "cusolver", "cusparse")
_CU12_ORDER = (*_ORDER, "nccl", "nvjitlink")


def _cu12(cuda: str, versions: str) -> tuple[Wheel, ...]:
    return _set("cu12", cuda, dict(zip(_CU12_ORDER, versions.split())), _CU12_SONAMES)


_CU11_ORDER = (*(name for name in _ORDER if name != "cuda-nvrtc"), "nccl")
_HAND_CU11 = _set(
    "cu11",
    "11.8",
    dict(
        zip(
            ("cublas", "cuda-runtime", "cudnn", "cufft", "curand", "cusolver", "cusparse"),
            "11.11.3.6 11.8.89 8.6.0.163 10.9.0.58 10.3.0.86 11.4.1.48 11.7.5.86".split(),
        )
    ),
    _CU11_SONAMES,
)

SETS = {
    # no extra names these: TensorFlow 2.12 and 2.13 are built for CUDA 11.8 and cuDNN 8.6
    "2.12.1": _HAND_CU11,
    "2.13.1": _HAND_CU11,
    # tensorflow[and-cuda] of the release, exact pins
    "2.14.1": _set("cu11", "11.8", dict(zip(_CU11_ORDER, "11.11.3.6 11.8.87 11.8.89 11.8.89 8.7.0.84 10.9.0.58 10.3.0.86 11.4.1.48 11.7.5.86 2.16.5".split())), _CU11_SONAMES),
    "2.15.1": _cu12("12.2", "12.2.5.6 12.2.142 12.2.140 12.2.140 12.2.140 8.9.4.25 11.0.8.103 10.3.3.141 11.5.2.141 12.1.2.141 2.16.5 12.2.140"),
    "2.16.1": _cu12("12.3", "12.3.4.1 12.3.101 12.3.107 12.3.107 12.3.101 8.9.7.29 11.0.12.1 10.3.4.107 11.5.4.101 12.2.0.103 2.19.3 12.3.101"),
    "2.17.1": _cu12("12.3", "12.3.4.1 12.3.101 12.3.107 12.3.107 12.3.101 8.9.7.29 11.0.12.1 10.3.4.107 11.5.4.101 12.2.0.103 2.19.3 12.3.101"),
    "2.18.1": _cu12("12.5", "12.5.3.2 12.5.82 12.5.82 12.5.82 12.5.82 9.3.0.75 11.2.3.61 10.3.6.82 11.6.3.83 12.5.1.3 2.21.5 12.5.82"),
    "2.19.1": _cu12("12.5", "12.5.3.2 12.5.82 12.5.82 12.5.82 12.5.82 9.3.0.75 11.2.3.61 10.3.6.82 11.6.3.83 12.5.1.3 2.23.4 12.5.82"),
    # from 2.20 on the pins are ranges; these are their lower ends
    "2.20.0": _cu12("12.5", "12.5.3.2 12.5.82 12.5.82 12.5.82 12.5.82 9.3.0.75 11.2.3.61 10.3.6.82 11.6.3.83 12.5.1.3 2.25.1 12.5.82"),
    "2.21.0": _cu12("12.5", "12.5.3.2 12.5.82 12.5.82 12.5.82 12.5.82 9.3.0.75 11.2.3.61 10.3.6.82 11.6.3.83 12.5.1.3 2.27.7 12.5.82"),
}


def like(requirement: str, cuda: str) -> Wheel | None:
    """The stand-in of ``nvidia-NAME-cu12==VERSION``, built for CUDA ``cuda``; None for anything else."""
    name, _, version = requirement.partition("==")
    parts = re.fullmatch(r"nvidia-(.+)-(cu1[12])", name)
    if parts is None or not version:
        return None
    return _set(parts[2], cuda, {parts[1]: version}, {"cu11": _CU11_SONAMES, "cu12": _CU12_SONAMES}[parts[2]])[0]


def requirements(release: str) -> tuple[str, ...]:
    """``name==version`` of each wheel of a set."""
    return tuple(f"{wheel.name}=={wheel.version}" for wheel in SETS[release])


def write(wheel: Wheel, builder: Builder, folder: Path) -> Path:
    """Make the wheel file in ``folder``; returns its path. The same input gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    package = wheel.name.replace("-", "_")
    info = f"{package}-{wheel.version}.dist-info"
    files = {f"nvidia/{part}__init__.py": b"" for part in ("", f"{wheel.folder}/", f"{wheel.folder}/lib/")}
    for library in wheel.libraries:
        files[f"nvidia/{wheel.folder}/lib/{library.soname}"] = builder.file(library).read_bytes()
    if wheel.folder == "cuda_nvcc":
        files["nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc"] = LIBDEVICE.read_bytes()
    summary = "Summary: a stand-in for tests, without code of NVIDIA\n"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {wheel.name}\nVersion: {wheel.version}\n{summary}".encode()
    tag = "py3-none-manylinux1_x86_64"
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    files[f"{info}/RECORD"] = ("".join(map(_recorded, files.items())) + f"{info}/RECORD,,\n").encode()
    path = folder / f"{package}-{wheel.version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return path


def _recorded(item: tuple[str, bytes]) -> str:
    name, content = item
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def write_sets(builder: Builder, folder: Path, *releases: str) -> Path:
    """Every wheel of the named sets (all sets when none is named) into ``folder``, a place for --find-links."""
    for release in releases or SETS:
        for wheel in SETS[release]:
            write(wheel, builder, folder)
    return folder


def main() -> int:
    folder = write_sets(Builder(), Path(sys.argv[1]))
    for path in sorted(folder.iterdir()):
        print(path.name, path.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
