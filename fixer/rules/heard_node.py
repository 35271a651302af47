"""Rules about TensorFlow for Node.js, whose native module is a file of its npm package beside a TensorFlow of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import said
from fixer.rules.heard import candidates

_OF_THE_GPU = "tfjs-node-gpu"
# The package for the GPU needs CUDA and cuDNN; both need what npm fetched, and the runtime of Visual C++.
_NEEDS_CUDA = {"windows-dll-search-path": 34.0, "cuda-libs-wrong-version": 28.0, "windows-dll-missing": 22.0, "environment-broken": 16.0}
_NEEDS_ITS_OWN = {"environment-broken": 62.0, "windows-msvc-or-avx": 38.0}


def node_module_refused(case: Case) -> Iterator[Finding]:
    """Windows says of the native module that a module is not found: it is there, and a DLL that it needs is not."""
    refused = said(case, "node-module-refused")
    for one in said(case, "node-binding"):
        above = [other for other in refused if 0 <= one.event.line - other.event.line <= 1]
        if above:
            of_the_gpu = _OF_THE_GPU in one.event.text
            title = "TensorFlow for Node.js needs a DLL that Windows does not find: " + ("CUDA's or its own" if of_the_gpu else "its own")
            weights = _NEEDS_CUDA if of_the_gpu else _NEEDS_ITS_OWN
            yield from candidates("node-module-refused", weights, title, (above[0].evidence, one.evidence), ("where", "cudart64_*.dll"))
            return
