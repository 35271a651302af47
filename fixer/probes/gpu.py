"""The NVIDIA GPUs of this machine: from the PCI bus as sysfs shows it, completed by NVML.

The unit is ``Bus`` (what sysfs shows, nothing asked of the card) and then ``observe``: a tuple of Gpu.
``powered`` is False only for a card that no program can wake: switched off by a profile, or cut from
power with no driver to bring it back. A card that merely sleeps is left asleep, and NVML is not asked.
WSL2 has no PCI device: there NVML answers alone.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace

from fixer.dataset.questions import Dataset
from fixer.host.base import Host
from fixer.model.facts import HANDED_OVER, Gpu
from fixer.model.observed import Observed, absent, found, unknown
from fixer.model.record import record
from fixer.probes import nvml
from fixer.probes.plain import clean, line

DEVICES = "/sys/bus/pci/devices"
NVIDIA = "0x10de"
# What the firmware says of the board: "nvidia,p3701-0000\0nvidia,tegra234" (arm/tegra.yaml of the kernel's device tree bindings).
BOARD = "/proc/device-tree/compatible"
BBSWITCH = "/proc/acpi/bbswitch"
TRACES = ("/proc/driver/nvidia/version", "/dev/nvidiactl")
_DISPLAY_CLASS = "0x03"
# A profile that takes the card off the bus leaves only its own setting: (file, what it says then, its name).
PROFILES = (
    ("/etc/prime-discrete", r"\s*off\s*", "prime-select"),
    ("/etc/supergfxd.conf", r'(?s).*"mode"\s*:\s*"Integrated".*', "supergfxctl"),
    ("/etc/udev/rules.d/50-remove-nvidia.rules", r"(?s).*0x10de.*", "envycontrol"),
    ("/lib/udev/rules.d/50-remove-nvidia.rules", r"(?s).*0x10de.*", "envycontrol"),
)


@record(frozen=True)
class Device:
    """One card as sysfs shows it. ``sleeps``: runtime power management has suspended it."""

    address: str
    pci_id: str | None
    kernel_driver: str
    sleeps: bool
    off: bool


@record(frozen=True)
class Bus:
    """The NVIDIA cards on the PCI bus. ``readable`` is False where there is no bus to read."""

    devices: tuple[Device, ...]
    readable: bool

    @property
    def asleep(self) -> bool:
        """Whether a card sleeps that the NVIDIA driver might wake; one that is kept for a virtual machine it does not reach."""
        return any((device.sleeps or device.off) and device.kernel_driver not in HANDED_OVER for device in self.devices)


def bus(host: Host) -> Bus:
    """Look at the PCI bus; no card is woken: these files are kept by the kernel."""
    places = host.entries(DEVICES)
    switched_off = "OFF" in (line(host, BBSWITCH) or "")
    made = []
    for address in places:
        folder = f"{DEVICES}/{address}"
        if (line(host, f"{folder}/vendor") or "").lower() != NVIDIA:
            continue
        if (line(host, f"{folder}/class") or "").lower().startswith(_DISPLAY_CLASS):
            made.append(_device(host, folder, address, switched_off))
    return Bus(tuple(made), bool(places))


def _device(host: Host, folder: str, address: str, switched_off: bool) -> Device:
    number = re.fullmatch(r"0x([0-9a-f]{4})", (line(host, f"{folder}/device") or "").lower())
    driver = f"{folder}/driver"
    name = os.path.basename(host.real_path(driver)) if host.exists(driver) else ""
    sleeps = line(host, f"{folder}/power/runtime_status") == "suspended"
    cut = not name and sleeps and line(host, f"{folder}/power_state") == "D3cold"
    return Device(address, f"10de:{number.group(1)}" if number else None, name, sleeps, cut or switched_off)


def should_ask(host: Host, seen: Bus, wsl: bool) -> bool:
    """Whether NVML or nvidia-smi is worth a process: a card, a device node, or their files are here; no card sleeps."""
    if host.is_data or seen.asleep:
        return False
    if seen.devices or wsl or host.exists("/dev/nvidiactl"):
        return True
    return nvml.smi_path(host) is not None or (nvml.library_path(host, nvml.LIBRARY) or nvml.apart(host, nvml.LIBRARY)) is not None


def observe(
    host: Host, dataset: Dataset, seen: Bus, answer: nvml.Answer | None, wsl: bool
) -> Observed[tuple[Gpu, ...]]:
    """The cards, those of the bus first; absent when we looked where they would be."""
    told = {card.address: card for card in answer.cards if card.address} if answer is not None else {}
    cards = [_merged(dataset, device, told.pop(device.address, None)) for device in seen.devices]
    if answer is not None:
        # Cards without a place on the bus come only where there is no bus to see them on.
        rest = [card for card in answer.cards if card.address in told or card.address is None and not seen.devices]
        cards += [_merged(dataset, None, card) for card in rest]
    sources = ([DEVICES] if seen.devices else []) + ([answer.source] if answer is not None and answer.ok else [])
    if cards:
        sleeping = [device.address for device in seen.devices if device.sleeps and device.kernel_driver not in HANDED_OVER]
        detail = f"{', '.join(sleeping)} sleeps: NVML was not asked, so that it stays asleep" if sleeping else ""
        return found(tuple(cards), *sources, detail=detail)
    return _none_seen(host, seen, answer, wsl)


def _none_seen(host: Host, seen: Bus, answer: nvml.Answer | None, wsl: bool) -> Observed[tuple[Gpu, ...]]:
    for path, shape, name in PROFILES:
        text = host.text(path, 65536)
        if text is not None and re.fullmatch(shape, text):
            return found((Gpu(powered=False),), path, detail=f"{name} has switched the NVIDIA card off")
    board = next((one for one in (host.text(BOARD, 4096) or "").split("\0") if one.startswith("nvidia,tegra")), None)
    if board is not None:
        return unknown(f"a Jetson ({clean(board)}): its GPU is part of the chip and no PCI device, and nothing here tells which", BOARD)
    if answer is not None and answer.ok:
        return absent(answer.source, DEVICES)
    said = f"; {answer.source}: {answer.smi.line}" if answer is not None else ""
    if wsl:
        if host.exists("/dev/dxg") and answer is not None:
            return unknown(f"WSL2 has /dev/dxg, but the GPU does not answer{said}", answer.source, "/dev/dxg")
        if host.exists("/dev/dxg"):
            return unknown("WSL2 has /dev/dxg; no NVIDIA software is here to ask which GPU that is", "/dev/dxg")
        return absent("/dev/dxg", detail="WSL2 without /dev/dxg: no GPU reaches it")
    if not seen.readable and (host.is_data or answer is not None):
        return unknown(f"there is no PCI bus to look at{said}", DEVICES)
    trace = next((path for path in TRACES if host.exists(path)), None)
    if trace is not None:
        # A sandbox or a virtual machine may hide the bus; a driver that is at work does not come without a card.
        return unknown(f"the bus shows no NVIDIA card, but the driver is here ({trace}){said}", DEVICES, trace)
    return absent(DEVICES, detail=said.lstrip("; "))


def _merged(dataset: Dataset, device: Device | None, card: nvml.Card | None) -> Gpu:
    pci_id = (device.pci_id if device is not None else None) or (card.pci_id if card is not None else None)
    row = dataset.gpu(pci_id) if pci_id is not None else None
    made = Gpu(
        name=row.name if row is not None else None,
        pci_id=pci_id,
        compute_capability=row.compute_capability if row is not None else None,
        powered=True,
    )
    if device is not None:
        made = replace(made, kernel_driver=device.kernel_driver, powered=not device.off)
    if card is not None:
        made = replace(
            made,
            name=card.name or made.name,
            compute_capability=card.compute_capability or made.compute_capability,
            memory_mib=card.memory_mib,
            free_mib=card.free_mib,
            uuid=card.uuid,
            compute_mode=card.compute_mode,
            programs=card.programs,
            mig=card.mig,
            vgpu=card.vgpu,
            fabric=card.fabric,
        )
    return made
