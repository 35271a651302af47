"""Rules about DLLs that a log says Windows did not load: whose module wanted them decides what may be missing.

Python has one sentence for it, before 3.8 without the module's name, and ctypes another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import evidence, heard, said
from fixer.rules.heard import about, candidates

# Modules and libraries of other programs that are linked with CUDA, by their names; TensorFlow's own sentence has a rule of its own.
_FOR_THE_GPU = re.compile(
    r"cuda|cudnn|cupy|cublas|onnxruntime|torch|dlib|mxnet|paddle|tensorrt|nvinfer|jaxlib|ctranslate2|llama|ggml|dgl|lightgbm|xgboost"
    r"|^_driver$|^_C$",
    re.IGNORECASE,
)


def windows_runtime(case: Case) -> Iterator[Finding]:
    """TensorFlow's own module needs a DLL that Windows does not find; before Python 3.8 the sentence does not say which module."""
    seen, traced = said(case, "dll-load-old"), said(case, "tensorflow-runtime", "native-runtime")
    if seen and (traced or case.tensorflow):
        title = "TensorFlow's native library could not be loaded on Windows"
        weights = {"windows-msvc-or-avx": 70.0, "windows-dll-missing": 30.0}
        yield from candidates("dll-load-old", weights, title, evidence((*seen[:1], *traced[:1])), ("where", "msvcp140_1.dll"))
    elif seen and all(one.row.id == "dll-load-old" for one in heard(case) if one.row.kind in ("error", "headline")):
        # Nobody says whose module it was, and nothing else failed.
        weights = {"windows-msvc-or-avx": 52.0, "windows-dll-missing": 26.0, "windows-dll-search-path": 12.0, "environment-broken": 10.0}
        yield from candidates("dll-load-old", weights, about(seen[0]), evidence(seen[:1]), ("where", "msvcp140_1.dll"))


def dll_of_another_module(case: Case) -> Iterator[Finding]:
    """A module of another program for the GPU needs a DLL that Windows does not find, and this Python does not search PATH."""
    for one in said(case, "dll-of-another-module"):
        if _FOR_THE_GPU.search(one.event.values.get("module", "")):
            weights = {"windows-dll-search-path": 44.0, "windows-dll-missing": 32.0, "windows-msvc-or-avx": 24.0}
            decide = ("where", "cudart64_*.dll")
            yield from candidates("dll-of-another-module", weights, about(one), (one.evidence,), decide)
            return
