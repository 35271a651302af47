"""Rules about where the loader looks: the right library is there, and a setting keeps it from being found.

These come first among the library causes: a setting is nearest to what a person must change. Which copy
wins comes from ``loading``.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.dataset import ask
from fixer.dataset.rows import KnownFaultRow
from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.cudnn import built_evidence, disagreement, loader_evidence, shadow_title, wanted_cudnn
from fixer.rules.loading import Opening, openings, trust
from fixer.rules.say import fact, few, finding, sentence, weaker


def ld_library_path_shadows_env(case: Case) -> Iterator[Finding]:
    """LD_LIBRARY_PATH puts other copies before the environment's own."""
    hidden = [one for one in openings(case) if one.verdict == "hidden by a setting"]
    harmless = [one for one in openings(case) if one.verdict == "ok" and _overtaken(one)]
    if hidden:
        first = next((one for one in hidden if one.is_cudnn), hidden[0])
        yield _shadows(case, first, hidden)
    elif harmless:
        yield finding(
            "ld-library-path-shadows-env",
            "risks" if case.target != "cpu" else "note",
            "likely",
            f"LD_LIBRARY_PATH puts other copies of {few(one.soname for one in harmless)} before the environment's own",
            (*loader_evidence(case, harmless[0]), *case.tensorflow_evidence()),
            "Take these folders off LD_LIBRARY_PATH when this environment is used: the copies fit today, and may not "
            "fit each other after an update.",
            code="ld-library-path-overtakes",
            rows=case.row_refs,
            subject={"sonames": ",".join(one.soname for one in harmless), "folders": _folders(harmless)},
        )


def _overtaken(one: Opening) -> bool:
    winner = one.winner
    if winner is None or winner.place != "LD_LIBRARY_PATH" or winner.in_environment:
        return False
    return any(copy.in_environment and copy.place for copy in one.others)


def _folders(several: list[Opening]) -> str:
    return ":".join(dict.fromkeys(one.winner.path.rpartition("/")[0] for one in several if one.winner is not None))


def _shadows(case: Case, first: Opening, hidden: list[Opening]) -> Finding:
    title = shadow_title(case, first) if first.is_cudnn else f"LD_LIBRARY_PATH hides the environment's {first.soname}"
    if first.problem and first.winner is not None:
        title = f"{first.winner.path} hides the environment's {first.soname} and cannot be loaded"
    evidence: list[Evidence] = [*loader_evidence(case, first)]
    if first.problem:
        evidence.append(fact(f"loader.{first.soname}", first.problem, case.facts.resolutions))
    return finding(
        "ld-library-path-shadows-env",
        case.gpu_severity,
        trust(case, first),
        title,
        (*evidence, *built_evidence(case)),
        "Load the environment's own libraries first, inside this environment only; or take "
        f"{_folders(hidden)} off LD_LIBRARY_PATH where no other program needs it.",
        rows=case.row_refs,
        subject={
            "sonames": ",".join(one.soname for one in hidden),
            "folders": _folders(hidden),
            "winner": first.winner.path if first.winner else "",
            "right": first.right.path if first.right else "",
            "wanted": wanted_cudnn(case),
        },
    )


def pip_nvidia_libs_not_found(case: Case) -> Iterator[Finding]:
    """The environment's own wheels hold the libraries, and TensorFlow does not look there."""
    lost = [one for one in openings(case) if one.verdict == "not searched in environment"]
    wheels = [one for one in lost if one.right is not None and "/nvidia/" in one.right.path]
    if not wheels:
        return
    fault = _published(case)
    what = few(one.soname for one in wheels)
    looks = case.code_row.search_path if case.code_row is not None else ()
    kind = (case.code_row.search_kind if case.code_row is not None else None) or "RUNPATH"
    seen = fact(
        f"TensorFlow's {kind}",
        f"nvidia folders {', '.join(looks)}" if looks else "no nvidia folder at all",
        case.packages_seen,
    )
    yield finding(
        "pip-nvidia-libs-not-found",
        case.gpu_severity,
        weaker(*(trust(case, one) for one in wheels)),
        f"{what} {'is' if len(wheels) == 1 else 'are'} in the environment's wheels, where {case.tensorflow_name} does not look",
        (seen, *_right_copies(case, wheels), *_path_evidence(case)),
        sentence(fault.remedy) if fault is not None else "Load these libraries first, inside this environment.",
        rows=(*case.row_refs, *((case.dataset.ref(fault),) if fault is not None else ())),
        subject={"sonames": ",".join(one.soname for one in wheels), "folders": _right_folders(wheels)},
    )


