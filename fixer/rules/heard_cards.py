"""Rules about what a run said of the card itself: whether it is older or newer than what the binary has code for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import evidence, said
from fixer.rules.heard import about, candidates, named

_CAPABILITY = re.compile(r"sm_(\d{2,3})")


def torch_not_compatible(case: Case) -> Iterator[Finding]:
    """PyTorch names the card's architecture, and in the next sentence those that it has code for."""
    listed = said(case, "torch-capabilities")
    known = [int(text) for one in listed for text in _CAPABILITY.findall(one.event.values.get("list", ""))]
    for one in said(case, "torch-not-compatible"):
        digits = re.match(r"\d{2,3}", one.event.values.get("arch", ""))
        if digits is None:
            continue
        card = int(digits[0])
        lines = evidence((one, *listed))
        if known and card > max(known):
            title = f"this PyTorch has code up to sm_{max(known)}, and the card is sm_{card}"
            yield named("gpu-arch-too-new", "likely", title, lines, "torch-not-compatible")
        elif known:
            title = f"this PyTorch has no code for sm_{card}, and has for newer cards"
            yield named("gpu-arch-too-old", "likely", title, lines, "torch-not-compatible")
        else:
            yield from candidates("torch-not-compatible", {"gpu-arch-too-new": 60.0, "gpu-arch-too-old": 40.0}, about(one), lines)
