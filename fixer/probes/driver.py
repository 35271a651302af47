"""The NVIDIA driver's two halves: the kernel module and the user-space libcuda; modules and device nodes.

The unit is ``observe(host, answer, wsl) -> Driver``; absent when no half of it is to be seen. The
library's version is read from its file, the module's from /sys and /proc: they differ after an update
without a reboot. No library is loaded here.
"""

from __future__ import annotations

import os
import re
from typing import Mapping

from fixer.host.base import Host
from fixer.model.facts import Driver
from fixer.model.observed import Observed, absent, found, unknown
from fixer.probes import nvml
from fixer.probes.plain import clean, line

MODULE = "/sys/module/nvidia/version"
PROC = "/proc/driver/nvidia/version"
LIBCUDA = "libcuda.so.1"
# The two common folders, by NVIDIA's guide to the Container Device Interface.
CDI = ("/etc/cdi", "/run/cdi")
_IN_CDI = re.compile(r"/libcuda\.so\.(\d{2,4}(?:\.\d{1,4}){1,3})\b")
MODULES = ("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm", "nvidia_peermem", "nouveau", "nova_core", "nova_drm",
           "vfio_pci", "bbswitch")  # fmt: skip
_NODE = re.compile(r"nvidia(\d{1,3}|ctl|-uvm|-uvm-tools|-modeset|-nvswitch\d{1,2}|-nvswitchctl)|dxg")
_A_LIBCUDA = re.compile(r"libcuda\.so(\.[\d.]+)?")
_OUTSIDER = 65534
_RELEASE = re.compile(r"\d{2,4}(?:\.\d{1,4}){1,3}")
_IN_PROC = re.compile(r"Kernel Module(?: for \S+)?\s+(\d{2,4}(?:\.\d{1,4}){1,3})")


def observe(host: Host, answer: nvml.Answer | None, wsl: bool) -> Observed[Driver]:
    """Both halves, each with its own source."""
    said = host.text(PROC, 4096)
    module, opened = _module(host, said), _flavour(said)
    path = _preloaded(host) or nvml.library_path(host, LIBCUDA)
    hidden = nvml.apart(host, LIBCUDA) if path is None else None
    if wsl and module.is_absent:
        module = absent(MODULE, PROC, detail="WSL2: the kernel half is part of Windows")
    elif module.is_absent and answer is not None and answer.ok and answer.cards:
        module = _answering(answer)
    if path is None and hidden is None and module.is_absent and (answer is None or not answer.ok):
        return absent(MODULE, PROC, LIBCUDA, detail=_smi_words(answer))
    lies = f"it lies at {hidden}, where the loader does not look" if hidden is not None else ""
    place: Observed[str] = found(path, path) if path is not None else absent("ld.so.cache", *nvml.FOLDERS, detail=lies)
    ceiling: Observed[str] = unknown("NVML was not asked or did not say", "NVML")
    if answer is not None and answer.cuda is not None:
        ceiling = found(answer.cuda, answer.source)
    made = Driver(_library(host, path or hidden, answer), module, opened, place, ceiling, _witnesses(host, said, answer))
    sources = [one for one in (PROC if said is not None else None, path) if one is not None]
    return found(made, *(sources or [answer.source if answer is not None else MODULE]), detail=_smi_words(answer))


def _preloaded(host: Host) -> str | None:
    """A libcuda that LD_PRELOAD puts into every process: what has that soname already is never searched for (ld.so(8))."""
    named = re.split(r"[ :]+", host.environ.get("LD_PRELOAD", ""))
    return next((one for one in named if os.path.isabs(one) and _A_LIBCUDA.fullmatch(os.path.basename(one)) and host.exists(one)), None)


def _smi_words(answer: nvml.Answer | None) -> str:
    if answer is None or answer.ok:
        return ""
    status = "no answer" if answer.smi.status is None else f"status {answer.smi.status}"
    return clean(f"{answer.source}: {status}: {answer.smi.line}")


def _module(host: Host, said: str | None) -> Observed[str]:
    release = line(host, MODULE)
    if release is not None and _RELEASE.fullmatch(release):
        return found(release, MODULE)
    match = _IN_PROC.search(said or "")
    if match:
        return found(match.group(1), PROC)
    if said is not None or release is not None:
        return unknown("the module is loaded, but its version cannot be read", MODULE, PROC)
    return absent(MODULE, PROC)


