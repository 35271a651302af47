"""Rules about TensorFlow for Node.js, whose native module is a file of its npm package beside a TensorFlow of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.events import said
from fixer.rules.heard import candidates
from fixer.rules.say import fact

_OF_THE_GPU = "tfjs-node-gpu"
# The package for the GPU needs CUDA and cuDNN; both need what npm fetched, and the runtime of Visual C++.
_NEEDS_CUDA = {"windows-dll-search-path": 34.0, "cuda-libs-wrong-version": 28.0, "windows-dll-missing": 22.0, "environment-broken": 16.0}
_ANOTHER_CUDA = {"cuda-libs-wrong-version": 66.0, "windows-dll-search-path": 14.0, "windows-dll-missing": 10.0, "environment-broken": 10.0}
# The majors of CUDA of which some release of the package for the GPU was: its TensorFlow was 1.8 at first, and 2.9 at last.
_SERVED = range(9, 12)
_NEEDS_ITS_OWN = {"environment-broken": 62.0, "windows-msvc-or-avx": 38.0}


def node_module_refused(case: Case) -> Iterator[Finding]:
    """Windows says of the native module that a module is not found: it is there, and a DLL that it needs is not."""
    refused = said(case, "node-module-refused")
    for one in said(case, "node-binding"):
        above = [other for other in refused if 0 <= one.event.line - other.event.line <= 1]
        if above:
            of_the_gpu = _OF_THE_GPU in one.event.text
            title = "TensorFlow for Node.js needs a DLL that Windows does not find: " + ("CUDA's or its own" if of_the_gpu else "its own")
            kits = _of_no_release(case) if of_the_gpu else ()
            weights = _ANOTHER_CUDA if kits else _NEEDS_CUDA if of_the_gpu else _NEEDS_ITS_OWN
            seen = (above[0].evidence, one.evidence, *kits)
            yield from candidates("node-module-refused", weights, title, seen, ("where", "cudart64_*.dll"))
            return


def _of_no_release(case: Case) -> tuple[Evidence, ...]:
    """The CUDA that is told, where no release of the package was made for it."""
    kits = case.facts.toolkits.or_else(())
    versions = [compare.cuda(kit.version) for kit in kits]
    if not versions or any(version is None or version.major in _SERVED for version in versions):
        return ()
    return tuple(fact("toolkits", f"CUDA {kit.version}", case.facts.toolkits) for kit in kits)
