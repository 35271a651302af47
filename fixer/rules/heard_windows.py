"""Rules about DLLs that a log says Windows did not load: whose module wanted them decides what may be missing.

Python has one sentence for it, before 3.8 without the module's name, and ctypes another. Up to 2.0 TensorFlow's own module was
linked with CUDA and cuDNN, so that one of theirs stopped the import. Later ones open them when a GPU is sought, and the import
needs the runtime of Visual C++ alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.circumstances import a_toolkit_serves
from fixer.rules.events import evidence, heard, said
from fixer.rules.heard import about, candidates
from fixer.rules.say import fact

# Modules and libraries of other programs that are linked with CUDA, by their names; TensorFlow's own sentence has a rule of its own.
_FOR_THE_GPU = re.compile(
    r"cuda|cudnn|cupy|cublas|onnxruntime|torch|dlib|mxnet|paddle|tensorrt|nvinfer|jaxlib|ctranslate2|llama|ggml|dgl|lightgbm|xgboost"
    r"|^_driver$|^_C$",
    re.IGNORECASE,
)
_FIRST_THAT_OPENS_CUDA_LATER = (2, 1)
# Before 2.1 the build with CUDA had a name of its own.
_WITHOUT_CUDA = ("tensorflow", "tensorflow-cpu")
_OF_TENSORFLOW = {"windows-msvc-or-avx": 70.0, "windows-dll-missing": 30.0}
# Nobody says whose module it was, and nothing else failed.
_OF_ANYBODY = {"windows-msvc-or-avx": 52.0, "windows-dll-missing": 26.0, "windows-dll-search-path": 12.0, "environment-broken": 10.0}
# With a CUDA that is told: by whether TensorFlow can use it.
_LINKED = {
    True: {"windows-dll-search-path": 46.0, "windows-msvc-or-avx": 26.0, "cudnn-missing": 18.0, "windows-dll-missing": 10.0},
    False: {"cuda-libs-wrong-version": 62.0, "windows-msvc-or-avx": 20.0, "windows-dll-missing": 10.0, "windows-dll-search-path": 8.0},
    None: {"windows-msvc-or-avx": 36.0, "windows-dll-search-path": 26.0, "windows-dll-missing": 20.0, "cuda-libs-wrong-version": 18.0},
}
_DECIDE = ("where", "msvcp140_1.dll")


def windows_runtime(case: Case) -> Iterator[Finding]:
    """TensorFlow's own module needs a DLL that Windows does not find; before Python 3.8 the sentence does not say which module."""
    seen, traced = said(case, "dll-load-old"), said(case, "tensorflow-runtime", "native-runtime")
    if not seen:
        return
    is_tensorflows = bool(traced or case.tensorflow)
    if not is_tensorflows and any(one.row.id != "dll-load-old" for one in heard(case) if one.row.fails):
        return
    title = "TensorFlow's native library could not be loaded on Windows" if is_tensorflows else about(seen[0])
    lines = evidence((*seen[:1], *traced[:1])) if is_tensorflows else evidence(seen[:1])
    kits = _toolkits(case)
    weights = _LINKED[a_toolkit_serves(case)] if kits else _OF_TENSORFLOW if is_tensorflows else _OF_ANYBODY
    yield from candidates("dll-load-old", weights, title, (*lines, *kits), _DECIDE)


def dll_of_another_module(case: Case) -> Iterator[Finding]:
    """A module of another program for the GPU needs a DLL that Windows does not find, and this Python does not search PATH."""
    for one in said(case, "dll-of-another-module"):
        if _FOR_THE_GPU.search(one.event.values.get("module", "")):
            weights = {"windows-dll-search-path": 44.0, "windows-dll-missing": 32.0, "windows-msvc-or-avx": 24.0}
            decide = ("where", "cudart64_*.dll")
            yield from candidates("dll-of-another-module", weights, about(one), (one.evidence,), decide)
            return


def _toolkits(case: Case) -> tuple[Evidence, ...]:
    """The CUDA that a report tells of, where TensorFlow's own module may need it."""
    later = case.tensorflow is not None and compare.minor(case.tensorflow) >= _FIRST_THAT_OPENS_CUDA_LATER
    if later or case.distribution in _WITHOUT_CUDA:
        return ()
    return tuple(fact("toolkits", f"CUDA {kit.version}", case.facts.toolkits) for kit in case.facts.toolkits.or_else(()))
