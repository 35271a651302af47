"""Rules about what a run said of the driver, where the line alone does not decide.

Two halves of different releases: in a container a newer libcuda is a compatibility library of the image. A
"possibly insufficient driver" is the version that counts, never the adjective. A stub of libcuda answers -1; where the
device files are missing too, it answers because no driver is there. A module beside the driver's own that does not
load leaves CUDA without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from fixer.model import compare
from fixer.model.finding import Certainty, Finding
from fixer.rules.case import Case
from fixer.rules.circumstances import driver_too_old, halves_agree
from fixer.rules.driver_loading import GIVE_BACK, LOOK
from fixer.rules.events import evidence, heard, said
from fixer.rules.heard import GIVEN_AWAY, about, candidates, named
from fixer.rules.libcuda import is_refused_compat
from fixer.rules.lost_libraries import lost
from fixer.rules.say import finding

# Functions that the driver's own module gives its others.
_OF_THE_DRIVER = ("nvUvm", "nvidia_", "nvKms", "rm_")
_FITTING_DRIVER = (
    "Install a driver that is made for the running kernel, or start the kernel before it: nvidia_uvm, without which CUDA "
    "does not start, cannot be loaded into this one."
)
# What a version of PyTorch says of its CUDA: 2.5.1+cu121.
_BUILT_FOR = re.compile(r"\+cu(\d{1,2})(\d)(?!\d)")
_ONE_FOR_ALL = 11
# Lines that TensorFlow prints only where cuInit failed.
_DIAGNOSIS = ("halves-match", "libcuda-reported", "kernel-reported")
_HALVES = ("driver-halves-differ", "libcuda-reported", "kernel-reported")


def halves_in_a_container(case: Case) -> Iterator[Finding]:
    """A container's libcuda is newer than the host's kernel module: the image brings a compatibility library."""
    driver = case.driver
    if driver is not None and is_refused_compat(case):
        title = f"libcuda {driver.version.value} is of a newer branch than the driver {driver.kernel_module.value}, and was refused"
        weights = {"cuda-compat-lib": 40.0, "driver-library-mismatch": 60.0}
        yield from candidates("refused-compat", weights, title, evidence(said(case, *_HALVES)), ("convfix", "doctor"))
        return
    if driver is None or not case.container or case.wsl:
        return
    library, module = compare.driver(driver.version.value), compare.driver(driver.kernel_module.value)
    if library is None or module is None or library <= module or driver.libcuda_path.is_found:
        return
    seen = said(case, *_HALVES)
    if seen:
        title = f"the image's libcuda {library} is newer than the host's driver {module}"
        weights = {"cuda-compat-lib": 86.0, "driver-library-mismatch": 14.0}
        yield from candidates("halves-in-a-container", weights, title, evidence(seen), ("nvidia-smi",))


def halves_unread(case: Case) -> Iterator[Finding]:
    """The halves of the driver differ, and the versions were left out: a person's dots in their place."""
    for one in said(case, "driver-halves-differ"):
        if any(compare.driver(one.event.values.get(name)) is None for name in ("kernel", "library")):
            weights = {"driver-library-mismatch": 72.0, "cuda-compat-lib": 28.0}
            yield from candidates("halves-unread", weights, "the halves of the driver differ", (one.evidence,), ("nvidia-smi",))
            return


def diagnosis_alone(case: Case) -> Iterator[Finding]:
    """What TensorFlow tells of the driver after cuInit failed, without the line that says how: its halves are of one release."""
    seen = said(case, *_DIAGNOSIS)
    if not seen or not halves_agree(case) or any(one.row.fails or one.row.kind == "success" for one in heard(case)):
        return
    title = "CUDA did not start although both halves of the driver are of one release"
    weights = {"cuda-visible-devices": 44.0, "uvm-or-driver-state": 34.0, "device-permissions": 12.0, "container-without-gpu": 10.0}
    yield from candidates("diagnosis-alone", weights, title, evidence(seen), ("nvidia-smi",))


def insufficient_by_number(case: Case) -> Iterator[Finding]:
    """CUDA or cuDNN could not start on a driver whose number is known: it is older than the CUDA asks for."""
    seen = said(case, "cudnn-driver-hint", "cuda-insufficient-driver")
    if seen and driver_too_old(case):
        title = f"driver {case.driver_version} is older than this CUDA asks for"
        yield named("driver-too-old", "likely", title, evidence(seen), "insufficient-by-number")


