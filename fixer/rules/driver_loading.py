"""Rules about a driver that is not there, or not running: which of several reasons keeps it away.

One function names the reason, so that two rules never claim the same silence. Containers and WSL have
their own rules (``visibility``): they hold no kernel module of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.dataset.rows import DriverStepRow
from fixer.model import compare
from fixer.model.facts import Distro, Driver, Library
from fixer.model.finding import Certainty, Evidence, Finding, RowRef
from fixer.rules.cards import Card
from fixer.rules.case import Case
from fixer.rules.say import Commands, fact, finding, joined

_REFUSED = ("key was rejected", "required key not available", "lockdown: modprobe", "module signature")
_NOT_THE_DRIVERS = ("/stubs/", "/compat", "/wsl/")
_FLAVOUR = ("not supported by open nvidia.ko", "requires use of the nvidia open kernel modules")

GIVE_BACK = (
    "Run TensorFlow in that virtual machine, or give the card back to this system: end the virtual machine, take the card out of what "
    "keeps it (vfio-pci's ids in /etc/modprobe.d or on the kernel's command line, driverctl, libvirt), and reboot."
)
LOOK: Commands = (("lspci", "-nnk", "-d", "10de:"),)


def _bare_metal(case: Case) -> bool:
    return case.os == "linux" and not case.wsl and bool(case.cards)


def _log(case: Case, phrases: tuple[str, ...]) -> tuple[Evidence, ...]:
    lines = case.facts.kernel_log.or_else(())
    found = next((line for line in lines if any(phrase in line.text.lower() for phrase in phrases)), None)
    return (Evidence("kernel_log", found.text, found.source),) if found is not None else ()


def missing_because(case: Case) -> str | None:
    """Why no kernel driver runs: nouveau, secure-boot, handed-over, not-installed, not-loaded; None when it runs."""
    if not _bare_metal(case):
        return None
    if all(card.gpu.handed_over for card in case.cards):
        return "handed-over"
    driver = case.facts.driver
    if driver.is_unknown:
        return None
    module = driver.value.kernel_module if driver.value is not None else None
    installed = driver.value is not None and not _without_libcuda(driver.value)
    if module is not None and not module.is_absent and installed:
        return None
    if module is not None and module.is_found:
        return "half" if libcuda_apart(case) is None else None
    holders = {card.gpu.kernel_driver for card in case.cards}
    modules = case.facts.kernel_modules.or_else(())
    if "nouveau" in holders or ("nouveau" in modules and "nvidia" not in modules):
        return "nouveau"
    if _log(case, _REFUSED) or (installed and case.facts.secure_boot.value is True):
        return "secure-boot"
    return "not-loaded" if installed else "not-installed"


def libcuda_apart(case: Case) -> Library | None:
    """The driver's own libcuda in a folder that the loader does not search: NixOS, Kubernetes' device plugins, snap."""
    if case.driver is None or not case.driver.libcuda_path.is_absent:
        return None
    own = (one for one in case.facts.libraries.or_else(()) if one.path.endswith("/libcuda.so.1"))
    return next((one for one in own if not any(part in one.path for part in _NOT_THE_DRIVERS)), None)


def libcuda_not_searched(case: Case) -> Iterator[Finding]:
    """The kernel module runs and libcuda is there, and nothing leads the loader to it."""
    lost = libcuda_apart(case)
    if lost is None or case.wsl or not case.cards or case.driver is None or not case.driver.kernel_module.is_found:
        return
    place = lost.path.rpartition("/")[0]
    yield finding(
        "ld-library-path-missing",
        case.gpu_severity,
        "proven" if case.driver.libcuda_path.detail else "likely",
        f"the driver's libcuda is in {place}, where the loader does not look",
        (
            fact("libraries", lost.path, case.facts.libraries),
            fact("driver.libcuda_path", "not where the loader looks", case.driver.libcuda_path),
            fact("variables.LD_LIBRARY_PATH", case.variables.get("LD_LIBRARY_PATH", "(not set)"), case.facts.variables),
        ),
        f"Put {place} on LD_LIBRARY_PATH where this environment is entered or started.",
        code="libcuda-not-searched",
        subject={"folder": place},
    )


def _without_libcuda(driver: Driver) -> bool:
    """Whether the user-space half is known not to be there, or not where the loader looks."""
    return driver.version.is_absent or driver.libcuda_path.is_absent


def nouveau_active(case: Case) -> Iterator[Finding]:
    """The free driver holds the card; it has no CUDA."""
    if missing_because(case) != "nouveau":
        return
    held = tuple(card for card in case.cards if card.gpu.kernel_driver == "nouveau")
    evidence = [fact(f"gpus[{card.place}].kernel_driver", f"nouveau holds {card.name}", case.facts.gpus) for card in held]
    evidence = evidence or [fact("kernel_modules", "nouveau is loaded, nvidia is not", case.facts.kernel_modules)]
    rows, commands = install_steps(case)
    yield finding(
        "nouveau-active",
        case.gpu_severity,
        "proven" if held else "likely",
        "nouveau holds the GPU, and it has no CUDA",
        (*evidence, case.driver_evidence()),
        "Install NVIDIA's driver, which takes nouveau out of the way, and reboot.",
        rows=rows,
        commands=commands,
    )


def secure_boot(case: Case) -> Iterator[Finding]:
    """Secure Boot is on and the driver's module, though installed, is not loaded: the kernel refuses its signature."""
    if missing_because(case) != "secure-boot":
        return
    said = _log(case, _REFUSED)
    on = fact("secure_boot", "on" if case.facts.secure_boot.value else "unknown", case.facts.secure_boot)
    yield finding(
        "secure-boot",
        case.gpu_severity,
        "proven" if said else "likely",
        "Secure Boot keeps the NVIDIA kernel module out",
        (on, *_module(case), *said),
        "Use the distribution's signed modules, or enrol the key that signs yours (mokutil --import, a reboot, and Enroll "
        "MOK on the blue screen), or switch Secure Boot off in the firmware. It needs you at the console.",
        commands=(("mokutil", "--sb-state"),),
    )


