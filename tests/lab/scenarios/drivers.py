"""The card, the driver's halves, what is visible of them."""

from __future__ import annotations

from tests.lab.build import Library
from tests.lab.machine import Card, Machine
from tests.lab.scenarios.scenario import Scenario, Stage

RTX_5090 = Card("NVIDIA GeForce RTX 5090", "10de:2b85", "12.0", 32607, 170)
_BUS = "/sys/bus/pci/devices/0000:01:00.0"
_SECURE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (archlinux-builder@)  Tue Apr 29 2025\n"
_NO_UVM = {"tree:/dev/nvidia-uvm": None, "tree:/dev/nvidia-uvm-tools": None, "gone:/dev": ["nvidia-uvm", "nvidia-uvm-tools"]}
UBUNTU = 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nNAME="Ubuntu"\nVERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\n'
NO_DRIVER = Machine(driver=None, kernel_module=None, kernel_driver=None, nvidia_smi=False)


def libcuda(answer: int) -> Library:
    """A libcuda whose cuInit gives one answer, by what it is."""
    return Library("libcuda.so.1", "driver.c", flags=(f"-DCUINIT={answer}",))


def stub_first(stage: Stage) -> None:
    """A toolkit's stub libcuda under the soname, as a much copied answer advises."""
    stage.builder.install(libcuda(34), stage.local / "cuda-12.2" / "lib64" / "stubs", "libcuda.so")


def compat_first(stage: Stage) -> None:
    """cuda-compat's newer libcuda beside an older driver; it serves data centre cards alone."""
    stage.builder.install(libcuda(804), stage.local / "cuda-12.2" / "compat", "libcuda.so.535.104.05")


_LAPTOP = "/sys/bus/pci/devices/0000:01:00.0"
_ASLEEP = {f"file:{_LAPTOP}/power/runtime_status": "suspended\n", f"file:{_LAPTOP}/power_state": "D3cold\n"}
_LOST = Machine(settings={"FAKEGPU_CUINIT": "999", "FAKEGPU_NVML": "15"}, kernel_log="[  812.4] NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.\n[  812.5] NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.\n")
_MIG = "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"
_UNKNOWN_ERROR = Machine(settings={"FAKEGPU_CUINIT": "999"})
_NOT_OPENED = Machine(gpu="GTX 1080", kernel_driver=None, missing_nodes=("nvidia0",), settings={"FAKEGPU_COUNT": "0"})
_QUIET = Machine(kernel_log="[    4.1] nvidia: module license 'NVIDIA' taints kernel.\n[    4.3] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.104.05\n")
_580 = {"driver": "580.65.06", "cuda": "13.0"}

def cache_is_a_file(stage: Stage) -> None:
    """What should be the driver's folder for compiled kernels is a file."""
    (stage.home / ".nv").write_text("")


def cache_is_a_folder(stage: Stage) -> None:
    (stage.home / ".nv" / "ComputeCache").mkdir(parents=True)


