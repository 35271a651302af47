"""Rules about libcuda, the driver's user-space half: of another release than the kernel module, or not its own.

Which half must move depends on which is newer and who put the library there. WSL2 shows Windows'
numbers, which differ by design.
"""

from __future__ import annotations

import re
from typing import Iterator, Literal

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.finding import Certainty, Evidence, Finding
from fixer.model.versions import DriverRelease
from fixer.rules.case import Case
from fixer.rules.events import said
from fixer.rules.say import fact, finding, joined

Origin = Literal["distribution", "compat", "stub", "stray", "unknown"]
_DISTRIBUTION = ("/usr/lib/", "/usr/lib64/", "/lib/", "/lib64/", "/usr/lib32/")
# Cards on which NVIDIA's forward compatibility never works, and those on which it does, by their names.
_CONSUMER = re.compile(r"\b(geforce|titan|gtx|rtx [2-5]0[5-9]0)\b")
_DATA_CENTER = re.compile(
    r"\b(tesla|[ahp]100|v100s?|h20|h200|[ah]800|gh200|g?b200|g?b300|l20|l40s?|l4|t4|a2|a10g?|a16|a30|a40|p40?|m[46]0|k[468]0)\b"
)


def origin(path: str | None) -> Origin:
    """Who put this libcuda there, by its path."""
    if not path:
        return "unknown"
    if "/stubs/" in path:
        return "stub"
    if "/compat/" in path or "cuda-compat" in path:
        return "compat"
    return "distribution" if path.startswith(_DISTRIBUTION) else "stray"


def _halves(case: Case) -> tuple[DriverRelease, DriverRelease] | None:
    """The user-space library's release and the kernel module's, where both are known."""
    driver = case.driver
    if driver is None or case.wsl or case.os != "linux":
        return None
    library, module = compare.driver(driver.version.value), compare.driver(driver.kernel_module.value)
    return (library, module) if library is not None and module is not None else None


def _path(case: Case) -> str | None:
    return case.driver.libcuda_path.value if case.driver is not None else None


def _is_compat(case: Case, library: DriverRelease, module: DriverRelease) -> bool:
    """Whether a newer libcuda is a compatibility library: by its folder, or an image's own where no path is known."""
    found = origin(_path(case))
    copied = found == "stray" and library.branch > module.branch and _drivers_own(case) is not None
    return library > module and (found == "compat" or copied or (bool(case.container) and found in ("unknown", "stray")))


def _drivers_own(case: Case) -> str | None:
    """The driver's own libcuda in the distribution's folder, where another one is taken before it."""
    held = (one.path for one in case.facts.libraries.or_else(()) if one.path.endswith("/libcuda.so.1"))
    return next((path for path in held if origin(path) == "distribution"), None)


def _is_stray(case: Case, library: DriverRelease, module: DriverRelease) -> bool:
    """Whether an older libcuda is a copy that no package of the driver's put there."""
    where = origin(_path(case))
    return library < module and where != "stub" and (where in ("stray", "compat") or bool(case.container))


def own_release(case: Case) -> DriverRelease | None:
    """The driver's own release: the running module's where another libcuda, which must go, answers in its place."""
    halves = _halves(case)
    if halves is not None and (_is_stray(case, *halves) or _is_compat(case, *halves) and _kind_of_cards(case) != "data center"):
        return halves[1]
    return compare.driver(case.driver_version)


def is_refused_compat(case: Case) -> bool:
    """Whether a run was refused as by a compatibility library, and its libcuda is one of a newer branch from nobody knows where.

    An upgrade that waits for a reboot can answer so too: rules on lines weigh the two.
    """
    halves = _halves(case)
    if halves is None or origin(_path(case)) != "unknown" or not said(case, "cuda-compat"):
        return False
    return halves[0].branch > halves[1].branch


