"""What a log is about, in words that need no known wording: parts of the stack, what befell them, and the surroundings.

The unit is a topic, a short text: ``cudnn`` (the log names it), ``cudnn: missing`` (one line names it beside words of a failure),
``a system: linux`` (a fact). Topics name no cause: ``base_rates`` knows what reports with the same topics turned out to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fixer.model import architectures, compare
from fixer.rules.case import Case

Words = tuple[str, ...]
# Parts of the stack by the letters that give them away, in lower case.
PARTS: Mapping[str, Words] = {
    "cudnn": ("cudnn", "cu dnn", "dnn library"),
    "a cuda library": ("cudart", "cublas", "cufft", "curand", "cusolver", "cusparse", "cupti", "nvrtc", "nvjitlink", "nccl"),
    "libcuda": ("libcuda.", "nvcuda", "cuinit", "cuda driver", "libnvidia-"),
    "driver": ("nvidia driver", "nvidia-driver", "nvidia-smi", "nvml", "nvidia.ko", "kernel module", "nvrm", "dkms", "modprobe",
               "insmod", "/dev/nvidia", "display driver", "graphics driver", "nvidia_uvm", "nvidia-uvm", "nvidia_drm", "nvidia-drm",
               "nvidia module", "module nvidia"),
    "ptxas": ("ptxas", "nvlink", "asm_compiler", "ptx"),
    "libdevice": ("libdevice", "nvvm", "cuda_data_dir"),
    "cuda": ("cuda",),
    "tensorrt": ("tensorrt", "nvinfer", "tf-trt"),
    "gpu": ("gpu",),
    "keras": ("keras",),
    "numpy": ("numpy", "ndarray"),
    "protobuf": ("protobuf", "protoc", "descriptor"),
    "ml_dtypes": ("ml_dtypes", "ml-dtypes", "bfloat16", "float8"),
    "a plugin": ("tensorflow_text", "tensorflow-text", "tensorflow_addons", "tensorflow-addons", "tensorflow_io", "tensorflow-io",
                 "tensorflow_hub", "tensorflow_probability", "tensorflow-metal", "tensorflow-plugins", "tensorflow_federated",
                 "tensorflow_decision", "tensorflow_data", "tensorflow_datasets", "tensorflow-directml", "load_op_library",
                 "load_library", "_ops.so", "_op.so", "custom op", "pluggable"),
    "tensorflow-gpu": ("tensorflow-gpu", "tensorflow_gpu"),
    "an installer": ("pip ", "pip3", "pip:", "requirement", "wheel", "setup.py", "distribution", "resolver", "poetry", "pypi",
                     "pyproject", "metadata", "egg_info", "satisf"),
    "conda": ("conda", "mamba", "solving environment"),
    "torch": ("torch",),
    "jax": ("jax",),
    "glibc": ("glibc", "libm.so", "libc.so", "manylinux"),
    "libstdc++": ("glibcxx", "cxxabi", "libstdc"),
    "a dll": (".dll", " dll", "msvcp", "vcruntime", ".pyd"),
    "instructions": ("illegal instruction", "illegal hardware", "avx", "sse3", "sse4", "sigill", "0xc000001d", "instruction set"),
    "a container": ("docker", "container", "podman", "singularity", "apptainer", "kubernetes", "k8s", "kubelet"),
    "wsl": ("wsl", "dxg"),
    "apple": ("metal", "rosetta", "arm64", "macosx", ".dylib", "darwin"),
    "visible devices": ("cuda_visible_devices",),
    "search path": ("ld_library_path", "cuda_home", "cuda_path", "%path%"),
    "convolution": ("convolution", "conv2d"),
    "backend": ("theano", "backend", "keras.json", "cntk"),
    "capability": ("compute capabilit", "sm_", "kernel image", "cubin", "fatbin", "architecture"),
    "python": ("python 2", "python 3", "python2", "python3", "-cp3", "python_requires", "requires-python"),
    "tensorflow": ("tensorflow",),
    "its native half": ("pywrap",),
}  # fmt: skip
# What befalls them, the most telling first: a line is of one kind.
FAILURES: Mapping[str, Words] = {
    "symbol": ("undefined symbol", "symbol not found", "cannot import name", "can't import name", "has no attribute", "procedure",
               "unresolved", "no attribute"),
    "module": ("no module named", "modulenotfound", "circular import", "partially initialized"),
    "memory": ("out of memory", "oom", "alloc", "exhaust", "not enough memory", "insufficient memory", "memory limit"),
    "permission": ("permission", "denied", "not permitted"),
    "busy": ("busy", "in use", "unavailable", "exclusive", "already bound", "being used"),
    "missing": ("not found", "no such file", "not find", "n't find", "unable to find", "failed to find", "not locate", "n't locate",
                "unable to locate", "not open", "n't open", "unable to open", "failed to open", "not load", "n't load",
                "unable to load", "failed to load", "not be found", "not be loaded", "dlopen", "missing", "not installed",
                "n't exist", "not exist", "no such", "nosuch"),
    "version": ("mismatch", "incompatib", "compiled with", "compiled against", "compiled to", "built with", "built against",
                "built for", "requir", "expect", "but found", "too old", "too new", "outdated", "older", "newer", "upgrade",
                "downgrade", "support", "conflict", "not match", "version", "insufficient", "satisf"),
    "crash": ("segmentation", "core dumped", "abort", "sigsegv", "exit code", "access violation", "0xc0000", "illegal", "killed"),
    "unknown": ("unknown error", "internal error", "unspecified", "unknown_"),
    "start": ("initialize", "initialise", "initializ", "init ", "not create", "n't create", "failed to create", "handle"),
    "none": ("no gpu", "no device", "no cuda", "not detect", "no known devices", "[]", "false", "cpu only", "no nvidia",
             "not visible", "not see", "disabled"),
    "failed": ("fail", "error", "fatal", "exception", "not ", "n't ", "unable", "panic", "warning", "invalid"),
}  # fmt: skip
# Parts that any program has: what befalls them alone is nobody's affair here.
_ANYBODYS = {"an installer", "conda", "a container", "wsl", "apple", "search path", "backend", "python", "a dll"}
# Words of a line that tells that something failed, and of one that only remarks it.
_FAILS = ("error", "fail", "fatal", "panic", "cannot", "can not", "can't", "could not", "couldn't", "unable", "not found", "not find",
          "no such", "mismatch", "incompatib", "undefined symbol", "no attribute", "no module named", "out of memory", "segmentation",
          "core dumped", "abort", "denied", "busy", "killed", "illegal", "n't exist", "not exist", "not installed",
          "not support", "unsupported", "n't support", "conflict", "must be")  # fmt: skip
_REMARKS = ("warning", "info", "debug", "0 error", "no error", "without error", "could not collect")
# How topics of the surroundings begin.
_AROUND = ("a system: ", "an environment: ", "told: ", "a card: ")
_FIRST_2, _LAST_WITHOUT_WHEELS, _FIRST_WITH_KERAS_3 = (2, 0), (2, 10), (2, 16)
_AGES = (((3, 5), "Maxwell or older"), ((6, 0), "Maxwell or older"), ((7, 5), "Pascal or Volta"), ((8, 0), "Turing"),
         ((9, 0), "Ampere or Ada"), ((10, 0), "Hopper"), ((99, 0), "Blackwell"))  # fmt: skip


def is_worded(topic: str) -> bool:
    """Whether the topic is of a line's words, and not of what is known of the surroundings."""
    return not topic.startswith(_AROUND)