def _module(case: Case) -> tuple[Evidence, ...]:
    driver = case.driver
    if driver is None:
        return (case.driver_evidence(),)
    return (case.driver_evidence(), fact("driver.kernel_module", "not loaded", driver.kernel_module))


def driver_not_loaded(case: Case) -> Iterator[Finding]:
    """No driver is installed, its module is not loaded, half of it is missing, or nobody could look."""
    if case.facts.on_jetson:
        return  # Its driver is nvgpu, which comes with the system and is no package's.
    reason = missing_because(case)
    if case.facts.driver.is_unknown and case.cards and case.os == "linux" and case.tensorflow_may_use_gpu and reason is None:
        yield _unknown_driver(case)
    if reason not in ("not-installed", "not-loaded", "half") or (reason == "half" and case.container):
        return
    if case.container and reason == "not-installed":
        return
    titles = {
        "not-installed": "no NVIDIA driver is installed",
        "not-loaded": "the NVIDIA driver is installed, but its kernel module is not loaded",
        "half": "the kernel module runs, but the driver's user-space library (libcuda) is missing",
    }
    rows, commands = install_steps(case) if reason in ("not-installed", "half") else ((), (("sudo", "modprobe", "nvidia"),))
    advice = {
        "not-loaded": "Load it (as root: modprobe nvidia); where that fails, rebuild it for the running kernel "
        "(dkms autoinstall, or reinstall the driver) and reboot.",
    }.get(reason, "Install the driver as this distribution does it, and reboot.")
    yield finding(
        "driver-not-loaded",
        case.gpu_severity,
        "proven",
        titles[reason],
        _module(case) if reason == "not-loaded" else (case.driver_evidence(), *case.card_evidence(case.cards)),
        advice,
        rows=rows,
        commands=commands,
        code=f"driver-{reason}",
    )


def driver_handed_over(case: Case) -> Iterator[Finding]:
    """Cards that are kept for virtual machines: the driver cannot have them, whether it runs or not."""
    given = case.cards_given_away
    if not given or case.os != "linux" or case.wsl:
        return
    alone = len(given) == len(case.facts.gpus.or_else(()))
    holders = ", ".join(sorted({card.gpu.kernel_driver or "" for card in given}))
    yield finding(
        "driver-not-loaded",
        case.gpu_severity if alone else "note",
        "proven",
        f"{joined(card.name for card in given)} is kept for a virtual machine ({holders}), so NVIDIA's driver cannot have it",
        tuple(fact(f"gpus[{card.place}].kernel_driver", f"{card.gpu.kernel_driver} holds {card.name}", case.facts.gpus) for card in given),
        GIVE_BACK
        if alone
        else "Nothing to repair: CUDA counts the other cards alone.",
        commands=LOOK if alone else (),
        code="driver-handed-over",
        plan=None if alone else "none",
    )