def driver_library_mismatch(case: Case) -> Iterator[Finding]:
    """libcuda and the kernel module are of two releases; which one must move depends on which is newer, and where."""
    halves = _halves(case)
    if halves is None or halves[0] == halves[1] or _is_compat(case, *halves) or origin(_path(case)) == "stub":
        return
    if is_refused_compat(case):
        return
    library, module = halves
    where = origin(_path(case))
    if library > module:
        certainty: Certainty = "likely" if where in ("unknown", "stray") or case.container else "proven"
        title = f"the driver was upgraded to {library} while {module} is still running"
        yield _mismatch(case, certainty, title, "Reboot: the new kernel module is then loaded.", "reboot")
    elif where == "distribution" and not case.container:
        title = f"the driver went back to {library} while {module} is still running"
        yield _mismatch(case, "proven", title, "Reboot: the older kernel module is then loaded.", "reboot")
    elif where == "unknown" and not case.container:
        title = f"libcuda {library} is older than the running driver {module}"
        advice = "Find out which libcuda it is: in the distribution's folder a reboot repairs it, elsewhere it is a stray copy "
        yield _mismatch(case, "cannot-tell", title, advice + "that must go.", "")
    else:
        title = f"a stray libcuda {library} hides the running driver's {module}"
        advice = f"{_put_away(case)}; a reboot cannot help."
        yield _mismatch(case, "likely" if case.container else "proven", title, advice, "remove")


def _put_away(case: Case) -> str:
    """How the stray copy loses: by the variable that leads to it, where that is what leads to it."""
    path = _path(case) or "the container image's own copy"
    if _is_preloaded(case, path):
        return f"Take {path} out of LD_PRELOAD, where it is set"
    if _by_variable(case, path):
        return f"Take {path.rpartition('/')[0]} off LD_LIBRARY_PATH, where it is set"
    return f"Take {path} off the loader's path or remove it"


def _is_preloaded(case: Case, path: str) -> bool:
    """Whether LD_PRELOAD puts this copy into every process."""
    return path in case.variables.get("LD_PRELOAD", "").replace(":", " ").split()


def _by_variable(case: Case, path: str) -> bool:
    """Whether LD_LIBRARY_PATH names the folder of this copy."""
    folder = path.rpartition("/")[0]
    return bool(folder) and folder in (one.rstrip("/") for one in case.variables.get("LD_LIBRARY_PATH", "").split(":"))


def _moved_away(case: Case, path: str) -> str:
    """How a copy that hides the driver's own loses: by the variable that leads to it, else out of the folder that ld.so.cache lists."""
    return _put_away(case) if _by_variable(case, path) or _is_preloaded(case, path) else f"As root move {path} away and run ldconfig"


def _both(case: Case) -> tuple[Evidence, ...]:
    driver = case.driver
    if driver is None:
        return ()
    lines = [
        fact("driver.version", str(driver.version.value), driver.version),
        fact("driver.kernel_module", str(driver.kernel_module.value), driver.kernel_module),
    ]
    if driver.libcuda_path.is_found:
        lines.append(fact("driver.libcuda_path", str(driver.libcuda_path.value), driver.libcuda_path))
    return tuple(lines)


def _mismatch(case: Case, certainty: Certainty, title: str, advice: str, step: str) -> Finding:
    needs = ("driver.libcuda_path",) if certainty == "cannot-tell" else ()
    return finding(
        "driver-library-mismatch",
        case.gpu_severity,
        certainty,
        title,
        _both(case),
        advice,
        needs=needs,
        commands=(("sudo", "reboot"),) if step == "reboot" else (("ldconfig", "-p"),) if not step else (),
        subject={"step": step, "path": _path(case) or ""},
    )


def mismatch_by_nvml(case: Case) -> Iterator[Finding]:
    """NVML says that the halves differ, where their releases could not be read."""
    smi = case.facts.nvidia_smi.value
    if smi is None or "driver/library version mismatch" not in smi.line.lower() or _halves(case) is not None or case.wsl:
        return
    yield finding(
        "driver-library-mismatch",
        case.gpu_severity,
        "likely",
        "the driver's library and its kernel module are of two releases",
        (fact("nvidia_smi", smi.line, case.facts.nvidia_smi),),
        "Reboot; where that does not help, a stray copy of the library hides the driver's own.",
        code="mismatch-by-nvml",
        commands=(("sudo", "reboot"),),
    )


