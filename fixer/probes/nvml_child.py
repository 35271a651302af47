"""Run as a program of its own, by convfix's Python: ask NVML once and print the answer as one line of JSON.

It is a child because a wedged driver hangs inside NVML and cannot be interrupted. ``status`` is NVML's
own return value, the same number that nvidia-smi ends with. It changes nothing; its argument is NVML's path, where the
loader does not find it by its name.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

NOT_FOUND = 12
_MIB = 20


class PciInfo(ctypes.Structure):
    """nvmlPciInfo_t as nvml.h lays it out since version 3 of the call."""

    _fields_ = [
        ("legacy", ctypes.c_char * 16), ("domain", ctypes.c_uint), ("bus", ctypes.c_uint), ("device", ctypes.c_uint),
        ("device_id", ctypes.c_uint), ("subsystem_id", ctypes.c_uint), ("address", ctypes.c_char * 32),
    ]  # fmt: skip


class Memory(ctypes.Structure):
    """nvmlMemory_t: bytes."""

    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class Feature(ctypes.Structure):
    """nvmlGridLicensableFeature_t of the call's version 4: what a virtual GPU may be licensed for, and whether it is."""

    _fields_ = [
        ("code", ctypes.c_uint), ("state", ctypes.c_uint), ("info", ctypes.c_char * 128), ("product", ctypes.c_char * 128),
        ("enabled", ctypes.c_uint), ("year", ctypes.c_uint), ("month_to_second", ctypes.c_ushort * 5), ("status", ctypes.c_ubyte),
    ]  # fmt: skip


class Features(ctypes.Structure):
    """nvmlGridLicensableFeatures_t."""

    _fields_ = [("supported", ctypes.c_int), ("count", ctypes.c_uint), ("features", Feature * 3)]


class FabricInfo(ctypes.Structure):
    """nvmlGpuFabricInfo_t: the cluster, how the registration ended, and how far it is."""

    _fields_ = [("cluster", ctypes.c_ubyte * 16), ("status", ctypes.c_int), ("clique", ctypes.c_uint), ("state", ctypes.c_ubyte)]


def call(nvml: Any, name: str, *arguments: Any) -> int:
    """NVML's return value; 13 (FUNCTION_NOT_FOUND) for a call that this library lacks."""
    try:
        return int(getattr(nvml, name)(*arguments))
    except AttributeError:
        return 13


def text(nvml: Any, name: str, *first: Any) -> str | None:
    """A call that fills a buffer with a string."""
    room = ctypes.create_string_buffer(128)
    return room.value.decode("utf-8", "replace") if call(nvml, name, *first, room, ctypes.c_uint(128)) == 0 else None


def card(nvml: Any, index: int) -> dict[str, Any] | None:
    """One card; what it does not answer stays None."""
    handle = ctypes.c_void_p()
    if call(nvml, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle)) != 0:
        return None
    major, minor, memory, pci = ctypes.c_int(), ctypes.c_int(), Memory(), PciInfo()
    made: dict[str, Any] = {"name": text(nvml, "nvmlDeviceGetName", handle)}
    if call(nvml, "nvmlDeviceGetCudaComputeCapability", handle, ctypes.byref(major), ctypes.byref(minor)) == 0:
        made["compute_capability"] = f"{major.value}.{minor.value}"
    if call(nvml, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory)) == 0:
        made["memory_mib"], made["free_mib"] = memory.total >> _MIB, memory.free >> _MIB
    if call(nvml, "nvmlDeviceGetPciInfo_v3", handle, ctypes.byref(pci)) == 0:
        made["address"] = f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0"
        made["pci_id"] = f"{pci.device_id & 0xFFFF:04x}:{pci.device_id >> 16:04x}"
    return {**made, "uuid": text(nvml, "nvmlDeviceGetUUID", handle), **sharing(nvml, handle)}


def sharing(nvml: Any, handle: ctypes.c_void_p) -> dict[str, Any]:
    """How the card is shared: its fabric, its compute mode, how many programs compute on it (never which), its MIG instances."""
    made: dict[str, Any] = {}
    fabric = FabricInfo()
    if call(nvml, "nvmlDeviceGetGpuFabricInfo", handle, ctypes.byref(fabric)) == 0:
        made["fabric"] = fabric.state
    mode, count, current, pending = ctypes.c_uint(), ctypes.c_uint(0), ctypes.c_uint(), ctypes.c_uint()
    if call(nvml, "nvmlDeviceGetComputeMode", handle, ctypes.byref(mode)) == 0:
        made["compute_mode"] = mode.value
    # Asked with no room for them, NVML answers with their number alone (7 is INSUFFICIENT_SIZE).
    if call(nvml, "nvmlDeviceGetComputeRunningProcesses_v3", handle, ctypes.byref(count), None) in (0, 7):
        made["programs"] = count.value
    virtual, licences = ctypes.c_uint(), Features()
    # 2 is a virtual GPU inside its guest (nvmlGpuVirtualizationMode_t).
    if call(nvml, "nvmlDeviceGetVirtualizationMode", handle, ctypes.byref(virtual)) == 0 and virtual.value == 2:
        made["vgpu"] = "unknown"
        if call(nvml, "nvmlDeviceGetGridLicensableFeatures_v4", handle, ctypes.byref(licences)) == 0 and licences.supported == 1:
            held = [one.state != 0 for one in licences.features[: min(licences.count, 3)]]
            made["vgpu"] = "unknown" if not held else "licensed" if any(held) else "unlicensed"
    if call(nvml, "nvmlDeviceGetMigMode", handle, ctypes.byref(current), ctypes.byref(pending)) != 0 or current.value != 1:
        return made
    if call(nvml, "nvmlDeviceGetMaxMigDeviceCount", handle, ctypes.byref(count)) == 0:
        instances = (instance(nvml, handle, place) for place in range(min(count.value, 16)))
        made["mig"] = [one for one in instances if one is not None]
    return made


def instance(nvml: Any, handle: ctypes.c_void_p, place: int) -> str | None:
    """The name of one MIG instance."""
    found = ctypes.c_void_p()
    if call(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, ctypes.c_uint(place), ctypes.byref(found)) != 0:
        return None
    return text(nvml, "nvmlDeviceGetUUID", found)


def ask() -> dict[str, Any]:
    """Everything that convfix wants of NVML."""
    try:
        nvml = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else "libnvidia-ml.so.1")
    except OSError as error:
        return {"status": NOT_FOUND, "text": str(error)}
    status = call(nvml, "nvmlInit_v2")
    if status != 0:
        try:
            nvml.nvmlErrorString.restype = ctypes.c_char_p
            words = (nvml.nvmlErrorString(status) or b"").decode("utf-8", "replace")
        except AttributeError:
            words = ""
        return {"status": status, "text": words}
    made: dict[str, Any] = {"status": 0, "text": "", "driver": text(nvml, "nvmlSystemGetDriverVersion")}
    cuda, count = ctypes.c_int(), ctypes.c_uint()
    if call(nvml, "nvmlSystemGetCudaDriverVersion_v2", ctypes.byref(cuda)) == 0:
        made["cuda"] = f"{cuda.value // 1000}.{cuda.value % 1000 // 10}"
    if call(nvml, "nvmlDeviceGetCount_v2", ctypes.byref(count)) == 0:
        made["cards"] = [one for one in (card(nvml, index) for index in range(min(count.value, 64))) if one]
    call(nvml, "nvmlShutdown")
    return made


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask()) + "\n")
