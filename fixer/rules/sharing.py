"""Rules about a card that is well and not for this user's program: how it is shared, and which card a setting picks.

The compute mode and MIG are the administrator's; nothing here proposes to change them without him. Which cards
CUDA_VISIBLE_DEVICES hides altogether stands in ``visibility``.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.cards import Card
from fixer.rules.case import Case
from fixer.rules.hardware import fits
from fixer.rules.say import fact, finding, joined, set_at_start
from fixer.rules.visibility import batch_system, first_seen, left_visible, picked


def gpu_busy(case: Case) -> Iterator[Finding]:
    """A card that a program gets refuses it: its compute mode is Prohibited, or Exclusive and taken.

    TensorFlow makes a context on each card that it sees, and one that refuses ends it: 2.20.0 of two cards, whichever it was.
    """
    left = left_visible(case)
    taken = tuple(card for card in left or case.cards if _refuses(card))
    if not taken or left is None and len(taken) != len(case.cards):
        return
    alone = len(taken) == len(left or case.cards)
    free = [card for card in case.cards if not _refuses(card)]
    other = free[0].gpu.uuid or str(case.cards.index(free[0])) if free else ""
    picking = [name for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER") if free and name in case.variables]
    prohibited = all(card.gpu.compute_mode == "prohibited" for card in taken)
    # The one program that an exclusive card holds may be the very process that was asked about.
    own = not prohibited and case.facts.process.is_found
    names = joined(card.name for card in taken)
    yield finding(
        "gpu-busy",
        "note" if own else case.gpu_severity,
        "possible" if own else "proven" if alone else "likely",
        f"the compute mode of {names} is Prohibited: no program may compute on it"
        if prohibited
        else f"{names} is in exclusive compute mode, and another program has it",
        tuple(
            fact(f"gpus[{card.place}].compute_mode", f"{card.gpu.compute_mode}, programs: {card.gpu.programs}", case.facts.gpus)
            for card in taken
        )
        + tuple(fact(f"variables.{name}", case.variables[name], case.variable(name)) for name in picking),
        (f"Give this program the card that is free: CUDA_VISIBLE_DEVICES={other}. Or have" if free else "Have")
        + " the administrator set the compute mode back to Default (nvidia-smi -c 0), or wait until the other program ends; "
        "on a cluster, ask the batch system for a card.",
        commands=(("nvidia-smi", "--query-gpu=index,compute_mode", "--format=csv"),),
    )


def _refuses(card: Card) -> bool:
    return card.gpu.compute_mode == "prohibited" or (card.gpu.compute_mode == "exclusive" and bool(card.gpu.programs))


def mig_without_instance(case: Case) -> Iterator[Finding]:
    """MIG is on, and no card has an instance: CUDA sees no device."""
    if not case.cards or any(card.gpu.mig is None or card.gpu.mig for card in case.cards):
        return
    yield finding(
        "gpu-busy",
        case.gpu_severity,
        "proven",
        f"MIG is on for {joined(card.name for card in case.cards)}, and no compute instance exists: CUDA sees no device",
        tuple(fact(f"gpus[{card.place}].mig", "on, without an instance", case.facts.gpus) for card in case.cards),
        "Have the administrator create a GPU instance with its compute instance (nvidia-smi mig -cgi PROFILE -C), or switch MIG "
        "off (nvidia-smi -mig 0).",
        code="mig-without-instance",
        commands=(("nvidia-smi", "mig", "-lgip"),),
    )


def vgpu_without_licence(case: Case) -> Iterator[Finding]:
    """A virtual GPU whose guest has no licence: NVIDIA's driver restricts it, and a program is told error 102, not licensed."""
    bare = tuple(card for card in case.cards if card.gpu.vgpu == "unlicensed")
    if not bare or len(bare) != len(case.cards):
        return
    yield finding(
        "gpu-busy",
        "risks" if case.target != "cpu" else "note",
        "likely",
        f"{joined(card.name for card in bare)} is a virtual GPU without a licence: its driver restricts it until it has one",
        tuple(fact(f"gpus[{card.place}].vgpu", "unlicensed", case.facts.gpus) for card in bare),
        "Have the administrator give this guest its licence (the token or server of nvidia-gridd), then restart nvidia-gridd; "
        "nvidia-smi -q shows the License Status.",
        code="vgpu-without-licence",
        commands=(("nvidia-smi", "-q"),),
        plan="advise",
    )