def driver_witnesses_disagree(case: Case) -> Iterator[Finding]:
    """The kernel's files, NVML and nvidia-smi tell one release, the running module's; one that tells another is not of this machine."""
    driver = case.driver
    told = driver.witnesses.or_else({}) if driver is not None and not case.wsl and case.os == "linux" else {}
    known = {source: compare.driver(text) for source, text in told.items() if compare.driver(text) is not None}
    if driver is None or len(set(known.values())) < 2:
        return
    words = joined(f"{source} says {told[source]}" for source in known)
    yield finding(
        "driver-library-mismatch",
        "risks",
        "cannot-tell",
        f"the sources differ on which driver runs: {words}",
        tuple(fact(f"driver.witnesses[{source}]", told[source], driver.witnesses) for source in known),
        "One of them is not of this machine: a sandbox's or an image's own /proc or /sys, a program of another driver named nvidia-smi. "
        "What is said here of the driver rests on the first.",
        code="driver-witnesses-disagree",
        commands=(("cat", "/proc/driver/nvidia/version"), ("nvidia-smi",)),
        plan="none",
        needs=("driver.kernel_module",),
    )


def cdi_of_another_driver(case: Case) -> Iterator[Finding]:
    """A host's CDI specification names the libraries of another driver than the one that is installed: it was made before an update."""
    library = compare.driver(case.driver_version)
    stale = {path: text for path, text in case.facts.cdi.or_else({}).items() if compare.driver(text) not in (None, library)}
    if library is None or not stale or case.container or case.os != "linux":
        return
    yield finding(
        "container-without-gpu",
        "note",
        "likely",
        f"{joined(stale)} {'names' if len(stale) == 1 else 'name'} driver {joined(dict.fromkeys(stale.values()))}, and {library} is "
        "installed: containers that get the GPU by it do not start or see none",
        (*(fact(f"cdi[{path}]", text, case.facts.cdi) for path, text in stale.items()), case.driver_evidence()),
        "Make it again after each update of the driver (as root).",
        code="cdi-of-another-driver",
        commands=tuple(("sudo", "nvidia-ctk", "cdi", "generate", f"--output={path}") for path in stale),
        subject={"path": next(iter(stale))},
    )


def _kind_of_cards(case: Case) -> str:
    names = [(card.gpu.name or "").lower() for card in case.cards]
    if not names or not all(names):
        return "unknown"
    if any(_CONSUMER.search(name) for name in names):
        return "consumer"
    return "data center" if all(_DATA_CENTER.search(name) for name in names) else "unknown"


def cuda_compat_lib(case: Case) -> Iterator[Finding]:
    """A forward-compatibility libcuda where the card does not allow it (Error 804)."""
    halves = _halves(case)
    differs = halves is not None and halves[0] != halves[1]
    compat = halves is not None and differs and _is_compat(case, *halves)
    impossible = None if differs else impossible_ceiling(case)
    if not (compat or impossible) or not case.cards:
        return
    cards = _kind_of_cards(case)
    if cards == "data center":
        return
    if compat:
        named = origin(_path(case)) == "compat" or not case.container
        yield _compat(case, "proven" if named and cards == "consumer" else "likely", _both(case))
    elif impossible is not None:
        yield _compat(case, "likely", (case.driver_evidence(), impossible))


def impossible_ceiling(case: Case) -> Evidence | None:
    """A "CUDA Version" that the running driver's branch cannot have: another libcuda answered for it."""
    driver = case.driver
    ceiling = compare.cuda(driver.cuda.value) if driver is not None else None
    running = compare.driver(driver.kernel_module.value or driver.version.value) if driver is not None else None
    if driver is None or ceiling is None or running is None or case.wsl:
        return None
    for row in ask.cuda_releases(case.dataset):
        version, needed = compare.cuda(".".join(map(str, compare.minor(row.version)))), compare.driver(row.linux_driver)
        if version is not None and needed is not None and version <= ceiling and needed.branch > running.branch:
            return fact("driver.cuda", f"{ceiling}, which branch {running.branch} cannot have", driver.cuda)
    return None


