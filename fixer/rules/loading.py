"""What the loader does for each library that TensorFlow opens, whoever tells of it, and what is wrong there.

The unit is ``Opening``: one soname with its winner, the other copies, and a verdict. On a live machine
the loader's own prediction decides (``facts.resolutions``); for a described machine the same shape is
reasoned from its lists and variables, so the rules judge both alike.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from fixer.dataset import ask
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import LibraryRow, TensorFlowRow
from fixer.model import compare
from fixer.model.facts import Resolution
from fixer.model.finding import Certainty, Evidence
from fixer.model.record import record
from fixer.rules.case import Case
from fixer.rules.copies import (
    Copy,
    Place,
    answers,
    by_conda,
    in_environment,
    library_name,
    outside,
    toolkit_serves,
    toolkit_version,
    wheel_serves,
    wheels,
)
from fixer.rules.events import said
from fixer.rules.say import fact, weaker

Verdict = Literal[
    "ok",
    "hidden by a setting",
    "shadowed",
    "unfit",
    "cannot load",
    "not searched in environment",
    "not searched outside",
    "other generation",
    "missing",
    "unknown version",
    "unknown setting",
    "unknown lists",
]
REQUIRED = ("libcudart", "libcublas", "libcublasLt", "libcufft", "libcurand", "libcusolver", "libcusparse", "libcudnn")
_PLACES: tuple[Place, ...] = ("RPATH", "LD_LIBRARY_PATH", "RUNPATH", "default folder")
_FIRST_ANY_MINOR = (1, 13)


@record(frozen=True)
class Other:
    """A copy of another generation: what it is in words, its version, and where that is known from."""

    words: str
    version: str | None
    evidence: Evidence


@record(frozen=True)
class Opening:
    """One soname: what wins, what else is there, and the verdict. ``measured``: the loader itself was asked."""

    soname: str
    library: str
    verdict: Verdict
    winner: Copy | None
    others: tuple[Copy, ...]
    measured: bool
    right: Copy | None = None
    generations: tuple[Other, ...] = ()
    problem: str | None = None
    why: str = ""
    disagreement: str = ""

    @property
    def is_cudnn(self) -> bool:
        return self.library == "cudnn"


def openings(case: Case) -> tuple[Opening, ...]:
    """Every library that TensorFlow's own check asks for; empty where no GPU is to be served or nothing is known."""
    if case.os != "linux" or case.no_gpu or case.tensorflow is None or case.is_cuda_build is False:
        return ()
    known: tuple[Opening, ...] | None = case.memory.get("openings")
    if known is None:
        known = _measured(case) if case.facts.resolutions.is_found else _not_opened(case, _described(case))
        case.memory["openings"] = known
    return known


def _not_opened(case: Case, told: tuple[Opening, ...]) -> tuple[Opening, ...]:
    """Without what lists call wrong or absent although a run says that it opened it."""
    opened = {one.event.values.get("library", "") for one in said(case, "library-opened")}
    return tuple(one for one in told if one.verdict == "ok" or one.soname not in opened)


def of_cudnn(case: Case) -> Opening | None:
    """cuDNN's opening."""
    for one in openings(case):
        if one.library == "cudnn":
            return one
    return None


def _stem(soname: str) -> str:
    return soname.partition(".so")[0]


def _measured(case: Case) -> tuple[Opening, ...]:
    told = {one.soname: one for one in _described(case)} if _is_described(case) else {}
    found = []
    for one in case.facts.resolutions.or_else(()):
        if _stem(one.soname) not in REQUIRED:
            continue
        row = ask.library(case.dataset, one.soname)
        others = _passed_over(case, one)
        others += _unreached(case, one, row, {copy.path for copy in others})
        opening = _judge(case, one.soname, row, _winner(case, one), others, True, one.problem, one.why)
        found.append(_compared(opening, told.get(one.soname)))
    return tuple(found)


def _is_described(case: Case) -> bool:
    return not (case.facts.libraries.is_unknown and case.facts.toolkits.is_unknown)


def _compared(opening: Opening, told: Opening | None) -> Opening:
    """Says where the machine's lists would have led elsewhere than the loader's prediction, which decides."""
    if told is None or told.verdict.startswith("unknown") or told.verdict == opening.verdict:
        return opening
    return Opening(**{**vars(opening), "disagreement": f"by the lists of files, {opening.soname} would be: {told.verdict}"})