def unfit_card_picked(case: Case) -> Iterator[Finding]:
    """CUDA_VISIBLE_DEVICES leaves a card that this TensorFlow cannot use, and hides one that it can."""
    value = case.variables.get("CUDA_VISIBLE_DEVICES")
    # By CUDA's numbers: a card that is kept for a virtual machine has none.
    judged = dict(enumerate(fits(case)))
    unfit = {place for place, fit in judged.items() if fit.kind in ("too old", "too new")}
    if value is None or not unfit or len(unfit) == len(judged) or any(card.gpu.mig is not None for card in case.cards):
        return
    left = picked(value, case.cards)
    if not left:
        return
    # CUDA counts the fastest card first unless it is told to count as the bus does; which that is, only CUDA knows.
    counts = any(isinstance(one, int) for one in left)
    by_bus = case.variables.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or not counts
    places = {one if isinstance(one, int) else place for one in left for place in _places(case, one)}
    if by_bus and not places <= unfit or not by_bus and len(left) > len(unfit):
        return
    if not by_bus and 0 in left and all(judged[place].kind == "too old" for place in unfit):
        return  # the fastest card is hardly the one that is too old
    place = case.set_where("CUDA_VISIBLE_DEVICES")
    scheduler = batch_system(case) if place is None else None
    bad = [judged[place] for place in sorted(places if by_bus else unfit)]
    said = case.variables.get("CUDA_DEVICE_ORDER", "(not set: fastest first)")
    order = fact("variables.CUDA_DEVICE_ORDER", said, case.variable("CUDA_DEVICE_ORDER"))
    yield finding(
        "cuda-visible-devices",
        case.gpu_severity if by_bus else "risks",
        "proven" if by_bus and all(one.certainty == "proven" for one in bad) else "likely" if by_bus else "possible",
        f"CUDA_VISIBLE_DEVICES={value} {'leaves' if by_bus else 'may leave'} only {joined(one.card.name for one in bad)}, "
        f"for which {case.tensorflow_name} has no code",
        (
            fact("variables.CUDA_VISIBLE_DEVICES", repr(value), case.variable("CUDA_VISIBLE_DEVICES")),
            *((order,) if counts else ()),
            *case.card_evidence(tuple(one.card for one in judged.values())),
        ),
        f"{scheduler} chose this card: ask for another one in the job's request."
        if scheduler
        else set_at_start("CUDA_VISIBLE_DEVICES", place)
        if place
        else "Take the variable away, or name the other card by its UUID (nvidia-smi -L).",
        code="unfit-card-picked",
        plan="advise" if scheduler or place or not by_bus else None,
        commands=() if scheduler else (("nvidia-smi", "-L"),),
        subject={"variable": "CUDA_VISIBLE_DEVICES", "value": value, **({"batch": scheduler} if scheduler else {})},
    )


def unfit_card_first(case: Case) -> Iterator[Finding]:
    """Of several cards the one that CUDA counts first is unfit: a program that names none is given that one, or the CPU.

    TensorFlow leaves a card out that is too old for it, and then takes the others by their places among what is left, which are
    not CUDA's numbers (``_compute_device_options`` of its eager/context.py): 2.20.0 makes no device at all, though it lists a good one.
    """
    left, judged = left_visible(case) or (), {fit.card.place: fit for fit in fits(case)}
    first = first_seen(case)
    fit = judged.get(first.place) if first is not None else None
    fitting = [card for card in left if judged[card.place].kind in ("served", "compiled first")] if judged else []
    if fit is None or len(left) < 2 or fit.kind not in ("too old", "too new") or not fitting:
        return
    names = [name for name in ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES") if name in case.variables]
    good = fitting[0].gpu.uuid or str(case.cards.index(fitting[0]))
    yield finding(
        "cuda-visible-devices",
        case.gpu_severity,
        "likely",
        f"CUDA counts {fit.card.name} first, for which {case.tensorflow_name} has no code, and {fitting[0].name} after it",
        (
            *(fact(f"variables.{name}", case.variables[name], case.variable(name)) for name in names),
            *case.card_evidence((fit.card, fitting[0])),
            *case.tensorflow_evidence(),
        ),
        f"Let the program see the other card alone: CUDA_VISIBLE_DEVICES={good}; or take CUDA_DEVICE_ORDER away, so that CUDA counts the "
        "fastest card first.",
        code="unfit-card-first",
        plan="advise",
        commands=(("nvidia-smi", "-L"),),
        subject={"variable": "CUDA_VISIBLE_DEVICES", "value": good},
    )


def _places(case: Case, one: int | str) -> tuple[int, ...]:
    if isinstance(one, int):
        return (one,)
    return tuple(number for number, card in enumerate(case.cards) if (card.gpu.uuid or "").upper().startswith(one))
