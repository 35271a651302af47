"""Rules about cuDNN: the copy that wins must be of the compiled major and at least its minor version.

Which copy wins, and why, comes from ``loading``; a right copy that nothing searches for is a matter of
``search_paths``. The patch number never decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fixer.dataset import ask
from fixer.model import architectures, compare
from fixer.model.finding import Evidence, Finding, RowRef
from fixer.model.observed import Observed
from fixer.model.versions import CudnnVersion
from fixer.rules.case import Case
from fixer.rules.loading import Opening, of_cudnn, openings, trust
from fixer.rules.say import fact, finding, joined
from fixer.rules.visibility import first_seen

# What the loader puts into a process before all else, by its manual (ld.so(8)).
_PRELOADS = ("LD_PRELOAD", "/etc/ld.so.preload")

def loader_evidence(case: Case, opening: Opening) -> tuple[Evidence, ...]:
    """What wins, why, and what was passed over."""
    seen: Observed[Any] = case.facts.resolutions if opening.measured else case.facts.libraries
    lines = []
    if opening.winner is not None:
        winner = opening.winner
        if winner.in_environment and not opening.measured:
            seen = case.packages_seen
        words = f"{winner.path} {winner.version or '(version unknown)'}, by {opening.why or 'a default folder'}"
        lines.append(fact(f"loader.{opening.soname}", words, seen))
    for copy in opening.others[:4]:
        source = case.packages_seen if copy.in_environment and not opening.measured else seen
        lines.append(fact(f"passed over.{opening.soname}", f"{copy.path} {copy.version or '(version unknown)'}", source))
    if opening.winner is not None and opening.winner.place == "LD_LIBRARY_PATH" and case.variables.get("LD_LIBRARY_PATH"):
        lines.append(fact("variables.LD_LIBRARY_PATH", case.variables["LD_LIBRARY_PATH"], case.facts.variables))
    return (*lines, *disagreement(case, opening))


def disagreement(case: Case, opening: Opening) -> tuple[Evidence, ...]:
    """Says so where the machine's lists would have led elsewhere than the loader, which decides."""
    if not opening.disagreement:
        return ()
    return (fact("loader", f"the loader's own prediction decides; {opening.disagreement}", case.facts.resolutions),)


def built_evidence(case: Case) -> tuple[Evidence, ...]:
    """The cuDNN that TensorFlow was compiled with."""
    build = case.facts.tensorflow_build
    if case.cudnn_built is None:
        return case.tensorflow_evidence()
    source = build if build.value is not None and build.value.cudnn else case.packages_seen
    return (fact("cuDNN compiled with", f"{case.cudnn_built} in {case.tensorflow_name}", source),)


def wanted_cudnn(case: Case) -> str:
    """The cuDNN that TensorFlow accepts, as a specifier."""
    built = case.cudnn_built
    return f">={built.major}.{built.minor},<{built.major + 1}" if built is not None else ""


def cudnn_shadowed(case: Case) -> Iterator[Finding]:
    """A right copy is there, and another one wins."""
    opening = of_cudnn(case)
    if opening is None or opening.verdict != "shadowed" or opening.winner is None or opening.right is None:
        return
    by = next((one for one in _PRELOADS if opening.why.startswith(one)), None)
    if by is not None:
        yield _preloaded(case, opening, by)
        return
    yield finding(
        "cudnn-shadowed",
        case.gpu_severity,
        trust(case, opening),
        shadow_title(case, opening),
        (*loader_evidence(case, opening), *built_evidence(case)),
        f"Let {opening.right.path} win: take {opening.winner.path} away from the places searched before it, or load the "
        "right copy first.",
        rows=case.row_refs,
        subject={
            "winner": opening.winner.path,
            "right": opening.right.path,
            "sonames": opening.soname,
            "wanted": wanted_cudnn(case),
        },
    )


def _preloaded(case: Case, opening: Opening, by: str) -> Finding:
    """A copy that is in every process before it begins: nothing that is loaded later can win."""
    winner = opening.winner.path if opening.winner is not None else ""
    seen = fact(f"variables.{by}", case.variables[by], case.variable(by)) if by in case.variables else None
    return finding(
        "cudnn-shadowed",
        case.gpu_severity,
        trust(case, opening),
        f"{shadow_title(case, opening)}: {by} loads it into every process",
        (*loader_evidence(case, opening), *((seen,) if seen is not None else ()), *built_evidence(case)),
        f"Take {winner} out of {by}{'' if by in case.variables else ' (as root)'}: what it loads is there before anything else, and "
        "wins over every path.",
        code="cudnn-preloaded",
        rows=case.row_refs,
        plan="advise",
        subject={"winner": winner, "setting": by, "sonames": opening.soname},
    )


