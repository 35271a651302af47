"""Rules about what a run said of its cuDNN: the version that was loaded beside the one that was compiled with.

The line decides that the wrong copy won; whether there is a right one beside it is another question, which
installed packages, the library path or the report's own words may answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.dataset import ask
from fixer.model import architectures, compare
from fixer.model.finding import Evidence, Finding
from fixer.model.versions import CudnnVersion
from fixer.rules.case import Case
from fixer.rules.events import Heard, heard, said
from fixer.rules.heard import candidates, named
from fixer.rules.say import fact

# From TensorFlow 1.13 on (compiled with 7.3 and later) a newer minor version is accepted.
_ANY_MINOR = (7, 3)
_LOADED = ("cudnn-loaded-compiled",)
# What a cuDNN without code for the card answers, by its version and the operation.
_FAILED = (
    "no-algorithm", "cudnn-execution-cudart", "cudnn-execution-failed", "cudnn-not-supported", "cudnn-arch-mismatch",
    "cudnn-internal-error",
)  # fmt: skip
# What stops a start of cuDNN, by how often the reports name it.
_HANDLE_ALONE = {
    "gpu-memory-growth": 54.0,
    "unresolved-cudnn-init": 22.0,
    "gpu-memory-held": 8.0,
    "cudnn-too-old": 8.0,
    "driver-too-old": 8.0,
}
_CUDA_FOLDER = re.compile(r"cuda|cudnn|nccl", re.IGNORECASE)


def cudnn_as_loaded(case: Case) -> Iterator[Finding]:
    """The run loaded a cuDNN that does not fit the one it was compiled with."""
    seen: dict[tuple[str, str], Heard] = {}
    for one in said(case, *_LOADED):
        seen.setdefault((one.event.values.get("loaded", ""), one.event.values.get("compiled", "")), one)
    for (loaded_text, compiled_text), one in seen.items():
        loaded, compiled = number(loaded_text), number(compiled_text)
        if loaded is None or compiled is None or loaded == compiled:
            continue
        if fits_compiled(loaded, compiled):
            continue
        newer = loaded.major > compiled.major or (loaded.major == compiled.major and loaded.minor >= compiled.minor)
        direct = "cudnn-too-new" if newer else "cudnn-too-old"
        title = f"cuDNN {loaded_text} was loaded by a program compiled with {compiled_text}"
        weights, evidence = _winner(case, direct, compiled)
        yield from candidates("cudnn-as-loaded", weights, title, (one.evidence, *evidence), ("convfix", "doctor"))


def cudnn_of_others(case: Case) -> Iterator[Finding]:
    """PyTorch, Caffe2, Theano, MXNet or Paddle says itself that it loaded another cuDNN than it was compiled with.

    The first three stop. The other two warn of any difference: one that this generation of cuDNN allows is none.
    """
    for one in said(case, "cudnn-of-others", "cudnn-of-others-warned"):
        loaded_text, compiled_text = (one.event.values.get(name, "") for name in ("loaded", "compiled"))
        loaded, compiled = _parts(loaded_text), _parts(compiled_text)
        wanted = number(compiled_text.strip("() ").replace(", ", "."))
        if loaded == compiled or wanted is None:
            continue
        if one.row.id == "cudnn-of-others-warned" and fits_compiled(number(loaded_text), wanted):
            continue
        title = f"cuDNN {loaded_text} was loaded by a program compiled with {compiled_text}"
        weights, evidence = _winner(case, "cudnn-too-new" if loaded > compiled else "cudnn-too-old", wanted)
        yield from candidates("cudnn-of-others", weights, title, (one.evidence, *evidence), ("convfix", "doctor"))


def _parts(text: str) -> tuple[int, ...]:
    """The numbers of a version, patch included, as they compare: 7605, or 9, 10, 2."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", text))


def cudnn_before_one(case: Case) -> Iterator[Finding]:
    """Before 1.0 TensorFlow wanted the very release that it was compiled with, patch number and all."""
    for one in said(case, "cudnn-loaded-against"):
        loaded, compiled = one.event.values.get("loaded", ""), one.event.values.get("compiled", "")
        if loaded.isdigit() and compiled.isdigit() and loaded != compiled:
            cause = "cudnn-too-new" if int(loaded) > int(compiled) else "cudnn-too-old"
            title = f"cuDNN {loaded} was loaded by a program compiled with {compiled}"
            weights = {cause: 78.0, "cudnn-shadowed": 22.0}
            yield from candidates("cudnn-as-loaded", weights, title, (one.evidence,), ("convfix", "doctor"))
            return


def handle_alone(case: Case) -> Iterator[Finding]:
    """cuDNN could not start, and the status was lost: no other line says more."""
    seen = said(case, "cudnn-handle", "driver-version-unread")
    if seen and not any(one.row.causes and one.row.fails for one in heard(case)):
        yield from candidates("handle-alone", _HANDLE_ALONE, "cuDNN could not start", (seen[0].evidence,), ("convfix", "verify"))


