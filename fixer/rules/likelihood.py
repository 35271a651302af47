"""How the surroundings tell look-alikes apart: what a known fact does to the weight of each cause of a shared line.

The unit is ``Hint``: a question to the case, and by what it multiplies the weight of which causes. A hint never
names a cause by itself; it orders those that a line could have. Where a fact is unknown, nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fixer.dataset import ask
from fixer.model import architectures, compare
from fixer.model.record import record
from fixer.model.versions import CudaVersion
from fixer.rules import reserve
from fixer.rules.case import Case, is_reported
from fixer.rules.copies import toolkit_serves
from fixer.rules.events import heard, said
from fixer.rules.heard_cudnn import fits_compiled, number
from fixer.rules.libcuda import impossible_ceiling

_RULED_OUT = 0.05
_FIRST_WITHOUT_WINDOWS = (2, 11)
_PLENTY_BYTES = 512 << 20
_AMPLE_BYTES = 1 << 30
_FIRST_WITHOUT_PASCAL = 91100
_SERVED_BY_ALL = (7, 5)
_MOST_FREE, _LITTLE_FREE = 0.7, 0.2
_SMALL_MIB = 2560
_GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"
# What any build says of the processor, and how a run tells that it has no GPU.
_OF_THE_PROCESSOR = {"cpu-instructions", "cpu-frequency", "onednn", "numa-node"}
_NO_GPU_LISTED = {"gpu-list-empty", "cpu-only-list"}
_INSTALLERS = ("setup", "get-pip", "ez_setup")
_WINDOWS = ("windows-dll-missing", "windows-dll-search-path", "windows-msvc-or-avx", "zlibwapi-missing", "windows-native-no-gpu")
_LINUX = ("ld-library-path-missing", "ld-library-path-shadows-env", "pip-nvidia-libs-not-found", "secure-boot", "nouveau-active",
          "device-permissions", "libc-musl", "glibc-too-old", "libcuda-stub-loaded", "driver-wrong-module-flavour",
          "nv-compute-cache", "wsl-libcuda-path", "container-without-gpu")  # fmt: skip
_NVIDIA = ("gpu-memory-growth", "gpu-memory-held", "gpu-too-small", "gpu-busy", "gpu-arch-too-new", "gpu-arch-too-old",
           "cuda-visible-devices", "uvm-or-driver-state", "driver-too-old", "driver-library-mismatch", "driver-not-loaded",
           "container-without-gpu", "wsl-libcuda-path", "cuda-libs-missing", "cuda-libs-wrong-version", "device-permissions",
           "pip-nvidia-libs-not-found", "ld-library-path-missing", "cpu-build-selected", "secure-boot")  # fmt: skip


@record(frozen=True)
class Hint:
    """``asks`` the case; where the answer is yes, the weight of each cause in ``factors`` is multiplied."""

    name: str
    asks: Callable[[Case], bool]
    factors: Mapping[str, float]


def hints(case: Case) -> Iterator[Hint]:
    """The hints that hold for ``case``."""
    return (hint for hint in HINTS if hint.asks(case))


def refuted(case: Case) -> frozenset[str]:
    """The causes that a known fact all but rules out."""
    return frozenset(cause for hint in hints(case) for cause, factor in hint.factors.items() if factor <= _RULED_OUT)


def _all(causes: tuple[str, ...], factor: float) -> dict[str, float]:
    return dict.fromkeys(causes, factor)


def _cache_is_closed(case: Case) -> bool | None:
    """None where nobody looked at it."""
    cache = case.facts.compute_cache.value
    return None if cache is None else cache.closed is not None


def _is(os: str) -> Callable[[Case], bool]:
    return lambda case: case.facts.os.is_found and case.os == os


def _plenty_free(case: Case) -> bool:
    """Much was free: most of the card, or more than any start of cuDNN takes; what an allocator leaves over is not much."""
    told = [(_number(one.event.values.get("free")), _number(one.event.values.get("total"))) for one in said(case, "cudnn-memory-usage")]
    return any(free > _AMPLE_BYTES or free > _PLENTY_BYTES and 2 * free > total for free, total in told)


def _none_free(case: Case) -> bool:
    usage = said(case, "cudnn-memory-usage")
    return bool(usage) and not _plenty_free(case)


def _grows(case: Case) -> bool:
    """Memory growth was on before a line failed; set after all of them it is a remedy that was tried."""
    asked = said(case, "growth-variable", "growth-in-code", "growth-overridden")
    on = [one for one in asked if one.event.values.get("value", "true").lower() == "true"]
    last = max((one.event.last for one in heard(case) if one.row.kind in ("error", "headline")), default=0)
    if not asked:
        return case.variables.get(_GROWTH) == "true"
    return any(one.event.line <= last for one in on)


def _smi_shows_free(case: Case) -> bool:
    """nvidia-smi lists the cards, and one of them is all but unused."""
    told = [(_number(one.event.values.get("used")), _number(one.event.values.get("total"))) for one in said(case, "smi-memory")]
    return any(0 < total and used < (1 - _MOST_FREE) * total for used, total in told)


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _new_card(case: Case) -> bool:
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


def _known_card(case: Case) -> bool:
    """A card that the CUDA in use knows; both must be known."""
    built = compare.cuda(case.cuda_built) or _toolkit(case)
    return built is not None and bool(case.cards) and all(card.capability for card in case.cards) and not _new_card(case)


def _long_known(case: Case) -> bool:
    """Cards that CUDA 8 knew already: every wheel since TensorFlow 1.0 was made with that or a later one."""
    firsts = [compare.cuda(card.family.first_cuda) if card.family and card.family.first_cuda else None for card in case.cards]
    limit = compare.cuda("8.0")
    return bool(firsts) and limit is not None and all(first is not None and first <= limit for first in firsts)


def _has_code(case: Case) -> bool:
    """The wheel has machine code for every card: both are known."""
    codes, cards = case.compute_capabilities, [card.capability for card in case.cards]
    return bool(cards) and all(one is not None and architectures.coverage(codes, (), one) == "machine code" for one in cards)


def _left_behind(case: Case) -> bool:
    """Every card is older than the oldest that the wheel has machine code for: both are known."""
    codes = [one[:2] for one in map(architectures.capability, case.compute_capabilities) if one is not None]
    cards = [architectures.capability(card.capability) for card in case.cards if card.capability]
    return bool(codes and cards) and len(cards) == len(case.cards) and all(one is not None and one[:2] < min(codes) for one in cards)


def _old_card(case: Case) -> bool:
    numbers = [architectures.capability(card.capability) for card in case.cards if card.capability]
    return bool(numbers) and all(number is not None and number[:2] < (6, 0) for number in numbers)


def driver_fits(case: Case, wanted: bool) -> bool:
    """Whether the driver is known to be new enough (or known to be too old) for the CUDA in use."""
    present = compare.driver(case.driver_version)
    built = compare.cuda(case.cuda_built) or _toolkit(case)
    if present is None or built is None:
        return False
    exact, general = ask.cuda(case.dataset, str(built)), ask.cuda_major(case.dataset, built.major)
    windows = case.os == "windows" or case.wsl
    floors = []
    for row in (exact, general):
        text = None if row is None else row.windows_driver if windows else row.linux_driver
        floor = compare.driver(text)
        if floor is not None:
            floors.append(floor)
    return bool(floors) and (present >= min(floors)) is wanted


def _smi_works(case: Case) -> bool:
    return bool(said(case, "smi-table", "smi-table-old", "smi-list"))


def _has_wheels(case: Case) -> bool:
    listed = said(case, "wheels-listed", "wheels-asked")
    return bool(listed) or any(name.startswith("nvidia-cud") for name in case.packages)


def _asked_without_wheels(case: Case) -> bool:
    """pip was asked for a TensorFlow that has the extra and not for the extra; what lies there otherwise nobody says."""
    return _recent_tensorflow(case) and bool(said(case, "pip-asked")) and not _has_wheels(case)


def _tensorflow_without_windows(case: Case) -> bool:
    return case.tensorflow is not None and compare.minor(case.tensorflow) >= _FIRST_WITHOUT_WINDOWS


def _recent_tensorflow(case: Case) -> bool:
    return case.tensorflow is not None and compare.minor(case.tensorflow) >= (2, 14)


def _toolkit_serves(case: Case) -> bool | None:
    """Whether one of the named toolkits has the libraries that this TensorFlow opens; None where one of the two is unknown."""
    built = case.cuda_built
    versions = [one.version for one in case.facts.toolkits.or_else(()) if one.version]
    if not built or not versions:
        return None
    # cuSOLVER alone changed its soname inside a major: what serves it serves the others.
    return any(toolkit_serves(version, built, "cusolver") for version in versions)


def _told_cudnn(case: Case) -> int:
    """The named cuDNN beside the compiled one: -1 too old, 1 fits, 2 of a newer major, 0 unknown."""
    told = [compare.cudnn(one.version) for one in case.facts.libraries.or_else(()) if one.name == "cudnn"]
    known, built = next((one for one in told if one is not None and len(one.parts) > 1), None), case.cudnn_built
    if known is None or built is None:
        return 0
    if known.major != built.major:
        return 2 if known.major > built.major else -1
    return 1 if known.minor >= built.minor else -1


def _searches_no_wheels(case: Case) -> bool:
    faults = ask.known_faults(case.dataset, "tensorflow", case.tensorflow) if case.tensorflow else ()
    return any(row.cause == "pip-nvidia-libs-not-found" for row in faults)


def _dropped_by_cudnn(case: Case) -> bool:
    """cuDNN 9.11 and later has no code below compute capability 7.5; the run says which one it loaded."""
    loaded = [_number(one.event.values.get("version")) for one in said(case, "loaded-cudnn-version")]
    numbers = [architectures.capability(card.capability) for card in case.cards if card.capability]
    return any(one >= _FIRST_WITHOUT_PASCAL for one in loaded) and any(one is not None and one[:2] < (7, 5) for one in numbers)


def _loaded_fits(case: Case) -> bool:
    """The run names the cuDNN that it loaded and the compiled one, and they fit each other."""
    pairs = [(one.event.values.get("loaded", ""), one.event.values.get("compiled", "")) for one in said(case, "cudnn-loaded-compiled")]
    return bool(pairs) and all(fits_compiled(number(loaded), number(compiled)) for loaded, compiled in pairs)


def _share_free(case: Case) -> float | None:
    """The least share of a card's memory that was free at the start; None where nobody says."""
    shares = [card.gpu.free_mib / card.gpu.memory_mib for card in case.cards if card.gpu.free_mib is not None and card.gpu.memory_mib]
    made = [start.least_free / start.total for start in reserve.starts(case) if start.total and not start.chosen]
    return min((*shares, *made), default=None)