def shadow_title(case: Case, opening: Opening) -> str:
    """``an older cuDNN hides the right one``, or a newer one."""
    loaded, built = compare.cudnn(opening.winner.version if opening.winner else None), case.cudnn_built
    return f"{'a newer' if loaded and built and loaded > built else 'an older'} cuDNN hides the right one"


def cudnn_version(case: Case) -> Iterator[Finding]:
    """The only cuDNN there is, is too old, of another major, or (before 1.13) of another minor version."""
    opening = of_cudnn(case)
    built = case.cudnn_built
    if opening is None:
        return
    if opening.verdict == "unknown version" and built is not None:
        yield _unknown_version(case, opening)
    if opening.verdict == "unfit" and opening.winner is not None:
        texts = [opening.winner.version]
        shown = f"cuDNN {opening.winner.version} is loaded"
    elif opening.verdict == "other generation":
        texts = [one.version for one in opening.generations]
        shown = (
            f"only {joined(dict.fromkeys(one.words for one in opening.generations))} {'is' if len(texts) == 1 else 'are'} there"
        )
    else:
        return
    versions = [version for version in map(compare.cudnn, texts) if version is not None]
    wanted_major = built.major if built is not None else (case.code_row.cudnn_major if case.code_row is not None else None)
    if not versions or wanted_major is None:
        return
    newest = max(versions)
    if opening.verdict == "other generation" and newest.major == wanted_major and not _older(case, newest):
        # Its version would do; it is linked with the libraries of another CUDA.
        title = f"{shown}, built for another CUDA than {case.tensorflow_name} uses"
        yield _missing(case, opening, title, opening.soname, "cudnn-for-another-cuda")
        return
    new = newest.major > wanted_major or (newest.major == wanted_major and not _older(case, newest))
    need = f"{built.major}.{built.minor}" if built is not None else str(wanted_major)
    yield finding(
        "cudnn-too-new" if new else "cudnn-too-old",
        case.gpu_severity,
        trust(case, opening),
        f"{shown}, {case.tensorflow_name} needs cuDNN {need}{'' if new else ' or newer'} of major {wanted_major}",
        (*loader_evidence(case, opening), *(one.evidence for one in opening.generations[:4]), *built_evidence(case)),
        f"Provide cuDNN {wanted_cudnn(case) or wanted_major} where the loader finds it first.",
        rows=case.row_refs,
        subject={
            "package": "cudnn",
            "wanted": wanted_cudnn(case),
            "installed": str(newest),
            "sonames": opening.soname,
            "winner": opening.winner.path if opening.winner else "",
        },
    )


def _older(case: Case, version: CudnnVersion) -> bool:
    return case.cudnn_built is None or version.minor < case.cudnn_built.minor


def _unknown_version(case: Case, opening: Opening) -> Finding:
    copies = [
        copy for copy in ((opening.winner,) if opening.winner else opening.others) if copy is not None and copy.version is None
    ]
    path = copies[0].path if copies else opening.soname
    return finding(
        "cudnn-too-old",
        case.gpu_severity,
        "cannot-tell",
        f"cannot tell which cuDNN {path} is",
        (*loader_evidence(case, opening), *built_evidence(case)),
        f"Give the version of {path} (cudnnGetVersion() says it; the file's name does not).",
        code="cudnn-version-unknown",
        commands=(),
        plan="none",
        needs=(f"libraries: the version of {path}",),
        rows=case.row_refs,
    )


