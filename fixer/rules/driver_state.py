"""Rules about a driver that is there and fits, and still does not serve: rights, modules, the kernel's complaints, its cache.

All of it is seen on a live machine (or in its own machine file) only. Of a cache of kernels that cannot be kept this was seen: an
INTERNAL_ERROR of cuDNN that went with a ~/.nv of root's (deep-rl-tensorflow#43) and, by NVIDIA's guide, the same compilation at every
start. Neither is certain on a given machine, so nothing of that blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.hardware import fits
from fixer.rules.say import fact, finding, joined

_NODES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm")
_LOST = ("has fallen off the bus", "gpu is lost", "rminitadapter failed", "unable to change power state")

# A quarter of the driver's own default of 1 GiB.
_SMALL = 256 << 20
_LITTLE_MIB = 64


def device_permissions(case: Case) -> Iterator[Finding]:
    """The device files are there, and not for this user."""
    nodes = case.facts.device_nodes.or_else({})
    closed = sorted(path for path, allowed in nodes.items() if not allowed and path.startswith("/dev/nvidia"))
    vital = [path for path in closed if path in _NODES]
    cards = [path for path in nodes if path.removeprefix("/dev/nvidia").isdigit()]
    if not vital and not (cards and all(path in closed for path in cards)):
        return
    yield finding(
        "device-permissions",
        case.gpu_severity,
        "proven",
        f"{joined(vital or closed)} cannot be opened by this user",
        tuple(fact(f"device_nodes.{path}", "no access", case.facts.device_nodes) for path in closed),
        "Have the administrator grant it (a group such as video or render, a udev rule, or nvidia-modprobe); do not run "
        "Python with sudo, which leaves root's files behind.",
        subject={"paths": ",".join(closed)},
    )


def _no_uvm_node(case: Case) -> Finding:
    return finding(
        "uvm-or-driver-state",
        case.gpu_severity,
        "likely",
        "this container has the GPU's device files without /dev/nvidia-uvm, which CUDA needs",
        (
            fact("device_nodes", joined(case.facts.device_nodes.or_else({})), case.facts.device_nodes),
            fact("container", case.container or "", case.facts.container),
        ),
        "Start the container with the NVIDIA Container Toolkit (--gpus all), which passes every device file; a list of "
        "single --device options must name /dev/nvidia-uvm too.",
        code="uvm-not-passed",
        commands=(),
        plan="advise",
    )


def uvm_or_driver_state(case: Case) -> Iterator[Finding]:
    """The kernel says that the card is lost, or the module that CUDA needs besides nvidia is not there."""
    driver = case.driver
    if driver is None or not driver.kernel_module.is_found or case.wsl or not case.cards:
        return
    lost = [line for line in case.facts.kernel_log.or_else(()) if any(phrase in line.text.lower() for phrase in _LOST)]
    if lost:
        yield finding(
            "uvm-or-driver-state",
            case.gpu_severity,
            "likely",
            "the driver has lost the GPU",
            tuple(Evidence("kernel_log", line.text, line.source) for line in lost[:3]),
            "Reboot; where it comes back, look at power, heat and the card's seat.",
            code="gpu-lost",
            commands=(("sudo", "reboot"),),
        )
        return
    modules = case.facts.kernel_modules
    nodes = case.facts.device_nodes
    if not modules.is_found or "nvidia" not in modules.or_else(()) or "/dev/nvidia-uvm" in nodes.or_else({}):
        return
    boxed = bool(case.container)
    if "nvidia_uvm" in modules.or_else(()):
        # nvidia-modprobe makes the node on demand, but not in a container, whose nodes are those that it was given.
        if boxed and nodes.is_found:
            yield _no_uvm_node(case)
        return
    yield finding(
        "uvm-or-driver-state",
        case.gpu_severity if boxed else "risks",
        "likely" if boxed else "possible",
        "the kernel module nvidia_uvm, which CUDA needs, is not loaded",
        (fact("kernel_modules", "nvidia without nvidia_uvm", modules),),
        "Load it (as root: nvidia-modprobe -u -c=0). It is often loaded on demand, by the first program that uses CUDA.",
        code="uvm-not-loaded",
        commands=(("nvidia-modprobe", "-u", "-c=0"),),
    )


def fabric_not_ready(case: Case) -> Iterator[Finding]:
    """The switches between the GPUs are not set up: cuInit answers 802 until their fabric manager has done so, though nvidia-smi lists all.

    A card that MIG has split uses no switch.
    """
    driver, cards = case.driver, [card for card in case.cards if card.gpu.mig is None and not card.gpu.handed_over]
    if driver is None or not driver.kernel_module.is_found or case.wsl or not cards or len(cards) != len(case.cards):
        return
    fabric = case.facts.fabric.value
    waiting = all(card.gpu.fabric in ("not started", "in progress") for card in cards)
    unmanaged = fabric is not None and fabric.managed is False and all(card.gpu.fabric is None for card in cards)
    if not waiting and not unmanaged:
        return
    states = sorted({card.gpu.fabric for card in cards if card.gpu.fabric is not None})
    here = not case.container
    yield finding(
        "uvm-or-driver-state",
        case.gpu_severity,
        "likely",
        f"the GPUs are not registered with their NVSwitch fabric ({joined(states)}): CUDA answers 802, system not yet initialized"
        if waiting
        else "this machine has NVSwitches and no fabric manager runs: CUDA answers 802, system not yet initialized",
        (
            *(fact(f"gpus[{card.place}].fabric", card.gpu.fabric, case.facts.gpus) for card in cards if card.gpu.fabric is not None),
            *(
                (fact("fabric", f"{len(fabric.switches)} NVSwitches, fabric manager not running", case.facts.fabric),)
                if fabric is not None and unmanaged
                else ()
            ),
        ),
        "Have the administrator start nvidia-fabricmanager, of exactly the driver's release (systemctl enable --now nvidia-fabricmanager)"
        f"{'' if here else ', on the host'}; nvidia-smi -q then shows the Fabric State as Completed, or verify passes. No library or "
        "package is at fault.",
        code="fabric-not-ready",
        commands=(("systemctl", "status", "nvidia-fabricmanager"),) if here else (("nvidia-smi", "-q"),),
        plan="advise",
    )


def nv_compute_cache(case: Case) -> Iterator[Finding]:
    """The driver can keep no compiled kernel: the folder is somebody else's, is no folder, or its disk is full."""
    seen = case.facts.compute_cache
    cache = seen.value
    if cache is None or case.os != "linux" or not case.cards:
        return
    evidence = (fact("compute_cache", f"{cache.path}{'' if cache.there else ' (not there)'}", seen),)
    if cache.closed is not None:
        own = cache.closed.endswith("/.nv") or "/.nv/" in cache.closed
        yield _of_cache(
            "nv-compute-cache",
            f"the driver cannot keep compiled kernels: {cache.closed}: {cache.why}",
            (*evidence, fact("compute_cache.closed", f"{cache.closed}: {cache.why}", seen)),
            "Rename it, so that the driver makes a new one (a run with sudo often leaves such a folder), or let CUDA_CACHE_PATH name a "
            "folder of this user's. Kernels are compiled anew at every start until then, and cuDNN was seen to fail."
            if own
            else "Let CUDA_CACHE_PATH name a folder that this user may write to; kernels are compiled anew at every start until then.",
            (("mv", cache.closed, f"{cache.closed}.old"),) if own and cache.there and not cache.closed.endswith("/index") else (),
            {"path": cache.closed},
        )
    elif cache.free_mib is not None and cache.free_mib < _LITTLE_MIB:
        yield _of_cache(
            "nv-compute-cache-disk-full",
            f"the disk of the driver's cache of kernels is full: {cache.free_mib} MiB are free for {cache.path}",
            (*evidence, fact("compute_cache.free_mib", str(cache.free_mib), seen)),
            "Free some space, or let CUDA_CACHE_PATH name a folder on another disk.",
            (("df", "-h", cache.path.rpartition("/ComputeCache")[0] or cache.path),),
            {"path": cache.path},
        )


