"""How the surroundings tell look-alikes apart: what a known fact does to the weight of each cause of a shared line.

The unit is ``Hint``: a question to the case, and by what it multiplies the weight of which causes. A hint never
names a cause by itself; it orders those that a line could have. Where a fact is unknown, nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fixer.model.record import record
from fixer.rules import circumstances as known
from fixer.rules import listed_files, memory_told, reserve
from fixer.rules.case import Case
from fixer.rules.emulated import hosted_by_arm
from fixer.rules.events import said
from fixer.rules.libcuda import impossible_ceiling

_RULED_OUT = 0.05
_SERVED_BY_ALL = (7, 5)
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


HINTS: tuple[Hint, ...] = (
    Hint("on Linux", known.os_is("linux"), {**_all(_WINDOWS, 0.01), "apple-silicon": 0.01}),
    # Windows has no module nvidia_uvm, and replaces both halves of the driver at once.
    Hint("on Windows", known.os_is("windows"),
         {**_all(_LINUX, 0.02), "apple-silicon": 0.01, "uvm-or-driver-state": 0.4, "driver-library-mismatch": 0.1}),
    Hint("a processor with AVX", lambda case: bool(said(case, "processor-has-avx")), {"cpu-without-avx": 0.1}),
    Hint("an ARM processor", lambda case: case.arch == "aarch64", {"cpu-without-avx": 0.01}),
    Hint("on macOS", known.os_is("macos"), {**_all(_WINDOWS + _LINUX + _NVIDIA, 0.05), "apple-silicon": 8, "cpu-without-avx": 0.3}),
    # Its container says Linux.
    Hint("an image for Intel's processors on an ARM host", hosted_by_arm,
         {"apple-silicon": 100, "cpu-without-avx": 0.05}),
    Hint("a Mac without Apple's processor", known.is_intel_mac, {"apple-silicon": 0.005, "cpu-without-avx": 12}),
    # Since 2.11 every wheel for Windows is without CUDA; before, who wanted none asked for tensorflow-cpu.
    Hint("a TensorFlow on Windows whose release nobody tells", lambda case: known.os_is("windows")(case) and case.tensorflow is None,
         {"windows-native-no-gpu": 4}),
    # Its GPU is one that TensorFlow can use, by Apple's plugin.
    Hint("a Mac with Apple's processor", lambda case: case.os == "macos" and case.facts.arch.is_found and case.arch == "aarch64",
         {"no-nvidia-gpu": 0.2}),
    Hint("TensorFlow without CUDA on Windows", lambda case: case.os == "windows" and known.tensorflow_without_windows(case),
         {"windows-native-no-gpu": 40, "cpu-build-selected": 0.2}),
    Hint("a Python that no TensorFlow with CUDA serves on Windows", known.python_without_windows,
         {"windows-native-no-gpu": 8, "cpu-build-selected": 0.3}),
    Hint("a zlibwapi.dll that Windows does not find", listed_files.zlib_is_missed, {"zlibwapi-missing": 10}),
    Hint("a zlibwapi.dll that Windows finds", listed_files.zlib_is_there, {"zlibwapi-missing": 0.1}),
    Hint("a refused wheel of this very Python", known.wheel_is_of_this_python, {"python-unsupported": 0.1}),
    Hint("TensorFlow with CUDA on Windows",
         lambda case: case.tensorflow is not None and not known.tensorflow_without_windows(case), {"windows-native-no-gpu": 0.02}),
    Hint("WSL", lambda case: case.wsl, {"wsl-libcuda-path": 6, "secure-boot": 0.02, "nouveau-active": 0.02,
         "driver-not-loaded": 0.3, "device-permissions": 0.1, "driver-library-mismatch": 0.1, "uvm-or-driver-state": 0.3}),
    Hint("WSL 1", lambda case: bool(said(case, "wsl-one")), {"wsl-libcuda-path": 0.01}),
    Hint("WSL, and nobody tells of a container", lambda case: case.wsl and not case.container, {"container-without-gpu": 0.4}),
    Hint("no WSL", lambda case: case.facts.wsl.value is False or known.os_is("windows")(case), {"wsl-libcuda-path": 0.02}),
    Hint("a container", lambda case: bool(case.container), {"container-without-gpu": 6, "secure-boot": 0.1, "nouveau-active": 0.1,
         "cuda-compat-lib": 3, "driver-library-mismatch": 0.4}),
    # It shows the host's own device files; libcuda, which answered, came with --nv.
    Hint("Apptainer, in which libcuda answered", lambda case: case.container == "apptainer" and bool(said(case, "cuda-unknown")),
         {"container-without-gpu": 0.1}),
    Hint("no NVIDIA card", lambda case: case.no_gpu, {**_all(_NVIDIA, 0.08), "no-nvidia-gpu": 20, "cpu-build-selected": 0.5}),
    Hint("a card, a driver or a toolkit", known.gpu_stated, {"no-nvidia-gpu": 0.08, "benign-noise": 0.2}),
    Hint("nvidia-smi works", known.smi_works, {"driver-not-loaded": 0.1, "secure-boot": 0.02, "nouveau-active": 0.02,
         "no-nvidia-gpu": 0.02, "gpu-powered-off": 0.05, "cuda-visible-devices": 1.5, "uvm-or-driver-state": 1.5}),
    Hint("the kernel's half of the driver answers", known.module_answers, {"driver-not-loaded": 0.02, "secure-boot": 0.01,
         "nouveau-active": 0.01, "no-nvidia-gpu": 0.05, "gpu-powered-off": 0.3}),
    Hint("both halves of the driver are of one release", known.halves_agree, {"driver-library-mismatch": 0.02, "cuda-compat-lib": 0.1}),
    Hint("a CUDA that the driver's branch cannot have", lambda case: impossible_ceiling(case) is not None, {"cuda-compat-lib": 60}),
    Hint("CUDA_VISIBLE_DEVICES names the first card", known.names_first_card, {"cuda-visible-devices": 0.05}),
    Hint("CUDA_VISIBLE_DEVICES names a further card", known.names_further_card, {"cuda-visible-devices": 6}),
    Hint("the driver's cache of kernels is closed", lambda case: known.cache_is_closed(case) is True, {"nv-compute-cache": 8}),
    Hint("the driver's cache of kernels is open", lambda case: known.cache_is_closed(case) is False, {"nv-compute-cache": 0.05}),
    Hint("device files of one group alone", lambda case: bool(said(case, "device-file-closed")), {"device-permissions": 8}),
    Hint("device files open to everybody", lambda case: bool(said(case, "device-file-open")), {"device-permissions": 0.02}),
    # A daemon whose default runtime is NVIDIA's needs no option, which is rare.
    Hint("a host that is called like a container", known.named_like_a_container,
         {"container-without-gpu": 6, "secure-boot": 0.1, "nouveau-active": 0.1}),
    Hint("a container's command asks for no GPU", known.no_gpu_asked, {"container-without-gpu": 20, "libcuda-stub-loaded": 0.3}),
    Hint("a container's command asks for the GPU", lambda case: bool(said(case, "container-run-with-gpu")), {"container-without-gpu": 0.4}),
    Hint("an image of TensorFlow without CUDA", known.image_without_cuda, {"cpu-build-selected": 8, "cuda-libs-missing": 2}),
    Hint("run by sudo", known.by_sudo, {"env-not-inherited": 8}),
    # What pip adds there is of another CUDA or newer than the image's cuDNN; the libraries themselves are in place.
    Hint("a provider's image", lambda case: bool(said(case, "colab")), {"cudnn-too-old": 4, "cuda-libs-wrong-version": 3,
         "cuda-libs-missing": 0.3, "ld-library-path-missing": 0.3, "driver-not-loaded": 0.3, "driver-library-mismatch": 0.3}),
    # They cannot be had otherwise: a wheel that asks for another CUDA is one for another JetPack.
    Hint("a Jetson, whose libraries come with its system", lambda case: bool(said(case, "jetson")),
         {"cuda-libs-wrong-version": 4, "cuda-libs-missing": 0.4, "pip-nvidia-libs-not-found": 0.05, "no-nvidia-gpu": 0.05}),
    Hint("somebody says that there is no GPU", lambda case: bool(said(case, "no-gpu-in-words")), {"no-nvidia-gpu": 12}),
    Hint("a failure that has nothing to do with the GPU", lambda case: bool(said(case, "unrelated-exception")),
         {"no-nvidia-gpu": 8, "benign-noise": 8}),
    # RPM Fusion builds the module on the machine and signs it with a key that nobody has enrolled yet.
    Hint("a distribution whose NVIDIA module is not signed", lambda case: known.distro(case) == "fedora", {"secure-boot": 2.5}),
    Hint("Secure Boot is on", lambda case: case.facts.secure_boot.value is True, {"secure-boot": 10}),
    Hint("Secure Boot is off", lambda case: case.facts.secure_boot.value is False, {"secure-boot": 0.01}),
    Hint("memory was free", memory_told.plenty_free, {"gpu-memory-growth": 0.08, "gpu-memory-held": 0.03, "gpu-too-small": 0.05}),
    Hint("memory growth is on", memory_told.grows, {"gpu-memory-growth": 0.03}),
    Hint("nvidia-smi shows a card that is free", memory_told.smi_shows_free, {"gpu-memory-held": 0.15}),
    # Its growth at the start no longer starves cuDNN: a gigabyte and more is left to it, where a card before Volta gets half of one.
    Hint("a release that leaves CUDA's libraries a reserve", reserve.leaves_room, {"gpu-memory-growth": 0.35}),
    Hint("no memory was free", memory_told.none_free, {"gpu-memory-growth": 5, "gpu-memory-held": 1.5}),
    Hint("cuBLAS was called, so the libraries were there", lambda case: bool(said(case, "cublas-execution-failed", "cublas-arch")),
         {"cuda-libs-wrong-version": 0.25, "cuda-libs-missing": 0.1}),
    Hint("the card is newer than the CUDA", known.new_card, {"gpu-arch-too-new": 30, "gpu-arch-too-old": 0.1}),
    Hint("the CUDA knows the card", known.known_card, {"gpu-arch-too-new": 0.08}),
    Hint("a card that every wheel knows", known.long_known, {"gpu-arch-too-new": 0.1}),
    Hint("the wheel has code for the card", known.has_code, {"gpu-arch-too-new": 0.02, "gpu-arch-too-old": 0.02}),
    Hint("the wheel left the card behind", known.left_behind, {"gpu-arch-too-old": 12, "gpu-arch-too-new": 0.02}),
    Hint("an old card", known.old_card, {"gpu-arch-too-old": 3, "gpu-arch-too-new": 0.05}),
    # Inside a major an older driver serves what is compiled, and not the PTX of a newer toolkit.
    Hint("the driver is new enough", lambda case: known.driver_fits(case) and not known.behind_the_toolkit(case), {"driver-too-old": 0.12}),
    Hint("the toolkit is newer than the driver", known.behind_the_toolkit, {"driver-too-old": 60}),
    # Whatever else a line could mean, below the first driver of a CUDA nothing of it runs.
    Hint("the driver is too old", known.driver_too_old, {"driver-too-old": 60}),
    Hint("nvidia wheels are there", known.has_wheels, {"pip-nvidia-libs-not-found": 6, "cuda-libs-missing": 0.1, "cudnn-missing": 0.3,
         "cudnn-shadowed": 3, "ld-library-path-shadows-env": 3}),
    Hint("TensorFlow was asked for without its wheels", known.asked_without_wheels,
         {"pip-nvidia-libs-not-found": 0.2, "cuda-libs-missing": 2}),
    Hint("TensorFlow that brings no wheels of its own", lambda case: case.tensorflow is not None and not known.recent_tensorflow(case),
         {"pip-nvidia-libs-not-found": 0.05}),
    Hint("a toolkit is there", lambda case: case.facts.toolkits.is_found, {"cuda-libs-missing": 0.4, "cpu-build-selected": 0.8}),
    Hint("nobody names a toolkit", lambda case: not case.facts.toolkits.is_found, {"cuda-libs-wrong-version": 0.7}),
    Hint("the toolkit serves this TensorFlow", lambda case: known.a_toolkit_serves(case) is True,
         {"cuda-libs-wrong-version": 0.2, "ld-library-path-missing": 1.6}),
    Hint("the toolkit does not serve this TensorFlow", lambda case: known.a_toolkit_serves(case) is False, {"cuda-libs-wrong-version": 4}),
    Hint("the cuDNN that is told is too old", lambda case: known.told_cudnn(case) < 0, {"cudnn-too-old": 8, "cudnn-missing": 0.5}),
    Hint("the cuDNN that is told is too new", lambda case: known.told_cudnn(case) > 1, {"cudnn-too-new": 8, "cudnn-missing": 0.7}),
    Hint("the cuDNN that is told fits", lambda case: known.told_cudnn(case) == 1,
         {"cudnn-too-old": 0.4, "cudnn-too-new": 0.2, "cudnn-missing": 0.6, "cudnn-shadowed": 1.6}),
    Hint("a release that does not search its own wheels", known.searches_no_wheels, {"pip-nvidia-libs-not-found": 3}),
    Hint("the loaded cuDNN fits the compiled one", known.loaded_fits,
         {"cudnn-too-old": 0.02, "cudnn-too-new": 0.02, "cudnn-shadowed": 0.3}),
    Hint("most of the card was free", memory_told.mostly_free, {"gpu-memory-held": 0.15}),
    Hint("little of the card was free", memory_told.hardly_free,
         {"gpu-memory-held": 5, "gpu-too-small": 0.5}),
    Hint("a card of little memory", memory_told.small_card, {"gpu-too-small": 8}),
    Hint("a card that every binary still serves", lambda case: known.capability_below(case, _SERVED_BY_ALL) is False,
         {"gpu-arch-too-old": 0.04, "cudnn-drops-gpu": 0.05}),
    Hint("a PyTorch without CUDA", lambda case: bool(said(case, "torch-cpu-build") and said(case, "torch-sees-no-gpu")),
         {"cpu-build-selected": 12}),
    Hint("a PyTorch with CUDA", lambda case: bool(said(case, "torch-cuda-build")) and not said(case, "torch-cpu-build"),
         {"cpu-build-selected": 0.03}),
    Hint("a build with CUDA", known.says_cuda_build, {"cpu-build-selected": 0.03, "windows-native-no-gpu": 0.02, "apple-silicon": 0.02}),
    Hint("CUDA answered", known.cuda_answered, {"cpu-build-selected": 0.02, "windows-native-no-gpu": 0.02, "apple-silicon": 0.01}),
    Hint("the card answered", known.card_answered,
         {"driver-not-loaded": 0.05, "secure-boot": 0.02, "nouveau-active": 0.02, "no-nvidia-gpu": 0.02, "container-without-gpu": 0.05,
          "cpu-build-selected": 0.02, "windows-native-no-gpu": 0.02, "apple-silicon": 0.02, "gpu-powered-off": 0.05}),
    # It is linked with its own copy of the runtime: what it shows is the driver and the card, and nothing of TensorFlow's libraries.
    Hint("CUDA's own example reaches the card", lambda case: bool(said(case, "device-query-answers")),
         {"driver-not-loaded": 0.05, "secure-boot": 0.02, "nouveau-active": 0.02, "no-nvidia-gpu": 0.02, "container-without-gpu": 0.05,
          "driver-too-old": 0.4, "driver-library-mismatch": 0.1, "uvm-or-driver-state": 0.5, "gpu-powered-off": 0.05,
          "driver-wrong-module-flavour": 0.05}),
    Hint("a CUDA that is only told, and wheels that could bring it", known.cuda_from_wheels, {"cuda-libs-wrong-version": 0.4}),
    Hint("a CUDA build is silent", known.silent_cuda_build,
         {"cuda-libs-missing": 0.15, "cuda-libs-wrong-version": 0.15, "pip-nvidia-libs-not-found": 0.15, "cudnn-missing": 0.15,
          "driver-not-loaded": 8, "container-without-gpu": 6, "no-nvidia-gpu": 4, "wsl-libcuda-path": 3,
          "gpu-powered-off": 6, "nouveau-active": 6, "secure-boot": 6}),
    # Its packages are built for one major of CUDA and bring none: that of the index was 11 for long where machines had 12.
    Hint("ONNX Runtime asks, and no toolkit is named",
         lambda case: bool(said(case, "onnxruntime-asks")) and not case.facts.toolkits.is_found, {"cuda-libs-wrong-version": 4}),
    # How much TensorFlow takes at its start is nothing to PyTorch, which takes what it needs.
    Hint("PyTorch fails, and no TensorFlow is near", known.torch_alone, {"gpu-memory-growth": 0.05, "nv-compute-cache": 2}),
    Hint("a start that says nothing of CUDA", known.starts_without_cuda,
         {"cpu-build-selected": 6, "container-without-gpu": 0.3, "driver-not-loaded": 0.2, "cuda-libs-missing": 0.2,
          "cuda-libs-wrong-version": 0.2, "pip-nvidia-libs-not-found": 0.2}),
    Hint("a cuDNN that dropped this card", known.dropped_by_cudnn, {"cudnn-drops-gpu": 8}),
)  # fmt: skip
