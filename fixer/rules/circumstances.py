"""Questions to a case whose answers tell look-alikes apart: pure, each answered by what is known of the machine or said in the log.

The unit is a function of the case. Where a fact is unknown the answer is no, or None where no is an answer of its own.
What an answer weighs is ``likelihood``'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fixer.dataset import ask
from fixer.model import architectures, compare
from fixer.model.versions import CudaVersion
from fixer.rules.case import Case, is_reported
from fixer.rules.copies import toolkit_serves
from fixer.rules.events import heard, said
from fixer.rules.heard_cudnn import fits_compiled, number
from fixer.rules.heard_unloaded import toolkit_fits
from fixer.rules.memory_told import amount

_FIRST_WITHOUT_WINDOWS = (2, 11)
_FIRST_PYTHON_WITHOUT_WINDOWS = (3, 11)
_FIRST_WITHOUT_PASCAL = 91100
# What any build says of the processor, and how a run tells that it has no GPU.
_OF_THE_PROCESSOR = {"cpu-instructions", "cpu-frequency", "onednn", "numa-node"}
_NO_GPU_LISTED = {"gpu-list-empty", "cpu-only-list"}
_SHORT_IDENTITY = re.compile(r"(?=[a-f]{0,11}[0-9])[0-9a-f]{12}")
_INSTALLERS = ("setup", "get-pip", "ez_setup")


def cache_is_closed(case: Case) -> bool | None:
    """None where nobody looked at it."""
    cache = case.facts.compute_cache.value
    return None if cache is None else cache.closed is not None


def os_is(os: str) -> Callable[[Case], bool]:
    return lambda case: case.facts.os.is_found and case.os == os


def new_card(case: Case) -> bool:
    """A card of the first generation that the CUDA in use does not know, or newer."""
    built = compare.cuda(case.cuda_built) or _toolkit(case)
    for card in case.cards:
        first = compare.cuda(card.family.first_cuda) if card.family is not None and card.family.first_cuda else None
        if first is not None and built is not None and first > built:
            return True
    return False


def _toolkit(case: Case) -> CudaVersion | None:
    versions = [compare.cuda(one.version) for one in case.facts.toolkits.or_else(())]
    known = [version for version in versions if version is not None]
    return max(known) if known else None


def known_card(case: Case) -> bool:
    """A card that the CUDA in use knows; both must be known."""
    built = compare.cuda(case.cuda_built) or _toolkit(case)
    return built is not None and bool(case.cards) and all(card.capability for card in case.cards) and not new_card(case)


def long_known(case: Case) -> bool:
    """Cards that CUDA 8 knew already: every wheel since TensorFlow 1.0 was made with that or a later one."""
    firsts = [compare.cuda(card.family.first_cuda) if card.family and card.family.first_cuda else None for card in case.cards]
    limit = compare.cuda("8.0")
    return bool(firsts) and limit is not None and all(first is not None and first <= limit for first in firsts)


def has_code(case: Case) -> bool:
    """The wheel has machine code for every card: both are known."""
    codes, cards = case.compute_capabilities, [card.capability for card in case.cards]
    return bool(cards) and all(one is not None and architectures.coverage(codes, (), one) == "machine code" for one in cards)


def left_behind(case: Case) -> bool:
    """Every card is older than the oldest that the wheel has machine code for: both are known."""
    codes = [one[:2] for one in map(architectures.capability, case.compute_capabilities) if one is not None]
    cards = [architectures.capability(card.capability) for card in case.cards if card.capability]
    return bool(codes and cards) and len(cards) == len(case.cards) and all(one is not None and one[:2] < min(codes) for one in cards)


def old_card(case: Case) -> bool:
    numbers = [architectures.capability(card.capability) for card in case.cards if card.capability]
    return bool(numbers) and all(number is not None and number[:2] < (6, 0) for number in numbers)


def driver_fits(case: Case) -> bool:
    """The driver is known to be new enough for the CUDA in use."""
    return _serves(case) is True


def driver_too_old(case: Case) -> bool:
    """The driver is known to be too old for the CUDA in use."""
    return _serves(case) is False


def _serves(case: Case) -> bool | None:
    """Whether the driver is new enough for the CUDA in use; None where one of the two, or the row, is unknown."""
    present = compare.driver(case.driver_version)
    built = compare.cuda(case.cuda_built) or _toolkit(case)
    if present is None or built is None:
        return None
    exact, general = ask.cuda(case.dataset, str(built)), ask.cuda_major(case.dataset, built.major)
    windows = case.os == "windows" or case.wsl
    floors = []
    for row in (exact, general):
        text = None if row is None else row.windows_driver if windows else row.linux_driver
        floor = compare.driver(text)
        if floor is not None:
            floors.append(floor)
    return present >= min(floors) if floors else None


def smi_works(case: Case) -> bool:
    return bool(said(case, "smi-table", "smi-table-old", "smi-list"))


def has_wheels(case: Case) -> bool:
    listed = said(case, "wheels-listed", "wheels-asked")
    return bool(listed) or any(name.startswith("nvidia-cud") for name in case.packages)


def asked_without_wheels(case: Case) -> bool:
    """pip was asked for a TensorFlow that has the extra and not for the extra; what lies there otherwise nobody says."""
    return recent_tensorflow(case) and bool(said(case, "pip-asked")) and not has_wheels(case)


def tensorflow_without_windows(case: Case) -> bool:
    return case.tensorflow is not None and compare.minor(case.tensorflow) >= _FIRST_WITHOUT_WINDOWS


def python_without_windows(case: Case) -> bool:
    """No TensorFlow is told, and the Python is one for which the last with CUDA on Windows has no wheels."""
    told = case.python if case.os == "windows" and case.tensorflow is None else None
    return told is not None and compare.minor(told) >= _FIRST_PYTHON_WITHOUT_WINDOWS


def wheel_is_of_this_python(case: Case) -> bool:
    """The wheel that pip refused is for the very Python that is told: it is refused for its system."""
    wheels = [one.event.values.get("wheel", "") for one in said(case, "pip-other-platform")]
    tag = "-cp{}{}-".format(*compare.minor(case.python)) if case.python is not None else ""
    return bool(tag) and any(tag in name for name in wheels)


def recent_tensorflow(case: Case) -> bool:
    return case.tensorflow is not None and compare.minor(case.tensorflow) >= (2, 14)


def a_toolkit_serves(case: Case) -> bool | None:
    """Whether one of the named toolkits has the libraries that this TensorFlow opens; None where one of the two is unknown.

    Nor is it known where the libraries that lines name say otherwise: a nightly, or another's build, opens other ones.
    """
    built = case.cuda_built
    versions = [one.version for one in case.facts.toolkits.or_else(()) if one.version]
    if not built or not versions:
        return None
    # cuSOLVER alone changed its soname inside a major: what serves it serves the others.
    serves = any(toolkit_serves(version, built, "cusolver") for version in versions)
    named, _ = toolkit_fits(case, None)
    return None if named is not None and named != serves else serves


def told_cudnn(case: Case) -> int:
    """The named cuDNN beside the compiled one: -1 too old, 1 fits, 2 newer than it takes, 0 unknown."""
    told = [compare.cudnn(one.version) for one in case.facts.libraries.or_else(()) if one.name == "cudnn"]
    known, built = next((one for one in told if one is not None and len(one.parts) > 1), None), case.cudnn_built
    if known is None or built is None:
        return 0
    if fits_compiled(known, built):
        return 1
    return 2 if (known.major, known.minor) > (built.major, built.minor) else -1


def searches_no_wheels(case: Case) -> bool:
    faults = ask.known_faults(case.dataset, "tensorflow", case.tensorflow) if case.tensorflow else ()
    return any(row.cause == "pip-nvidia-libs-not-found" for row in faults)


def dropped_by_cudnn(case: Case) -> bool:
    """cuDNN 9.11 and later has no code below compute capability 7.5; the run says which one it loaded, or the report which is there."""
    loaded = [amount(one, "version") for one in said(case, "loaded-cudnn-version")]
    told = [compare.cudnn(one.version) for one in case.facts.libraries.or_else(()) if one.name == "cudnn"]
    loaded = loaded or [10000 * one.major + 100 * one.minor for one in told if one is not None and len(one.parts) > 1]
    numbers = [architectures.capability(card.capability) for card in case.cards if card.capability]
    return any(one >= _FIRST_WITHOUT_PASCAL for one in loaded) and any(one is not None and one[:2] < (7, 5) for one in numbers)


def loaded_fits(case: Case) -> bool:
    """The run names the cuDNN that it loaded and the compiled one, and they fit each other."""
    pairs = [(one.event.values.get("loaded", ""), one.event.values.get("compiled", "")) for one in said(case, "cudnn-loaded-compiled")]
    return bool(pairs) and all(fits_compiled(number(loaded), number(compiled)) for loaded, compiled in pairs)


def capability_below(case: Case, limit: tuple[int, int]) -> bool | None:
    """Whether a card is older than ``limit``; None where no card's capability is known."""
    numbers = [architectures.capability(card.capability) for card in case.cards if card.capability]
    known = [number[:2] for number in numbers if number is not None]
    return min(known) < limit if known else None


