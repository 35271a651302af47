"""The card, the driver's halves, what is visible of them."""

from __future__ import annotations

from tests.lab.machine import Card, Machine
from tests.lab.scenarios.scenario import Scenario, Stage

RTX_5090 = Card("NVIDIA GeForce RTX 5090", "10de:2b85", "12.0", 32607)
_BUS = "/sys/bus/pci/devices/0000:01:00.0"
_SECURE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (archlinux-builder@)  Tue Apr 29 2025\n"
_NO_UVM = {"tree:/dev/nvidia-uvm": None, "tree:/dev/nvidia-uvm-tools": None, "gone:/dev": ["nvidia-uvm", "nvidia-uvm-tools"]}
UBUNTU = 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nNAME="Ubuntu"\nVERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\n'
NO_DRIVER = Machine(driver=None, kernel_module=None, kernel_driver=None, nvidia_smi=False)


def stub_first(stage: Stage) -> None:
    """A toolkit's stub libcuda under the soname, as a much copied answer advises."""
    from tests.lab.build import driver_libraries

    folder = stage.local / "cuda-12.2" / "lib64" / "stubs"
    for library in driver_libraries():
        if library.soname == "libcuda.so.1":
            stage.builder.install(library, folder, "libcuda.so")
    (folder / "libcuda.so.1").unlink(missing_ok=True)
    (folder / "libcuda.so.1").symlink_to("libcuda.so")


def compat_first(stage: Stage) -> None:
    """cuda-compat's newer libcuda beside an older driver."""
    from tests.lab.build import driver_libraries

    folder = stage.local / "cuda-12.2" / "compat"
    for library in driver_libraries():
        if library.soname == "libcuda.so.1":
            stage.builder.install(library, folder, "libcuda.so.535.104.05")


SCENARIOS = (
    Scenario("healthy", None),
    Scenario("healthy", None, "2.20.0", Machine(driver="580.65.06", cuda="13.0")),
    Scenario("library-newer-than-module", "driver-library-mismatch", machine=Machine(driver="535.183.01", kernel_module="535.104.05")),
    Scenario("stray-older-library", "driver-library-mismatch", machine=Machine(driver="525.125.06", kernel_module="535.104.05")),
    Scenario("module-not-loaded", "driver-not-loaded", machine=Machine(kernel_module=None, kernel_driver=None)),
    Scenario("no-driver-at-all", "driver-not-loaded", machine=NO_DRIVER),
    Scenario("held-by-nouveau", "nouveau-active", machine=Machine(driver=None, kernel_module=None, kernel_driver="nouveau", nvidia_smi=False)),
    Scenario("nodes-for-root-alone", "device-permissions", machine=Machine(node_mode=0o600)),
    Scenario("container-without-uvm-node", "uvm-or-driver-state", said={"file:/.dockerenv": "", **_NO_UVM}),
    Scenario("uvm-node-comes-on-demand", None, said=_NO_UVM),
    Scenario("branch-470", "driver-too-old", machine=Machine(driver="470.256.02", cuda="11.4")),
    Scenario("branch-470", "driver-too-old", "2.21.0", machine=Machine(driver="470.256.02", cuda="11.4")),
    Scenario("kepler", "gpu-arch-too-old", machine=Machine(gpu="Tesla K80", driver="470.256.02", cuda="11.4")),
    Scenario("blackwell", "gpu-arch-too-new", machine=Machine(gpu=RTX_5090, driver="580.65.06", cuda="13.0"), said={"file:/proc/driver/nvidia/version": _OPEN.format("580.65.06")}),
    Scenario("blackwell", "gpu-arch-too-new", "2.20.0", machine=Machine(gpu=RTX_5090, driver="580.65.06", cuda="13.0"), said={"file:/proc/driver/nvidia/version": _OPEN.format("580.65.06")}),
    Scenario("open-module-for-pascal", "driver-wrong-module-flavour", machine=Machine(gpu="GTX 1080"), said={"file:/proc/driver/nvidia/version": _OPEN.format("535.104.05")}),
    Scenario("closed-module-for-pascal", None, machine=Machine(gpu="GTX 1080")),
    Scenario("memory-held", "gpu-memory-held", machine=Machine(used_mib=10100)),
    Scenario("memory-free", None, machine=Machine(used_mib=1000)),
    Scenario("minus-one", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": "-1"}),
    Scenario("empty", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": ""}),
    Scenario("index-of-no-card", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": "3"}),
    Scenario("the-card-itself", None, variables={"CUDA_VISIBLE_DEVICES": "0"}),
    Scenario("no-card", None, machine=Machine(gpu=None, driver=None, kernel_module=None, nvidia_smi=False)),
    Scenario("docker-without-gpus", "container-without-gpu", machine=Machine(driver=None, kernel_module="535.104.05", device_nodes=False, nvidia_smi=False), said={"file:/.dockerenv": ""}),
    Scenario("docker-with-gpus", None, said={"file:/.dockerenv": ""}),
    Scenario("unsigned-module", "secure-boot", machine=Machine(kernel_module=None, kernel_driver=None), said={f"file:{_SECURE}": "\u0006\u0000\u0000\u0000\u0001", "tree:/sys/firmware/efi": {"entries": ["efivars"]}, "file:/etc/os-release": UBUNTU}, distro="ubuntu22.04"),
    Scenario("stub-first", "libcuda-stub-loaded", change=stub_first, variables={"LD_LIBRARY_PATH": "/usr/local/cuda-12.2/lib64/stubs"}),
    Scenario("compat-first", "cuda-compat-lib", machine=Machine(driver="470.256.02", cuda="11.4"), change=compat_first, variables={"LD_LIBRARY_PATH": "/usr/local/cuda-12.2/compat"}),
)  # fmt: skip