def _small_card(case: Case) -> bool:
    """The largest card has little more memory than a context and cuDNN's work take."""
    known = [card.gpu.memory_mib for card in case.cards if card.gpu.memory_mib]
    return bool(known) and max(known) <= _SMALL_MIB


def _capability_below(case: Case, limit: tuple[int, int]) -> bool | None:
    """Whether a card is older than ``limit``; None where no card's capability is known."""
    numbers = [architectures.capability(card.capability) for card in case.cards if card.capability]
    known = [number[:2] for number in numbers if number is not None]
    return min(known) < limit if known else None


def _cuda_answered(case: Case) -> bool:
    """A line that only a build with CUDA prints."""
    return bool(said(case, "cuda-cuinit-failed", "cuda-no-device", "cannot-dlopen", "could-not-find-cuda", "library-opened", "numa-node"))


def _card_answered(case: Case) -> bool:
    """TensorFlow told a card's properties, which only the driver that drives it can give."""
    return bool(said(case, "created-device", "creating-device-old", "found-device", "found-device-old", "xla-device", "device-xla"))


def _cuda_from_wheels(case: Case) -> bool:
    """A TensorFlow for which pip can bring CUDA, beside a CUDA that was only told: that may be the driver's ceiling."""
    return is_reported(case.facts.toolkits) and _recent_tensorflow(case) and case.os == "linux"


