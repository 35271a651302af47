"""Whether one TensorFlow wheel on one Python in one place makes a sound stack: its packages and its CUDA libraries.

The unit is ``Stack``, made by ``fit``; the gates have let its wheel pass already. What the person wishes
beside TensorFlow is part of the stack or the reason why there is none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, Mapping

from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning import compare, conda
from fixer.planning.frameworks import JAX, TORCH, Beside, jax_beside, torch_beside
from fixer.planning.gates import Verdict
from fixer.planning.libraries import LibrarySet, Needs, library_set
from fixer.planning.packages import Resolved, Task, resolve
from fixer.planning.releases import releases
from fixer.planning.situation import Situation

_YES = ("1", "true", "True")
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
    fetched: bool = False

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

    @property
    def here(self) -> bool:
        return self.rung != "environment"


def fit(situation: Situation, option: Option) -> Stack | tuple[Reason, ...]:
    """The stack that ``option`` makes, or every reason why it makes none."""
    same = keeps_tensorflow(situation, option)
    wished = situation.wishes.beside
    reasons: list[Reason] = []
    libraries = LibrarySet()
    joint = _joint(situation, option, wished)
    if joint is not None:
        libraries, wished = joint.libraries, {**wished, **joint.taken}
        reasons += joint.reasons
    elif option.gpu and (option.with_libraries or not same or _wished_wheels(wished)):
        by_conda = conda.libraries(situation, option.row, option.here)
        if by_conda is not None:
            libraries = LibrarySet(conda=by_conda.packages)
        else:
            libraries = library_set(situation.dataset, option.row, _needs(situation, option))
        reasons += libraries.reasons
    packages = _packages(situation, option, same, wished) if not reasons else Resolved()
    reasons += packages.reasons
    if reasons:
        return tuple(reasons)
    fetched = not option.here and option.python not in situation.pythons
    return Stack(option.row, option.python, option.rung, packages.changed, libraries, option.verdict, fetched)


def keeps_tensorflow(situation: Situation, option: Option) -> bool:
    """Whether the installed TensorFlow stays as it is."""
    return option.rung == "pin" and situation.tensorflow is not None


def _joint(situation: Situation, option: Option, wished: Mapping[str, str]) -> Beside | None:
    """PyTorch and JAX beside TensorFlow, where they are wished for and not there already."""
    asked = {name: wished[name] for name in (TORCH, JAX) if name in wished and _missing(situation, option, name, wished[name])}
    if not asked:
        return None
    dataset, needs, found = situation.dataset, _needs(situation, option), Beside()
    if TORCH in asked:
        found = torch_beside(dataset, option.row, asked[TORCH], needs, option.gpu)
    if JAX in asked and not found.reasons:
        both = replace(needs, pinned=found.pinned or needs.pinned)
        jax = jax_beside(dataset, option.row, asked[JAX], situation.wishes.jax_extras, both, option.gpu)
        libraries = jax.libraries if option.gpu else found.libraries
        found = replace(jax, libraries=libraries, taken={**found.taken, **jax.taken})
    return found


def _missing(situation: Situation, option: Option, name: str, spec: str) -> bool:
    present = situation.packages.get(name) if option.here else None
    return bool(releases(situation.dataset, name)) and (present is None or bool(spec) and not compare.within(spec, present))


def _needs(situation: Situation, option: Option) -> Needs:
    """What decides the CUDA libraries; in a new environment nothing is there to be kept or held."""
    cards = situation.known_capabilities
    # A card for which the wheel itself has no code asks nothing of the libraries.
    served = tuple([one for one in cards if _has_code(option.row, one)]) or cards
    wished = _wished_wheels(situation.wishes.beside)
    if not option.here:
        return Needs(option.python, situation.glibc_step, served, (), pinned=wished)
    return Needs(option.python, situation.glibc_step, served, situation.nvidia_wheels, situation.holder, wished)


def _wished_wheels(wished: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The nvidia wheels that the person wishes in a range of their own."""
    return tuple((name, spec) for name, spec in wished.items() if name.startswith("nvidia-"))


def _has_code(row: TensorFlowRow, capability: str) -> bool:
    return compare.coverage(row.compute_capabilities, row.ptx, capability) in ("machine code", "ptx")


def _packages(situation: Situation, option: Option, same: bool, wished: Mapping[str, str]) -> Resolved:
    unknown = tuple(_unknown_wishes(situation, wished, option.here))
    if unknown:
        return Resolved(reasons=unknown)
    asked = {name: spec for name, spec in wished.items() if releases(situation.dataset, name)}
    legacy = situation.variables.get("TF_USE_LEGACY_KERAS") in _YES
    if legacy and not same and compare.minor(option.row.version) >= _FIRST_LEGACY:
        # Without it the new TensorFlow would have no Keras at all under this setting.
        asked.setdefault("tf-keras", "")
    installed = situation.packages if option.here else {}
    # What a finding demands is about the TensorFlow that is there; another one has demands of its own.
    forced = option.forced if same else {}
    fresh = not same or option.renew
    return resolve(Task(situation.dataset, option.row, option.python, situation.glibc_step, installed, asked, forced, fresh))


def _unknown_wishes(situation: Situation, wished: Mapping[str, str], here: bool) -> Iterator[Reason]:
    """Wishes for packages whose releases the dataset does not hold: only what is installed already can meet them."""
    for name, spec in wished.items():
        if releases(situation.dataset, name):
            continue
        installed = situation.packages.get(name) if here else None
        if installed is not None and (not spec or compare.within(spec, installed)):
            continue
        yield Reason(f"the dataset holds no releases of {name}, so {name}{spec} cannot be planned beside it", fact=f"wish.{name}")
