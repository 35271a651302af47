"""Rules about cuDNN's parts: it opens them by name, so another copy's parts can get between.

A preloaded or found libcudnn.so.8 beside an older libcudnn_ops_infer.so.8 from LD_LIBRARY_PATH is a fault
of its own. Which cuDNN itself wins stands in ``cudnn``.
"""

from __future__ import annotations

import re
from typing import Iterator

from fixer.model import compare
from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.copies import entries, folder
from fixer.rules.cudnn import loader_evidence
from fixer.rules.loading import Opening, of_cudnn, trust
from fixer.rules.say import fact, finding, joined


def cudnn_parts_mixed(case: Case) -> Iterator[Finding]:
    """cuDNN and its parts would come from different copies: it opens its parts by name."""
    parts = mixed_parts(case)
    main = of_cudnn(case)
    if not parts or main is None or main.winner is None:
        return
    version = main.winner.version
    other = [
        path for _, path, found in parts if found and version and compare.release(found)[:3] != compare.release(version)[:3]
    ]
    seen = case.facts.resolutions if main.measured else case.facts.libraries
    yield finding(
        "cudnn-shadowed",
        case.gpu_severity if other else "risks",
        trust(case, main) if other else "possible",
        "parts of another cuDNN are mixed into the right one" if other else "cuDNN and its parts come from different folders",
        (
            *loader_evidence(case, main),
            *(fact(f"loader.{name}", f"{path} {found or ''}".strip(), seen) for name, path, found in parts),
        ),
        f"Take {joined(sorted({path.rpartition('/')[0] for _, path, _ in parts}))} off the loader's path, or load all parts of "
        "one copy first.",
        code="cudnn-parts-mixed",
        rows=case.row_refs,
        subject={"winner": parts[0][1], "right": main.winner.path, "sonames": ",".join(name for name, _, _ in parts)},
    )


def mixed_parts(case: Case) -> tuple[tuple[str, str, str | None], ...]:
    """cuDNN's parts that would come from another folder than cuDNN itself: soname, path, version."""
    main = of_cudnn(case)
    if main is None or main.winner is None:
        return ()
    home = main.winner.path.rpartition("/")[0]
    if main.measured:
        parts = [one for one in case.facts.resolutions.or_else(()) if re.match(r"libcudnn_\w+\.so", one.soname) and one.path]
        return tuple((one.soname, one.path or "", one.version) for one in parts if (one.path or "").rpartition("/")[0] != home)
    return _mixed_by_description(case, main, home)


def _mixed_by_description(case: Case, main: Opening, home: str) -> tuple[tuple[str, str, str | None], ...]:
    winner = main.winner
    reached = entries(case)
    if winner is None or not winner.in_environment:
        return ()
    limit = winner.rank if winner.place == "LD_LIBRARY_PATH" else len(reached)
    number = main.soname.partition(".so.")[2]
    found = []
    for one in case.facts.libraries.or_else(()):
        base, name = one.path.rpartition("/")[0], one.path.rpartition("/")[2]
        if re.match(rf"libcudnn_\w+\.so\.{re.escape(number)}(\.|$)", name) and folder(case, base) in reached[:limit]:
            found.append((name, one.path, one.version))
    return tuple(found)
