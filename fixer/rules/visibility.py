"""Rules about what TensorFlow is allowed to see: no GPU, a hidden one, a container or WSL without it.

A missing GPU is harmless where nobody wishes for one. A variable that a batch system set is the
scheduler's word: it is never taken away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.rules.cards import Card
from fixer.rules.case import Case
from fixer.rules.driver_loading import libcuda_apart
from fixer.rules.say import PLAN, fact, finding, set_at_start

BATCH_VARIABLES = {
    "SLURM_JOB_ID": "Slurm",
    "SLURM_JOBID": "Slurm",
    "PBS_JOBID": "PBS",
    "LSB_JOBID": "LSF",
    "SGE_TASK_ID": "Grid Engine",
    "SGE_ROOT": "Grid Engine",
    "COBALT_JOBID": "Cobalt",
    "FLUX_JOB_ID": "Flux",
    "OAR_JOB_ID": "OAR",
    "_CONDOR_JOB_AD": "HTCondor",
    "KUBERNETES_SERVICE_HOST": "Kubernetes",
}
_NUMBER = re.compile(r"[+-]?[0-9]+")
_FIRST_WITHOUT_WINDOWS = (2, 11)
_WSL_FOLDER = "/usr/lib/wsl/lib"
# Windows' own libcuda by either of its folders; stubs and compatibility libraries have rules of their own.
_OWNER_OF = {
    ("debian", "ubuntu", "linuxmint", "pop", "kali"): ("dpkg", "-S"),
    ("rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn", "suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles"):
        ("rpm", "-qf"),
    ("arch",): ("pacman", "-Qo"),
}  # fmt: skip
_NOT_A_LINUX_DRIVER = ("/wsl/", "/lxss/", "/stubs/", "/compat")


def no_nvidia_gpu(case: Case) -> Iterator[Finding]:
    """No NVIDIA GPU: benign on a CPU host, a block where the GPU is wished for; unknown where nobody looked."""
    gpus = case.facts.gpus
    if gpus.is_unknown and case.target != "cpu" and not _gpu_is_plain(case):
        yield finding(
            "no-nvidia-gpu",
            "blocks",
            "cannot-tell",
            "cannot tell whether there is an NVIDIA GPU",
            (fact("gpus", "unknown: " + (gpus.detail or "nobody looked"), gpus),),
            "Give the GPUs (gpus in the machine file; [] says that there is none), or wish for the CPU: --device cpu.",
            code="gpu-unknown",
            needs=("gpus",),
        )
        return
    if not case.no_gpu or case.os == "macos" and case.arch == "aarch64":
        return
    wished = case.wish.device == "gpu"
    if wished and case.container:
        return
    yield finding(
        "no-nvidia-gpu",
        "blocks" if wished else "note",
        "proven",
        "this machine has no NVIDIA GPU",
        (fact("gpus", "none", gpus),),
        "There is no GPU to repair; TensorFlow runs on the CPU here."
        if wished
        else "Nothing to do: TensorFlow runs on the CPU, and what it prints about CUDA is harmless.",
    )


def _gpu_is_plain(case: Case) -> bool:
    """Whether a witness other than the list of GPUs shows that the GPU is there: what the loader did for TensorFlow."""
    return case.wish.device == "gpu" and case.facts.resolutions.is_found


def batch_system(case: Case) -> str | None:
    """The batch system that started this session, by the variables it sets."""
    return next((name for key, name in BATCH_VARIABLES.items() if key in case.variables), None)


def picked(value: str, cards: tuple[Card, ...]) -> list[int | str]:
    """What ``value`` leaves of ``cards``: numbers as CUDA counts, or the beginnings of UUIDs; up to the first that names none."""
    named: list[int | str] = []
    for entry in (one.strip() for one in value.split(",")):
        number = _NUMBER.match(entry)
        if number is None and not _may_name(entry, cards):
            break
        if number is not None and (int(number[0]) < 0 or (_countable(cards) and int(number[0]) >= len(cards))):
            break
        named.append(int(number[0]) if number is not None else entry.upper())
    return named


def first_seen(case: Case) -> Card | None:
    """The card that CUDA counts first, on which a program computes that names none; None where only CUDA knows.

    Different cards are counted by speed, as CUDA guesses it, unless CUDA_DEVICE_ORDER says PCI_BUS_ID (CUDA C++ Programming Guide,
    environment variables); cards alike in the order of the bus.
    """
    cards, value = case.cards, case.variables.get("CUDA_VISIBLE_DEVICES")
    left: list[int | str] = [0] if value is None else picked(value, cards)
    if not left or not _countable(cards):
        return None
    first = left[0]
    if isinstance(first, str):
        named = [card for card in cards if (card.gpu.uuid or "").upper().startswith(first)]
        return named[0] if len(named) == 1 else None
    alike = len({card.gpu.name or card.place for card in cards}) == 1
    by_bus = alike or case.variables.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    return cards[first] if by_bus and first < len(cards) else None


def left_visible(case: Case) -> tuple[Card, ...] | None:
    """The cards that CUDA_VISIBLE_DEVICES leaves a program; None where only CUDA knows, or it leaves none."""
    cards, value = case.cards, case.variables.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return cards
    named = picked(value, cards)
    if not named or not _countable(cards) or len(set(named)) < len(named):
        return None
    alike = len({card.gpu.name or card.place for card in cards}) == 1
    by_bus = alike or case.variables.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len(named) == len(cards)
    left: list[Card] = []
    for one in named:
        meant = [cards[one]] if isinstance(one, int) else [card for card in cards if (card.gpu.uuid or "").upper().startswith(one)]
        if len(meant) != 1 or (isinstance(one, int) and not by_bus):
            return None
        left += meant
    return tuple(left)


def _countable(cards: tuple[Card, ...]) -> bool:
    """Whether CUDA counts these cards and nothing else; the instances of MIG have numbers of their own."""
    return bool(cards) and all(card.gpu.mig is None for card in cards)


def _may_name(entry: str, cards: tuple[Card, ...]) -> bool:
    """Whether an entry is the beginning of a card's name, or of a name that nobody knows here."""
    if not entry.upper().startswith(("GPU-", "MIG-")) or len(entry) <= len("GPU-"):
        return False
    if not cards or not all(card.gpu.uuid for card in cards) or entry.upper().startswith("MIG-GPU-"):
        return True
    names = [name.upper() for card in cards for name in (card.gpu.uuid or "", *(card.gpu.mig or ()))]
    return any(name.startswith(entry.upper()) or entry.upper().startswith(name) for name in names)


