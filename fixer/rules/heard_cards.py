"""Rules about what a run said of the card itself: whether it is older or newer than what the binary has code for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model import architectures, compare
from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import evidence, said
from fixer.rules.heard import about, candidates, named
from fixer.rules.lost_libraries import cuda_of, file_name

# Every release that prints the line holds code for Pascal and later; none of them holds any for Blackwell.
_LEFT_BEHIND, _SURELY_NEW = (6, 0), (10, 0)
_CAPABILITY = re.compile(r"sm_(\d{2,3})")
_GPU = re.compile(r"(?:device:|/)GPU:(\d{1,3})", re.IGNORECASE)


def not_built_for(case: Case) -> Iterator[Finding]:
    """TensorFlow has no kernels for the card and compiles them first: the card is newer than the binary, or left behind by it."""
    lines = said(case, "not-built-for")
    for one in lines:
        text = one.event.values.get("cc", "")
        card = architectures.capability(text)
        if card is None or _is_of_a_later_card(case, text):
            continue
        codes = case.compute_capabilities
        known = [code[:2] for code in map(architectures.capability, codes) if code]
        if (known and card[:2] < max(known)) or (not known and card[:2] < _LEFT_BEHIND):
            title = f"the binary has no code for a GPU this old (compute capability {text})"
            yield named("gpu-arch-too-old", "likely", title, (one.evidence,), "not-built-for")
        elif known or card[:2] >= _SURELY_NEW:
            title = f"the binary has no kernels for compute capability {text} and compiles them first"
            yield named("gpu-arch-too-new", "likely", title, (one.evidence,), "not-built-for")
        else:
            weights = {"gpu-arch-too-new": 70.0, "gpu-arch-too-old": 30.0}
            yield from candidates("not-built-for", weights, about(one), (one.evidence,), ("convfix", "doctor"))
    alone = said(case, "deformed-delay")
    if alone and not lines:
        weights = {"gpu-arch-too-new": 86.0, "gpu-arch-too-old": 14.0}
        yield from candidates("not-built-for", weights, about(alone[0]), (alone[0].evidence,), ("convfix", "doctor"))


def _is_of_a_later_card(case: Case, capability: str) -> bool:
    """Whether every first device that was made is a card of another capability: on that one computes what names none."""
    made = [(_GPU.search(one.event.text), one.event.values.get("cc")) for one in said(case, "created-device")]
    first = [cc for place, cc in made if place and place[1] == "0"]
    return bool(first) and capability not in first and any(cc == capability for place, cc in made if place and place[1] != "0")


def newer_than_the_runtime(case: Case) -> Iterator[Finding]:
    """The CUDA runtime that was opened is of a major version that knew no such card: nothing built with it has code for one."""
    for one in said(case, "library-opened"):
        library = file_name(one.event.values.get("library", ""))
        opened = cuda_of(library) if "cudart" in library else None
        for card in case.cards if opened else ():
            first = compare.cuda(card.family.first_cuda) if card.family is not None and card.family.first_cuda else None
            if opened and first is not None and first.major > opened.major:
                title = f"{card.name} needs CUDA {first}, and a runtime of CUDA {opened} was opened"
                yield named("gpu-arch-too-new", "possible", title, (one.evidence, *case.card_evidence((card,))), "said-older-runtime")
                return


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


def device_asked_for(case: Case) -> Iterator[Finding]:
    """The program asks for a GPU by a number that TensorFlow does not have, and TensorFlow has others: the number is wrong."""
    for one in said(case, "device-assigned"):
        asked = _GPU.search(one.event.values.get("asked", ""))
        there = set(_GPU.findall(one.event.values.get("devices", "")))
        if asked and there and asked.group(1) not in there:
            title = f"the program asks for GPU {asked.group(1)}, and TensorFlow has {len(there)}, numbered from 0"
            weights = {"cuda-visible-devices": 82.0, "unresolved-other": 18.0}
            yield from candidates("device-asked-for", weights, title, (one.evidence,), ("nvidia-smi", "-L"))
            return


def seen_by_xla_alone(case: Case) -> Iterator[Finding]:
    """XLA's device is there and TensorFlow's is not: the build and the driver are well, a library did not open or the card is too old."""
    lines = said(case, "device-xla")
    failed = said(case, "no-gpu-kernel", "cpu-only-list", "gpu-list-empty")
    if lines and failed and not said(case, "created-device", "gpu-listed", "device-gpu"):
        title = "XLA sees the GPU and TensorFlow does not: one of its CUDA libraries could not be opened"
        weights = {"cuda-libs-wrong-version": 44.0, "cudnn-missing": 22.0, "ld-library-path-missing": 16.0, "cuda-libs-missing": 12.0,
                   "gpu-arch-too-old": 6.0}  # fmt: skip
        yield from candidates("seen-by-xla-alone", weights, title, (lines[0].evidence,), ("convfix", "doctor"))
