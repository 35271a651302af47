"""The place of a stack: all that the choice of its packages and libraries reads of a machine, and nothing else.

The unit is ``Site``, the present environment or a new one. Machines that differ elsewhere have equal sites, and
what was found for one site holds for all equal ones.
"""

from __future__ import annotations

from typing import Collection, Mapping

from fixer.dataset.questions import Dataset
from fixer.model.once import once
from fixer.model.record import record
from fixer.planning.packages import matters
from fixer.planning.situation import METAL, Situation
from fixer.planning.windows_dlls import Pairs, installed
from fixer.planning.wishes import Wishes, read

_YES = ("1", "true", "True")


@record(frozen=True)
class Site:
    """Equal sites get equal stacks; a new environment's site knows nothing of the present one.

    ``capabilities`` are those of the GPUs that are to be served, ``by_conda`` says that conda brings the CUDA libraries.
    ``metal`` that Apple's plugin belongs to the stack. ``packages`` are the installed ones that can matter, sorted;
    ``nvidia`` the wheels of NVIDIA's, which ``holder`` needs as they are; ``dlls`` the CUDA of a Windows machine.
    """

    dataset: Dataset
    wish: tuple[str, ...]
    glibc: str | None
    capabilities: tuple[str, ...]
    by_conda: bool
    legacy_keras: bool
    here: bool
    tensorflow: str | None = None
    packages: tuple[tuple[str, str], ...] = ()
    nvidia: tuple[tuple[str, str], ...] = ()
    holder: str = ""
    metal: bool = False
    dlls: Pairs = ()

    @once
    def wishes(self) -> Wishes:
        """The wish, read."""
        return read(self.wish)

    @once
    def installed(self) -> Mapping[str, str]:
        """``packages`` by name."""
        return dict(self.packages)


def site(situation: Situation, gpu: bool, here: bool, asked: Collection[str], metal: bool = False) -> Site:
    """The present environment, or a new one; ``asked`` are the packages that a wheel or a finding names.

    ``metal``: the GPU of a Mac is to be served.
    """
    dataset, manager, wished = situation.dataset, situation.wish.manager, situation.wishes.beside
    # Windows has CUDA's libraries from conda alone: the index holds none for it.
    for_conda = manager == "conda" or (manager == "auto" and situation.os == "windows")
    by_conda = for_conda and situation.conda is not None and (not here or situation.kind == "conda")
    legacy = situation.variables.get("TF_USE_LEGACY_KERAS") in _YES
    cards = situation.known_capabilities if gpu else ()
    common = dataset, situation.wish.requirements, situation.glibc_step, cards, by_conda, legacy, here
    dlls = installed(situation) if gpu else ()
    if not here:
        return Site(*common, metal=metal, dlls=dlls)
    # Where the GPU of a Mac is not meant, its plugin asks nothing of the others.
    present = sorted(one for one in situation.packages.items() if metal or one[0] != METAL)
    packages = tuple([one for one in present if one[0] in asked or one[0] in wished or matters(dataset, *one)])
    return Site(*common, situation.tensorflow, packages, situation.nvidia_wheels, situation.holder, metal, dlls)
