"""Rules about the GPU's memory, as far as a glance tells: what is free now.

Whether TensorFlow's habit of taking all memory starves cuDNN cannot be proven without running it:
``verify`` proves it by a second run with memory growth.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.say import fact, finding, joined
from fixer.rules.visibility import first_seen

_TINY_MIB = 512
_LITTLE_MIB = 1536
_SMALL_CARD_MIB = 2048
_GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"


def gpu_memory_held(case: Case) -> Iterator[Finding]:
    """Another program holds nearly all memory of the card that a program takes first, or of every card where nobody knows which that is."""
    first, gpus = first_seen(case), case.facts.gpus
    judged = case.cards if first is None else (first,)
    cards = [card for card in judged if card.gpu.free_mib is not None and card.gpu.memory_mib is not None]
    if not cards or len(cards) != len(judged):
        return
    best = max(cards, key=lambda card: card.gpu.free_mib or 0)
    free, total = best.gpu.free_mib or 0, best.gpu.memory_mib or 0
    if free >= _LITTLE_MIB or free * 2 > total:
        return
    tiny = free < _TINY_MIB
    freer = [card for card in case.cards if card not in cards and (card.gpu.free_mib or 0) >= _LITTLE_MIB]
    where, before, instead = "", "", ""
    if freer:
        number = case.cards.index
        where, before = f"GPU {number(best)}, ", f", which TensorFlow takes before {joined(f'GPU {number(card)}' for card in freer)}"
        instead = f" Or give this program the other card: CUDA_VISIBLE_DEVICES={freer[0].gpu.uuid or number(freer[0])}."
    picking = [name for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER") if freer and name in case.variables]
    yield finding(
        "gpu-memory-held",
        case.gpu_severity if tiny else "risks" if case.target != "cpu" else "note",
        "likely",
        f"only {free} of {total} MiB are free on {where}{best.name}{before}: another program holds the rest",
        (
            *(fact(f"gpus[{card.place}].free_mib", f"{card.gpu.free_mib} of {card.gpu.memory_mib} MiB", gpus) for card in (*cards, *freer)),
            *(fact(f"variables.{name}", case.variables[name], case.variable(name)) for name in picking),
        ),
        "See who holds it and end that program yourself, if it is yours; convfix ends nothing." + instead,
        commands=(("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv"),),
    )


def gpu_too_small(case: Case) -> Iterator[Finding]:
    """A card with less memory than a DenseNet and CUDA's own share need."""
    cards = [card for card in case.cards if card.gpu.memory_mib is not None]
    if not cards or len(cards) != len(case.cards) or case.target == "cpu":
        return
    best = max(cards, key=lambda card: card.gpu.memory_mib or 0)
    if (best.gpu.memory_mib or 0) >= _SMALL_CARD_MIB:
        return
    growth = case.variables.get(_GROWTH) == "true"
    yield finding(
        "gpu-too-small" if growth else "gpu-memory-growth",
        "risks",
        "possible",
        f"{best.name} has {best.gpu.memory_mib} MiB"
        + (", little for a DenseNet" if growth else ": TensorFlow may take all of it and leave cuDNN none"),
        (fact(f"gpus[{best.place}].memory_mib", str(best.gpu.memory_mib), case.facts.gpus),),
        "Use smaller batches."
        if growth
        else f"Set {_GROWTH}=true where a convolution fails; convfix verify shows whether that is the cause.",
        plan="advise" if growth else "ask",
        commands=() if growth else (("convfix", "verify"),),
        subject={"variable": _GROWTH},
    )


def growth_setting(case: Case) -> Iterator[Finding]:
    """A value that TensorFlow does not understand: it takes true and false alone."""
    value = case.variables.get(_GROWTH)
    if value is None or value in ("true", "false") or case.no_gpu:
        return
    place = case.set_where(_GROWTH)
    yield finding(
        "gpu-memory-setting-misused",
        "note",
        "likely",
        f"{_GROWTH}={value} has no effect: only true and false are understood",
        (fact(f"variables.{_GROWTH}", repr(value), case.variable(_GROWTH)),),
        f"Write {_GROWTH}=true{f' in {place}' if place else ''}.",
        plan="advise" if place else "ask",
        subject={"variable": _GROWTH, "value": value},
    )