def _hidden(value: str, cards: tuple[Card, ...]) -> str | None:
    """Why ``value`` hides every GPU; None when it leaves one visible.

    As driver 580 reads it: a number as C's strtol does, whatever follows it, or a UUID's beginning; an entry that names no
    GPU hides itself and what follows; one entry twice hides all.
    """
    if not value.strip():
        return "it is set and empty"
    named = picked(value, cards)
    if len(set(named)) < len(named):
        return "it names one GPU twice, which the driver refuses"
    return None if named else _unnamed(value.split(",")[0].strip(), cards)


def _unnamed(first: str, cards: tuple[Card, ...]) -> str:
    """Why the first entry names no GPU."""
    count = len(cards)
    if first.upper().startswith(("GPU-", "MIG-")) and len(first) > len("GPU-"):
        return f"no {'MIG instance' if first.upper().startswith('MIG-') else 'GPU'} of this machine has that name"
    if first.isdigit() and count:
        return f"there is no GPU {first}, the {'only one is 0' if count == 1 else f'last one is {count - 1}'}"
    return f"{first!r} is no GPU"


def cuda_visible_devices(case: Case) -> Iterator[Finding]:
    """The variable hides every GPU."""
    value = case.variables.get("CUDA_VISIBLE_DEVICES")
    if value is None or case.no_gpu or case.os == "macos":
        return
    why = _hidden(value, case.cards)
    if why is None:
        return
    place = case.set_where("CUDA_VISIBLE_DEVICES")
    scheduler = batch_system(case) if place is None else None
    evidence = [fact("variables.CUDA_VISIBLE_DEVICES", repr(value), case.variable("CUDA_VISIBLE_DEVICES"))]
    evidence += [fact(f"variables.{key}", "set", case.facts.variables) for key in BATCH_VARIABLES if key in case.variables][:1]
    yield finding(
        "cuda-visible-devices",
        case.gpu_severity,
        "proven",
        f"CUDA_VISIBLE_DEVICES hides every GPU: {why}",
        evidence,
        f"{scheduler} gave this job no GPU: ask for one in the job's request, and leave the variable as it is."
        if scheduler
        else set_at_start("CUDA_VISIBLE_DEVICES", place)
        if place
        else "Take the variable away, or set it to 0, where it is set: a profile, a launcher or the script itself.",
        plan="advise" if scheduler or place else None,
        commands=() if scheduler or place else None,
        subject={"variable": "CUDA_VISIBLE_DEVICES", "value": value, **({"batch": scheduler} if scheduler else {})},
    )


