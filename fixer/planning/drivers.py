"""Which families of GPUs a driver serves, by branch and by the flavour of its kernel module.

The unit is an architecture's row. None stands for a card that no row knows: it is presumed to be served.
"""

from __future__ import annotations

from fixer.dataset.rows import GpuFamilyRow


def serves(row: GpuFamilyRow | None, branch: int, open_module: bool | None) -> bool:
    """Whether a driver of ``branch`` (its module open, closed or of unknown flavour) serves the architecture."""
    if row is None:
        return True
    if branch < (row.first_driver_branch or 0) or (row.last_driver_branch is not None and branch > row.last_driver_branch):
        return False
    return open_module is None or row.module == "either" or row.module == ("open" if open_module else "proprietary")


def together(rows: tuple[GpuFamilyRow | None, ...]) -> tuple[GpuFamilyRow, ...]:
    """The architectures that one driver can serve beside the newest of them."""
    known = [row for row in rows if row is not None]
    if not known:
        return ()
    newest = max(known, key=lambda row: row.first_driver_branch or 0)
    first = newest.first_driver_branch or 0
    return tuple(
        row
        for row in known
        if (row.last_driver_branch is None or row.last_driver_branch >= first)
        and (newest.module, row.module) not in (("open", "proprietary"), ("proprietary", "open"))
    )
