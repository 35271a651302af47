"""Machines with the real user-space half of NVIDIA's driver: ``python -m tests.machines.make --nvidia DIR``.

DIR is where Debian's libcuda1, libnvidia-ml1 and nvidia-smi were unpacked (``dpkg -x``); nothing of them is kept but
the answers. Without a kernel module the real NVML and nvidia-smi say their genuine words.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab.machine import Machine
from tests.lab.scenarios import Scenario
from tests.lab.scenarios.drivers import UBUNTU

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def links(unpacked: Path, stage: Path) -> Path:
    """The unpacked files with the links that update-alternatives makes when the packages are set up."""
    shutil.copytree(unpacked / "usr", stage, symlinks=True, dirs_exist_ok=True)
    library = stage / "lib" / "x86_64-linux-gnu"
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        (library / name).symlink_to(f"nvidia/current/{name}")
    (stage / "bin").mkdir(exist_ok=True)
    (stage / "bin" / "nvidia-smi").symlink_to("../lib/nvidia/current/nvidia-smi")
    return stage


def scenarios(usr: Path) -> tuple[Scenario, ...]:
    """One real driver, and what keeps its kernel half away."""

    def machine(**given: object) -> Machine:
        return Machine(driver=None, nvidia_smi=False, over={"/usr": str(usr)}, **{"kernel_module": None, "kernel_driver": None, **given})  # type: ignore[arg-type]

    firmware = {f"file:{SECURE_BOOT}": "\u0006\u0000\u0000\u0000\u0001", "tree:/sys/firmware/efi": {"entries": ["efivars"]}, "tree:/sys/firmware": {"entries": ["efi"]}}
    return (
        Scenario("real-driver-without-module", "driver-not-loaded", machine=machine()),
        Scenario("real-driver-without-module", "driver-not-loaded", "2.21.0", machine=machine()),
        Scenario("real-driver-and-nouveau", "nouveau-active", machine=machine(kernel_driver="nouveau")),
        Scenario("real-driver-refused", "secure-boot", machine=machine(), said={**firmware, "file:/etc/os-release": UBUNTU}, distro="ubuntu22.04"),
    )  # fmt: skip