def _winner(case: Case, one: Resolution) -> Copy | None:
    if one.path is None:
        return None
    place: Place = next((place for place in _PLACES if place.split()[0].lower() in one.why.lower()), "")
    return Copy(one.path, one.version, in_environment(case, one.path), place)


def _passed_over(case: Case, one: Resolution) -> tuple[Copy, ...]:
    """The other copies; the environment's own count as searched where TensorFlow's RUNPATH names their folder."""
    searched = case.code_row.search_path if case.code_row is not None else ()
    found = []
    for path, version in one.passed_over:
        wheel = re.search(r"/nvidia/([^/]+)/lib/", path)
        place: Place = "RUNPATH" if wheel and wheel.group(1) in searched else ""
        found.append(Copy(path, version, in_environment(case, path), place))
    return tuple(found)


def _unreached(case: Case, one: Resolution, row: LibraryRow | None, known: set[str]) -> tuple[Copy, ...]:
    """Copies that lie where the loader never came: the right library in a folder that nothing names."""
    if row is None:
        return ()
    return tuple(
        Copy(copy.path, copy.version, in_environment(case, copy.path), "")
        for copy in case.facts.libraries.or_else(())
        if copy.path != one.path and copy.path not in known and answers(case, copy, row, one.soname)
    )


def _described(case: Case) -> tuple[Opening, ...]:
    row = case.code_row
    if row is None or case.cuda_built is None:
        return ()
    if _nothing_lies(case):
        return _of_nothing(case.dataset, row.sonames, _lists_known(case, "cudnn"), _lists_known(case, ""))
    return _of_copies(case, row)


def _of_copies(case: Case, row: TensorFlowRow) -> tuple[Opening, ...]:
    found = []
    for soname, library in _asked_for(case.dataset, row.sonames):
        copies = (*wheels(case, library, soname), *by_conda(case, library, soname), *outside(case, library, soname))
        searched = [copy for copy in copies if copy.place]
        winner = min(searched, key=lambda copy: (_PLACES.index(copy.place), copy.rank), default=None)
        others = tuple(copy for copy in copies if copy is not winner)
        found.append(_judge(case, soname, library, winner, others, False, None, winner.place if winner else ""))
    return tuple(found)


@lru_cache(maxsize=256)
def _asked_for(dataset: Dataset, sonames: tuple[str, ...]) -> tuple[tuple[str, LibraryRow], ...]:
    """The sonames among these that TensorFlow's own check asks for, with their libraries."""
    named = ((soname, ask.library(dataset, soname)) for soname in sonames if _stem(soname) in REQUIRED)
    return tuple((soname, library) for soname, library in named if library is not None)


def _nothing_lies(case: Case) -> bool:
    """Whether nothing of CUDA is to be seen, in the environment or outside: then all machines are alike."""
    facts = case.facts
    inside = case.kind == "conda" or bool(case.nvidia_wheels)
    return not inside and not facts.libraries.or_else(()) and not facts.toolkits.or_else(())


@lru_cache(maxsize=256)
def _of_nothing(dataset: Dataset, sonames: tuple[str, ...], cudnn_known: bool, others_known: bool) -> tuple[Opening, ...]:
    """What ``_of_copies`` says of each soname where no copy lies anywhere."""
    made = []
    for soname, library in _asked_for(dataset, sonames):
        known = cudnn_known if library.name == "cudnn" else others_known
        made.append(Opening(soname, library.name, "missing" if known else "unknown lists", None, (), False))
    return tuple(made)


def fits(case: Case, library: str, copy: Copy) -> bool | None:
    """Whether TensorFlow accepts this copy; None where its version decides and is unknown."""
    if library != "cudnn":
        return True
    built, version = case.cudnn_built, compare.cudnn(copy.version)
    if built is None:
        # An own build tells its major version alone; another major never serves.
        major = case.code_row.cudnn_major if case.code_row is not None else None
        return version is None or major is None or version.major == major
    if version is None:
        return None
    if compare.minor(case.tensorflow or "") < _FIRST_ANY_MINOR and version.minor != built.minor:
        return False
    return version.satisfies(built)


def _judge(
    case: Case,
    soname: str,
    row: LibraryRow | None,
    winner: Copy | None,
    others: tuple[Copy, ...],
    measured: bool,
    problem: str | None,
    why: str,
) -> Opening:
    library = row.name if row is not None else _stem(soname).removeprefix("lib")
    right = _best([copy for copy in others if fits(case, library, copy)])
    others_of = _generations(case, library, row, soname, others, measured) if winner is None else ()
    verdict = _verdict(case, library, winner, others, right, measured, problem, bool(others_of))
    return Opening(soname, library, verdict, winner, others, measured, right, others_of, problem, why)