def _witnesses(host: Host, said: str | None, answer: nvml.Answer | None) -> Observed[Mapping[str, str]]:
    """Who tells the running release, and what each says; where they differ, one of them is not of this machine."""
    release, match = line(host, MODULE) or "", _IN_PROC.search(said or "")
    told = {MODULE: release if _RELEASE.fullmatch(release) else None, PROC: match.group(1) if match else None}
    if answer is not None:
        told[answer.source] = answer.driver
    made = {source: value for source, value in told.items() if value is not None}
    return found(made, *made) if made else unknown("no source tells the release that runs", MODULE, PROC)


def _answering(answer: nvml.Answer) -> Observed[str]:
    """A card that answers has a kernel module, even where a sandbox hides it; NVML refuses another release than its own."""
    hidden = "neither file shows it, but the card answers"
    if answer.driver is None:
        return unknown(hidden, answer.source, MODULE, PROC)
    return found(answer.driver, answer.source, MODULE, PROC, detail=hidden)


def _flavour(said: str | None) -> Observed[bool]:
    if said is None:
        return unknown("there is nothing to read", PROC)
    if "Open Kernel Module" in said:
        return found(True, PROC)
    if "Kernel Module" in said:
        return found(False, PROC)
    return unknown("it names no flavour", PROC)


def _library(host: Host, path: str | None, answer: nvml.Answer | None) -> Observed[str]:
    """The user-space release: the driver's files carry it in their name, libcuda.so.535.104.05."""
    if path is None:
        return absent(LIBCUDA)
    real = host.real_path(path)
    try:
        is_elf = host.read(path, 4) == b"\x7fELF"
    except (OSError, ValueError):
        is_elf = False
    if not is_elf:
        return unknown(f"{real} is no shared library", path)
    named = re.fullmatch(r"libcuda\.so\.(\d{2,4}(?:\.\d{1,4}){1,3})", os.path.basename(real))
    if named:
        return found(named.group(1), path, real)
    # NVML speaks for the libraries that lie beside its own, not for a copy that somebody put elsewhere.
    beside = nvml.library_path(host, nvml.LIBRARY) or nvml.apart(host, nvml.LIBRARY) or path
    theirs = host.real_path(os.path.dirname(beside)) == host.real_path(os.path.dirname(path))
    if answer is not None and answer.driver is not None and theirs:
        return found(answer.driver, answer.source, path)
    return unknown(f"the name of {real} carries no release, and NVML {'does not say' if theirs else 'is of another folder'}", path)


def cdi(host: Host) -> Observed[Mapping[str, str]]:
    """The specifications by which containers get the GPU, and the driver's release in each: by the name of the libcuda it passes."""
    made: dict[str, str] = {}
    for folder in CDI:
        for name in host.entries(folder)[:20]:
            text = host.text(f"{folder}/{name}", 1 << 20) if name.endswith((".yaml", ".json")) and "nvidia" in name else None
            told = set(_IN_CDI.findall(text or ""))
            if len(told) == 1:
                made[f"{folder}/{name}"] = told.pop()
    return found(made, *made) if made else absent(*CDI)


def modules(host: Host) -> Observed[tuple[str, ...]]:
    """Which of the kernel modules that bear on NVIDIA cards are loaded."""
    listed = host.text("/proc/modules", 1 << 20)
    loaded = {one.split(" ", 1)[0] for one in (listed or "").splitlines()}
    built_in = {name for name in MODULES if host.is_dir(f"/sys/module/{name}")}
    made = tuple(name for name in MODULES if name in loaded or name in built_in)
    if made:
        return found(made, "/proc/modules", "/sys/module")
    if listed is None and not host.is_dir("/sys/module"):
        return unknown("they cannot be read", "/proc/modules", "/sys/module")
    return absent("/proc/modules", "/sys/module")


def device_nodes(host: Host) -> Observed[Mapping[str, bool]]:
    """NVIDIA's device files and whether this user may read and write them. They are not opened: that wakes a card."""
    made = {f"/dev/{name}": _may_use(host, f"/dev/{name}") for name in host.entries("/dev") if _NODE.fullmatch(name)}
    if made:
        return found(made, "/dev")
    return absent("/dev") if host.entries("/dev") else unknown("it cannot be listed", "/dev")


def _may_use(host: Host, path: str) -> bool:
    status = host.stat(path)
    if status is None:
        return False
    us = host.vantage
    # In a user namespace root may not override an owner from outside of it, who shows as the overflow user.
    if us.uid == 0 and status.st_uid != _OUTSIDER:
        return True
    if status.st_uid == us.uid:
        return status.st_mode & 0o600 == 0o600
    if status.st_gid in us.groups:
        return status.st_mode & 0o060 == 0o060
    return status.st_mode & 0o006 == 0o006