def cudnn_missing(case: Case) -> Iterator[Finding]:
    """CUDA's libraries are there and cuDNN is not, or not whole."""
    opening = of_cudnn(case)
    if opening is None:
        return
    rest = [one for one in openings(case) if not one.is_cudnn]
    if rest and all(one.verdict == "missing" for one in rest):
        return
    if opening.verdict == "missing":
        yield _missing(case, opening, f"cuDNN is not there: nothing answers to {opening.soname}", opening.soname)
    elif opening.verdict == "cannot load" and opening.winner is not None:
        yield _missing(case, opening, f"{opening.winner.path} cannot be loaded: {opening.problem}", opening.soname)
    elif opening.verdict == "unknown lists" and not all(one.verdict == "unknown lists" for one in rest):
        yield finding(
            "cudnn-missing",
            case.gpu_severity,
            "cannot-tell",
            f"cannot tell whether {opening.soname} is anywhere",
            (fact("libraries", "unknown: " + (case.facts.libraries.detail or "nobody looked"), case.facts.libraries),),
            "Give the libraries outside the environment (libraries in the machine file; [] says that there are none).",
            code="cudnn-unknown",
            commands=(),
            plan="none",
            needs=("libraries",),
            rows=case.row_refs,
        )
    elif opening.measured and opening.winner is not None:
        lost = [
            one.soname for one in case.facts.resolutions.or_else(()) if one.soname.startswith("libcudnn_") and one.path is None
        ]
        if lost:
            yield _missing(
                case,
                opening,
                f"cuDNN is incomplete: {joined(lost)} cannot be found",
                ",".join(lost),
                "cudnn-incomplete",
            )


def _missing(case: Case, opening: Opening, title: str, sonames: str, code: str = "cudnn-missing") -> Finding:
    return finding(
        "cudnn-missing",
        case.gpu_severity,
        trust(case, opening),
        title,
        (
            *loader_evidence(case, opening),
            fact("libraries", f"no {opening.soname}", case.facts.libraries),
            *built_evidence(case),
        ),
        f"Install the complete cuDNN {wanted_cudnn(case)} for CUDA {(case.cuda_built or '').split('.')[0]}.",
        code=code,
        rows=case.row_refs,
        subject={"package": "cudnn", "wanted": wanted_cudnn(case), "sonames": sonames, **_torn_wheel(case, opening)},
    )


def _torn_wheel(case: Case, opening: Opening) -> dict[str, str]:
    """The wheel whose own file wins and does not serve: its metadata is right, so that only installing it again helps."""
    row = ask.library(case.dataset, opening.soname)
    if row is None or opening.winner is None or not opening.winner.in_environment:
        return {}
    name = next((one for one in row.wheels if one in case.packages), None)
    return {"reinstall": name, "version": case.packages[name]} if name is not None else {}


def cudnn_drops_gpu(case: Case) -> Iterator[Finding]:
    """The cuDNN that wins has no code for the GPU, though TensorFlow has."""
    opening = of_cudnn(case)
    if opening is None or opening.verdict != "ok" or opening.winner is None or not opening.winner.version or not case.cards:
        return
    row = ask.cudnn(case.dataset, opening.winner.version)
    if row is None or not row.compute_capabilities:
        return
    lost = [card for card in case.cards if card.capability and not _has_code(row.compute_capabilities, card.capability)]
    served = [card for card in lost if card.capability and _tensorflow_has(case, card.capability)]
    if not served:
        return
    refs: tuple[RowRef, ...] = (case.dataset.ref(row), *case.row_refs, *served[0].rows)
    old = architectures.older_than_all(row.compute_capabilities, served[0].capability or "")
    # Only cuDNN 9 has served new cards in a later minor version that this TensorFlow takes.
    kept = opening.soname.endswith(".so.9")
    wanted = ",".join(filter(None, (wanted_cudnn(case), "<9.11" if old else ">=9.10" if kept else "")))
    yield finding(
        "cudnn-drops-gpu",
        case.gpu_severity if len(served) == len(case.cards) or first_seen(case) in served else "note",
        "proven" if row.confidence == "primary" and trust(case, opening) == "proven" else "likely",
        f"cuDNN {opening.winner.version} has no code for {served[0].name} (compute capability {served[0].capability})",
        (*loader_evidence(case, opening), *case.card_evidence(tuple(served))),
        f"Pin a cuDNN that still serves it: {wanted}."
        if old
        else f"Take a cuDNN that knows it: {wanted}."
        if kept
        else "Take a TensorFlow for a newer cuDNN: none of this one's knows the card.",
        rows=refs,
        subject={"package": "cudnn", "wanted": wanted, "installed": opening.winner.version, "sonames": opening.soname},
    )


def _has_code(codes: tuple[str, ...], capability: str) -> bool:
    return architectures.coverage(codes, (), capability) == "machine code"


def _tensorflow_has(case: Case, capability: str) -> bool:
    return architectures.coverage(case.compute_capabilities, case.ptx, capability) in ("machine code", "ptx")