def cache_needed(case: Case) -> Iterator[Finding]:
    """Every kernel is compiled for this card, and a setting, a size or a distant disk stands against keeping the result."""
    judged, seen = fits(case), case.facts.compute_cache
    if not judged or any(fit.kind != "compiled first" for fit in judged) or case.os != "linux":
        return
    size = case.variables.get("CUDA_CACHE_MAXSIZE", "").strip()
    if case.variables.get("CUDA_CACHE_DISABLE", "").strip() == "1":
        why, name, value, advice = "CUDA_CACHE_DISABLE=1 turns its cache off", "CUDA_CACHE_DISABLE", "1", "Take CUDA_CACHE_DISABLE away."
    elif size.isdecimal() and len(size) < 20 and int(size) < _SMALL:
        why, name, value = f"CUDA_CACHE_MAXSIZE={size} bytes are too few to keep them", "CUDA_CACHE_MAXSIZE", size
        advice = "Take CUDA_CACHE_MAXSIZE away, or raise it to 4294967296."
    elif seen.value is not None and seen.value.remote and seen.value.closed is None:
        why, name, value = f"its cache lies on {seen.value.remote}, which other machines serve", "compute_cache", seen.value.path
        advice = "Let CUDA_CACHE_PATH name a folder on this machine's own disk: the cache is read at every start."
    else:
        return
    source = seen if name == "compute_cache" else case.variable(name)
    yield _of_cache(
        "nv-compute-cache-needed",
        f"the driver compiles every kernel for {judged[0].card.name}, and {why}",
        (fact(name, value, source), *case.card_evidence((judged[0].card,)), *case.tensorflow_evidence()),
        advice,
        (),
        {"setting": name},
    )


def _of_cache(
    code: str, title: str, evidence: tuple[Evidence, ...], advice: str, commands: tuple[tuple[str, ...], ...], subject: dict[str, str]
) -> Finding:
    return finding("nv-compute-cache", "risks", "likely", title, evidence, advice, code=code, commands=commands, subject=subject)
