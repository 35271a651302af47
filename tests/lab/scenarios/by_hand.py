"""Patients that were first broken by hand, the truth written down before convfix looked: what it taught, kept.

Releases 2.16 to 2.21 above all, and doors that no other scenario uses: LD_PRELOAD, the order of ld.so.cache, a folder that a
``.pth`` file puts first, a value that Keras refuses, a card that is kept for a virtual machine.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.lab import toolkits, wheels
from tests.lab.machine import CARDS, Machine
from tests.lab.scenarios.drivers import libcuda
from tests.lab.scenarios.libraries import cudnn_at, cudnn_in, without
from tests.lab.scenarios.packages import Change, keras_file, over
from tests.lab.scenarios.scenario import Scenario, Stage

_NEW = Machine(driver="580.65.06", cuda="13.0")
_GIVEN = {name: replace(CARDS[name], held_by="vfio-pci") for name in ("RTX 3080", "RTX 2080 Ti")}
_ONE_GIVEN = Machine(driver="580.65.06", cuda="13.0", more=(_GIVEN["RTX 2080 Ti"],))
_ONE_CLOSED = Machine(driver="580.65.06", cuda="13.0", more=("RTX 2080 Ti",), settings={"FAKEGPU_COMPUTE_MODE_1": "2"})
_BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
_FIRST = {"LD_LIBRARY_PATH": "{site}/nvidia/cusolver/lib:/usr/local/old/lib"}
_SYMBOL = "extern int _ZN10tensorflow8OpKernelD2Ev(void); int SE_InitPlugin(void) { return _ZN10tensorflow8OpKernelD2Ev(); }"
_NAME = "intel_extension_for_tensorflow-2.13.0.1.dist-info"


def file_first(content: bytes) -> Change:
    """A libcudnn.so.9 of these bytes in a folder that LD_LIBRARY_PATH names."""

    def change(stage: Stage) -> None:
        folder = stage.local / "old" / "lib"
        folder.mkdir(parents=True)
        (folder / "libcudnn.so.9").write_bytes(content)

    return change


def _of_32_bits() -> bytes:
    """The head of an ELF file of another class, which the loader passes over."""
    head = bytearray(Path(sys.executable).read_bytes()[:4096])
    head[4], head[18:20] = 1, (3).to_bytes(2, "little")
    return bytes(head)


def libcuda_in(folder: str, answer: int, name: str | None = None) -> Change:
    """A libcuda whose cuInit gives this answer, copied to /usr/local/FOLDER; "lib" is one that ld.so.cache knows first."""

    def change(stage: Stage) -> None:
        stage.builder.install(libcuda(answer), stage.local / folder, name)

    return change


def device_plugin(with_library: bool) -> Change:
    """Intel's device plugin for 2.13, with the library that TensorFlow loads at its import or without."""

    def change(stage: Stage) -> None:
        folder, info = stage.site / "tensorflow-plugins", stage.site / _NAME
        folder.mkdir()
        info.mkdir()
        listed = [f"{_NAME}/METADATA", f"{_NAME}/RECORD"]
        if with_library:
            listed.append("tensorflow-plugins/libitex_gpu.so")
            argv = [str(stage.builder.compiler), "-shared", "-fPIC", "-o", str(folder / "libitex_gpu.so"), "-x", "c", "-"]
            subprocess.run(argv, input=_SYMBOL, text=True, check=True, capture_output=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: intel-extension-for-tensorflow\nVersion: 2.13.0.1\n")
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in listed))

    return change


def folder_of_the_team(first: bool) -> Change:
    """A ``.pth`` file names a folder with NumPy 2: by code before the environment's own, or as a line after it."""

    def change(stage: Stage) -> None:
        team = stage.home / "team"
        stage.install("--target", str(team), "numpy==2.2.6")
        line = f"import sys; sys.path.insert(0, {str(team)!r})" if first else str(team)
        (stage.site / "team.pth").write_text(line + "\n")

    return change


def toolkit_at_home(stage: Stage) -> None:
    toolkits.install(stage.builder, stage.home / "cuda-11.2", "11.2", "8.1.1")


def placeholder(stage: Stage) -> None:
    """NVIDIA's first upload of the wheel: a name, and no library."""
    without("nvidia-cudnn-cu12")(stage)
    stage.standins(wheels.Wheel("nvidia-cudnn-cu12", "0.0.1.dev5", "cudnn"))


def _preload(version: str) -> dict[str, str]:
    return {"LD_PRELOAD": f"/usr/local/cudnn-{version}/lib64/libcudnn.so.9"}


