"""What NVIDIA's own software says of the GPU: NVML in a child, nvidia-smi where NVML gives nothing.

The unit is one ``Answer``: how it ended, and what was said. Both are asked with a hard time limit: a
wedged driver hangs them. Neither is asked for a described system root, nor while a card sleeps.
"""

from __future__ import annotations

import json
import os
import re
from typing import Mapping

from fixer.host.base import Host
from fixer.model.facts import SmiAnswer
from fixer.model.record import record
from fixer.probes.plain import clean, count, how_it_failed, is_executable, on_path, split_folders

LIMIT_SECONDS = 4.0
_ANSWER_BYTES = 1 << 18
LIBRARY = "libnvidia-ml.so.1"
CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nvml_child.py")
FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/lib/aarch64-linux-gnu")
# Where a system keeps the driver's libraries that no loader searches by itself: WSL2, Kubernetes' device plugins, NixOS, snap.
APART = ("/usr/lib/wsl/lib", "/usr/local/nvidia/lib64", "/run/opengl-driver/lib", "/var/lib/snapd/lib/gl")
WSL_SMI = "/usr/lib/wsl/lib/nvidia-smi"
_FIELDS = ("name", "pci.device_id", "pci.bus_id", "memory.total", "memory.free", "driver_version")
_UUID = r"(?:GPU|MIG)-[0-9A-Za-z/-]{1,80}"
# nvmlComputeMode_t; exclusive is per process or, until CUDA 8, per thread.
_MODES: Mapping[int | None, str] = {0: "default", 1: "exclusive", 2: "prohibited", 3: "exclusive"}
# nvmlGpuFabricState_t; 0 is a card without a fabric.
_FABRIC: Mapping[int | None, str] = {1: "not started", 2: "in progress", 3: "completed"}
_DRIVER = re.compile(r"\d{2,4}(\.\d{1,4}){1,3}")
_CUDA = re.compile(r"\d{1,2}\.\d{1,2}")


@record(frozen=True)
class Card:
    """One card as NVML or nvidia-smi names it; ``address`` is its place on the PCI bus, 0000:01:00.0."""

    name: str | None = None
    pci_id: str | None = None
    address: str | None = None
    compute_capability: str | None = None
    memory_mib: int | None = None
    free_mib: int | None = None
    uuid: str | None = None
    compute_mode: str | None = None
    programs: int | None = None
    mig: tuple[str, ...] | None = None
    vgpu: str | None = None
    fabric: str | None = None


@record(frozen=True)
class Answer:
    """``smi`` says how it ended; the rest is empty unless it ended well. ``source`` is NVML or nvidia-smi."""

    smi: SmiAnswer
    source: str
    driver: str | None = None
    cuda: str | None = None
    cards: tuple[Card, ...] = ()

    @property
    def ok(self) -> bool:
        return self.smi.status == 0


def library_path(host: Host, name: str) -> str | None:
    """Where the loader would find a driver's library: LD_LIBRARY_PATH, ld.so.cache, its own folders."""
    for folder in (
        *split_folders(host.environ.get("LD_LIBRARY_PATH"), host.vantage.folder),
        *_cached_folders(host, name),
        *FOLDERS,
    ):
        path = os.path.join(folder, name)
        if host.exists(path):
            return path
    return None


def apart(host: Host, name: str) -> str | None:
    """A driver's library in a folder that the loader does not search by itself."""
    return next((f"{folder}/{name}" for folder in APART if host.exists(f"{folder}/{name}")), None)


def _cached_folders(host: Host, name: str) -> list[str]:
    from fixer.loader.cache import PATH, parse_cache

    # In the order of its table, which is the loader's; its strings stand in another.
    try:
        cache = parse_cache(host.read(PATH, 16 << 20))
    except (OSError, ValueError):
        return []
    return [os.path.dirname(path) for path in cache.all(name)] if cache is not None else []


def smi_path(host: Host) -> str | None:
    """nvidia-smi on PATH, or WSL's own."""
    first = next(iter(on_path(host, "nvidia-smi")), None)
    return first or (WSL_SMI if is_executable(host, WSL_SMI) else None)