def _starts_without_cuda(case: Case) -> bool:
    """TensorFlow's own lines of the start are there, none of them is about CUDA, and then no GPU is listed.

    A build with CUDA says at that level what it opened, or why it could not.
    """
    every = {one.row.id for one in heard(case) if one.row.kind != "fact"}
    return "cpu-instructions" in every and bool(every & _NO_GPU_LISTED) and every <= _OF_THE_PROCESSOR | _NO_GPU_LISTED


def _silent_cuda_build(case: Case) -> bool:
    """A build with CUDA that sees no GPU and names no library: from 2.15 on it says nothing where libcuda itself is not there."""
    loud = ("cannot-dlopen", "could-not-find-cuda", "library-not-loaded", "library-opened", "cuda-cuinit-failed", "cuda-no-device",
            "device-xla")  # fmt: skip
    return not said(case, *loud) and _says_cuda_build(case) and bool(said(case, "gpu-list-empty", "cpu-only-list"))


def _says_cuda_build(case: Case) -> bool:
    build = case.facts.tensorflow_build.value
    return build is not None and build.is_cuda_build is True


def _by_sudo(case: Case) -> bool:
    """A program was started by sudo, which keeps no LD_LIBRARY_PATH and finds another Python; an installer means to be."""
    scripts = [one.event.values.get("script", "").rpartition("/")[2] for one in said(case, "run-by-sudo")]
    return any(script not in _INSTALLERS for script in scripts)


