"""What a line may have said whose end or beginning was cut off: every cause of every row that the rest fits, and none surely.

``read`` gives each event its row; ``row`` makes one for such a line, with the weights of all. Rows whose values decide have
no causes of their own; ``WITHOUT_VALUES`` has those that such a line leaves open once its values are lost. Pure, reads no log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set

from fixer.dataset.rows import SymptomRow
from fixer.model.events import Event

_HARMLESS = "benign-noise"
_VALUE = re.compile(r"\{([a-z_]+)")
_LIBRARY = re.compile(r"[A-Za-z]{2}")
_A_LIBRARY = {
    "cuda-libs-missing": 30.0, "cuda-libs-wrong-version": 22.0, "ld-library-path-missing": 20.0, "cudnn-missing": 12.0,
    "windows-dll-missing": 4.0, "windows-dll-search-path": 3.0, "no-nvidia-gpu": 6.0, "driver-not-loaded": 5.0, _HARMLESS: 9.0,
}  # fmt: skip
_A_DLL = {"windows-dll-missing": 40.0, "windows-dll-search-path": 24.0, "cuda-libs-wrong-version": 20.0, "cudnn-missing": 16.0}
_CUDNN_RELEASE = {"cudnn-too-old": 62.0, "cudnn-shadowed": 22.0, "cudnn-too-new": 16.0}
_CARD = {"gpu-arch-too-new": 80.0, "gpu-arch-too-old": 20.0}
_OF_A_LIBRARY = ("library-not-loaded", "library-not-found", "dll-not-found", "cudnn-sub-missing")
# By symptom: what the line can mean where none of its values is known.
WITHOUT_VALUES: dict[str, dict[str, float]] = {
    "library-not-loaded": _A_LIBRARY,
    "library-not-found": _A_LIBRARY,
    "dll-not-found": _A_DLL,
    "cudnn-sub-missing": {"cudnn-missing": 60.0, "ld-library-path-missing": 22.0, "cudnn-shadowed": 10.0, "environment-broken": 8.0},
    "cudnn-loaded-compiled": _CUDNN_RELEASE,
    "cudnn-loaded-against": _CUDNN_RELEASE,
    "driver-halves-differ": {"driver-library-mismatch": 85.0, "cuda-compat-lib": 15.0},
    "protobuf-majors-differ": {"protobuf-too-old": 54.0, "protobuf-too-new": 46.0},
    "torch-cudnn-other": {"cudnn-shadowed": 60.0, "ld-library-path-shadows-env": 40.0},
    "not-built-for": _CARD,
    "torch-not-compatible": _CARD,
}


def read(events: Sequence[Event], rows: Mapping[str, SymptomRow]) -> Iterator[tuple[Event, SymptomRow]]:
    """Each event with its row, or one made for it; without those of which nothing can be said."""
    said_whole = {event.symptom for event in events if not event.part and not is_no_library(event)}
    for event in events:
        known = _row_of(event, rows, said_whole)
        if known is not None:
            yield event, known


def _row_of(event: Event, rows: Mapping[str, SymptomRow], said_whole: Set[str]) -> SymptomRow | None:
    """The row of an event; of a line that was cut, a row of all that the line may have been, unless a whole line says the same."""
    if not event.part and not is_no_library(event):
        return rows.get(event.symptom)
    may_be = [rows[name] for name in event.among or (event.symptom,) if name in rows]
    if len(may_be) == 1 and _is_whole(event, may_be[0]):
        return may_be[0]
    return None if said_whole & {one.id for one in may_be} else row(may_be)


def _is_whole(event: Event, known: SymptomRow) -> bool:
    """Whether the line says all that the row's rules ask of it: what it means by itself, or the values of one of its wordings."""
    named = (set(_VALUE.findall(text)) for text in known.templates)
    by_itself = bool(known.causes) and known.id not in WITHOUT_VALUES
    return not is_no_library(event) and (by_itself or any(names <= set(event.values) for names in named))


def is_no_library(event: Event) -> bool:
    """Whether what stands where a library's name should is none of any: its beginning was cut off."""
    name = event.values.get("library")
    return event.symptom in _OF_A_LIBRARY and name is not None and not _LIBRARY.search(name)


def row(may_be: Sequence[SymptomRow]) -> SymptomRow | None:
    """A row for a line that may have been any of ``may_be``; None where one of them is no failure, or one of which nothing is known."""
    failing = [one for one in may_be if one.fails]
    known = {one.id: causes for one in may_be if (causes := _causes(one))}
    if not failing or len(known) < len(may_be):
        return None
    weights: dict[str, float] = {}
    for causes in known.values():
        for cause, weight in causes.items():
            weights[cause] = weights.get(cause, 0.0) + 100 * weight / sum(causes.values())
    sure = len(weights) == 1 and all(one.certainty in ("proven", "likely") or not one.causes for one in failing)
    return SymptomRow(
        "-or-".join(one.id for one in may_be) + "-cut-off",
        (),
        "error" if any(one.kind == "error" for one in failing) else "headline",
        {cause: max(1, round(weight)) for cause, weight in weights.items()},
        "likely" if sure else "possible" if len(weights) == 1 else "cannot-tell",
        about="a line that was cut off: " + " or ".join(dict.fromkeys(one.about or one.templates[0] for one in failing[:3])),
    )


def _causes(one: SymptomRow) -> Mapping[str, float]:
    if one.kind == "noise":
        return {_HARMLESS: 1.0}
    return WITHOUT_VALUES.get(one.id, one.causes) if one.fails else one.causes