def container_without_gpu(case: Case) -> Iterator[Finding]:
    """A container that was started without the GPU, or without its compute libraries."""
    if not case.container or case.os != "linux":
        return
    driver = case.facts.driver
    module = driver.value.kernel_module if driver.value is not None else None
    box = fact("container", case.container, case.facts.container)
    if case.no_gpu:
        if case.wish.device != "gpu" and not (module is not None and module.is_found):
            return
        yield _without(case, "no GPU reaches this container", (box, fact("gpus", "none", case.facts.gpus)))
        return
    if not case.cards:
        return
    if driver.is_absent:
        yield _without(case, "the driver does not reach this container", (box, fact("driver", "none to be seen", driver)))
    elif driver.value is not None and (driver.value.version.is_absent or driver.value.libcuda_path.is_absent):
        if libcuda_apart(case) is not None:
            return
        seen = fact("driver.libcuda_path", "no libcuda to be seen", driver.value.libcuda_path)
        yield _without(case, "the driver's compute library does not reach this container", (box, seen))
    elif module is not None and module.is_found and case.facts.device_nodes.is_absent and not case.wsl:
        seen = fact("device_nodes", "no /dev/nvidia*", case.facts.device_nodes)
        yield _without(case, "no GPU device reaches this container", (box, seen))


def _without(case: Case, title: str, evidence: tuple[Evidence, ...]) -> Finding:
    driver = case.driver
    host_runs = driver is not None and driver.kernel_module.is_found
    severity = "blocks" if case.wish.device == "gpu" else "note" if case.no_gpu else case.gpu_severity
    if driver is not None and host_runs:
        evidence += (fact("driver.kernel_module", str(driver.kernel_module.value), driver.kernel_module),)
    return finding(
        "container-without-gpu",
        severity,
        "proven" if host_runs else "likely",
        title,
        evidence,
        "Start the container with the GPU: docker run --gpus all (podman: --device nvidia.com/gpu=all; distrobox: create "
        "--nvidia; Kubernetes: nvidia.com/gpu in the limits), with the NVIDIA Container Toolkit on the host and the capabilities "
        "compute,utility. Nothing inside the container can repair this.",
        commands=(("docker", "run", "--gpus", "all", "IMAGE"),) if case.container == "docker" else (),
    )