def _compat(case: Case, certainty: Certainty, evidence: tuple[Evidence, ...]) -> Finding:
    return finding(
        "cuda-compat-lib",
        case.gpu_severity,
        certainty,
        "a CUDA compatibility library stands in for the driver's libcuda, which this card does not allow",
        (*evidence, *case.card_evidence(case.cards)),
        f"{_away(case)}, or install a newer driver on the host. It works on data-center cards alone.",
        subject={"path": _path(case) or ""},
    )


def _away(case: Case) -> str:
    """How the compatibility library loses: its own folder leaves the path, a single copy the folder of others."""
    path = _path(case)
    if path and origin(path) == "stray":
        return _moved_away(case, path)
    return "Take the compat folder off the loader's path (in an image: start it without that folder)"


def libcuda_without_release(case: Case) -> Iterator[Finding]:
    """A libcuda that carries no release hides the driver's own, which does: a stub copied or linked out of its folder, most often."""
    driver, path, own = case.driver, _path(case), _drivers_own(case)
    if driver is None or not path or own is None or case.wsl or case.os != "linux":
        return
    if not driver.version.is_unknown or not driver.kernel_module.is_found or origin(path) != "stray":
        return
    yield finding(
        "libcuda-stub-loaded",
        case.gpu_severity,
        "likely",
        f"{path} hides the driver's own libcuda, {own}, and is no driver's by its name: the toolkit's stub, or a copy of another",
        (
            fact("driver.libcuda_path", path, driver.libcuda_path),
            fact("driver.version", "unknown: " + driver.version.detail, driver.version),
            fact("driver.kernel_module", str(driver.kernel_module.value), driver.kernel_module),
            fact("libraries", own, case.facts.libraries),
        ),
        f"{_moved_away(case, path)}. A toolkit's stub belongs in its own lib64/stubs alone: it serves linking, never running.",
        code="libcuda-without-release",
        commands=(("ls", "-l", path), ("ldconfig", "-p")),
        plan="advise",
        subject={"path": path},
    )


def libcuda_stub_loaded(case: Case) -> Iterator[Finding]:
    """The toolkit's stub, made for linking, answers in place of the driver."""
    resolved = [one for one in case.facts.resolutions.or_else(()) if one.soname == "libcuda.so.1" and one.path]
    path = resolved[0].path if resolved else _path(case)
    entries = [entry for entry in case.variables.get("LD_LIBRARY_PATH", "").split(":") if entry.rstrip("/").endswith("/stubs")]
    there = [one.path for one in case.facts.libraries.or_else(()) if "/stubs/libcuda.so.1" in one.path]
    wins = path if origin(path) == "stub" else there[0] if there and not path and entries else None
    if wins is None and not (entries and not path and case.cards):
        return
    seen = []
    if resolved and wins:
        seen.append(fact("resolutions.libcuda.so.1", wins, case.facts.resolutions))
    elif wins and case.driver is not None and wins == _path(case):
        seen.append(fact("driver.libcuda_path", wins, case.driver.libcuda_path))
    elif wins:
        seen.append(fact("libraries", wins, case.facts.libraries))
    if entries:
        seen.append(fact("variables.LD_LIBRARY_PATH", ":".join(entries), case.facts.variables))
    preloaded = wins is not None and _is_preloaded(case, wins)
    if preloaded:
        seen.append(fact("variables.LD_PRELOAD", case.variables["LD_PRELOAD"], case.facts.variables))
    yield finding(
        "libcuda-stub-loaded",
        case.gpu_severity if wins else "risks",
        "proven" if wins and wins == path else "likely" if wins else "possible",
        "the toolkit's stub of libcuda hides the driver's own" if wins else "LD_LIBRARY_PATH names a folder of stubs",
        seen,
        f"{_put_away(case)}: a toolkit's stub serves linking, never running."
        if preloaded
        else "Take the stubs folder off LD_LIBRARY_PATH and out of ld.so.conf: it serves linking, never running.",
        code="libcuda-preloaded" if preloaded else None,
        plan="advise" if preloaded else None,
        subject={"folders": ":".join(entries), "path": wins or ""},
    )
