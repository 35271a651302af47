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


def parts_of_another(stage: Stage) -> None:
    """A folder of another release's parts, which LD_LIBRARY_PATH names: cuDNN opens its parts by name."""
    for library in cudnn("8.1.1", "11.2"):
        if "_infer" in library.soname:
            stage.builder.install(library, stage.local / "parts", f"{library.soname.split('.so.')[0]}.so.8.1.1")


def cusolver_linked(stage: Stage) -> None:
    """CUDA 11.2 with its libcusolver.so.11 linked as the libcusolver.so.10 that TensorFlow 2.4 opens, as a much copied answer advises."""
    lib = toolkits.install(stage.builder, stage.local / "cuda-11.2", "11.2", "8.1.1")
    (lib / "libcusolver.so.10").symlink_to("libcusolver.so.11")


def half_a_cudnn(stage: Stage) -> None:
    (stage.site / "nvidia" / "cudnn" / "lib" / "libcudnn_cnn_infer.so.8").unlink()


def both(*changes: Change) -> Change:
    def change(stage: Stage) -> None:
        for one in changes:
            one(stage)

    return change


def cudnn_in(name: str, version: str, cuda: str) -> Change:
    """cuDNN unpacked to /usr/local/NAME; the folder "lib" of "." is /usr/local/lib, which ld.so.cache knows."""

    def change(stage: Stage) -> None:
        if name == ".":
            for library in cudnn(version, cuda):
                stage.builder.install(library, stage.local / "lib", f"{library.soname.split('.so.')[0]}.so.{version}")
        else:
            toolkits.add_cudnn(stage.builder, stage.local / name, version, cuda)

    return change


def toolkit_known_to_the_cache(stage: Stage) -> None:
    """As a distribution's package does it: every library in a folder that ld.so.cache knows."""
    toolkits.install(stage.builder, stage.local / "cuda-11.2", "11.2", "8.1.1")
    shutil.copytree(stage.local / "cuda-11.2" / "lib64", stage.local / "lib", symlinks=True)


def no_part(soname: str) -> Change:
    def change(stage: Stage) -> None:
        (stage.site / "nvidia" / "cudnn" / "lib" / soname).unlink()

    return change


def cut_short(stage: Stage) -> None:
    """A full disk in the middle of an install: cuBLAS ends early, though its head is whole."""
    library = stage.site / "nvidia" / "cublas" / "lib" / "libcublas.so.12"
    content = library.read_bytes()[:6000]
    library.unlink()
    library.write_bytes(content)


def module_of_a_cudnn(stage: Stage) -> None:
    """What a computing centre's module adds: a file that is read, and a folder with an older cuDNN."""
    toolkits.add_cudnn(stage.builder, stage.local / "cudnn-8.1", "8.1.1", "11.2")
    file = stage.local / "modulefiles" / "cudnn" / "8.1"
    file.parent.mkdir(parents=True)
    file.write_text("#%Module1.0\nset root /usr/local/cudnn-8.1\nprepend-path LD_LIBRARY_PATH $root/lib64\n")


def links_to_nowhere(stage: Stage) -> None:
    """cuDNN linked into the toolkit from a folder that was tidied away later."""
    toolkit("11.2", "8.1.1")(stage)
    for library in (stage.local / "cuda-11.2" / "lib64").glob("libcudnn*"):
        library.unlink()
        library.symlink_to(f"/opt/cudnn-8.1/lib64/{library.name}")


def cudnn_in_the_current_folder(stage: Stage) -> None:
    for library in cudnn("9.1.0.70", "12.5"):
        stage.builder.install(library, stage.home)


PATH_11 = {"LD_LIBRARY_PATH": "/usr/local/cuda-11.0/lib64"}
_PATH_112 = {"LD_LIBRARY_PATH": "/usr/local/cuda-11.2/lib64"}
_1 = ("numpy<2",)
_ALL = ("cublas", "cuda-cupti", "cuda-nvcc", "cuda-nvrtc", "cuda-runtime", "cudnn", "cufft", "curand", "cusolver", "cusparse", "nccl", "nvjitlink")


def named() -> dict[str, str]:
    return {"LD_LIBRARY_PATH": ":".join(f"{{site}}/nvidia/{name.replace('cuda-', 'cuda_')}/lib" for name in _ALL)}