def cudnn_dropped_the_card(case: Case) -> Iterator[Finding]:
    """cuDNN failed, and the one that the run says it loaded has no code for any card that it names."""
    failed = said(case, *_FAILED)
    for one in said(case, "loaded-cudnn-version")[:1] if failed else ():
        version = number(one.event.values.get("version", ""))
        row = ask.cudnn(case.dataset, f"{version.major}.{version.minor}") if version is not None else None
        codes = row.compute_capabilities if row is not None else ()
        lost = tuple(card for card in case.cards if card.capability and codes and _left_behind(codes, card.capability))
        if version is not None and lost and len(lost) == len(case.cards):
            title = f"cuDNN {version.major}.{version.minor} has no code for {lost[0].name} (compute capability {lost[0].capability})"
            evidence = (one.evidence, *case.card_evidence(lost), failed[0].evidence)
            yield named("cudnn-drops-gpu", "likely", title, evidence, "said-cudnn-dropped")


def _left_behind(codes: tuple[str, ...], capability: str) -> bool:
    return architectures.coverage(codes, (), capability) != "machine code" and architectures.older_than_all(codes, capability)


def fits_compiled(loaded: CudnnVersion | None, compiled: CudnnVersion | None) -> bool:
    """Whether a program takes the cuDNN that it loaded; the patch number never decides."""
    if loaded is None or compiled is None or loaded.major != compiled.major:
        return False
    any_minor = (compiled.major, compiled.minor) >= _ANY_MINOR
    return loaded.minor >= compiled.minor if any_minor else loaded.minor == compiled.minor


def number(text: str) -> CudnnVersion | None:
    """A cuDNN version as programs print it: 8.1.0, or as one number, 7301 or 90100."""
    if re.fullmatch(r"\d{4,6}", text, re.ASCII):
        return CudnnVersion.from_number(int(text))
    version = compare.cudnn(text)
    return version if version is not None and len(version.parts) > 1 else None


def _winner(case: Case, direct: str, compiled: CudnnVersion) -> tuple[dict[str, float], tuple[Evidence, ...]]:
    """The candidates: no right copy at all, a right one that is hidden, or one that a setting hides."""
    weights = {direct: 72.0, "cudnn-shadowed": 22.0, "ld-library-path-shadows-env": 4.0, "env-not-inherited": 2.0}
    right = _right_copies(case, compiled)
    asked = said(case, "wheels-asked")
    path = case.variables.get("LD_LIBRARY_PATH", "")
    leads_to_cuda = any(_CUDA_FOLDER.search(folder) and "site-packages" not in folder for folder in path.split(":"))
    set_to = (fact("variables.LD_LIBRARY_PATH", path, case.facts.variables),) if leads_to_cuda else ()
    if right and leads_to_cuda:
        weights = {direct: 6.0, "cudnn-shadowed": 30.0, "ld-library-path-shadows-env": 60.0, "env-not-inherited": 4.0}
    elif right:
        weights = {direct: 6.0, "cudnn-shadowed": 78.0, "ld-library-path-shadows-env": 12.0, "env-not-inherited": 4.0}
    elif asked and leads_to_cuda:
        # Who asked pip for the wheels got a cuDNN that fits: the path leads past it.
        weights = {direct: 24.0, "cudnn-shadowed": 20.0, "ld-library-path-shadows-env": 52.0, "env-not-inherited": 4.0}
        right = (asked[0].evidence,)
    return weights, (*right, *set_to) if right else ()


def _right_copies(case: Case, compiled: CudnnVersion) -> tuple[Evidence, ...]:
    """What shows that a fitting cuDNN is installed: a wheel, a listed library, the report's own word."""
    found = []
    for name, version in case.packages.items():
        if name.startswith("nvidia-cudnn") or name == "cudnn":
            known = compare.cudnn(version)
            if fits_compiled(known, compiled):
                found.append(case.package(name))
    for one in said(case, "wheels-listed"):
        known = compare.cudnn(one.event.values.get("version"))
        if fits_compiled(known, compiled):
            found.append(one.evidence)
    majors, minors = said(case, "cudnn-header-major"), said(case, "cudnn-header-minor")
    if majors and minors:
        # Who prints the header asks which cuDNN is installed; the one that was loaded is another.
        known = compare.cudnn(f"{majors[-1].event.values['number']}.{minors[-1].event.values['number']}")
        if fits_compiled(known, compiled):
            found += [majors[-1].evidence, minors[-1].evidence]
    for library in case.facts.libraries.or_else(()):
        known = compare.cudnn(library.version) if library.name == "cudnn" else None
        if known is not None and len(known.parts) > 1 and fits_compiled(known, compiled):
            found.append(fact("libraries", f"cuDNN {library.version}", case.facts.libraries))
    return tuple(found)