def wsl_libcuda_path(case: Case) -> Iterator[Finding]:
    """WSL2: the driver is Windows' own and its libcuda lies in one folder; a Linux driver must not be there."""
    if not case.wsl or case.container or not case.cards:
        return
    driver = case.facts.driver
    path = driver.value.libcuda_path if driver.value is not None else None
    lies_there = [
        one for one in case.facts.libraries.or_else(()) if one.path.startswith(_WSL_FOLDER) and "libcuda." in one.path
    ]
    if driver.is_absent or (path is not None and path.is_absent):
        known = (fact("libraries", lies_there[0].path, case.facts.libraries),) if lies_there else ()
        certain = bool(lies_there) or driver.is_found
        evidence = (case.driver_evidence(), *known)
        yield _wsl(case, "WSL's libcuda is not on the loader's path", "proven" if certain else "likely", evidence)
    elif path is not None and path.value and not any(part in path.value for part in _NOT_A_LINUX_DRIVER):
        yield finding(
            "wsl-libcuda-path",
            case.gpu_severity,
            "likely",
            f"{path.value}, of a Linux driver installed inside WSL, is loaded in place of WSL's own libcuda",
            (fact("wsl", "true", case.facts.wsl), fact("driver.libcuda_path", path.value, path)),
            f"Remove the Linux driver that was installed inside WSL, by the package that owns {path.value}; then wsl --shutdown in "
            "Windows. In WSL the driver is Windows' own, and a Linux driver must not be there.",
            code="linux-driver-in-wsl",
            commands=_owner_of(case, path.value),
            plan="advise",
            subject={"path": path.value},
        )


def _owner_of(case: Case, path: str) -> tuple[tuple[str, ...], ...]:
    """What tells which package a file is of, on this distribution; nothing where that is not known."""
    distro = case.facts.distro.value
    family = (distro.id, *distro.like) if distro is not None else ()
    asked = next((argv for names, argv in _OWNER_OF.items() if set(names) & set(family)), None)
    return ((*asked, path),) if asked else ()


def _wsl(case: Case, title: str, certainty: str, evidence: tuple[Evidence, ...]) -> Finding:
    # No driver is to be seen: Windows may have none, and then there is nothing to put on a path.
    doubt = certainty != "proven" and case.facts.driver.is_absent
    lacking = f" where {_WSL_FOLDER}/libcuda.so.1 is there; where it is not, install NVIDIA's driver in Windows" if doubt else ""
    return finding(
        "wsl-libcuda-path",
        case.gpu_severity,
        "proven" if certainty == "proven" else "likely",
        title,
        (fact("wsl", "true", case.facts.wsl), *evidence),
        f"Put {_WSL_FOLDER} on the loader's path{lacking}.",
        commands=(("ls", f"{_WSL_FOLDER}/libcuda.so.1"), *PLAN) if doubt else None,
        subject={"folder": _WSL_FOLDER},
    )


def windows_native_no_gpu(case: Case) -> Iterator[Finding]:
    """Native Windows: TensorFlow has no CUDA there since 2.11."""
    if case.os != "windows" or case.wsl or case.no_gpu or case.tensorflow is None:
        return
    if compare.minor(case.tensorflow) < _FIRST_WITHOUT_WINDOWS:
        return
    yield finding(
        "windows-native-no-gpu",
        case.gpu_severity,
        "proven",
        f"{case.tensorflow_name} has no GPU support on native Windows: 2.10 was the last that had",
        (fact("os", "windows", case.facts.os), *case.tensorflow_evidence()),
        "Use WSL2 with the same TensorFlow, or TensorFlow 2.10 with Python 3.10 or older.",
        rows=case.row_refs,
        subject={"wanted": "tensorflow<2.11"},
    )


def apple_silicon(case: Case) -> Iterator[Finding]:
    """A Mac: the GPU is used through a plugin of Apple's, never through CUDA."""
    if case.os != "macos" or case.arch != "aarch64" or case.tensorflow is None:
        return
    if case.packages_seen.is_unknown or "tensorflow-metal" in case.packages:
        return
    yield finding(
        "apple-silicon",
        "blocks" if case.wish.device == "gpu" else "note",
        "proven",
        "without tensorflow-metal, TensorFlow uses only this Mac's CPU",
        (
            fact("os", "macos", case.facts.os),
            fact("environment.packages", "without tensorflow-metal", case.packages_seen),
        ),
        "Install tensorflow-metal beside a TensorFlow that it supports, with a Python built for arm64.",
        subject={"package": "tensorflow-metal"},
    )