_TURING = Machine(gpu="RTX 2080 Ti")
_PATH_101 = {"LD_LIBRARY_PATH": "/usr/local/cuda-10.1/lib64"}
_PATH_100 = {"LD_LIBRARY_PATH": "/usr/local/cuda-10.0/lib64"}
# TensorFlow 1.15 opens its libraries when a device is made; what it computes there needs the private half of a real driver.
_LOOKS = "import tensorflow as tf\n\nprint(tf.__version__, tf.test.is_gpu_available())\n"


def _of_1_15(name: str, cause: str | None, change: Change, **given: object) -> Scenario:
    return Scenario(name, cause, "1.15.5", _TURING, standins=False, change=change, program=_LOOKS, **given)  # type: ignore[arg-type]


def without_file(change: Change, *names: str) -> Change:
    """``change``, and then those files of the toolkits gone, with the links to them."""

    def then(stage: Stage) -> None:
        change(stage)
        for name in names:
            for path in stage.local.glob(f"*/lib64/{name}*"):
                path.unlink()

    return then


_whole_100 = toolkit("10.0", "7.6.5")
toolkit_11_0 = toolkit("11.0", "8.0.5")

SCENARIOS = (
    _of_1_15("toolkit-on-the-path", None, _whole_100, variables=_PATH_100),
    _of_1_15("toolkit-not-on-the-path", "ld-library-path-missing", _whole_100, flip="toolkit-on-the-path"),
    _of_1_15("toolkit-without-cudart", "cuda-libs-missing", without_file(_whole_100, "libcudart"), variables=_PATH_100, flip="toolkit-on-the-path"),
    _of_1_15("toolkit-without-cudnn", "cudnn-missing", toolkit("10.0", None), variables=_PATH_100, flip="toolkit-on-the-path"),
    _of_1_15("toolkit-10-1-for-10-0", "cuda-libs-wrong-version", toolkit("10.1", "7.6.5"), variables=_PATH_101, flip="toolkit-on-the-path"),
    _of_1_15("cudnn-8-for-7", "cudnn-too-new", both(toolkit("10.0", None), cudnn_in("cuda-10.0", "8.0.5", "11.0")), variables=_PATH_100, flip="toolkit-on-the-path"),
    Scenario("toolkit-not-on-the-path", "ld-library-path-missing", "2.3.4", _TURING, standins=False, change=toolkit("10.1", "7.6.5"), flip="toolkit-on-the-path"),
    Scenario("toolkit-on-the-path", None, "2.3.4", _TURING, standins=False, change=toolkit("10.1", "7.6.5"), variables=_PATH_101),
    Scenario("toolkit-without-cudnn", "cudnn-missing", "2.3.4", _TURING, standins=False, change=toolkit("10.1", None), variables=_PATH_101, flip="toolkit-on-the-path"),
    Scenario("cusolver-not-searched", "pip-nvidia-libs-not-found", "2.21.0", _NEW, flip="cusolver-searched"),
    Scenario("folders-not-searched", "pip-nvidia-libs-not-found", "2.16.1", flip="folders-named"),
    Scenario("cu11-wheels-unnamed", "pip-nvidia-libs-not-found", "2.13.1", flip="cu11-wheels-named"),
    Scenario("linked-under-another-soname", "cudnn-shadowed", "2.4.4", standins=False, change=link_under_another_soname,
             variables={"LD_LIBRARY_PATH": "/usr/local/cudnn-7.6.5/lib64:/usr/local/cuda-11.0/lib64"}, flip="right-copy-first"),
    Scenario("right-copy-first", None, "2.4.4", standins=False, change=link_under_another_soname,
             variables={"LD_LIBRARY_PATH": "/usr/local/cuda-11.0/lib64:/usr/local/cudnn-7.6.5/lib64"}),
    Scenario("toolkit-not-on-the-path", "ld-library-path-missing", "2.4.4", standins=False, change=toolkit_11_0, flip="toolkit-on-the-path"),
    Scenario("toolkit-on-the-path", None, "2.4.4", standins=False, change=toolkit_11_0, variables=PATH_11),
    Scenario("toolkit-11-2-for-11-0", "cuda-libs-wrong-version", "2.4.4", standins=False, change=toolkit("11.2", "8.1.1"),
             variables={"LD_LIBRARY_PATH": "/usr/local/cuda-11.2/lib64"}, flip="toolkit-on-the-path"),
    Scenario("cudnn-in-a-folder-of-its-own", "ld-library-path-missing", "2.4.4", standins=False, change=both(toolkit("11.0", None), cudnn_in("cudnn", "8.0.5", "11.0")),
             variables=PATH_11, flip="cudnn-in-a-folder-that-is-named"),
    Scenario("cudnn-in-a-folder-that-is-named", None, "2.4.4", standins=False, change=both(toolkit("11.0", None), cudnn_in("cudnn", "8.0.5", "11.0")),
             variables={"LD_LIBRARY_PATH": "/usr/local/cuda-11.0/lib64:/usr/local/cudnn/lib64"}),
    Scenario("cusolver-11-linked-as-10", None, "2.4.4", standins=False, change=cusolver_linked, variables=_PATH_112, named="cuda-libs-wrong-version", flip="toolkit-on-the-path"),
    Scenario("toolkit-without-cudnn", "cudnn-missing", "2.4.4", standins=False, change=toolkit("11.0", None), variables=PATH_11, flip="toolkit-on-the-path"),
    Scenario("system-cudnn-first", "ld-library-path-shadows-env", change=old_cudnn_beside,
             variables={"LD_LIBRARY_PATH": "/usr/local/cudnn-8.1/lib64"}, flip="system-cudnn-unnamed"),
    Scenario("system-cudnn-unnamed", None, change=old_cudnn_beside),
    Scenario("module-loaded", "ld-library-path-shadows-env", change=module_of_a_cudnn, flip="module-unloaded",
             variables={"LD_LIBRARY_PATH": "/usr/local/cudnn-8.1/lib64", "LOADEDMODULES": "cudnn/8.1", "MODULEPATH": "/usr/local/modulefiles"}),
    Scenario("module-unloaded", None, change=module_of_a_cudnn, variables={"MODULEPATH": "/usr/local/modulefiles"}),
    Scenario("plain-pip", "cuda-libs-missing", standins=False, flip="healthy"),
    Scenario("plain-pip", "cuda-libs-missing", "2.20.0", _NEW, standins=False, flip="healthy"),
    Scenario("without-the-cudnn-wheel", "cudnn-missing", change=without("nvidia-cudnn-cu12"), flip="healthy"),
    Scenario("incomplete-cudnn", "environment-broken", change=half_a_cudnn, flip="healthy"),
    Scenario("cudnn-8-7-for-8-9", "cudnn-too-old", change=cudnn_at("8.7.0.84"), flip="cudnn-newer-minor"),
    Scenario("cudnn-9-for-8", "cudnn-too-new", change=cudnn_at("9.3.0.75"), flip="healthy"),
    Scenario("cudnn-newer-minor", None, change=cudnn_at("8.9.7.29")),
    Scenario("parts-of-another-release", "cudnn-shadowed", change=parts_of_another, variables={"LD_LIBRARY_PATH": "/usr/local/parts"}, flip="healthy"),
    Scenario("volta-with-9-11", "cudnn-drops-gpu", "2.20.0", _V100, change=cudnn_at("9.11.0.98"), flip="volta-with-9-10"),
    Scenario("volta-with-9-10", None, "2.20.0", _V100, change=cudnn_at("9.10.2.21")),
    Scenario("cudnn-of-two-majors-of-cuda", "nvidia-wheel-collision", "2.20.0", _NEW, change=cudnn_at("9.13.0.50", "cu13"), flip="healthy"),
    Scenario("cusolver-searched", None, "2.21.0", _NEW, variables={"LD_LIBRARY_PATH": "{site}/nvidia/cusolver/lib"}),
    Scenario("folders-named", None, "2.16.1", variables=named()),
    Scenario("cu11-wheels-named", None, "2.13.1", variables=named()),
    Scenario("toolkit-on-the-path", None, "2.10.1", change=toolkit("11.2", "8.1.1"), variables=_PATH_112, extra=_1),
    Scenario("toolkit-not-on-the-path", "ld-library-path-missing", "2.10.1", change=toolkit("11.2", "8.1.1"), extra=_1, flip="toolkit-on-the-path"),
    Scenario("toolkit-without-cudnn", "cudnn-missing", "2.10.1", change=toolkit("11.2", None), variables=_PATH_112, extra=_1, flip="toolkit-on-the-path"),
    Scenario("toolkit-11-0-for-11-2", "cuda-libs-wrong-version", "2.10.1", change=toolkit("11.0", "8.1.1"), variables=PATH_11, extra=_1, flip="toolkit-on-the-path"),
    Scenario("cudnn-8-0-for-8-1", "cudnn-too-old", "2.10.1", change=toolkit("11.2", "8.0.5"), variables=_PATH_112, extra=_1, flip="toolkit-on-the-path"),
    Scenario("cudnn-9-for-8", "cudnn-too-new", "2.10.1", change=both(toolkit("11.2", None), cudnn_in("cuda-11.2", "9.1.0", "11.8")), variables=_PATH_112, extra=_1, flip="toolkit-on-the-path"),
    Scenario("links-to-nowhere", "cudnn-missing", "2.10.1", change=links_to_nowhere, variables=_PATH_112, extra=_1, flip="toolkit-on-the-path"),
    Scenario("known-to-the-cache", None, "2.10.1", change=toolkit_known_to_the_cache, extra=_1),
    Scenario("old-cudnn-in-the-cache", "cudnn-too-old", "2.10.1", change=both(toolkit("11.2", None), cudnn_in(".", "8.0.5", "11.1")), variables=_PATH_112, extra=_1, flip="known-to-the-cache"),
    Scenario("old-cudnn-before-the-cache", "cudnn-shadowed", "2.10.1", change=both(toolkit_known_to_the_cache, cudnn_in("cudnn-8.0", "8.0.5", "11.1")),
             variables={"LD_LIBRARY_PATH": "/usr/local/cudnn-8.0/lib64"}, extra=_1, flip="known-to-the-cache"),
    Scenario("plain-pip", "cuda-libs-missing", "2.10.1", extra=_1, flip="toolkit-on-the-path"),
    Scenario("minus-one", "cuda-visible-devices", "2.10.1", change=toolkit("11.2", "8.1.1"), variables={**_PATH_112, "CUDA_VISIBLE_DEVICES": "-1"}, extra=_1, flip="toolkit-on-the-path"),
    Scenario("branch-440", "driver-too-old", "2.10.1", Machine(driver="440.33.01", cuda="10.2", gpu="RTX 2080 Ti"), change=toolkit("11.2", "8.1.1"), variables=_PATH_112, extra=_1, flip="toolkit-on-the-path"),
    Scenario("numpy-2-as-resolved", "numpy-abi", "2.10.1", change=toolkit("11.2", "8.1.1"), variables=_PATH_112, extra=("numpy==2.2.6",), flip="toolkit-on-the-path"),
    Scenario("plain-pip", "cuda-libs-missing", "2.4.4", standins=False, flip="toolkit-on-the-path"),
    Scenario("cudnn-9-1-for-9-3", "cudnn-too-old", "2.20.0", _NEW, change=cudnn_at("9.1.0.70"), flip="healthy"),
    Scenario("incomplete-cudnn", "environment-broken", "2.20.0", _NEW, change=no_part("libcudnn_ops.so.9"), flip="healthy"),
    Scenario("cut-short-cublas", "environment-broken", "2.20.0", _NEW, change=cut_short, flip="healthy"),
    Scenario("empty-element", "ld-library-path-shadows-env", "2.20.0", _NEW, change=cudnn_in_the_current_folder, variables={"LD_LIBRARY_PATH": ":/usr/local/lib64"}, flip="no-empty-element"),
    Scenario("no-empty-element", None, "2.20.0", _NEW, change=cudnn_in_the_current_folder, variables={"LD_LIBRARY_PATH": "/usr/local/lib64"}),
    Scenario("without-nvjitlink", "cuda-libs-missing", "2.20.0", _NEW, change=without("nvidia-nvjitlink-cu12"), flip="healthy"),
    Scenario("without-cublas", "cuda-libs-missing", change=without("nvidia-cublas-cu12"), flip="healthy"),
    Scenario("system-cudnn-first", "ld-library-path-shadows-env", "2.20.0", _NEW, change=cudnn_in("cudnn-9.0", "9.0.0", "12.3"),
             variables={"LD_LIBRARY_PATH": "/usr/local/cudnn-9.0/lib64"}, flip="healthy"),
)  # fmt: skip