def runs(case: Case) -> bool:
    """A line that only a TensorFlow prints which is installed and being imported: this Python has one, whatever it is told of."""
    generated = (one for one in said(case, "protobuf-gencode-older") if "tensorflow" in one.event.text)
    return any(generated) or bool(said(case, "tensorflow-runtime", "cpu-instructions", "onednn", "library-opened", "created-device"))


def cuda_answered(case: Case) -> bool:
    """A line that only a build with CUDA prints."""
    return bool(said(case, "cuda-cuinit-failed", "cuda-no-device", "cannot-dlopen", "could-not-find-cuda", "library-opened", "numa-node"))


def card_answered(case: Case) -> bool:
    """TensorFlow told a card's properties, which only the driver that drives it can give."""
    return bool(said(case, "created-device", "creating-device-old", "found-device", "found-device-old", "xla-device", "device-xla"))


def cuda_from_wheels(case: Case) -> bool:
    """A TensorFlow for which pip can bring CUDA, beside a CUDA that was only told: that may be the driver's ceiling."""
    return is_reported(case.facts.toolkits) and recent_tensorflow(case) and case.os == "linux"


def starts_without_cuda(case: Case) -> bool:
    """TensorFlow's own lines of the start are there, none of them is about CUDA, and then no GPU is listed.

    A build with CUDA says at that level what it opened, or why it could not.
    """
    every = {one.row.id for one in heard(case) if one.row.kind != "fact"}
    return "cpu-instructions" in every and bool(every & _NO_GPU_LISTED) and every <= _OF_THE_PROCESSOR | _NO_GPU_LISTED


