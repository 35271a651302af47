"""Rules about a driver that is there and fits, and still does not answer: rights, modules, the kernel's complaints.

All of it is seen on a live machine (or in its own machine file) only.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.say import fact, finding, joined

_NODES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm")
_LOST = ("has fallen off the bus", "gpu is lost", "rminitadapter failed", "unable to change power state")


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