def ask(host: Host) -> Answer | None:
    """NVML's answer; nvidia-smi's where NVML is not found or says nothing that can be read. None: neither is here."""
    if host.is_data:
        return None
    made = _ask_library(host) if library_path(host, LIBRARY) is not None or apart(host, LIBRARY) is not None else None
    if made is not None and (made.smi.status is None or 0 <= made.smi.status != 12 and made.source == "NVML"):
        return made
    smi = smi_path(host)
    return _ask_program(host, smi) if smi is not None else made


def _limit(host: Host) -> float:
    return min(host.timeout, LIMIT_SECONDS)


def _ask_library(host: Host) -> Answer:
    hidden = apart(host, LIBRARY) if library_path(host, LIBRARY) is None else None
    argv = (host.vantage.python, "-I", "-S", "-B", CHILD, *([hidden] if hidden is not None else []))
    ran = host.run(argv, timeout=_limit(host), limit=_ANSWER_BYTES)
    if ran.timed_out:
        return Answer(SmiAnswer(None, "NVML gave no answer within the time limit"), "NVML")
    try:
        told = json.loads(ran.stdout)
        status = told["status"]
        if ran.status != 0 or not isinstance(status, int):
            raise ValueError(ran.status)
        cards = tuple(_card(one) for one in told.get("cards", ()))
        words = SmiAnswer(status, clean(str(told.get("text", ""))))
        return Answer(words, "NVML", _match(_DRIVER, told.get("driver")), _match(_CUDA, told.get("cuda")), cards)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Answer(SmiAnswer(-1, how_it_failed(ran, "NVML")), "NVML, unreadable")


def _card(told: dict[str, object]) -> Card:
    def words(key: str, shape: str) -> str | None:
        value = told.get(key)
        return value if isinstance(value, str) and re.fullmatch(shape, value) else None

    def number(key: str) -> int | None:
        value = told.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None

    name = told.get("name")
    return Card(
        name=clean(name) if isinstance(name, str) else None,
        pci_id=words("pci_id", r"10de:[0-9a-f]{4}"),
        address=words("address", r"[0-9a-f:.]{12}"),
        compute_capability=words("compute_capability", r"\d{1,2}\.\d"),
        memory_mib=number("memory_mib"),
        free_mib=number("free_mib"),
        uuid=words("uuid", _UUID),
        compute_mode=_MODES.get(number("compute_mode")),
        programs=number("programs"),
        mig=_instances(told.get("mig")),
        vgpu=words("vgpu", "licensed|unlicensed|unknown"),
        fabric=_FABRIC.get(number("fabric")),
    )


def _instances(told: object) -> tuple[str, ...] | None:
    if not isinstance(told, list):
        return None
    return tuple(one for one in told if isinstance(one, str) and re.fullmatch(_UUID, one))


def _match(shape: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and shape.fullmatch(value) else None


def _ask_program(host: Host, path: str) -> Answer:
    query = (path, "--query-gpu=" + ",".join(_FIELDS), "--format=csv,noheader,nounits")
    ran = host.run(query, timeout=_limit(host), limit=_ANSWER_BYTES)
    if ran.timed_out or ran.cut or ran.missing:
        return Answer(SmiAnswer(None, how_it_failed(ran, "nvidia-smi")), path)
    said = next((clean(one) for one in (ran.stdout + "\n" + ran.stderr).splitlines() if one.strip()), "")
    if ran.status != 0:
        return Answer(SmiAnswer(ran.status, said), path)
    rows = [[word.strip() for word in one.split(",")] for one in ran.stdout.splitlines() if one.strip()]
    cards = [_row(row) for row in rows if len(row) == len(_FIELDS) and _DRIVER.fullmatch(row[-1])]
    if not cards or len(cards) != len(rows):
        return Answer(SmiAnswer(-1, f"nvidia-smi printed no answer that can be read: {said}"), path)
    return Answer(SmiAnswer(0, ""), path, rows[0][-1], None, tuple(cards))


def _row(row: list[str]) -> Card:
    name, device, bus, total, free, _ = row
    parts = re.fullmatch(r"0x([0-9A-Fa-f]{4})10DE", device)
    place = re.fullmatch(r"0*([0-9A-Fa-f]{4}):([0-9A-Fa-f]{2}):([0-9A-Fa-f]{2})\.0", bus)
    return Card(
        name=clean(name) or None,
        pci_id=f"10de:{parts.group(1).lower()}" if parts else None,
        address=":".join(place.groups()).lower() + ".0" if place else None,
        memory_mib=count(total),
        free_mib=count(free),
    )