def topics(case: Case) -> frozenset[str]:
    """Every topic of the case."""
    known: frozenset[str] | None = case.memory.get("topics")
    if known is None:
        known = frozenset((*_said(_texts(case)), *_surroundings(case)))
        case.memory["topics"] = known
    return known


def of_a_line(text: str) -> tuple[tuple[str, ...], str | None]:
    """The parts that a line names, and what it says befell them; None where it tells of no failure."""
    low = text.lower()
    named = tuple(part for part, words in PARTS.items() if any(word in low for word in words))
    return named, next((kind for kind, words in FAILURES.items() if any(word in low for word in words)), None)


def tells_a_failure(text: str) -> bool:
    """Whether a line says of a part of the stack that something failed, and does not only remark it."""
    low = text.lower()
    return any(word in low for word in _FAILS) and not any(word in low for word in _REMARKS) and names_the_stack(text)


def names_the_stack(text: str) -> bool:
    """Whether a line names a part that is TensorFlow's or the GPU's own, and not one that any program has."""
    return not _ANYBODYS.issuperset(of_a_line(text)[0])


def _texts(case: Case) -> Iterator[str]:
    for event in case.facts.events.or_else(()):
        # What an environment file says is no line.
        if event.line:
            yield event.text
    for line in case.facts.unfamiliar.or_else(()):
        yield line.text


def _said(texts: Iterable[str]) -> Iterator[str]:
    for text in dict.fromkeys(texts):
        named, failure = of_a_line(text)
        yield from named
        if failure is not None:
            yield f"any: {failure}"
            yield from (f"{part}: {failure}" for part in named)


def _surroundings(case: Case) -> Iterator[str]:
    facts = case.facts
    if facts.os.is_found:
        yield f"a system: {'wsl' if case.wsl else case.os}"
    if case.container:
        yield "a system: container"
    if case.environment is not None and case.environment.kind.is_found:
        yield f"an environment: {case.kind}"
    if case.environment is not None and case.environment.python.is_found:
        yield "told: python"
    for name, seen in (("gpu", facts.gpus), ("driver", facts.driver), ("cuda", facts.toolkits), ("libraries", facts.libraries)):
        if seen.is_found:
            yield f"told: {name}"
    if "keras" in case.packages:
        yield "told: keras"
    if case.tensorflow is not None:
        yield f"told: tensorflow {_age(compare.minor(case.tensorflow))}"
    numbers = [architectures.capability(card.capability) for card in case.cards if card.capability]
    for number in numbers:
        if number is not None:
            yield f"a card: {next(age for limit, age in _AGES if number[:2] < limit)}"


def _age(minor: tuple[int, ...]) -> str:
    if minor < _FIRST_2:
        return "1"
    if minor <= _LAST_WITHOUT_WHEELS:
        return "2 to 2.10"
    return "2.11 to 2.15" if minor < _FIRST_WITH_KERAS_3 else "2.16 and newer"