def torch_newer_than_the_driver(case: Case) -> Iterator[Finding]:
    """PyTorch sees no GPU, and its version or its report names a CUDA that the driver does not serve."""
    ceiling = compare.cuda(case.driver.cuda.value) if case.driver is not None else None
    blind = said(case, "torch-sees-no-gpu", "torch-reports-no-gpu")
    for one in said(case, "torch-cuda-build") if ceiling is not None and blind else ():
        digits = _BUILT_FOR.search(one.event.text)
        built = compare.cuda(f"{digits[1]}.{digits[2]}" if digits else one.event.values.get("cuda"))
        # From 11 on the drivers of a major version serve each of its releases.
        if built is not None and ceiling is not None and (built.major > ceiling.major or built > ceiling and built.major < _ONE_FOR_ALL):
            title = f"this PyTorch is built for CUDA {built}, and the driver serves up to {ceiling}"
            yield named("driver-too-old", "likely", title, (one.evidence,), "torch-newer-than-driver")
            return


def container_wants_another_release(case: Case) -> Iterator[Finding]:
    """The container's runtime asks for a file of a release of the driver that is not there: a whole version stands in its name."""
    for one in said(case, "container-driver-file"):
        version = one.event.values.get("version", "")
        if "." in version:
            weights = {"driver-library-mismatch": 66.0, "driver-not-loaded": 24.0, "container-without-gpu": 10.0}
            title = f"the container's runtime asks for a library of driver {version}, which is not there"
            yield from candidates("container-driver-file", weights, title, (one.evidence,), ("nvidia-smi",))
            return


def wsl_one(case: Case) -> Iterator[Finding]:
    """WSL 1 has no kernel of its own and gives no program a GPU: https://learn.microsoft.com/windows/wsl/compare-versions."""
    seen = said(case, "wsl-one")
    failed = [one for one in heard(case) if one.row.fails and "no-nvidia-gpu" in one.row.causes]
    failed += [one.line for one in lost(case) if one.kind == "driver"]
    if seen and failed:
        title, told = "WSL 1 gives no program a GPU; WSL 2 does", (failed[0].evidence, seen[0].evidence)
        summary = "Make the distribution one of WSL 2, in Windows: wsl --set-version NAME 2. WSL 1 gives no program a GPU."
        yield finding("unresolved-other", "blocks", "likely", title, told, summary, code="said-wsl-one")


def stub_answers(case: Case) -> Iterator[Finding]:
    """cuInit gave -1: the stub hides a driver, or stands in for one that is not there."""
    seen = said(case, "cuinit-minus-one")
    without = said(case, "no-device-file", "kernel-driver-not-running")
    started = () if said(case, "container-run-with-gpu") else said(case, "container-run-without-gpu")
    if seen and (without or started):
        title = "a libcuda without a driver answers, and there is no device file of a GPU"
        if started and not without:
            title = "a libcuda without a driver answers in a container that was started without the GPU"
            without = started
        weights = {"container-without-gpu": 46.0, "driver-not-loaded": 22.0, "libcuda-stub-loaded": 18.0, "no-nvidia-gpu": 14.0}
        yield from candidates("stub-without-driver", weights, title, evidence((*seen, *without)), ("ls", "-l", "/dev/nvidia0"))
    elif seen:
        yield named("libcuda-stub-loaded", "likely", "the toolkit's stub libcuda answers", evidence(seen), "said-stub")


def card_given_away(case: Case) -> Iterator[Finding]:
    """The card is kept for a virtual machine: what is there is enough, and another driver would change nothing."""
    for one in said(case, *GIVEN_AWAY):
        certainty = cast(Certainty, one.row.certainty)
        yield finding(
            "driver-not-loaded", "blocks", certainty, about(one), (one.evidence,), GIVE_BACK, code=f"said-{one.row.id}", commands=LOOK
        )


def further_module_symbol(case: Case) -> Iterator[Finding]:
    """The kernel could not load nvidia_uvm: what it lacks is the kernel's, or the driver's own module's, which is then not there."""
    for one in said(case, "further-module-symbol"):
        symbol = one.event.values.get("symbol", "")
        if symbol.startswith(_OF_THE_DRIVER):
            title = f"nvidia_uvm finds no {symbol}, which the driver's own module gives: that one is not loaded, or of another release"
            weights = {"driver-not-loaded": 58.0, "driver-library-mismatch": 24.0, "uvm-or-driver-state": 18.0}
            yield from candidates("further-module", weights, title, (one.evidence,), ("lsmod",))
        else:
            title = f"nvidia_uvm does not load into this kernel, which gives it no {symbol}"
            code = "said-further-module"
            yield finding("uvm-or-driver-state", "blocks", "likely", title, (one.evidence,), _FITTING_DRIVER, code=code)
        return