def _best(copies: list[Copy]) -> Copy | None:
    """The copy to prefer: the environment's own, then one that a search reaches."""
    return min(copies, key=lambda copy: (not copy.in_environment, not copy.place, copy.path), default=None)


def _verdict(
    case: Case,
    library: str,
    winner: Copy | None,
    others: tuple[Copy, ...],
    right: Copy | None,
    measured: bool,
    problem: str | None,
    generations: bool,
) -> Verdict:
    if winner is not None:
        return _verdict_of_winner(case, library, winner, others, right, measured, problem)
    if right is not None:
        if not measured and not case.variables_known and not right.in_environment:
            return "unknown setting"
        return "not searched in environment" if right.in_environment else "not searched outside"
    if any(fits(case, library, copy) is None for copy in others):
        return "unknown version"
    if others or generations:
        return "other generation"
    return "missing" if measured or _lists_known(case, library) else "unknown lists"


def _verdict_of_winner(
    case: Case,
    library: str,
    winner: Copy,
    others: tuple[Copy, ...],
    right: Copy | None,
    measured: bool,
    problem: str | None,
) -> Verdict:
    by_setting = winner.place == "LD_LIBRARY_PATH" and not winner.in_environment
    if problem is not None:
        return "hidden by a setting" if by_setting and _is_reached(right) else "cannot load"
    good = fits(case, library, winner)
    if good is None:
        return "unknown version"
    if not good:
        if right is None:
            return "unfit"
        return "hidden by a setting" if by_setting and _is_reached(right) else "shadowed"
    unreached = [copy for copy in others if not copy.place and fits(case, library, copy) is False]
    if not measured and not case.variables_known and unreached and winner.place != "RPATH":
        return "unknown setting"
    return "ok"


def _is_reached(right: Copy | None) -> bool:
    """Whether the environment's own copy would win if the setting were not there."""
    return right is not None and right.in_environment and bool(right.place)


def _lists_known(case: Case, library: str) -> bool:
    """Whether the lists that could hold this library were given: an empty list of libraries answers for toolkits too."""
    libraries, toolkits = case.facts.libraries, case.facts.toolkits
    if library == "cudnn":
        return not libraries.is_unknown
    return libraries.is_absent or (not libraries.is_unknown and not toolkits.is_unknown)


def _generations(
    case: Case, library: str, row: LibraryRow | None, soname: str, others: tuple[Copy, ...], measured: bool
) -> tuple[Other, ...]:
    """Copies that do not answer to the soname: another CUDA, another major of cuDNN.

    A wheel or a toolkit of the right generation whose file the loader did not find is none of them: it has lost the file.
    """
    found = [
        Other(
            f"{copy.path} {copy.version or ''}".strip(),
            copy.version,
            fact("libraries", copy.path, case.facts.libraries),
        )
        for copy in others
    ]
    for name in row.wheels if row is not None else ():
        version = case.packages.get(name)
        # NVIDIA's first uploads, 0.0.1.dev5 and the like, hold a name and no library.
        if version is None or compare.release(version)[:1] == (0,):
            continue
        if row is not None and not (measured and wheel_serves(case, name, version, row, soname)):
            found.append(Other(f"{name} {version}", version, case.package(name)))
    known = {copy.path for copy in others}
    for one in case.facts.libraries.or_else(()):
        if library_name(one).lower() == library.lower() and one.path not in known:
            seen = fact("libraries", f"{one.path} {one.version or ''}".strip(), case.facts.libraries)
            found.append(Other(f"{one.path} {one.version or ''}".strip(), one.version, seen))
    for toolkit in case.facts.toolkits.or_else(()) if library != "cudnn" else ():
        if measured and toolkit_serves(toolkit_version(toolkit), case.cuda_built, library):
            continue
        seen = fact("toolkits", f"CUDA {toolkit.version} in {toolkit.path}", case.facts.toolkits)
        found.append(Other(f"CUDA {toolkit_version(toolkit)} in {toolkit.path}", toolkit_version(toolkit), seen))
    return tuple(found)


def trust(case: Case, opening: Opening) -> Certainty:
    """How far a verdict on this opening goes: the loader's own word proves, lists prove what needs no cache.

    A conda environment without nvidia wheels may hold conda's own build, which brings its libraries along.
    """
    if opening.measured:
        return "proven"
    own = case.kind == "conda" and not case.nvidia_wheels
    return weaker(case.row_trust, "likely") if own else case.row_trust
