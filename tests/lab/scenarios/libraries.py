"""CUDA's libraries and cuDNN: missing, hidden, of the wrong version, where nothing looks."""

from __future__ import annotations

import shutil
from typing import Callable

from tests.lab import toolkits, wheels
from tests.lab.build import cudnn
from tests.lab.machine import Machine
from tests.lab.scenarios.scenario import Scenario, Stage

Change = Callable[[Stage], None]
_NEW = Machine(driver="580.65.06", cuda="13.0")
_V100 = Machine(gpu="Tesla V100", driver="580.65.06", cuda="13.0")


def _cudnn_wheel(version: str, suffix: str = "cu12", cuda: str = "12.5") -> wheels.Wheel:
    return wheels.Wheel(f"nvidia-cudnn-{suffix}", version, "cudnn", cudnn(version, cuda))


def cudnn_at(version: str, suffix: str = "cu12") -> Change:
    def change(stage: Stage) -> None:
        stage.standins(_cudnn_wheel(version, suffix))

    return change


def without(*names: str) -> Change:
    def change(stage: Stage) -> None:
        stage.uninstall(*names)

    return change


def toolkit(version: str, cudnn_version: str | None) -> Change:
    def change(stage: Stage) -> None:
        toolkits.install(stage.builder, stage.local / f"cuda-{version}", version, cudnn_version)

    return change


def old_cudnn_beside(stage: Stage) -> None:
    """A system-wide cuDNN 8.1 in a folder that LD_LIBRARY_PATH names, older than the environment's 8.9."""
    toolkits.add_cudnn(stage.builder, stage.local / "cudnn-8.1", "8.1.1", "11.2")


def link_under_another_soname(stage: Stage) -> None:
    """cuDNN 7.6.5 linked as libcudnn.so.8, before a right 8.0.5."""
    toolkits.add_cudnn(stage.builder, stage.local / "cudnn-7.6.5", "7.6.5", "10.1")
    (stage.local / "cudnn-7.6.5" / "lib64" / "libcudnn.so.8").symlink_to("libcudnn.so.7")
    toolkits.install(stage.builder, stage.local / "cuda-11.0", "11.0", "8.0.5")


def mixed_parts(stage: Stage) -> None:
    """One part of cuDNN in the environment is of another release: an upgrade that was cut short."""
    stage.standins(_cudnn_wheel("8.9.7.29", cuda="12.2"))
    folder = stage.site / "nvidia" / "cudnn" / "lib"
    kept = folder.parent.parent.parent / "kept"
    shutil.copytree(folder, kept)
    stage.standins(_cudnn_wheel("8.9.4.25", cuda="12.2"))
    shutil.copy2(kept / "libcudnn_ops_infer.so.8", folder / "libcudnn_ops_infer.so.8")
    shutil.rmtree(kept)


def half_a_cudnn(stage: Stage) -> None:
    (stage.site / "nvidia" / "cudnn" / "lib" / "libcudnn_cnn_infer.so.8").unlink()


_PATH_11 = {"LD_LIBRARY_PATH": "/usr/local/cuda-11.0/lib64"}
_ALL = ("cublas", "cuda-cupti", "cuda-nvcc", "cuda-nvrtc", "cuda-runtime", "cudnn", "cufft", "curand", "cusolver", "cusparse", "nccl", "nvjitlink")
SCENARIOS = (
    Scenario("cusolver-not-searched", "pip-nvidia-libs-not-found", "2.21.0", _NEW),
    Scenario("folders-not-searched", "pip-nvidia-libs-not-found", "2.16.1"),
    Scenario("cu11-wheels-unnamed", "pip-nvidia-libs-not-found", "2.13.1"),
    Scenario("linked-under-another-soname", "cudnn-shadowed", "2.4.4", standins=False, change=link_under_another_soname,
             variables={"LD_LIBRARY_PATH": "/usr/local/cudnn-7.6.5/lib64:/usr/local/cuda-11.0/lib64"}),
    Scenario("right-copy-first", None, "2.4.4", standins=False, change=link_under_another_soname,
             variables={"LD_LIBRARY_PATH": "/usr/local/cuda-11.0/lib64:/usr/local/cudnn-7.6.5/lib64"}),
    Scenario("toolkit-not-on-the-path", "ld-library-path-missing", "2.4.4", standins=False, change=toolkit("11.0", "8.0.5")),
    Scenario("toolkit-on-the-path", None, "2.4.4", standins=False, change=toolkit("11.0", "8.0.5"), variables=_PATH_11),
    Scenario("toolkit-11-2-for-11-0", "cuda-libs-wrong-version", "2.4.4", standins=False, change=toolkit("11.2", "8.1.1"),
             variables={"LD_LIBRARY_PATH": "/usr/local/cuda-11.2/lib64"}),
    Scenario("toolkit-without-cudnn", "cudnn-missing", "2.4.4", standins=False, change=toolkit("11.0", None), variables=_PATH_11),
    Scenario("system-cudnn-first", "ld-library-path-shadows-env", change=old_cudnn_beside,
             variables={"LD_LIBRARY_PATH": "/usr/local/cudnn-8.1/lib64"}),
    Scenario("system-cudnn-unnamed", None, change=old_cudnn_beside),
    Scenario("plain-pip", "cuda-libs-missing", standins=False),
    Scenario("plain-pip", "cuda-libs-missing", "2.20.0", _NEW, standins=False),
    Scenario("without-the-cudnn-wheel", "cudnn-missing", change=without("nvidia-cudnn-cu12")),
    Scenario("incomplete-cudnn", "environment-broken", change=half_a_cudnn),
    Scenario("cudnn-8-7-for-8-9", "cudnn-too-old", change=cudnn_at("8.7.0.84")),
    Scenario("cudnn-9-for-8", "cudnn-too-new", change=cudnn_at("9.3.0.75")),
    Scenario("cudnn-newer-minor", None, change=cudnn_at("8.9.7.29")),
    Scenario("parts-of-two-releases", "cudnn-shadowed", change=mixed_parts),
    Scenario("volta-with-9-11", "cudnn-drops-gpu", "2.20.0", _V100, change=cudnn_at("9.11.0.98")),
    Scenario("volta-with-9-10", None, "2.20.0", _V100, change=cudnn_at("9.10.2.21")),
    Scenario("cudnn-of-two-majors-of-cuda", "nvidia-wheel-collision", "2.20.0", _NEW, change=cudnn_at("9.13.0.50", "cu13")),
)  # fmt: skip