def silent_cuda_build(case: Case) -> bool:
    """A build with CUDA that sees no GPU and names no library: from 2.15 on it says nothing where libcuda itself is not there."""
    loud = ("cannot-dlopen", "could-not-find-cuda", "library-not-loaded", "library-opened", "cuda-cuinit-failed", "cuda-no-device",
            "device-xla")  # fmt: skip
    return not said(case, *loud) and says_cuda_build(case) and bool(said(case, "gpu-list-empty", "cpu-only-list"))


def says_cuda_build(case: Case) -> bool:
    build = case.facts.tensorflow_build.value
    return build is not None and build.is_cuda_build is True


def by_sudo(case: Case) -> bool:
    """A program was started by sudo, which keeps no LD_LIBRARY_PATH and finds another Python; an installer means to be."""
    scripts = [one.event.values.get("script", "").rpartition("/")[2] for one in said(case, "run-by-sudo")]
    return any(script not in _INSTALLERS for script in scripts)


def no_gpu_asked(case: Case) -> bool:
    return bool(said(case, "container-run-without-gpu")) and not said(case, "container-run-with-gpu")


def image_without_cuda(case: Case) -> bool:
    """Of tensorflow/tensorflow's images those for the GPU say so in their tags."""
    tags = [one.event.values.get("tag", "") for one in said(case, "tensorflow-image")]
    return bool(tags) and not any("gpu" in tag or "rocm" in tag for tag in tags)


def named_like_a_container(case: Case) -> bool:
    """The host's name is the short identity that Docker gives a container; what tells of one otherwise says no more by it."""
    hosts = [one.event.values.get("host", "") for one in said(case, "kernel-driver-not-running")]
    return not case.container and any(_SHORT_IDENTITY.fullmatch(host) for host in hosts)


def is_intel_mac(case: Case) -> bool:
    """A Mac that is known to have a processor of Intel's, on which an instruction is not known."""
    illegal = said(case, "illegal-instruction", "illegal-instruction-4", "illegal-hardware-instruction", "cpu-feature", "jaxlib-avx")
    return case.os == "macos" and case.facts.arch.is_found and case.arch == "x86_64" and bool(illegal)


def distro(case: Case) -> str:
    return case.facts.distro.value.id if case.facts.distro.value is not None else ""


def module_answers(case: Case) -> bool:
    """The kernel's half of the driver told its version, so it is loaded."""
    return case.driver is not None and compare.driver(case.driver.kernel_module.value) is not None


def halves_agree(case: Case) -> bool:
    if case.driver is None:
        return False
    library, module = compare.driver(case.driver.version.value), compare.driver(case.driver.kernel_module.value)
    return library is not None and library == module


def names_first_card(case: Case) -> bool:
    """CUDA_VISIBLE_DEVICES begins with 0, a card that every machine with a card has, and no program asked for a further one."""
    asked = said(case, "cuda-invalid-device")
    return not asked and (case.variables.get("CUDA_VISIBLE_DEVICES") or "").split(",")[0].strip() == "0"


def names_further_card(case: Case) -> bool:
    """CUDA_VISIBLE_DEVICES begins with a number that a machine of one card has not."""
    return (case.variables.get("CUDA_VISIBLE_DEVICES") or "").split(",")[0].strip() in {str(one) for one in range(1, 64)}


def gpu_stated(case: Case) -> bool:
    return bool(case.cards) or case.facts.driver.is_found or case.facts.toolkits.is_found


def torch_alone(case: Case) -> bool:
    """PyTorch is what fails, and no line shows a TensorFlow that could have taken the memory before it."""
    tensorflow = ("created-device", "creating-device-old", "found-device", "found-device-old", "library-opened", "conv-failed")
    return bool(said(case, "torch-fails")) and case.tensorflow is None and not said(case, *tensorflow, "tensorflow-runtime")


def behind_the_toolkit(case: Case) -> bool:
    """The driver is older than the named toolkit's own: inside a major it serves what is compiled, and not the toolkit's PTX."""
    present, built = compare.driver(case.driver_version), _toolkit(case)
    row = ask.cuda(case.dataset, f"{built.major}.{built.minor}") if built is not None else None
    text = None if row is None else row.windows_driver if case.os == "windows" or case.wsl else row.linux_driver
    own = compare.driver(text)
    return present is not None and own is not None and present.branch < own.branch and bool(said(case, "cuda-no-image", "cuda-invalid-ptx"))
