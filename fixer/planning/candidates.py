"""Whether one TensorFlow wheel on one Python in one place makes a sound stack: its packages and its CUDA libraries.

The unit is ``Stack``, made by ``fit``; the gates have let its wheel pass already. What the person wishes
beside TensorFlow is part of the stack or the reason why there is none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, Mapping

from fixer.dataset.rows import TensorFlowRow
from fixer.model import architectures, compare
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning import conda, windows_dlls
from fixer.planning.frameworks import JAX, TORCH, Beside, jax_beside, torch_beside
from fixer.planning.gates import Verdict
from fixer.planning.libraries import LibrarySet, Needs, library_set
from fixer.planning.packages import Resolved, Task, resolve
from fixer.planning.releases import asks, releases
from fixer.planning.site import Site
from fixer.planning.situation import HOLDERS, METAL

_FIRST_LEGACY = (2, 15)


@record(frozen=True)
class Stack:
    """One sound stack: the wheel, its Python and place, the packages that change, the nvidia wheels."""

    row: TensorFlowRow
    python: str
    rung: str
    packages: Mapping[str, str]
    libraries: LibrarySet
    verdict: Verdict

    @property
    def here(self) -> bool:
        return self.rung != "environment"


@record(frozen=True)
class Option:
    """A wheel on a Python in a place, and what is asked of it.

    ``forced`` are ranges that the present TensorFlow demands; ``with_libraries``: the CUDA libraries are looked
    at even where TensorFlow stays; ``renew``: TensorFlow is put in anew though its version may stay.
    """

    row: TensorFlowRow
    python: str
    rung: str
    verdict: Verdict
    gpu: bool
    forced: Mapping[str, str]
    with_libraries: bool
    renew: bool


def fit(site: Site, option: Option) -> Stack | tuple[Reason, ...]:
    """The stack that ``option`` makes, or every reason why it makes none."""
    same = keeps_tensorflow(site, option)
    wished = site.wishes.beside
    reasons: list[Reason] = []
    libraries = LibrarySet()
    joint = _joint(site, option, wished)
    if joint is not None:
        libraries, wished = joint.libraries, {**wished, **joint.taken}
        reasons += joint.reasons
    elif option.gpu and (option.with_libraries or not same or _wished_wheels(wished)):
        by_conda = conda.libraries(site.dataset, option.row) if site.by_conda else None
        if by_conda is not None:
            libraries = LibrarySet(conda=by_conda.packages)
        elif not windows_dlls.serve(site.dataset, option.row, site.dlls):
            libraries = library_set(site.dataset, option.row, _needs(site, option))
        reasons += libraries.reasons
    packages = _packages(site, option, same, wished) if not reasons else Resolved()
    reasons += packages.reasons
    if reasons:
        return tuple(reasons)
    return Stack(option.row, option.python, option.rung, packages.changed, libraries, option.verdict)


def keeps_tensorflow(site: Site, option: Option) -> bool:
    """Whether the installed TensorFlow stays as it is."""
    return option.rung == "pin" and site.tensorflow is not None


def _joint(site: Site, option: Option, wished: Mapping[str, str]) -> Beside | None:
    """PyTorch and JAX beside TensorFlow, where they are wished for and not there already."""
    asked = {name: wished[name] for name in (TORCH, JAX) if name in wished and _missing(site, name, wished[name])}
    if not asked:
        return None
    dataset, needs, found = site.dataset, _needs(site, option), Beside()
    if TORCH in asked:
        found = torch_beside(dataset, option.row, asked[TORCH], needs, option.gpu)
    if JAX in asked and not found.reasons:
        both = replace(needs, pinned=found.pinned or needs.pinned)
        jax = jax_beside(dataset, option.row, asked[JAX], site.wishes.jax_extras, both, option.gpu)
        libraries = jax.libraries if option.gpu else found.libraries
        found = replace(jax, libraries=libraries, taken={**found.taken, **jax.taken})
    return found


def _missing(site: Site, name: str, spec: str) -> bool:
    present = site.installed.get(name)
    return bool(releases(site.dataset, name)) and (present is None or bool(spec) and not compare.within(spec, present))


def _needs(site: Site, option: Option) -> Needs:
    """What decides the CUDA libraries."""
    cards = site.capabilities
    # A card for which the wheel itself has no code asks nothing of the libraries.
    served = tuple([one for one in cards if _has_code(option.row, one)]) or cards
    wished = _wished_wheels(site.wishes.beside)
    return Needs(option.python, site.glibc, served, site.nvidia, site.holder, wished, tuple(_bound(site, option.python)))


def _bound(site: Site, python: str) -> Iterator[tuple[str, str, str]]:
    """What an installed framework that stays asks of nvidia's wheels: the installer would not check it."""
    for framework in HOLDERS:
        present = site.installed.get(framework)
        if present is None or _missing(site, framework, site.wishes.beside.get(framework, "")):
            continue
        for name, spec in asks(site.dataset, framework, present, python).items():
            if name.startswith("nvidia-") and spec:
                yield name, spec, framework


def _wished_wheels(wished: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The nvidia wheels that the person wishes in a range of their own."""
    return tuple((name, spec) for name, spec in wished.items() if name.startswith("nvidia-"))


def _has_code(row: TensorFlowRow, capability: str) -> bool:
    return architectures.coverage(row.compute_capabilities, row.ptx, capability) in ("machine code", "ptx")


def _packages(site: Site, option: Option, same: bool, wished: Mapping[str, str]) -> Resolved:
    unknown = tuple(_unknown_wishes(site, wished))
    if unknown:
        return Resolved(reasons=unknown)
    asked = {name: spec for name, spec in wished.items() if releases(site.dataset, name)}
    if site.legacy_keras and not same and compare.minor(option.row.version) >= _FIRST_LEGACY:
        # Without it the new TensorFlow would have no Keras at all under this setting.
        asked.setdefault("tf-keras", "")
    if site.metal:
        asked.setdefault(METAL, "")
    # What a finding demands is about the TensorFlow that is there; another one has demands of its own.
    forced = option.forced if same else {}
    fresh = not same or option.renew
    return resolve(Task(site.dataset, option.row, option.python, site.glibc, site.installed, asked, forced, fresh))


def _unknown_wishes(site: Site, wished: Mapping[str, str]) -> Iterator[Reason]:
    """Wishes for packages whose releases the dataset does not hold: only what is installed already can meet them."""
    for name, spec in wished.items():
        if releases(site.dataset, name):
            continue
        installed = site.installed.get(name)
        if installed is not None and (not spec or compare.within(spec, installed)):
            continue
        yield Reason(f"the dataset holds no releases of {name}, so {name}{spec} cannot be planned beside it", fact=f"wish.{name}")
