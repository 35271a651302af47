"""Rules about the GPU's memory as a run saw it: what TensorFlow could take, beside what the card has."""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import said
from fixer.rules.heard import candidates, named

_CAP_MIB = 1024
_TINY_MIB = 600
_LAST_RUNG_BYTES = 32 << 20


def memory_limit(case: Case) -> Iterator[Finding]:
    """The device was made with little memory: another program held the rest, or a limit was left in the code."""
    for one in said(case, "created-device"):
        limit = one.event.values.get("limit", "")
        if not limit.isdigit():
            continue
        total = max((card.gpu.memory_mib or 0 for card in case.cards), default=0)
        if int(limit) == _CAP_MIB:
            title = "TensorFlow was limited to 1 GiB of the GPU's memory"
            yield named("gpu-memory-setting-misused", "possible", title, (one.evidence,), "memory-limit-left")
        elif int(limit) < _TINY_MIB and (total == 0 or total > 4 * int(limit)):
            title = f"only {limit} MB of the GPU's memory were left to TensorFlow"
            yield named("gpu-memory-held", "possible", title, (one.evidence,), "little-memory-left")
    for one in said(case, "allocator-limit"):
        if one.event.values.get("limit") == str(_CAP_MIB << 20):
            title = "the allocator was limited to 1 GiB of the GPU's memory"
            yield named("gpu-memory-setting-misused", "possible", title, (one.evidence,), "allocator-limit-left")


def ladder_without_an_end(case: Case) -> Iterator[Finding]:
    """The allocator asks for less after each refusal, which is harmless; refused a few megabytes, there is no memory at all."""
    refused = [one for one in said(case, "cuda-oom-ladder") if one.event.values.get("bytes", "").isdigit()]
    last = [one for one in refused if int(one.event.values["bytes"]) < _LAST_RUNG_BYTES]
    if last:
        weights = {"gpu-memory-held": 60.0, "gpu-memory-growth": 20.0, "gpu-too-small": 20.0}
        title = f"the GPU had not even {last[0].event.values['bytes']} bytes left"
        yield from candidates("ladder-without-an-end", weights, title, (last[0].evidence,), ("nvidia-smi",))