SCENARIOS = (
    Scenario("healthy", None, "2.17.1"),
    Scenario("healthy", None, "2.18.1", _NEW),
    Scenario("healthy", None, "2.19.1", _NEW),
    Scenario("given-to-a-virtual-machine", "driver-not-loaded", machine=Machine(gpu=_GIVEN["RTX 3080"]), flip="healthy"),
    Scenario("given-to-a-virtual-machine", "driver-not-loaded", "2.20.0", replace(_NEW, gpu=_GIVEN["RTX 3080"]), flip="healthy"),
    Scenario("second-given-to-a-virtual-machine", None, "2.20.0", _ONE_GIVEN, named="driver-not-loaded", flip="healthy"),
    Scenario("number-of-the-card-given-away", "cuda-visible-devices", "2.20.0", _ONE_GIVEN, variables={"CUDA_VISIBLE_DEVICES": "1"}, flip="number-of-the-card-that-is-left"),
    Scenario("number-of-the-card-that-is-left", None, "2.20.0", _ONE_GIVEN, variables={"CUDA_VISIBLE_DEVICES": "0"}),
    Scenario("one-of-two-prohibited", "gpu-busy", "2.20.0", _ONE_CLOSED, flip="open-card-picked"),
    Scenario("prohibited-card-picked", "gpu-busy", "2.20.0", _ONE_CLOSED, variables={"CUDA_VISIBLE_DEVICES": "1", **_BUS}, flip="open-card-picked"),
    Scenario("open-card-picked", None, "2.20.0", _ONE_CLOSED, variables={"CUDA_VISIBLE_DEVICES": "0", **_BUS}),
    Scenario("old-cudnn-preloaded", "cudnn-shadowed", "2.20.0", _NEW, change=cudnn_in("cudnn-9.0.0", "9.0.0", "12.3"), variables=_preload("9.0.0"), flip="right-cudnn-preloaded"),
    Scenario("right-cudnn-preloaded", None, "2.20.0", _NEW, change=cudnn_in("cudnn-9.5.1", "9.5.1", "12.5"), variables=_preload("9.5.1")),
    Scenario("stub-by-the-cache", "libcuda-stub-loaded", "2.20.0", _NEW, change=libcuda_in("lib", 34), flip="stub-in-its-toolkit"),
    Scenario("stub-in-its-toolkit", None, "2.20.0", _NEW, change=libcuda_in("cuda-12.5/lib64/stubs", 34)),
    Scenario("empty-file-first", "ld-library-path-shadows-env", "2.21.0", _NEW, change=file_first(b""), variables=_FIRST, flip="file-of-32-bits-first"),
    Scenario("file-of-32-bits-first", None, "2.21.0", _NEW, change=file_first(_of_32_bits()), variables=_FIRST),
    Scenario("compat-by-the-cache", "cuda-compat-lib", "2.17.1", Machine(driver="470.256.02", cuda="11.4"), change=libcuda_in("lib", 804, "libcuda.so.545.23.08"), flip="healthy"),
    Scenario("numpy-2-put-first-by-a-pth-file", "user-site-leak", "2.17.1", change=folder_of_the_team(True), flip="numpy-2-named-by-a-pth-file"),
    Scenario("numpy-2-named-by-a-pth-file", None, "2.17.1", change=folder_of_the_team(False)),
    Scenario("keras-2-15", "keras-tf-mismatch", "2.17.1", change=over("keras==2.15.0"), flip="healthy"),
    Scenario("value-that-keras-refuses", "keras-backend-setting", "2.18.1", _NEW, change=keras_file('{"floatx": "float8"}'), flip="value-that-keras-takes"),
    Scenario("value-that-keras-takes", None, "2.18.1", _NEW, change=keras_file('{"floatx": "float32"}')),
    Scenario("device-plugin-of-2-13", "plugin-built-for-other-tf", "2.18.1", _NEW, change=device_plugin(True), flip="device-plugin-without-its-library"),
    Scenario("device-plugin-without-its-library", None, "2.18.1", _NEW, change=device_plugin(False)),
    Scenario("numpy-1-23", "numpy-abi", "2.18.1", _NEW, change=over("numpy==1.23.5"), flip="healthy"),
    Scenario("name-without-a-library", "cudnn-missing", "2.19.1", _NEW, change=placeholder, flip="healthy"),
    Scenario("cudnn-8-for-9", "cudnn-too-old", "2.19.1", _NEW, change=cudnn_at("8.9.7.29"), flip="healthy"),
    Scenario("tilde-that-no-shell-expanded", "ld-library-path-missing", "2.10.1", change=toolkit_at_home, variables={"LD_LIBRARY_PATH": "~/cuda-11.2/lib64"}, extra=("numpy<2",), flip="folder-at-home"),
    Scenario("folder-at-home", None, "2.10.1", change=toolkit_at_home, variables={"LD_LIBRARY_PATH": "{home}/cuda-11.2/lib64"}, extra=("numpy<2",)),
)  # fmt: skip
