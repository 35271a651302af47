"""Patients whose GPU libraries are the trouble, with the real TensorFlow: how each is staged, what it shows, what cures it.

The unit is ``Staged``: a real environment, a lab machine, the person's variables, and beside them the variables with
which the one cause is gone, as a person would try by hand. Each function makes a new environment in ``folder``
(seconds once uv's cache is warm) and changes nothing elsewhere.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, Sequence

from tests import patients
from tests.lab import toolkits, wheels
from tests.lab.build import Builder
from tests.lab.machine import Machine


@dataclass(frozen=True)
class Staged:
    """A staged patient. ``level`` is the first level of verify that fails; ``says`` is a part of what TensorFlow then says.

    ``cause`` is the slug of the one cause. ``variables`` are set as the person has them; with ``cured`` in their place it
    works. ``winner`` and ``right`` are the wrong file that is loaded and the right one, where a library is shadowed.
    """

    name: str
    patient: patients.Patient
    machine: Machine
    cause: str
    level: str
    says: str
    variables: Mapping[str, str] = field(default_factory=dict)
    cured: Mapping[str, str] = field(default_factory=dict)
    winner: str | None = None
    right: str | None = None


def environment(folder: Path, builder: Builder, release: str, python: str = "3.11", standins: bool = True) -> patients.Patient:
    """TensorFlow ``release`` in a new environment, with its stand-in nvidia-* wheels."""
    old = ["protobuf<3.21"] if release.startswith("2.4.") else []
    made = patients.make_patient(folder, python, [f"tensorflow=={release}", *old])
    if standins:
        house = wheels.write_sets(builder, folder.parent / "standins", release)
        # No cache: a wheel of the same name from an older build of the stand-ins must not come back.
        options = ["--no-cache", "--no-index", "--find-links", str(house)]
        _install(made, wheels.requirements(release), options)
    return made


def _install(patient: patients.Patient, requirements: Sequence[str], options: Sequence[str]) -> None:
    """Install into an environment that is there already."""
    argv = [patients.need("uv"), "pip", "install", "--quiet", "--python", patient.python, *options, *requirements]
    subprocess.run(argv, check=True, capture_output=True)


def wheel_file(patient: patients.Patient, folder: str, soname: str) -> str:
    """The path of a library in the environment's own wheels."""
    return str(patient.site_packages / "nvidia" / folder / "lib" / soname)


def wheel_folders(patient: patients.Patient) -> str:
    """Every nvidia/*/lib of the environment as a path list."""
    return ":".join(sorted(map(str, (patient.site_packages / "nvidia").glob("*/lib"))))


def tensorflow_2_21_without_cusolver(folder: Path, builder: Builder) -> Staged:
    """tensorflow[and-cuda]==2.21.0: the wheel's RUNPATH has no entry for nvidia/cusolver/lib. As published."""
    patient = environment(folder, builder, "2.21.0")
    order = (
        ("nvjitlink", "libnvJitLink.so.12"),
        ("cublas", "libcublasLt.so.12"),
        ("cublas", "libcublas.so.12"),
        ("cusparse", "libcusparse.so.12"),
        ("cusolver", "libcusolver.so.11"),
    )
    return Staged(
        "tensorflow 2.21.0 does not look into nvidia/cusolver/lib",
        patient,
        Machine(),
        "pip-nvidia-libs-not-found",
        "loader",
        "libcusolver.so.11",
        cured={"LD_PRELOAD": ":".join(wheel_file(patient, place, soname) for place, soname in order)},
        right=wheel_file(patient, "cusolver", "libcusolver.so.11"),
    )


def tensorflow_2_16_without_folders(folder: Path, builder: Builder) -> Staged:
    """tensorflow[and-cuda]==2.16.1: the RUNPATH of the library that opens them names cuda_runtime alone. As published."""
    patient = environment(folder, builder, "2.16.1")
    return Staged(
        "tensorflow 2.16.1 does not look into the nvidia folders",
        patient,
        Machine(),
        "pip-nvidia-libs-not-found",
        "loader",
        "libcudnn.so.8",
        cured={"LD_LIBRARY_PATH": wheel_folders(patient)},
        right=wheel_file(patient, "cudnn", "libcudnn.so.8"),
    )


def tensorflow_2_13_without_paths(folder: Path, builder: Builder) -> Staged:
    """TensorFlow 2.13.1, which has no RUNPATH for wheels, beside nvidia-*-cu11 wheels, and no LD_LIBRARY_PATH."""
    patient = environment(folder, builder, "2.13.1")
    return Staged(
        "tensorflow 2.13.1 with cu11 wheels that nothing points at",
        patient,
        Machine(),
        "pip-nvidia-libs-not-found",
        "loader",
        "libcudnn.so.8",
        cured={"LD_LIBRARY_PATH": wheel_folders(patient)},
        right=wheel_file(patient, "cudnn", "libcudnn.so.8"),
    )


def tensorflow_2_4_with_old_cudnn_first(folder: Path, builder: Builder) -> Staged:
    """TensorFlow 2.4.4 wants cuDNN 8.0; a 7.6.5 that somebody linked as libcudnn.so.8 comes first in LD_LIBRARY_PATH.

    No true libcudnn.so.8 is too old for a build with 8.0: the check compares minor versions. The link is the advice of the
    time ("ln -s libcudnn.so.7 libcudnn.so.8"), left where an old cuDNN was unpacked; the right one lies in the second folder.
    """
    patient = environment(folder / "env", builder, "2.4.4", "3.8", standins=False)
    stage = folder / "usr-local"
    old, new = stage / "cudnn-7.6.5", stage / "cuda-11.0"
    toolkits.add_cudnn(builder, old, "7.6.5", "10.1")
    (old / "lib64" / "libcudnn.so.8").symlink_to("libcudnn.so.7")
    toolkits.install(builder, new, "11.0", "8.0.5")
    first, second = "/usr/local/cudnn-7.6.5/lib64", "/usr/local/cuda-11.0/lib64"
    return Staged(
        "tensorflow 2.4.4 with an old cuDNN first in LD_LIBRARY_PATH",
        patient,
        Machine(over={"/usr/local": str(stage)}),
        "cudnn-shadowed",
        "convolution",
        "Failed to get convolution algorithm. This is probably because cuDNN failed to initialize",
        variables={"LD_LIBRARY_PATH": f"{first}:{second}"},
        cured={"LD_LIBRARY_PATH": second},
        winner=f"{first}/libcudnn.so.8",
        right=f"{second}/libcudnn.so.8",
    )


STAGES: dict[str, Callable[[Path, Builder], Staged]] = {
    "2.21.0": tensorflow_2_21_without_cusolver,
    "2.16.1": tensorflow_2_16_without_folders,
    "2.13.1": tensorflow_2_13_without_paths,
    "2.4.4": tensorflow_2_4_with_old_cudnn_first,
}