def _published(case: Case) -> KnownFaultRow | None:
    rows = ask.known_faults(case.dataset, case.row.distribution, case.tensorflow or "") if case.row is not None else ()
    return next((row for row in rows if row.cause == "pip-nvidia-libs-not-found"), None)


def _right_copies(case: Case, lost: list[Opening]) -> list[Evidence]:
    lines = []
    for one in lost:
        if one.right is not None:
            words = f"nothing found; {one.right.path} {one.right.version or ''}".strip()
            seen = (
                case.facts.resolutions
                if one.measured
                else case.packages_seen
                if one.right.in_environment
                else case.facts.libraries
            )
            lines += [fact(f"loader.{one.soname}", words, seen), *disagreement(case, one)]
    return lines


def _right_folders(lost: list[Opening]) -> str:
    return ":".join(dict.fromkeys(one.right.path.rpartition("/")[0] for one in lost if one.right is not None))


def _path_evidence(case: Case) -> tuple[Evidence, ...]:
    value = case.variables.get("LD_LIBRARY_PATH")
    if not case.variables_known:
        return ()
    given = fact("variables.LD_LIBRARY_PATH", repr(value) if value is not None else "not set", case.facts.variables)
    late = case.changed_at_start("LD_LIBRARY_PATH")
    if late is None:
        return (given,)
    words = f"{late.value!r}, set after the loader has read it: without effect"
    return (given, fact("patient.set_at_start.LD_LIBRARY_PATH", words, case.variable("LD_LIBRARY_PATH")))


def ld_library_path_missing(case: Case) -> Iterator[Finding]:
    """The right libraries are on disk, and no place that the loader searches holds them."""
    several = openings(case)
    lost = [one for one in several if one.verdict == "not searched outside"]
    lost += [
        one
        for one in several
        if one.verdict == "not searched in environment" and one.right and "/nvidia/" not in one.right.path
    ]
    if not lost:
        yield from _unknown_setting(case, [one for one in several if one.verdict == "unknown setting"])
        return
    on_path = [part for part in case.variables.get("PATH", "").split(":") if part in _right_folders(lost).split(":")]
    yield finding(
        "ld-library-path-missing",
        case.gpu_severity,
        "proven" if lost[0].measured else "likely",
        f"{few(one.soname for one in lost)} {'is' if len(lost) == 1 else 'are'} on disk, where the loader does not look",
        (
            *_right_copies(case, lost),
            *_path_evidence(case),
            *((fact("variables.PATH", f"{on_path[0]}: PATH is for programs", case.facts.variables),) if on_path else ()),
        ),
        f"Put {_right_folders(lost)} on the loader's path for this environment.",
        rows=case.row_refs,
        subject={"sonames": ",".join(one.soname for one in lost), "folders": _right_folders(lost)},
    )


def _unknown_setting(case: Case, several: list[Opening]) -> Iterator[Finding]:
    if not several:
        return
    found = [one for one in several if one.winner is None]
    cause = "ld-library-path-missing" if found else "ld-library-path-shadows-env"
    names = few(one.soname for one in several)
    yield finding(
        cause,
        case.gpu_severity,
        "cannot-tell",
        f"cannot tell whether the loader finds {names}" if found else f"cannot tell which copy of {names} wins",
        (
            fact(
                "variables.LD_LIBRARY_PATH",
                "unknown: " + (case.facts.variables.detail or "nobody looked"),
                case.facts.variables,
            ),
            *loader_evidence(case, several[0]),
        ),
        "Give LD_LIBRARY_PATH as the failing program has it (variables in the machine file; {} says that none is set).",
        code="ld-library-path-unknown",
        commands=(),
        plan="none",
        needs=("variables.LD_LIBRARY_PATH",),
        rows=case.row_refs,
    )


def empty_path_element(case: Case) -> Iterator[Finding]:
    """An empty or relative element of a path list means the current folder: whatever lies there is loaded."""
    value = case.variables.get("LD_LIBRARY_PATH")
    if not value or case.os != "linux":
        return
    bad = [part for part in value.split(":") if not part.startswith(("/", "$"))]
    if not bad:
        return
    yield finding(
        "ld-library-path-shadows-env",
        "risks",
        "proven",
        "LD_LIBRARY_PATH has an empty element, which means the current folder"
        if "" in bad
        else f"LD_LIBRARY_PATH names a folder relative to the current one: {bad[0]}",
        (fact("variables.LD_LIBRARY_PATH", repr(value), case.facts.variables),),
        "Take the empty or relative element away where the variable is set: any library that lies in the current folder "
        "wins (write ${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} to append).",
        code="empty-path-element",
        plan="ask",
        subject={"variable": "LD_LIBRARY_PATH", "value": value},
    )
