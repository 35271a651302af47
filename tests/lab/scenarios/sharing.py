"""Cards that are well and shared: MIG, compute modes, virtual GPUs, and the card of Windows below WSL2."""

from __future__ import annotations

from tests.lab.build import driver_libraries
from tests.lab.machine import Machine, uuid
from tests.lab.scenarios.scenario import Scenario, Stage

_INSTANCE = "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"
_A100 = Machine(gpu="A100", settings={"FAKEGPU_MIG": _INSTANCE})
_NO_INSTANCE = Machine(gpu="A100", settings={"FAKEGPU_MIG_MODE": "1", "FAKEGPU_CUINIT": "100"})
_WSL_KERNEL = "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@941d701f84f1) (gcc (GCC) 11.2.0) #1 SMP Fri Mar 29 23:14:13 UTC 2024\n"
_WINDOWS = Machine(gpu=None, driver=None, kernel_module=None, kernel_driver=None, device_nodes=False, nvidia_smi=False, settings={
    "FAKEGPU_COUNT": "1", "FAKEGPU_DRIVER": "552.44", "FAKEGPU_CUDA": "12040", "FAKEGPU_NAME": "NVIDIA GeForce RTX 3080",
    "FAKEGPU_PCI": "10de:2206", "FAKEGPU_CC": "8.6", "FAKEGPU_MEM_MIB": "10240",
})  # fmt: skip
_WSL = {"file:/proc/version": _WSL_KERNEL, "file:/dev/dxg": ""}


def windows_driver(stage: Stage) -> None:
    """What Windows shows of its driver in /usr/lib/wsl/lib; a broken /etc/ld.so.conf.d leaves that folder unknown to the cache."""
    for library in driver_libraries():
        stage.builder.install(library, stage.local / "wsl")


def _wsl(name: str, cause: str | None, **given: object) -> Scenario:
    return Scenario(name, cause, machine=_WINDOWS, change=windows_driver, said=_WSL, over={"/usr/lib/wsl/lib": "wsl"}, **given)  # type: ignore[arg-type]


SCENARIOS = (
    Scenario("mig-without-instance", "gpu-busy", machine=_NO_INSTANCE, flip="mig-with-an-instance"),
    Scenario("mig-with-an-instance", None, machine=_A100),
    Scenario("mig-instance-of-another-machine", "cuda-visible-devices", machine=_A100,
             variables={"CUDA_VISIBLE_DEVICES": "MIG-00000000-42e4-5de3-91c7-45d71c87eb3f"}, flip="mig-instance-named"),
    Scenario("card-of-another-machine", "cuda-visible-devices", variables={"CUDA_VISIBLE_DEVICES": "GPU-ffffffff-0506"}, flip="card-by-its-name"),
    Scenario("card-by-its-name", None, variables={"CUDA_VISIBLE_DEVICES": uuid(0)}),
    Scenario("prohibited", "gpu-busy", machine=Machine(settings={"FAKEGPU_COMPUTE_MODE": "2"}), flip="exclusive-and-free"),
    Scenario("exclusive-and-taken", "gpu-busy", machine=Machine(settings={"FAKEGPU_COMPUTE_MODE": "3", "FAKEGPU_PROGRAMS": "1"}), flip="exclusive-and-free"),
    Scenario("vgpu-without-licence", None, machine=Machine(settings={"FAKEGPU_VGPU": "2"}), named="gpu-busy", flip="vgpu-with-licence"),
    Scenario("vgpu-with-licence", None, machine=Machine(settings={"FAKEGPU_VGPU": "1"})),
    Scenario("exclusive-and-free", None, machine=Machine(settings={"FAKEGPU_COMPUTE_MODE": "3"})),
    _wsl("wsl-folder-not-searched", "wsl-libcuda-path", flip="wsl-folder-searched"),
    _wsl("wsl-folder-searched", None, variables={"LD_LIBRARY_PATH": "/usr/lib/wsl/lib"}),
)  # fmt: skip
