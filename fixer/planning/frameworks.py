"""PyTorch and JAX beside TensorFlow: the newest release whose nvidia wheels live with this TensorFlow's ranges.

The unit is ``Beside``: one release, what it takes with it, and the nvidia wheels of both, or the reasons why none
fits. The frameworks load libraries by the same names, so in one environment they must share every wheel; a wheel of
another CUDA major owns the same files and can never be beside. torch pins its wheels; JAX reaches the GPU by a
plugin of its own version, which gives ranges.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import Iterator, Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import JaxRow, TensorFlowRow
from fixer.model import compare
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning.gates import row_name
from fixer.planning.libraries import LibrarySet, Needs, library_set, ranges_of, stem_of
from fixer.planning.packages import bounds_of
from fixer.planning.releases import Release, bounds, installable

TORCH = "torch"
JAX = "jax"
_MOST_TRIED = 12
_MOST_TOLD = 3


@record(frozen=True)
class Beside:
    """A release with the nvidia wheels of both frameworks; ``reasons`` when there is none.

    ``taken`` are the exact versions that it asks for among the framework's own packages, ``pinned`` the ranges of
    nvidia wheels that bind the next one.
    """

    version: str | None = None
    libraries: LibrarySet = LibrarySet()
    reasons: tuple[Reason, ...] = ()
    taken: Mapping[str, str] = field(default_factory=dict)
    pinned: tuple[tuple[str, str], ...] = ()


def torch_beside(dataset: Dataset, row: TensorFlowRow, wished: str, needs: Needs, gpu: bool) -> Beside:
    """The newest torch within ``wished`` that can share an environment with ``row``."""
    told: list[Reason] = []
    tried = 0
    for release in installable(dataset, TORCH, needs.python, needs.glibc, row.platform):
        if wished and not compare.within(wished, release.version):
            continue
        tried += 1
        if tried > _MOST_TRIED:
            break
        pinned = tuple((n, s) for n, s in bounds(release, needs.python).items() if n.startswith("nvidia-"))
        against = list(_against(dataset, row, release, pinned)) if gpu else []
        if against:
            told += against[:1]
            continue
        if not gpu:
            exact = {name: spec[2:] for name, spec in pinned if spec.startswith("==") and "," not in spec}
            return Beside(release.version, LibrarySet(exact), taken={TORCH: f"=={release.version}"})
        both = (*needs.pinned, *pinned)
        found = library_set(dataset, row, replace(needs, pinned=both))
        if not found.reasons:
            return Beside(release.version, found, (), {TORCH: f"=={release.version}"}, both)
        told += [Reason(f"beside torch {release.version}: {one.text}", one.row, one.fact) for one in found.reasons[:1]]
    if not tried:
        words = f"no release of torch{wished} has a wheel for Python {needs.python}"
        return Beside(reasons=(Reason(words, row_name(dataset, row), "wish.torch"),))
    return Beside(reasons=tuple(told[:_MOST_TOLD]))


def _against(
    dataset: Dataset, row: TensorFlowRow, release: Release, pinned: tuple[tuple[str, str], ...]
) -> Iterator[Reason]:
    """Wheels of another CUDA major that own the files of TensorFlow's."""
    own = {stem_of(name): name for name in ranges_of(dataset, row)[0]}
    for name, _ in pinned:
        mine = own.get(stem_of(name))
        if mine is not None and mine != name:
            words = f"torch {release.version} brings {name}, which owns the same files as its {mine}"
            yield Reason(words, row_name(dataset, release), "wish.torch")


def jax_beside(
    dataset: Dataset, row: TensorFlowRow, wished: str, extras: frozenset[str], needs: Needs, gpu: bool
) -> Beside:
    """The newest jax within ``wished`` that can share an environment with ``row``; on the GPU with its plugin.

    Without an extra in the wish a jax for the CPU is still a jax: where TensorFlow's CUDA has no plugin, or a plugin
    does not fit, it is taken so. ``needs.pinned`` may carry what another framework pins.
    """
    plugins = gpu and not extras
    if extras or plugins:
        found = _with_plugin(dataset, row, wished, extras, needs)
        if not found.reasons or extras:
            return found
    for release in _fitting(dataset, row, wished, needs):
        libraries = library_set(dataset, row, needs) if gpu else LibrarySet()
        return Beside(release.version, libraries, libraries.reasons, {JAX: f"=={release.version}"}, needs.pinned)
    return _no_jax(dataset, row, wished, needs)