def _no_gpu_asked(case: Case) -> bool:
    return bool(said(case, "container-run-without-gpu")) and not said(case, "container-run-with-gpu")


def _image_without_cuda(case: Case) -> bool:
    """Of tensorflow/tensorflow's images those for the GPU say so in their tags."""
    tags = [one.event.values.get("tag", "") for one in said(case, "tensorflow-image")]
    return bool(tags) and not any("gpu" in tag or "rocm" in tag for tag in tags)


def _is_intel_mac(case: Case) -> bool:
    """A Mac that is known to have a processor of Intel's, on which an instruction is not known."""
    illegal = said(case, "illegal-instruction", "illegal-instruction-4", "illegal-hardware-instruction")
    return case.os == "macos" and case.facts.arch.is_found and case.arch == "x86_64" and bool(illegal)


def _distro(case: Case) -> str:
    return case.facts.distro.value.id if case.facts.distro.value is not None else ""


def _module_answers(case: Case) -> bool:
    """The kernel's half of the driver told its version, so it is loaded."""
    return case.driver is not None and compare.driver(case.driver.kernel_module.value) is not None


def _halves_agree(case: Case) -> bool:
    if case.driver is None:
        return False
    library, module = compare.driver(case.driver.version.value), compare.driver(case.driver.kernel_module.value)
    return library is not None and library == module


def _names_first_card(case: Case) -> bool:
    """CUDA_VISIBLE_DEVICES begins with 0, a card that every machine with a card has, and no program asked for a further one."""
    asked = said(case, "cuda-invalid-device")
    return not asked and (case.variables.get("CUDA_VISIBLE_DEVICES") or "").split(",")[0].strip() == "0"


def _names_further_card(case: Case) -> bool:
    """CUDA_VISIBLE_DEVICES begins with a number that a machine of one card has not."""
    return (case.variables.get("CUDA_VISIBLE_DEVICES") or "").split(",")[0].strip() in {str(one) for one in range(1, 64)}


def _gpu_stated(case: Case) -> bool:
    return bool(case.cards) or case.facts.driver.is_found or case.facts.toolkits.is_found


def _torch_alone(case: Case) -> bool:
    """PyTorch is what fails, and no line shows a TensorFlow that could have taken the memory before it."""
    tensorflow = ("created-device", "creating-device-old", "found-device", "found-device-old", "library-opened", "conv-failed")
    return bool(said(case, "torch-fails")) and case.tensorflow is None and not said(case, *tensorflow, "tensorflow-runtime")


def _behind_the_toolkit(case: Case) -> bool:
    """The driver is older than the named toolkit's own: inside a major it serves what is compiled, and not the toolkit's PTX."""
    present, built = compare.driver(case.driver_version), _toolkit(case)
    row = ask.cuda(case.dataset, f"{built.major}.{built.minor}") if built is not None else None
    text = None if row is None else row.windows_driver if case.os == "windows" or case.wsl else row.linux_driver
    own = compare.driver(text)
    return present is not None and own is not None and present.branch < own.branch and bool(said(case, "cuda-no-image", "cuda-invalid-ptx"))


