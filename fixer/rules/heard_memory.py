"""Rules about the GPU's memory as a run saw it: what TensorFlow could take, beside what the card has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import Heard, heard, said
from fixer.rules.heard import candidates, named
from fixer.rules.memory_told import amount
from fixer.rules.reserve import Start, size_in_name, starts

_PLACE = re.compile(r"device:GPU:(\d+) with ")
_CAP_MIB = 1024
_TINY_MIB = 600
# As of a card that is looked at: with less free than this, and less than half of it, others hold the rest.
_LITTLE_MIB = 1536
# An allocator that got less than this part of its card shares it, or was told to.
_OF_THE_CARD = 4
_LAST_RUNG_BYTES = 32 << 20
# The part of a card's round size that its driver lets a program see at all.
_WHOLE = 0.97
# Beside a program's own share its context and its cache take some of the memory too.
_MUCH_OF_OTHERS = 0.35


def memory_limit(case: Case) -> Iterator[Finding]:
    """The device was made with little memory: another program held the rest, or a limit was left in the code."""
    made = said(case, "created-device")
    for one in made:
        limit = one.event.values.get("limit", "")
        if not limit.isdigit() or _behind_a_freer_one(one, made):
            continue
        total = max((card.gpu.memory_mib or 0 for card in case.cards), default=0)
        if int(limit) == _CAP_MIB:
            title = "TensorFlow was limited to 1 GiB of the GPU's memory"
            yield named("gpu-memory-setting-misused", "possible", title, (one.evidence,), "memory-limit-left")
        elif int(limit) < _TINY_MIB and (total == 0 or total > 4 * int(limit)):
            title = f"only {limit} MB of the GPU's memory were left to TensorFlow"
            yield named("gpu-memory-held", "possible", title, (one.evidence,), "little-memory-left")
    yield from _little_at_the_start(case)
    for one in said(case, "allocator-limit"):
        had, total = int(amount(one, "limit")) >> 20, max((card.gpu.memory_mib or 0 for card in case.cards), default=0)
        if had == _CAP_MIB:
            title = "the allocator was limited to 1 GiB of the GPU's memory"
            yield named("gpu-memory-setting-misused", "possible", title, (one.evidence,), "allocator-limit-left")
        elif had and _OF_THE_CARD * had < total:
            title = f"the allocator had {had} MiB of the GPU's {total} MiB"
            yield named("gpu-memory-setting-misused", "possible", title, (one.evidence,), "allocator-limit-low")
            weights = {"gpu-memory-held": 80.0, "gpu-memory-setting-misused": 20.0}
            yield from candidates("little-for-the-allocator", weights, title, (one.evidence,), ("nvidia-smi",))


def _little_at_the_start(case: Case) -> Iterator[Finding]:
    """Something failed, and of the card that computes TensorFlow found little free: its own reserve is not what is lacking."""
    every = starts(case)
    if not every or not any(one.row.fails for one in heard(case)):
        return
    best = max(every, key=lambda start: start.most_free)
    if best.total is None or best.most_free >= _LITTLE_MIB or 2 * best.most_free > best.total:
        return
    title = f"TensorFlow found {_span(best)} of the GPU's {best.total} MiB free when it started"
    if best.chosen:
        weights = {"gpu-memory-held": 60.0, "gpu-memory-setting-misused": 40.0}
        yield from candidates("little-at-the-start", weights, title, (best.said.evidence,), ("nvidia-smi",))
    else:
        yield named("gpu-memory-held", "likely", f"{title}: others hold the rest", (best.said.evidence,), "little-at-the-start")


def _span(start: Start) -> str:
    return str(start.least_free) if start.least_free == start.most_free else f"{start.least_free} to {start.most_free}"


def _behind_a_freer_one(one: Heard, made: tuple[Heard, ...]) -> bool:
    """Whether the device comes after a first one that has memory: on that one computes what names none."""
    places = [(_PLACE.search(other.event.text), other.event.values.get("limit", "")) for other in (one, *made)]
    own, first = places[0][0], [int(limit) for place, limit in places[1:] if place and place[1] == "0" and limit.isdigit()]
    return own is not None and own[1] != "0" and bool(first) and min(first) >= _TINY_MIB


def ladder_without_an_end(case: Case) -> Iterator[Finding]:
    """The allocator asks for less after each refusal, which is harmless; refused a few megabytes, there is no memory at all."""
    refused = [one for one in said(case, "cuda-oom-ladder") if one.event.values.get("bytes", "").isdigit()]
    last = [one for one in refused if int(one.event.values["bytes"]) < _LAST_RUNG_BYTES]
    if last:
        weights = {"gpu-memory-held": 60.0, "gpu-memory-growth": 20.0, "gpu-too-small": 20.0}
        title = f"the GPU had not even {last[0].event.values['bytes']} bytes left"
        yield from candidates("ladder-without-an-end", weights, title, (last[0].evidence,), ("nvidia-smi",))


def ladder_at_the_end(case: Case) -> Iterator[Finding]:
    """The allocator was refused, and nothing that the log shows after it failed or went on: it may be nothing, or why somebody asks."""
    refused = said(case, "cuda-oom-ladder")
    every = heard(case)
    if not refused or any(one.row.fails for one in every):
        return
    last = refused[-1].event.last
    if any(one.row.kind == "success" and one.event.last > last for one in every):
        return
    weights = {"benign-noise": 34.0, "gpu-memory-held": 28.0, "gpu-too-small": 22.0, "gpu-memory-growth": 16.0}
    title = "the allocator was refused memory, and the log does not show how it went on"
    if asks_for_the_whole_card(case, refused[0]):
        weights = {"gpu-memory-growth": 50.0, "benign-noise": 36.0, "gpu-memory-held": 8.0, "gpu-too-small": 6.0}
        title = "the program asked for the whole card at once, of which the driver and the screen keep a part"
    yield from candidates("ladder-at-the-end", weights, title, (refused[-1].evidence,), ("nvidia-smi",))


def asks_for_the_whole_card(case: Case, refused: Heard) -> bool:
    """Whether the first request was for all that the card has: so asks a program that sets a share of 1, and never TensorFlow
    by itself, which leaves a reserve of what it finds free."""
    asked = amount(refused, "bytes") / 2**20
    totals = {card.gpu.memory_mib for card in case.cards if card.gpu.memory_mib}
    totals |= {total for card in case.cards if (total := size_in_name(card.gpu.name or "")) is not None}
    return bool(totals) and asked >= _WHOLE * min(totals)


def memory_by_numbers(case: Case) -> Iterator[Finding]:
    """PyTorch gives the card's memory, what is free and what is its own: what is left over, others hold."""
    for one in said(case, "torch-memory"):
        total, own, free = (_amount(one, name) for name in ("total", "own", "free"))
        if not total:
            continue
        others = (total - own - free) / total
        title = f"of the GPU's {total} MiB, {own} were the program's own and {free} were free"
        if others > _MUCH_OF_OTHERS:
            weights = {"gpu-memory-held": 80.0, "gpu-too-small": 15.0, "gpu-memory-growth": 5.0}
        else:
            weights = {"gpu-too-small": 86.0, "gpu-memory-growth": 8.0, "gpu-memory-held": 6.0}
        yield from candidates("memory-by-numbers", weights, title, (one.evidence,), ("nvidia-smi",))
        return


def memory_by_cupys_numbers(case: Case) -> Iterator[Finding]:
    """CuPy gives what it asked for and what it had: where both are little beside the card's memory, others hold the rest."""
    total = max((card.gpu.memory_mib or 0 for card in case.cards), default=0)
    for one in said(case, "cupy-out-of-memory") if total else ():
        asked, own = (int(amount(one, name)) >> 20 for name in ("asked", "own"))
        title = f"of the GPU's {total} MiB, {own} were the program's own and {asked} were asked for"
        held = (asked + own) / total < 1 - _MUCH_OF_OTHERS
        weights = {"gpu-memory-held": 80.0, "gpu-too-small": 20.0} if held else {"gpu-too-small": 88.0, "gpu-memory-held": 12.0}
        yield from candidates("memory-by-cupys-numbers", weights, title, (one.evidence,), ("nvidia-smi",))
        return


def _amount(one: Heard, name: str) -> int:
    """An amount of a line in MiB; 0 where it cannot be read."""
    unit = one.event.values.get(name[0] + "unit", "").lower()
    number = float(one.event.values.get(name) or 0)
    return int(number * {"gib": 1024.0, "mib": 1.0, "kib": 2.0**-10, "bytes": 2.0**-20}.get(unit, 0.0))