SCENARIOS = (
    Scenario("healthy", None),
    Scenario("healthy", None, "2.20.0", Machine(driver="580.65.06", cuda="13.0")),
    Scenario("library-newer-than-module", "driver-library-mismatch", machine=Machine(driver="535.183.01", kernel_module="535.104.05"), flip="healthy"),
    Scenario("nvml-tells-another-release", None, machine=Machine(settings={"FAKEGPU_DRIVER": "550.54.14"}), named="driver-library-mismatch", flip="healthy"),
    Scenario("smi-tells-another-release", None, machine=Machine(settings={"FAKEGPU_DRIVER": "550.54.14", "FAKEGPU_FAIL": "nvmlInit_v2=12"}), named="driver-library-mismatch", flip="smi-tells-the-same"),
    Scenario("smi-tells-the-same", None, machine=Machine(settings={"FAKEGPU_FAIL": "nvmlInit_v2=12"})),
    Scenario("cache-is-a-file", None, change=cache_is_a_file, named="nv-compute-cache", flip="cache-is-a-folder"),
    Scenario("cache-is-a-folder", None, change=cache_is_a_folder),
    Scenario("stray-older-library", "driver-library-mismatch", machine=Machine(driver="525.125.06", kernel_module="535.104.05"), flip="healthy"),
    Scenario("module-not-loaded", "driver-not-loaded", machine=Machine(kernel_module=None, kernel_driver=None), flip="healthy"),
    Scenario("no-driver-at-all", "driver-not-loaded", machine=NO_DRIVER, flip="healthy"),
    Scenario("held-by-nouveau", "nouveau-active", machine=Machine(driver=None, kernel_module=None, kernel_driver="nouveau", nvidia_smi=False), flip="healthy"),
    Scenario("nodes-for-root-alone", "device-permissions", machine=Machine(node_mode=0o600, locked=True), flip="healthy"),
    Scenario("container-without-uvm-node", "uvm-or-driver-state", machine=_UNKNOWN_ERROR, said={"file:/.dockerenv": "", **_NO_UVM}, flip="uvm-node-comes-on-demand"),
    Scenario("uvm-node-comes-on-demand", None, said=_NO_UVM),
    Scenario("branch-470", "driver-too-old", machine=Machine(driver="470.256.02", cuda="11.4"), flip="healthy"),
    Scenario("branch-470", "driver-too-old", "2.21.0", machine=Machine(driver="470.256.02", cuda="11.4"), flip="cusolver-searched"),
    Scenario("kepler", "gpu-arch-too-old", machine=Machine(gpu="Tesla K80", driver="470.256.02", cuda="11.4"), flip="healthy"),
    Scenario("blackwell", "gpu-arch-too-new", machine=Machine(gpu=RTX_5090, driver="580.65.06", cuda="13.0"), said={"file:/proc/driver/nvidia/version": _OPEN.format("580.65.06")}, flip="healthy"),
    Scenario("blackwell", "gpu-arch-too-new", "2.20.0", machine=Machine(gpu=RTX_5090, driver="580.65.06", cuda="13.0"), said={"file:/proc/driver/nvidia/version": _OPEN.format("580.65.06")}, flip="healthy"),
    Scenario("open-module-for-pascal", "driver-wrong-module-flavour", machine=_NOT_OPENED, said={"file:/proc/driver/nvidia/version": _OPEN.format("535.104.05")}, flip="closed-module-for-pascal"),
    Scenario("closed-module-for-pascal", None, machine=Machine(gpu="GTX 1080")),
    Scenario("memory-held", "gpu-memory-held", machine=Machine(used_mib=10100), flip="memory-free"),
    Scenario("memory-free", None, machine=Machine(used_mib=1000)),
    Scenario("minus-one", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": "-1"}, flip="the-card-itself"),
    Scenario("empty", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": ""}, flip="the-card-itself"),
    Scenario("index-of-no-card", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": "3"}, flip="the-card-itself"),
    Scenario("the-card-itself", None, variables={"CUDA_VISIBLE_DEVICES": "0"}),
    Scenario("no-card", None, machine=Machine(gpu=None, driver=None, kernel_module=None, nvidia_smi=False)),
    Scenario("docker-without-gpus", "container-without-gpu", machine=Machine(driver=None, kernel_module="535.104.05", device_nodes=False, nvidia_smi=False), said={"file:/.dockerenv": ""}, flip="docker-with-gpus"),
    Scenario("docker-with-gpus", None, said={"file:/.dockerenv": ""}),
    Scenario("unsigned-module", "secure-boot", machine=Machine(kernel_module=None, kernel_driver=None), said={f"file:{_SECURE}": "\u0006\u0000\u0000\u0000\u0001", "tree:/sys/firmware/efi": {"entries": ["efivars"]}, "file:/etc/os-release": UBUNTU}, distro="ubuntu22.04", flip="healthy"),
    Scenario("stub-first", "libcuda-stub-loaded", change=stub_first, variables={"LD_LIBRARY_PATH": "/usr/local/cuda-12.2/lib64/stubs"}, flip="healthy"),
    Scenario("compat-first", "cuda-compat-lib", machine=Machine(driver="470.256.02", cuda="11.4"), change=compat_first, variables={"LD_LIBRARY_PATH": "/usr/local/cuda-12.2/compat"}, flip="healthy"),
    Scenario("laptop-card-off", "gpu-powered-off", machine=Machine(kernel_driver=None, device_nodes=False, settings={"FAKEGPU_COUNT": "0"}), said=_ASLEEP, flip="laptop-card-asleep"),
    Scenario("laptop-card-asleep", None, said={f"file:{_LAPTOP}/power/runtime_status": "suspended\n"}),
    Scenario("prime-select-intel", "gpu-powered-off", machine=Machine(gpu=None, driver=None, kernel_module=None, nvidia_smi=False), said={"file:/etc/prime-discrete": "off\n"}, flip="no-card"),
    Scenario("fallen-off-the-bus", "uvm-or-driver-state", machine=_LOST, flip="quiet-kernel-log"),
    Scenario("quiet-kernel-log", None, machine=_QUIET),
    Scenario("slurm-gave-none", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": "", "SLURM_JOB_ID": "4711"}, flip="slurm-gave-one"),
    Scenario("slurm-gave-one", None, variables={"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_ID": "4711"}),
    Scenario("mig-instance-named", None, machine=Machine(gpu="A100", settings={"FAKEGPU_MIG": _MIG}), variables={"CUDA_VISIBLE_DEVICES": _MIG}),
    Scenario("maxwell", "gpu-arch-too-old", "2.20.0", Machine(gpu="GTX 980", **_580), flip="pascal"),
    Scenario("pascal", None, "2.20.0", Machine(gpu="GTX 1080", **_580)),
    Scenario("minus-one", "cuda-visible-devices", "2.20.0", Machine(**_580), variables={"CUDA_VISIBLE_DEVICES": "-1"}, flip="healthy"),
    Scenario("memory-held", "gpu-memory-held", "2.20.0", Machine(used_mib=10100, **_580), flip="healthy"),
    Scenario("library-newer-than-module", "driver-library-mismatch", "2.20.0", Machine(driver="580.65.06", kernel_module="575.57.08", cuda="13.0"), flip="healthy"),
)  # fmt: skip
