"""Rules about the driver's cache of compiled kernels: one that cannot be kept, and one that is needed and turned off.

What was found: an INTERNAL_ERROR of cuDNN that went away with a ~/.nv of root's (deep-rl-tensorflow#43), and,
by NVIDIA's guide, the same compilation at every start. Neither is certain on a given machine, so nothing here blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.hardware import fits
from fixer.rules.say import fact, finding

# A wheel's kernels for one card, compiled, take some hundred MiB.
_SMALL = 256 << 20
_LITTLE_MIB = 64


def nv_compute_cache(case: Case) -> Iterator[Finding]:
    """The driver can keep no compiled kernel: the folder is somebody else's, is no folder, or its disk is full."""
    seen = case.facts.compute_cache
    cache = seen.value
    if cache is None or case.os != "linux":
        return
    evidence = (fact("compute_cache", f"{cache.path}{'' if cache.there else ' (not there)'}", seen),)
    if cache.closed is not None:
        own = cache.closed.endswith("/.nv") or "/.nv/" in cache.closed
        yield _finding(
            "nv-compute-cache",
            f"the driver cannot keep compiled kernels: {cache.closed}: {cache.why}",
            (*evidence, fact("compute_cache.closed", f"{cache.closed}: {cache.why}", seen)),
            "Rename it, so that the driver makes a new one (a run with sudo often leaves such a folder), or let CUDA_CACHE_PATH name a "
            "folder of this user's. Kernels are compiled anew at every start until then, and cuDNN was seen to fail."
            if own
            else "Let CUDA_CACHE_PATH name a folder that this user may write to; kernels are compiled anew at every start until then.",
            (("mv", cache.closed, f"{cache.closed}.old"),) if own and cache.there and not cache.closed.endswith("/index") else (),
            {"path": cache.closed},
        )
    elif cache.free_mib is not None and cache.free_mib < _LITTLE_MIB:
        yield _finding(
            "nv-compute-cache-disk-full",
            f"the disk of the driver's cache of kernels is full: {cache.free_mib} MiB are free for {cache.path}",
            (*evidence, fact("compute_cache.free_mib", str(cache.free_mib), seen)),
            "Free some space, or let CUDA_CACHE_PATH name a folder on another disk.",
            (("df", "-h", cache.path.rpartition("/ComputeCache")[0] or cache.path),),
            {"path": cache.path},
        )


def cache_needed(case: Case) -> Iterator[Finding]:
    """Every kernel is compiled for this card, and a setting, a size or a distant disk stands against keeping the result."""
    judged, seen = fits(case), case.facts.compute_cache
    if not judged or any(fit.kind != "compiled first" for fit in judged) or case.os != "linux":
        return
    size = case.variables.get("CUDA_CACHE_MAXSIZE", "").strip()
    if case.variables.get("CUDA_CACHE_DISABLE", "").strip() == "1":
        why, name, value, advice = "CUDA_CACHE_DISABLE=1 turns its cache off", "CUDA_CACHE_DISABLE", "1", "Take CUDA_CACHE_DISABLE away."
    elif size.isdecimal() and len(size) < 20 and int(size) < _SMALL:
        why, name, value = f"CUDA_CACHE_MAXSIZE={size} bytes are too few to keep them", "CUDA_CACHE_MAXSIZE", size
        advice = "Take CUDA_CACHE_MAXSIZE away, or raise it to 4294967296."
    elif seen.value is not None and seen.value.remote and seen.value.closed is None:
        why, name, value = f"its cache lies on {seen.value.remote}, which other machines serve", "compute_cache", seen.value.path
        advice = "Let CUDA_CACHE_PATH name a folder on this machine's own disk: the cache is read at every start."
    else:
        return
    source = seen if name == "compute_cache" else case.variable(name)
    yield _finding(
        "nv-compute-cache-needed",
        f"the driver compiles every kernel for {judged[0].card.name}, and {why}",
        (fact(name, value, source), *case.card_evidence((judged[0].card,)), *case.tensorflow_evidence()),
        advice,
        (),
        {"setting": name},
    )


def _finding(
    code: str, title: str, evidence: tuple[Evidence, ...], advice: str, commands: tuple[tuple[str, ...], ...], subject: dict[str, str]
) -> Finding:
    return finding("nv-compute-cache", "risks", "likely", title, evidence, advice, code=code, commands=commands, subject=subject)
