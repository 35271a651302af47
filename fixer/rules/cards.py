"""One GPU as the rules see it: with its compute capability and architecture, from whatever names it.

The unit is ``Card``. What a machine says itself goes before the dataset's row for the PCI id, that before
the rows that a name can mean. Nothing is guessed: a name that means several architectures stays open.
"""

from __future__ import annotations

from typing import Any

from fixer.dataset import ask
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import GpuFamilyRow
from fixer.model.facts import Gpu
from fixer.model.finding import RowRef
from fixer.model.observed import Observed
from fixer.model.record import record


@record(frozen=True)
class Card:
    """One GPU with its compute capability (None: nobody knows) and how that is known.

    ``candidates`` are the capabilities that an ambiguous name can mean (a GTX 750 Ti is 5.0, or 3.0).
    """

    place: int
    gpu: Gpu
    capability: str | None
    known_by: str
    family: GpuFamilyRow | None
    rows: tuple[RowRef, ...]
    candidates: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.gpu.name or self.gpu.pci_id or f"GPU {self.place}"


def card(dataset: Dataset, gpus: Observed[Any], place: int, gpu: Gpu) -> Card:
    """``gpu`` with what its PCI id or its name tells of it."""
    capability, known_by, refs = gpu.compute_capability, gpus.source, []
    candidates: tuple[str, ...] = ()
    if capability is None and gpu.pci_id:
        row = ask.gpu(dataset, gpu.pci_id.lower())
        if row is not None and row.compute_capability:
            capability, known_by = row.compute_capability, f"PCI id {gpu.pci_id}"
            refs.append(dataset.ref(row))
    if capability is None and gpu.name:
        rows = ask.gpus_named(dataset, gpu.name)
        known = {row.compute_capability for row in rows}
        if len(known) == 1 and None not in known:
            capability, known_by = rows[0].compute_capability, f"the name {gpu.name}"
            refs.append(dataset.ref(rows[0]))
        elif None not in known:
            candidates = tuple(sorted(one for one in known if one is not None))
    family = ask.family(dataset, capability) if capability else None
    if family is not None:
        refs.append(dataset.ref(family))
    return Card(place, gpu, capability, known_by, family, tuple(refs), candidates)
