"""The proof by the real TensorFlow: which children to run for a level and a device, and what they show together.

The unit is ``Verification``. TensorFlow runs in the patient's process, never in ours. Nothing is changed.
"""

from __future__ import annotations

from typing import Iterable, Literal, Mapping

from fixer.errors import UsageError
from fixer.host.base import Host
from fixer.model.outcome import Step, Verification
from fixer.verify.child import Answer, ask
from fixer.verify.fresh_shell import Surroundings, own

Level = Literal["loader", "convolution", "densenet"]
Device = Literal["gpu", "cpu", "any"]
# A cold import from a slow disk takes a minute; a GPU newer than the build compiles its kernels from PTX for many.
LIMITS = {"loader": 180.0, "convolution": 600.0, "densenet": 1200.0}
LAST_STEP = {"loader": "tensorflow-imports", "convolution": "convolution", "densenet": "densenet121"}
GROWTH_STEP = "convolution-with-memory-growth"
# A device that computed, but not what was asked: no allocation failed.
_NOT_OF_MEMORY = ("wrong numbers", "not finite", "asked for the", "returned", "no libcudnn mapped", "Keras runs on")
_DISPLAY_CLASSES = ("0x0300", "0x0302")


def verify(
    host: Host,
    interpreter: str,
    level: Level,
    device: Device,
    *,
    surroundings: Surroundings | None = None,
    timeout: float | None = None,
) -> Verification:
    """Prove ``level`` with the patient ``interpreter`` on ``device``.

    ``any`` is the GPU where this machine has an NVIDIA GPU or TensorFlow lists one, else the CPU. A convolution that
    fails on the GPU is repeated in a second child with memory growth: failed without and passed with it is the proof
    that growth is what is missing. ``timeout`` is seconds per child. A broken patient is a failed step; only a
    patient that is data (``--sys-root``) raises UsageError.
    """
    if host.is_data:
        raise UsageError("patient-is-data", "verify runs the patient, and with --sys-root the patient is data")
    around = own(host) if surroundings is None else surroundings
    seconds = LIMITS[level] if timeout is None else timeout
    asked = "gpu" if device == "any" and has_nvidia_gpu(host) else device
    wish = {"level": level, "device": asked, "growth": False}
    last = LAST_STEP[level] if level != "loader" or asked != "gpu" else "gpu-listed"
    first = ask(host, interpreter, "convolution", wish, around, seconds, last)
    used = first.device or ("cpu" if asked == "any" else asked)
    if not _growth_could_help(first, used, around):
        return Verification(level, first.passed, used, first.steps, first.loaded, first.output)
    second = ask(host, interpreter, "convolution", {"level": level, "device": "gpu", "growth": True}, around, seconds, last)
    steps = (*first.steps, _growth_step(second))
    return Verification(level, False, used, steps, first.loaded or second.loaded, first.output + second.output)


def winners(
    host: Host, interpreter: str, sonames: Iterable[str], *, surroundings: Surroundings | None = None, timeout: float = 180.0
) -> Mapping[str, str | None] | None:
    """For each soname the file that the real loader took in a TensorFlow process; None when TensorFlow does not import."""
    wish = {"level": "loader", "device": "gpu", "growth": False, "sonames": list(sonames)}
    around = own(host) if surroundings is None else surroundings
    return ask(host, interpreter, "loader_winner", wish, around, timeout, "tensorflow-imports").winners


def has_nvidia_gpu(host: Host) -> bool:
    """An NVIDIA display device on the PCI bus, or WSL2's GPU."""
    bus = "/sys/bus/pci/devices"
    for name in host.entries(bus):
        vendor, kind = (host.text(f"{bus}/{name}/{part}", 64) or "" for part in ("vendor", "class"))
        if vendor.strip().lower() == "0x10de" and kind.strip().lower()[:6] in _DISPLAY_CLASSES:
            return True
    return host.exists("/dev/dxg") and host.exists("/usr/lib/wsl/lib/libcuda.so.1")


def _growth_could_help(first: Answer, used: str, around: Surroundings) -> bool:
    """A failed GPU convolution or network whose numbers were not even made; and growth is not on already."""
    failed = next((step for step in first.steps if not step.passed), None)
    if used != "gpu" or failed is None or failed.name not in ("convolution", "densenet121"):
        return False
    already = around.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == "true"  # TensorFlow takes no other word for it
    return not already and not any(words in failed.detail for words in _NOT_OF_MEMORY)


def _growth_step(second: Answer) -> Step:
    """The second child, which did the same with memory growth, as one step."""
    last = second.steps[-1]
    if second.passed:
        return Step(GROWTH_STEP, True, last.seconds, "it works with memory growth: " + last.detail)
    return Step(GROWTH_STEP, False, last.seconds, "memory growth does not help: " + last.detail)
