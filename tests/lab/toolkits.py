"""CUDA toolkits as people have them outside an environment: a folder like /usr/local/cuda-11.0, made of stand-ins.

The unit is one toolkit: ``install(builder, folder, "11.0", cudnn="8.0.5")``. Real file names, links by soname, version.txt or
version.json, and cudnn_version.h, as NVIDIA's archives lay them out; nothing to compile with.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.build import Builder, cudnn, mathematics, runtime

# Full version of the runtime, then soname: version of the rest; from the release notes' component tables.
TOOLKITS: dict[str, tuple[str, dict[str, str]]] = {
    "10.0": ("10.0.130", {f"lib{name}.so.10.0": "10.0.130" for name in ("cublas", "cufft", "curand", "cusolver", "cusparse")}),
    "10.1": (
        "10.1.243",
        {
            "libcublas.so.10": "10.2.1.243",
            "libcublasLt.so.10": "10.2.1.243",
            "libcufft.so.10": "10.1.1.243",
            "libcurand.so.10": "10.1.1.243",
            "libcusolver.so.10": "10.2.0.243",
            "libcusparse.so.10": "10.3.0.243",
        },
    ),
    "11.0": (
        "11.0.221",
        {
            "libcublas.so.11": "11.2.0.252",
            "libcublasLt.so.11": "11.2.0.252",
            "libcufft.so.10": "10.2.1.245",
            "libcurand.so.10": "10.2.1.245",
            "libcusolver.so.10": "10.6.0.245",
            "libcusparse.so.11": "11.1.1.245",
        },
    ),
    "11.2": (
        "11.2.152",
        {
            "libcublas.so.11": "11.4.1.1043",
            "libcublasLt.so.11": "11.4.1.1043",
            "libcufft.so.10": "10.4.1.152",
            "libcurand.so.10": "10.2.3.152",
            "libcusolver.so.11": "11.1.0.152",
            "libcusparse.so.11": "11.4.1.1152",
        },
    ),
    "11.8": (
        "11.8.89",
        {
            "libcublas.so.11": "11.11.3.6",
            "libcublasLt.so.11": "11.11.3.6",
            "libcufft.so.10": "10.9.0.58",
            "libcurand.so.10": "10.3.0.86",
            "libcusolver.so.11": "11.4.1.48",
            "libcusparse.so.11": "11.7.5.86",
        },
    ),
    "12.2": (
        "12.2.140",
        {
            "libcublas.so.12": "12.2.5.6",
            "libcublasLt.so.12": "12.2.5.6",
            "libcufft.so.11": "11.0.8.103",
            "libcurand.so.10": "10.3.3.141",
            "libcusolver.so.11": "11.5.2.141",
            "libcusparse.so.12": "12.1.2.141",
            "libnvJitLink.so.12": "12.2.140",
        },
    ),
}


def install(builder: Builder, folder: Path, version: str, cudnn_version: str | None = None) -> Path:
    """Make the toolkit ``version`` at ``folder``, with cuDNN among its libraries when asked; returns its lib64."""
    full, held = TOOLKITS[version]
    lib = folder / "lib64"
    libraries = [(runtime(version), full)] + [(mathematics(soname, number), number) for soname, number in held.items()]
    for library, number in libraries:
        builder.install(library, lib, library.soname.split(".so.")[0] + ".so." + number)
    if tuple(map(int, version.split("."))) < (11, 1):
        (folder / "version.txt").write_text(f"CUDA Version {full}\n")
    else:
        (folder / "version.json").write_text(json.dumps({"cuda": {"name": "CUDA SDK", "version": full}}) + "\n")
    if cudnn_version:
        add_cudnn(builder, folder, cudnn_version, version)
    return lib


def add_cudnn(builder: Builder, folder: Path, version: str, cuda: str) -> None:
    """Put cuDNN ``version`` into the toolkit at ``folder``, as its archive's instructions say."""
    for library in cudnn(version, cuda):
        builder.install(library, folder / "lib64", f"{library.soname.split('.so.')[0]}.so.{version}")
    numbers = zip(("CUDNN_MAJOR", "CUDNN_MINOR", "CUDNN_PATCHLEVEL"), version.split("."))
    (folder / "include").mkdir(parents=True, exist_ok=True)
    (folder / "include" / "cudnn_version.h").write_text("".join(f"#define {name} {number}\n" for name, number in numbers))
