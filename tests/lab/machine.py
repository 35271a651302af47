"""A machine with an NVIDIA GPU, on one without: ``Lab.run(argv, gpu="RTX 3080", driver="535.104.05")``.

The unit is ``Machine``: the card, the driver's two halves, what the stand-in answers. ``argv`` runs in a private mount
namespace in which the real TensorFlow, the real loader and convfix all see that card: the driver's libraries among
the distribution's and in ld.so.cache, /proc/driver/nvidia, /proc/modules, /sys, /dev, nvidia-smi. Needs Linux, root (or
user namespaces), unshare and a C compiler; ``why_not`` says which is missing. The host is left as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

from tests.lab.build import Builder, compiler, driver_libraries

ENTER = Path(__file__).with_name("enter.py")
NVIDIA_SMI = Path(__file__).with_name("nvidia_smi.py")


@dataclass(frozen=True)
class Card:
    """A graphics card: what it calls itself, PCI id, compute capability, memory in MiB, multiprocessors (TensorFlow's "core count").

    ``used_mib`` is what other programs hold of its memory, where that is not what they hold of every card of the machine.
    ``held_by`` is a module that keeps it from the NVIDIA driver (vfio-pci); such cards come last on the bus.
    """

    name: str
    pci_id: str
    compute_capability: str
    memory_mib: int
    multiprocessors: int = 46
    used_mib: int | None = None
    held_by: str = ""


CARDS = {
    "RTX 3080": Card("NVIDIA GeForce RTX 3080", "10de:2206", "8.6", 10240, 68),
    "RTX 3070": Card("NVIDIA GeForce RTX 3070", "10de:2484", "8.6", 8192, 46),
    "RTX 2080 Ti": Card("NVIDIA GeForce RTX 2080 Ti", "10de:1e07", "7.5", 11264, 68),
    "RTX 4090": Card("NVIDIA GeForce RTX 4090", "10de:2684", "8.9", 24564, 128),
    "GTX 1080": Card("NVIDIA GeForce GTX 1080", "10de:1b80", "6.1", 8192, 20),
    "GTX 1050 Ti": Card("NVIDIA GeForce GTX 1050 Ti", "10de:1c82", "6.1", 4096, 6),
    "GT 1030": Card("NVIDIA GeForce GT 1030", "10de:1d01", "6.1", 2048, 3),
    "GTX 980": Card("NVIDIA GeForce GTX 980", "10de:13c0", "5.2", 4096, 16),
    "GTX 680": Card("NVIDIA GeForce GTX 680", "10de:1180", "3.0", 2048, 8),
    "Tesla K80": Card("Tesla K80", "10de:102d", "3.7", 11441, 13),
    "A100": Card("NVIDIA A100-SXM4-40GB", "10de:20b0", "8.0", 40960, 108),
    "H100": Card("NVIDIA H100 80GB HBM3", "10de:2330", "9.0", 81559, 132),
    "Tesla V100": Card("Tesla V100-SXM2-16GB", "10de:1db1", "7.0", 16384, 80),
}
_NODES = {"nvidia0": (195, 0), "nvidiactl": (195, 255), "nvidia-uvm": (510, 0), "nvidia-uvm-tools": (510, 1)}


@dataclass(frozen=True)
class Machine:
    """What ``argv`` sees. ``gpu`` is a key of CARDS or a Card, None for no card; ``driver`` None for no driver. ``more`` are
    further cards, on the bus after it: the second is 0000:02:00.0 and /dev/nvidia1, its settings end in _1, its name is ``uuid(1)``.

    ``kernel_module`` "same" is the driver's own version, None is not loaded. ``settings`` are FAKEGPU_* of stubs/common.h;
    they hold for every process in the machine, whatever its environment. ``used_mib`` is what others hold of each card. ``hidden`` are the host's files that the machine
    does not have. ``over`` lays folders over folders of the machine:
    ``{"/usr/local": "/some/stage"}`` shows the stage's entries among those of /usr/local. ``files`` are texts shown at a
    path: a firmware's variable, a container's mark, another distribution's /etc/os-release. ``kernel_log`` is what
    dmesg prints, None where it is closed to this user. ``missing_nodes`` are device nodes that a driver has and this
    machine has not. ``locked`` device nodes are another user's, and the program, though root, may not override that.
    """

    gpu: str | Card | None = "RTX 3080"
    driver: str | None = "535.104.05"
    kernel_module: str | None = "same"
    cuda: str = "12.2"
    used_mib: int = 300
    device_nodes: bool = True
    node_mode: int = 0o666
    nvidia_smi: bool = True
    kernel_driver: str | None = "nvidia"
    hidden: tuple[str, ...] = ("/usr/local/cuda*", "/.dockerenv", "/run/.containerenv")
    over: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    kernel_log: str | None = None
    missing_nodes: tuple[str, ...] = ()
    locked: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    more: tuple[str | Card, ...] = ()

    @property
    def cards(self) -> tuple[Card, ...]:
        """Its cards in the order of the bus."""
        named = (*(() if self.gpu is None else (self.gpu,)), *self.more)
        return tuple(CARDS[one] if isinstance(one, str) else one for one in named)

    @property
    def own(self) -> tuple[Card, ...]:
        """The cards that the NVIDIA driver may have."""
        return tuple(one for one in self.cards if not one.held_by)

    @property
    def module(self) -> str | None:
        return self.driver if self.kernel_module == "same" else self.kernel_module


class Lab:
    """Runs programs on such machines. ``folder`` is for the driver's files; it may be shared between runs."""

    def __init__(self, folder: Path, builder: Builder | None = None) -> None:
        self.folder = folder
        self.builder = builder or Builder()

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        variables: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        timeout: float = 300,
        stdin: str | None = None,
        machine: Machine | None = None,
        **given: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``argv`` on ``machine`` or on ``Machine(**given)``, and wait.

        The program's environment is HOME, PATH, LANG and ``variables``; or exactly ``environ`` when that is given.
        Raises subprocess.TimeoutExpired after ``timeout`` seconds.
        """
        command = self.command(argv, machine or Machine(**given), variables=variables, environ=environ, cwd=cwd)
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, input=stdin or "")

    def command(
        self,
        argv: Sequence[str | Path],
        machine: Machine,
        *,
        variables: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> list[str]:
        """The argv that runs ``argv`` on ``machine``, for a caller that wants to start it by itself."""
        base = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
        spec = self._spec(machine) | {
            "environ": dict(environ) if environ is not None else {**base, **(variables or {})},
            "cwd": str(cwd or os.getcwd()),
        }
        scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=self._made("run")))
        spec["scratch"] = str(scratch)
        path = scratch.with_suffix(".json")
        path.write_text(json.dumps(spec))
        unshare = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--map-root-user"])
        return [*unshare, sys.executable, "-I", str(ENTER), str(path), *map(str, argv)]

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _spec(self, machine: Machine) -> dict[str, Any]:
        has_nodes = machine.device_nodes and machine.module is not None and machine.cards
        kernel_driver = machine.kernel_driver if machine.module or machine.kernel_driver != "nvidia" else None
        return {
            "libraries": str(self._driver_folder(machine.driver)) if machine.driver else "",
            "library_folder": _library_folder(),
            "programs": str(self._programs()) if machine.driver and machine.nvidia_smi else "",
            "settings": "".join(f"{name}={value}\n" for name, value in _settings(machine).items()),
            "kernel_module": machine.module,
            "proc_version": _proc_version(machine.module or ""),
            "cards": [_pci(one, place, one.held_by or kernel_driver) for place, one in enumerate(machine.cards)],
            "nodes": {name: node for name, node in _nodes(machine).items() if has_nodes and name not in machine.missing_nodes},
            "node_mode": machine.node_mode,
            "locked": machine.locked,
            "hidden": list(machine.hidden),
            "over": dict(machine.over),
            "files": dict(machine.files),
            "kernel_log": machine.kernel_log,
        }

    def _driver_folder(self, driver: str) -> Path:
        folder = self.folder / f"driver-{driver}"
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(dir=self._made("run")))
            for library in driver_libraries():
                self.builder.install(library, unfinished, library.soname.rsplit(".", 1)[0] + "." + driver)
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        return folder

    def _programs(self) -> Path:
        folder = self.folder / "programs"
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(dir=self._made("run")))
            program = unfinished / "nvidia-smi"
            program.write_text(f"#!{sys.executable} -IS\n" + NVIDIA_SMI.read_text())
            program.chmod(0o755)
            unfinished.chmod(0o755)
            unfinished.rename(folder)
        return folder


def _library_folder() -> str:
    """Where this distribution keeps 64-bit libraries."""
    found = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    return next((path for path in (f"/usr/lib/{found}", "/usr/lib64") if os.path.isdir(path)), "/usr/lib")


def _settings(machine: Machine) -> dict[str, str]:
    major, minor = machine.cuda.split(".")
    held = {
        "FAKEGPU_COUNT": str(len(machine.own)) if machine.module else "0",
        "FAKEGPU_CUDA": str(int(major) * 1000 + int(minor) * 10),
        "FAKEGPU_DRIVER": machine.driver or "",
        "FAKEGPU_USED_MIB": str(machine.used_mib),
    }
    for place, one in enumerate(machine.cards):
        own = {"NAME": one.name, "PCI": one.pci_id, "CC": one.compute_capability, "CORES": one.multiprocessors, "MEM_MIB": one.memory_mib}
        own |= {"USED_MIB": machine.used_mib if one.used_mib is None else one.used_mib}
        held |= {f"FAKEGPU_{name}" + (f"_{place}" if place else ""): str(value) for name, value in own.items()}
    if machine.driver and machine.module and machine.module != machine.driver:
        # What NVIDIA's own libraries answer when the two halves differ.
        held |= {"FAKEGPU_CUINIT": "803", "FAKEGPU_NVML": "18"}
    elif machine.driver and not machine.module:
        held |= {"FAKEGPU_CUINIT": "100", "FAKEGPU_NVML": "9"}
    if machine.locked:
        held |= {"FAKEGPU_CUINIT": "100", "FAKEGPU_NVML": "4"}
    return {**held, **machine.settings}


def _nodes(machine: Machine) -> dict[str, tuple[int, int]]:
    first = {name: node for name, node in _NODES.items() if machine.own or name != "nvidia0"}
    return {**first, **{f"nvidia{place}": (195, place) for place in range(1, len(machine.own))}}


def _proc_version(module: str) -> str:
    return (
        f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {module}  Sat Aug 19 01:15:15 UTC 2023\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"
    )


def address(place: int) -> str:
    """Where the card ``place`` is on the bus."""
    return f"0000:{place + 1:02x}:00.0"


def uuid(place: int) -> str:
    """The name of the card ``place``, as ``card_name`` of stubs/visible.h gives it."""
    digits = bytes(range(place + 1, place + 17)).hex()
    return "GPU-" + "-".join(digits[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


def _pci(card: Card, place: int, driver: str | None) -> dict[str, Any]:
    vendor, device = (f"0x{part}" for part in card.pci_id.split(":"))
    files = {
        "vendor": vendor,
        "device": device,
        "class": "0x030000",
        "subsystem_vendor": "0x1458",
        "subsystem_device": "0x403f",
        "revision": "0xa1",
        "numa_node": "-1",
        "enable": "1",
        "boot_vga": str(int(place == 0)),
        "power/control": "on",
        "power/runtime_status": "active",
        "power_state": "D0",
        "uevent": f"DRIVER={driver or ''}\nPCI_CLASS=30000\nPCI_ID={card.pci_id.upper()}\nPCI_SLOT_NAME={address(place)}",
        "modalias": f"pci:v0000{vendor[2:].upper()}d0000{device[2:].upper()}sv00001458sd0000403Fbc03sc00i00",
    }
    information = (
        f"Model: \t\t {card.name}\nIRQ:   \t\t {130 + place}\nGPU UUID: \t {uuid(place)}\n"
        f"Bus Type: \t PCIe\nBus Location: \t {address(place)}\nDevice Minor: \t {place}\n"
    )
    return {"address": address(place), "files": files, "driver": driver, "information": "" if card.held_by else information}


def why_not() -> str | None:
    """Why no lab machine can be made here, or None."""
    if not sys.platform.startswith("linux"):
        return "the GPU lab needs Linux"
    if compiler() is None:
        return "the GPU lab needs a C compiler (Debian: apt install gcc libc6-dev)"
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return "the GPU lab needs unshare and mount (util-linux)"
    root = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--map-root-user"])
    probe = [*root, "sh", "-c", "mount --make-rprivate / && mount -t tmpfs lab /proc/driver"]
    tried = subprocess.run(probe, capture_output=True, text=True)
    return None if tried.returncode == 0 else f"the GPU lab needs root or user namespaces: {tried.stderr.strip()[:200]}"