HINTS: tuple[Hint, ...] = (
    Hint("on Linux", _is("linux"), {**_all(_WINDOWS, 0.01), "apple-silicon": 0.01}),
    # Windows has no module nvidia_uvm, and replaces both halves of the driver at once.
    Hint("on Windows", _is("windows"),
         {**_all(_LINUX, 0.02), "apple-silicon": 0.01, "uvm-or-driver-state": 0.4, "driver-library-mismatch": 0.1}),
    Hint("a processor with AVX", lambda case: bool(said(case, "processor-has-avx")), {"cpu-without-avx": 0.1}),
    Hint("an ARM processor", lambda case: case.arch == "aarch64", {"cpu-without-avx": 0.01}),
    Hint("on macOS", _is("macos"), {**_all(_WINDOWS + _LINUX + _NVIDIA, 0.05), "apple-silicon": 8, "cpu-without-avx": 0.3}),
    Hint("a Mac without Apple's processor", _is_intel_mac, {"apple-silicon": 0.005, "cpu-without-avx": 12}),
    Hint("TensorFlow without CUDA on Windows", lambda case: case.os == "windows" and _tensorflow_without_windows(case),
         {"windows-native-no-gpu": 40, "cpu-build-selected": 0.2}),
    Hint("TensorFlow with CUDA on Windows",
         lambda case: case.tensorflow is not None and not _tensorflow_without_windows(case), {"windows-native-no-gpu": 0.02}),
    Hint("WSL", lambda case: case.wsl, {"wsl-libcuda-path": 6, "secure-boot": 0.02, "nouveau-active": 0.02,
         "driver-not-loaded": 0.3, "device-permissions": 0.1, "driver-library-mismatch": 0.1, "uvm-or-driver-state": 0.3}),
    Hint("WSL 1", lambda case: bool(said(case, "wsl-one")), {"wsl-libcuda-path": 0.01}),
    Hint("WSL, and nobody tells of a container", lambda case: case.wsl and not case.container, {"container-without-gpu": 0.4}),
    Hint("no WSL", lambda case: case.facts.wsl.value is False or _is("windows")(case), {"wsl-libcuda-path": 0.02}),
    Hint("a container", lambda case: bool(case.container), {"container-without-gpu": 6, "secure-boot": 0.1, "nouveau-active": 0.1,
         "cuda-compat-lib": 3, "driver-library-mismatch": 0.4}),
    Hint("no NVIDIA card", lambda case: case.no_gpu, {**_all(_NVIDIA, 0.08), "no-nvidia-gpu": 20, "cpu-build-selected": 0.5}),
    Hint("a card, a driver or a toolkit", _gpu_stated, {"no-nvidia-gpu": 0.08, "benign-noise": 0.2}),
    Hint("nvidia-smi works", _smi_works, {"driver-not-loaded": 0.1, "secure-boot": 0.02, "nouveau-active": 0.02,
         "no-nvidia-gpu": 0.02, "gpu-powered-off": 0.05, "cuda-visible-devices": 1.5, "uvm-or-driver-state": 1.5}),
    Hint("the kernel's half of the driver answers", _module_answers, {"driver-not-loaded": 0.02, "secure-boot": 0.01,
         "nouveau-active": 0.01, "no-nvidia-gpu": 0.05, "gpu-powered-off": 0.3}),
    Hint("both halves of the driver are of one release", _halves_agree, {"driver-library-mismatch": 0.02, "cuda-compat-lib": 0.1}),
    Hint("a CUDA that the driver's branch cannot have", lambda case: impossible_ceiling(case) is not None, {"cuda-compat-lib": 60}),
    Hint("CUDA_VISIBLE_DEVICES names the first card", _names_first_card, {"cuda-visible-devices": 0.05}),
    Hint("CUDA_VISIBLE_DEVICES names a further card", _names_further_card, {"cuda-visible-devices": 6}),
    Hint("the driver's cache of kernels is closed", lambda case: _cache_is_closed(case) is True, {"nv-compute-cache": 8}),
    Hint("the driver's cache of kernels is open", lambda case: _cache_is_closed(case) is False, {"nv-compute-cache": 0.05}),
    Hint("device files of one group alone", lambda case: bool(said(case, "device-file-closed")), {"device-permissions": 8}),
    Hint("device files open to everybody", lambda case: bool(said(case, "device-file-open")), {"device-permissions": 0.02}),
    # A daemon whose default runtime is NVIDIA's needs no option, which is rare.
    Hint("a container's command asks for no GPU", _no_gpu_asked, {"container-without-gpu": 20, "libcuda-stub-loaded": 0.3}),
    Hint("a container's command asks for the GPU", lambda case: bool(said(case, "container-run-with-gpu")), {"container-without-gpu": 0.4}),
    Hint("an image of TensorFlow without CUDA", _image_without_cuda, {"cpu-build-selected": 8, "cuda-libs-missing": 2}),
    Hint("run by sudo", _by_sudo, {"env-not-inherited": 8}),
    # What pip adds there is of another CUDA or newer than the image's cuDNN; the libraries themselves are in place.
    Hint("a provider's image", lambda case: bool(said(case, "colab")), {"cudnn-too-old": 4, "cuda-libs-wrong-version": 3,
         "cuda-libs-missing": 0.3, "ld-library-path-missing": 0.3, "driver-not-loaded": 0.3, "driver-library-mismatch": 0.3}),
    Hint("somebody says that there is no GPU", lambda case: bool(said(case, "no-gpu-in-words")), {"no-nvidia-gpu": 12}),
    Hint("a failure that has nothing to do with the GPU", lambda case: bool(said(case, "unrelated-exception")),
         {"no-nvidia-gpu": 8, "benign-noise": 8}),
    # RPM Fusion builds the module on the machine and signs it with a key that nobody has enrolled yet.
    Hint("a distribution whose NVIDIA module is not signed", lambda case: _distro(case) == "fedora", {"secure-boot": 2.5}),
    Hint("Secure Boot is on", lambda case: case.facts.secure_boot.value is True, {"secure-boot": 10}),
    Hint("Secure Boot is off", lambda case: case.facts.secure_boot.value is False, {"secure-boot": 0.01}),
    Hint("memory was free", _plenty_free, {"gpu-memory-growth": 0.08, "gpu-memory-held": 0.03, "gpu-too-small": 0.05}),
    Hint("memory growth is on", _grows, {"gpu-memory-growth": 0.03}),
    Hint("nvidia-smi shows a card that is free", _smi_shows_free, {"gpu-memory-held": 0.15}),
    # Its growth at the start no longer starves cuDNN: a gigabyte and more is left to it, where a card before Volta gets half of one.
    Hint("a release that leaves CUDA's libraries a reserve", reserve.leaves_room, {"gpu-memory-growth": 0.35}),
    Hint("no memory was free", _none_free, {"gpu-memory-growth": 5, "gpu-memory-held": 1.5}),
    Hint("cuBLAS was called, so the libraries were there", lambda case: bool(said(case, "cublas-execution-failed", "cublas-arch")),
         {"cuda-libs-wrong-version": 0.25, "cuda-libs-missing": 0.1}),
    Hint("the card is newer than the CUDA", _new_card, {"gpu-arch-too-new": 30, "gpu-arch-too-old": 0.1}),
    Hint("the CUDA knows the card", _known_card, {"gpu-arch-too-new": 0.08}),
    Hint("a card that every wheel knows", _long_known, {"gpu-arch-too-new": 0.1}),
    Hint("the wheel has code for the card", _has_code, {"gpu-arch-too-new": 0.02, "gpu-arch-too-old": 0.02}),
    Hint("the wheel left the card behind", _left_behind, {"gpu-arch-too-old": 12, "gpu-arch-too-new": 0.02}),
    Hint("an old card", _old_card, {"gpu-arch-too-old": 3, "gpu-arch-too-new": 0.05}),
    Hint("the driver is new enough", lambda case: driver_fits(case, True), {"driver-too-old": 0.12}),
    Hint("the toolkit is newer than the driver", _behind_the_toolkit, {"driver-too-old": 60}),
    # Whatever else a line could mean, below the first driver of a CUDA nothing of it runs.
    Hint("the driver is too old", lambda case: driver_fits(case, False), {"driver-too-old": 60}),
    Hint("nvidia wheels are there", _has_wheels, {"pip-nvidia-libs-not-found": 6, "cuda-libs-missing": 0.1, "cudnn-missing": 0.3,
         "cudnn-shadowed": 3, "ld-library-path-shadows-env": 3}),
    Hint("TensorFlow was asked for without its wheels", _asked_without_wheels, {"pip-nvidia-libs-not-found": 0.2, "cuda-libs-missing": 2}),
    Hint("TensorFlow that brings no wheels of its own", lambda case: case.tensorflow is not None and not _recent_tensorflow(case),
         {"pip-nvidia-libs-not-found": 0.05}),
    Hint("a toolkit is there", lambda case: case.facts.toolkits.is_found, {"cuda-libs-missing": 0.4, "cpu-build-selected": 0.8}),
    Hint("nobody names a toolkit", lambda case: not case.facts.toolkits.is_found, {"cuda-libs-wrong-version": 0.7}),
    Hint("the toolkit serves this TensorFlow", lambda case: _toolkit_serves(case) is True,
         {"cuda-libs-wrong-version": 0.2, "ld-library-path-missing": 1.6}),
    Hint("the toolkit does not serve this TensorFlow", lambda case: _toolkit_serves(case) is False, {"cuda-libs-wrong-version": 4}),
    Hint("the cuDNN that is told is too old", lambda case: _told_cudnn(case) < 0, {"cudnn-too-old": 8, "cudnn-missing": 0.5}),
    Hint("the cuDNN that is told is of a newer major", lambda case: _told_cudnn(case) > 1, {"cudnn-too-new": 8, "cudnn-missing": 0.7}),
    Hint("the cuDNN that is told fits", lambda case: _told_cudnn(case) == 1,
         {"cudnn-too-old": 0.4, "cudnn-too-new": 0.2, "cudnn-missing": 0.6, "cudnn-shadowed": 1.6}),
    Hint("a release that does not search its own wheels", _searches_no_wheels, {"pip-nvidia-libs-not-found": 3}),
    Hint("the loaded cuDNN fits the compiled one", _loaded_fits,
         {"cudnn-too-old": 0.02, "cudnn-too-new": 0.02, "cudnn-shadowed": 0.3}),
    Hint("most of the card was free", lambda case: (_share_free(case) or 0.0) > _MOST_FREE, {"gpu-memory-held": 0.15}),
    Hint("little of the card was free", lambda case: _share_free(case) is not None and (_share_free(case) or 0.0) < _LITTLE_FREE,
         {"gpu-memory-held": 5, "gpu-too-small": 0.5}),
    Hint("a card of little memory", _small_card, {"gpu-too-small": 8}),
    Hint("a card that every binary still serves", lambda case: _capability_below(case, _SERVED_BY_ALL) is False,
         {"gpu-arch-too-old": 0.04, "cudnn-drops-gpu": 0.05}),
    Hint("a PyTorch without CUDA", lambda case: bool(said(case, "torch-cpu-build") and said(case, "torch-sees-no-gpu")),
         {"cpu-build-selected": 12}),
    Hint("a PyTorch with CUDA", lambda case: bool(said(case, "torch-cuda-build")) and not said(case, "torch-cpu-build"),
         {"cpu-build-selected": 0.03}),
    Hint("a build with CUDA", _says_cuda_build, {"cpu-build-selected": 0.03, "windows-native-no-gpu": 0.02, "apple-silicon": 0.02}),
    Hint("CUDA answered", _cuda_answered, {"cpu-build-selected": 0.02, "windows-native-no-gpu": 0.02, "apple-silicon": 0.01}),
    Hint("the card answered", _card_answered,
         {"driver-not-loaded": 0.05, "secure-boot": 0.02, "nouveau-active": 0.02, "no-nvidia-gpu": 0.02, "container-without-gpu": 0.05,
          "cpu-build-selected": 0.02, "windows-native-no-gpu": 0.02, "apple-silicon": 0.02, "gpu-powered-off": 0.05}),
    Hint("a CUDA that is only told, and wheels that could bring it", _cuda_from_wheels, {"cuda-libs-wrong-version": 0.4}),
    Hint("a CUDA build is silent", _silent_cuda_build,
         {"cuda-libs-missing": 0.15, "cuda-libs-wrong-version": 0.15, "pip-nvidia-libs-not-found": 0.15, "cudnn-missing": 0.15,
          "driver-not-loaded": 8, "container-without-gpu": 6, "no-nvidia-gpu": 4, "wsl-libcuda-path": 3,
          "gpu-powered-off": 6, "nouveau-active": 6, "secure-boot": 6}),
    # Its packages are built for one major of CUDA and bring none: that of the index was 11 for long where machines had 12.
    Hint("ONNX Runtime asks, and no toolkit is named",
         lambda case: bool(said(case, "onnxruntime-asks")) and not case.facts.toolkits.is_found, {"cuda-libs-wrong-version": 4}),
    # How much TensorFlow takes at its start is nothing to PyTorch, which takes what it needs.
    Hint("PyTorch fails, and no TensorFlow is near", _torch_alone, {"gpu-memory-growth": 0.05, "nv-compute-cache": 2}),
    Hint("a start that says nothing of CUDA", _starts_without_cuda,
         {"cpu-build-selected": 6, "container-without-gpu": 0.3, "driver-not-loaded": 0.2, "cuda-libs-missing": 0.2,
          "cuda-libs-wrong-version": 0.2, "pip-nvidia-libs-not-found": 0.2}),
    Hint("a cuDNN that dropped this card", _dropped_by_cudnn, {"cudnn-drops-gpu": 8}),
)  # fmt: skip