def _no_jax(dataset: Dataset, row: TensorFlowRow, wished: str, needs: Needs) -> Beside:
    words = f"no release of jax{wished} for Python {needs.python} agrees with what it needs of numpy, ml-dtypes and protobuf"
    return Beside(reasons=(Reason(words, row_name(dataset, row), "wish.jax"),))


def _fitting(dataset: Dataset, row: TensorFlowRow, wished: str, needs: Needs) -> Iterator[JaxRow]:
    """The releases of jax whose ranges meet TensorFlow's own, newest first."""
    own = bounds_of(dataset, row, needs.python)
    for release in installable(dataset, JAX, needs.python, needs.glibc, row.platform):
        if not isinstance(release, JaxRow) or wished and not compare.within(wished, release.version):
            continue
        lib = next(iter(_within(dataset, "jaxlib", bounds(release, needs.python).get("jaxlib", ""), needs, row.platform)), None)
        both = (release, lib) if lib is not None else (release,)
        shared = {name for one in both for name in bounds(one, needs.python)} & set(own)
        ranges = {name: ",".join(filter(None, (own[name], *(bounds(one, needs.python).get(name) for one in both)))) for name in shared}
        if lib is not None and all(any(True for _ in _within(dataset, name, spec, needs, row.platform)) for name, spec in ranges.items()):
            yield release


def _within(dataset: Dataset, name: str, spec: str, needs: Needs, platform: str) -> Iterator[Release]:
    for one in installable(dataset, name, needs.python, needs.glibc, platform):
        if not spec or compare.within(spec, one.version):
            yield one


def _with_plugin(dataset: Dataset, row: TensorFlowRow, wished: str, extras: frozenset[str], needs: Needs) -> Beside:
    """jax with the plugin that its extra names, and the nvidia wheels within the ranges of all."""
    built = compare.cuda(row.cuda)
    major = built.major if built is not None else None
    named = sorted(one.partition("-")[0] for one in extras if one.startswith("cuda"))
    extra = named[0] if named else f"cuda{major}"
    told: list[Reason] = []
    own = {stem_of(name): name for name in ranges_of(dataset, row)[0]}
    for release in _fitting(dataset, row, wished, needs):
        asked = release.extras.get(extra, {})
        name, spec = next(((n, s) for n, s in asked.items() if n.endswith("-plugin")), ("", ""))
        plugin = next((one for one in _within(dataset, name, spec, needs, row.platform) if isinstance(one, JaxRow)), None) if name else None
        if plugin is None:
            words = f"jax {release.version} has no plugin {extra} for Python {needs.python}"
            told.append(Reason(words, row_name(dataset, release), "wish.jax"))
            continue
        ranges = tuple(plugin.extras.get("with-cuda", {}).items())
        clash = next(((n, own[stem_of(n)]) for n, _ in ranges if own.get(stem_of(n), n) != n), None)
        if clash is not None:
            words = f"jax {release.version} with {name} brings {clash[0]}, which owns the same files as its {clash[1]}"
            told.append(Reason(words, row_name(dataset, plugin), "wish.jax"))
            continue
        pinned = (*needs.pinned, *ranges)
        found = library_set(dataset, row, replace(needs, pinned=pinned))
        if not found.reasons:
            exact = {JAX: f"=={release.version}", name: f"=={plugin.version}", "jaxlib": asked.get("jaxlib", "")}
            return Beside(release.version, found, (), exact, pinned)
        told += [Reason(f"beside jax {release.version}: {one.text}", one.row, one.fact) for one in found.reasons[:1]]
    return Beside(reasons=tuple(told[:_MOST_TOLD])) if told else _no_jax(dataset, row, wished, needs)