def _unknown_driver(case: Case) -> Finding:
    cause = "container-without-gpu" if case.container else "wsl-libcuda-path" if case.wsl else "driver-not-loaded"
    return finding(
        cause,
        case.gpu_severity,
        "cannot-tell",
        "cannot tell whether the NVIDIA driver is there",
        (fact("driver", "unknown: " + (case.facts.driver.detail or "nobody looked"), case.facts.driver),),
        "Give the driver (driver in the machine file; null says that there is none).",
        code="driver-unknown",
        commands=(("nvidia-smi",),),
        plan="none",
        needs=("driver",),
        stage="driver",
    )


def driver_drops_gpu(case: Case) -> Iterator[Finding]:
    """The driver's branch no longer knows this GPU (590 and newer before Turing)."""
    release = compare.driver(case.driver_version)
    if release is None or case.os == "macos":
        return
    dropped = tuple(card for card in case.cards if _left(card, case))
    if not dropped:
        return
    last = _last(dropped[0])
    rows, commands = install_steps(case)
    yield finding(
        "driver-not-loaded",
        case.gpu_severity if len(dropped) == len(case.cards) else "note",
        "proven" if _primary(dropped) else "likely",
        f"driver {release} no longer serves {joined(card.name for card in dropped)}: branch {last} is the last that does",
        (case.driver_evidence(), *case.card_evidence(dropped)),
        f"Install branch {last} and hold it back from upgrades.",
        code="driver-drops-gpu",
        rows=(*dropped[0].rows, *rows),
        commands=commands,
        subject={"branch": str(last)},
    )


def _left(card: Card, case: Case) -> bool:
    release = compare.driver(case.driver_version)
    return release is not None and bool(_last(card)) and release.branch > _last(card)


def _last(card: Card) -> int:
    return (card.family.last_driver_branch or 0) if card.family is not None else 0


def _primary(cards: tuple[Card, ...]) -> bool:
    return all(card.family is not None and card.family.confidence == "primary" for card in cards)


def driver_wrong_module_flavour(case: Case) -> Iterator[Finding]:
    """The open kernel module with a card older than Turing, or the closed one with Blackwell."""
    driver = case.driver
    if driver is None or not _bare_metal(case):
        return
    said = _log(case, _FLAVOUR)
    is_open = driver.open_module.value
    # A card that the whole branch has left is served by neither of its modules: that is the branch's fault.
    kept = tuple(card for card in case.cards if not _left(card, case))
    wrong = tuple(card for card in kept if _wrong(card, is_open))
    if not kept or not wrong and not said:
        return
    shown = wrong or kept
    needed = "open" if is_open is False else "proprietary"
    flavour = fact("driver.open_module", "open" if is_open else "proprietary", driver.open_module)
    certainty: Certainty = "proven" if said or _primary(shown) else "likely"
    rows, commands = install_steps(case)
    yield finding(
        "driver-wrong-module-flavour",
        case.gpu_severity if len(shown) == len(case.cards) else "note",
        certainty,
        f"{joined(card.name for card in shown)} needs the {needed} kernel module, and the other one is installed",
        (*((flavour,) if is_open is not None else ()), *case.card_evidence(shown), *said),
        f"Install the {needed} module of the same branch and reboot.",
        rows=(*shown[0].rows, *rows),
        commands=commands,
        subject={"module": needed},
    )


def _wrong(card: Card, is_open: bool | None) -> bool:
    module = card.family.module if card.family is not None else "either"
    return (is_open is True and module == "proprietary") or (is_open is False and module == "open")


def install_steps(case: Case, branch: int = 0) -> tuple[tuple[RowRef, ...], Commands]:
    """The distribution's own commands that install a driver of ``branch`` or newer for these cards; empty when not known."""
    distro: Distro | None = case.facts.distro.value
    if distro is None:
        return (), ()
    known = (row for row in case.dataset.driver_steps(distro) if row.branch >= branch)
    fitting = [row for row in known if all(_serves(row, card) for card in case.cards)]
    if not fitting:
        return (), ()
    # As a plan chooses: another's repository only where the distribution's own packages are too old.
    best = max(fitting, key=lambda row: (not row.origin, row.module == "open", row.branch))
    return (case.dataset.ref(best),), best.commands


def _serves(row: DriverStepRow, card: Card) -> bool:
    family = card.family
    if family is None:
        return True
    return (
        (family.last_driver_branch is None or row.branch <= family.last_driver_branch)
        and (family.first_driver_branch is None or row.branch >= family.first_driver_branch)
        and family.module in ("either", row.module)
    )
