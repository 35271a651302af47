"""Exact versions of everything beside a TensorFlow: as few changes as make the set fit.

The unit is ``resolve``: a TensorFlow wheel on a Python, beside what is installed. In an environment that
keeps its TensorFlow only what breaks it moves; with another TensorFlow whatever its metadata forbids moves
too, and what is missing is pinned. A package that is no part of TensorFlow's own circle never moves: a set
that would break it is refused and names it.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import Iterable, Iterator, Mapping

from fixer.dataset.ask import delegate, working
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import PackageFaultRow, TensorFlowRow
from fixer.model import compare
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning.gates import RELEASE, row_name, wheel
from fixer.planning.releases import Asked, asks, breaks, fault_names, installable, release_row, releases

# The packages that many others lean on are chosen first; the rest follows them.
_HUBS = {
    name: place
    for place, name in enumerate(
        ("numpy", "protobuf", "ml-dtypes", "keras", "tf-keras", "h5py", "tensorboard", "tensorflow-estimator", "wrapt", "gast")
    )
}
_ROUNDS = 12
# Where these are not among the installed packages, they are not there.
_LISTED = ("jax", "keras", "tf-keras", "torch")


@record(frozen=True)
class Task:
    """What to fit: the wheel, its Python, what is installed, what is asked for.

    ``forced`` are ranges that a finding demands in this TensorFlow; ``wished`` the person's own. ``fresh``
    means that TensorFlow itself is installed anew, so its metadata binds and what is missing is pinned.
    """

    dataset: Dataset
    row: TensorFlowRow
    python: str
    glibc: str | None
    installed: Mapping[str, str]
    wished: Mapping[str, str] = field(default_factory=dict)
    forced: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False


@record(frozen=True)
class Resolved:
    """The packages that change, each to one exact version; or the reasons why no set fits."""

    changed: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()


def resolve(task: Task) -> Resolved:
    """The smallest set of pins that makes ``task`` fit."""
    row, asked = task.row, bounds_of(task.dataset, task.row, task.python)
    installed = [item for item in sorted(task.installed.items()) if item[0] in asked or _counts(task, *item)]
    wished, forced = (tuple(sorted(one.items())) for one in (task.wished, task.forced))
    key = (row.distribution, row.platform, row.version, task.python, task.glibc, tuple(installed), wished, forced)
    return _resolve(task.dataset, *key, task.fresh)


def _counts(task: Task, name: str, version: str) -> bool:
    """Whether an installed package can matter at all: others are alike for every question."""
    return name in task.wished or name in task.forced or _is_known(task.dataset, name, version)


@lru_cache(maxsize=2048)
def _is_known(dataset: Dataset, name: str, version: str) -> bool:
    """Whether the dataset has something to say of this package in this version."""
    if name in fault_names(dataset):
        return True
    return bool(releases(dataset, name)) and (name.startswith("t") or release_row(dataset, name, version) is not None)


def bounded(dataset: Dataset, rows: Iterable[TensorFlowRow]) -> frozenset[str]:
    """The packages that one of these wheels bounds and that could be moved, and those that measured pairs name beside others."""
    inner = [working(dataset, row) for row in rows]
    asked = {name for row in inner for bounds in (row.bounds, *row.python_bounds.values()) for name in bounds}
    return frozenset(name for name in asked if releases(dataset, name)) | _named_beside(dataset)


@lru_cache(maxsize=64)
def _named_beside(dataset: Dataset) -> frozenset[str]:
    return frozenset(name for row in dataset.package_faults() for name in row.beside)


def matters(dataset: Dataset, name: str, version: str) -> bool:
    """Whether an installed package can matter although no wheel bounds it and nobody asks for it by name."""
    return name.startswith("tensorflow-") or _is_known(dataset, name, version)


@lru_cache(maxsize=1024)
def _resolve(
    dataset: Dataset, distribution: str, platform: str, version: str, python: str, glibc: str | None,
    installed: tuple[tuple[str, str], ...], wished: tuple[tuple[str, str], ...], forced: tuple[tuple[str, str], ...],
    fresh: bool,
) -> Resolved:  # fmt: skip
    row = wheel(dataset, distribution, platform, version)
    if row is None:
        raise LookupError(version)
    return _Resolver(Task(dataset, row, python, glibc, dict(installed), dict(wished), dict(forced), fresh)).run()


class _Resolver:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.dataset = task.dataset
        self.own = bounds_of(task.dataset, task.row, task.python)
        self.decided: dict[str, str] = {}
        self.circle = self._circle()

    def run(self) -> Resolved:
        for _ in range(_ROUNDS):
            moved = False
            for name in self._names():
                if self._settled(name):
                    continue
                version = self._pick(name)
                if version is None:
                    return Resolved(reasons=(self._why(name),))
                moved = moved or self.decided.get(name) != version
                self.decided[name] = version
            if not moved:
                break
        else:
            return Resolved(
                reasons=(
                    Reason(
                        "no set of versions was found that fits together", row_name(self.dataset, self.task.row), RELEASE
                    ),
                )
            )
        broken = tuple(self._broken_bystanders())
        if broken:
            return Resolved(reasons=broken)
        installed = self.task.installed
        whole = {**self.decided, **(delegate(self.task.row) if self.task.fresh else {})}
        return Resolved({name: version for name, version in whole.items() if installed.get(name) != version})

    def _asks(self, name: str, version: str | None) -> Mapping[str, str]:
        return asks(self.dataset, name, version, self.task.python) if version else {}

    def _version(self, name: str) -> str | None:
        return self.decided.get(name, self.task.installed.get(name))

    def _circle(self) -> frozenset[str]:
        """The packages that may move: TensorFlow's needs, theirs, its plugins, and those with measured pairs."""
        names = (
            set(self.own)
            | set(fault_names(self.dataset))
            | set(self.task.forced)
            | set(self.task.wished)
            | {"tf-keras"}
        )
        names |= {
            name for name in self.task.installed if name.startswith("tensorflow-") and releases(self.dataset, name)
        }
        for name in tuple(names):
            names.update(self._asks(name, self.task.installed.get(name)))
        return frozenset(names)

    def _names(self) -> list[str]:
        """What must be looked at now, hubs first."""
        names = {name for name in self.task.installed if name in self.circle}
        names |= set(self.task.forced) | set(self.task.wished) | set(self.decided)
        # What a wish brings along is pinned where its absence is known.
        names |= {one for name in self.task.wished for one in self._asks(name, self._version(name)) if one.startswith(_LISTED)}
        if self.task.fresh:
            names |= set(self.own)
            for name in tuple(names):
                names.update(self._asks(name, self._version(name)))
        known = [n for n in names if releases(self.dataset, n) and not n.startswith("nvidia-") and n not in _TENSORFLOW]
        return sorted(known, key=lambda name: (_HUBS.get(name, len(_HUBS)), name))

    def _settled(self, name: str) -> bool:
        """Whether the version that ``name`` has now may stay."""
        version = self._version(name)
        if version is None:
            return False
        return not any(self._objections(name, version))

    def _objections(self, name: str, version: str) -> Iterator[str]:
        task = self.task
        mine = name in self.decided
        fault = breaks(self.dataset, name, version, task.row.version, task.python, self._version)
        if fault is not None:
            yield fault.id
        bound = self.own.get(name)
        if bound and (task.fresh or mine) and not compare.within(bound, version):
            yield "its TensorFlow's bound"
        for wanted in (task.wished.get(name), task.forced.get(name)):
            if wanted and not compare.within(wanted, version):
                yield wanted
        for other, spec in self._asks(name, version).items():
            if not spec:
                continue
            if other in self.decided and not compare.within(spec, self.decided[other]):
                yield other
            elif other in _TENSORFLOW and task.fresh and not compare.within(spec, task.row.version):
                yield other
        for other, chosen in self.decided.items():
            held = self._asks(other, chosen).get(name) if other != name else None
            if held and not compare.within(held, version):
                yield other

    def _pick(self, name: str) -> str | None:
        """The newest release without objections, first one that everybody present agrees with."""
        kept = self.decided.pop(name, None)
        whole = ",".join(
            part for part in (self.own.get(name), self.task.wished.get(name), self.task.forced.get(name)) if part
        )
        asked = Asked(self.task.python, self.task.glibc, whole)
        passing = []
        for row in installable(self.dataset, name, asked.python, asked.glibc, self.task.row.platform):
            if whole and not compare.within(whole, row.version):
                continue
            self.decided[name] = row.version
            if not any(self._objections(name, row.version)):
                passing.append(row.version)
                if self._agreed(name, row.version):
                    del self.decided[name]
                    return row.version
            del self.decided[name]
        if passing:
            return passing[0]
        if kept is not None:
            self.decided[name] = kept
        return None

    def _agreed(self, name: str, version: str) -> bool:
        """Whether what is installed and undecided lives with this version, and the other way round."""
        for other, present in self.task.installed.items():
            if other == name or other in self.decided:
                continue
            asked = self._asks(other, present).get(name)
            if asked and not compare.within(asked, version):
                return False
        for other, spec in self._asks(name, version).items():
            there = self.task.installed.get(other)
            if other not in self.decided and spec and there is not None and not compare.within(spec, there):
                return False
            own = self.own.get(other, "")
            if other not in self.decided and spec and own and there is None and not self._meet(other, f"{own},{spec}"):
                return False
        return True

    def _meet(self, name: str, spec: str) -> bool:
        rows = installable(self.dataset, name, self.task.python, self.task.glibc, self.task.row.platform)
        return not rows or any(compare.within(spec, row.version) for row in rows)

    def _exists(self, name: str, spec: str, glibc: str | None) -> bool:
        rows = installable(self.dataset, name, self.task.python, glibc, self.task.row.platform)
        return any(not spec or compare.within(spec, row.version) for row in rows)

    def _why(self, name: str) -> Reason:
        ranges = [(self.own.get(name), "by its metadata"), (self.task.wished.get(name), "as wished for")]
        ranges.append((self.task.forced.get(name), "as needed"))
        for other, chosen in self.decided.items():
            ranges.append((self._asks(other, chosen).get(name), f"by {other} {chosen}"))
        whole = ",".join(spec for spec, _ in ranges if spec)
        asked = " and ".join(f"{spec} {why}" for spec, why in ranges if spec) or "any release"
        if not self._exists(name, whole, self.task.glibc) and self._exists(name, whole, None):
            words = f"no wheel of {name} for Python {self.task.python} and glibc {self.task.glibc} satisfies {asked}"
            return Reason(words, row_name(self.dataset, self.task.row), "glibc")
        fault = self._fault(name, whole)
        if fault is not None:
            words = f"no release of {name} works beside it: {fault.message or fault.effect}"
            return Reason(words, row_name(self.dataset, fault), RELEASE)
        present = self.task.installed.get(name)
        if present is not None and self._of_others(name, whole):
            words = f"{name} {present} is installed, and no release of it is for this TensorFlow"
            return Reason(words, row_name(self.dataset, self.task.row), f"environment.packages.{name}")
        words = f"no final release of {name} has a wheel for Python {self.task.python} and satisfies {asked}"
        wished = next((one for one in (name, *self.decided) if self.task.wished.get(one)), None)
        return Reason(words, row_name(self.dataset, self.task.row), f"wish.{wished}" if wished else RELEASE)

    def _of_others(self, name: str, spec: str) -> bool:
        """Whether every release that could be had is for other TensorFlows."""
        rows = installable(self.dataset, name, self.task.python, self.task.glibc, self.task.row.platform)
        asked = [self._asks(name, row.version) for row in rows if not spec or compare.within(spec, row.version)]
        bounds = [next((one[it] for it in _TENSORFLOW if one.get(it)), "") for one in asked]
        return bool(bounds) and all(bound and not compare.within(bound, self.task.row.version) for bound in bounds)

    def _fault(self, name: str, spec: str) -> PackageFaultRow | None:
        """What the newest release does to this TensorFlow, where every release that is asked for breaks it."""
        task, found = self.task, list[PackageFaultRow]()
        for row in installable(self.dataset, name, task.python, task.glibc, task.row.platform):
            if not spec or compare.within(spec, row.version):
                fault = breaks(self.dataset, name, row.version, task.row.version, task.python, self._version)
                if fault is None:
                    return None
                found.append(fault)
        return next(iter(found), None)

    def _broken_bystanders(self) -> Iterator[Reason]:
        """Installed packages outside TensorFlow's circle that the pins would break."""
        for other, present in self.task.installed.items():
            if other in self.decided or other.startswith("nvidia-") or other in _TENSORFLOW:
                continue
            known = release_row(self.dataset, other, present)
            if known is None:
                continue
            for name, spec in self._asks(other, present).items():
                chosen = self.decided.get(name)
                before = self.task.installed.get(name)
                harmed = chosen is not None and chosen != before and spec and not compare.within(spec, chosen)
                if harmed and (before is None or compare.within(spec, before)):
                    words = f"it takes {name} {chosen}, and {other} {present} in this environment needs {name}{spec}"
                    yield Reason(words, row_name(self.dataset, known), f"environment.packages.{other}")


_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")


def bounds_of(dataset: Dataset, row: TensorFlowRow, python: str) -> Mapping[str, str]:
    """What a TensorFlow wheel asks of other packages on this Python, through the package that does its work."""
    inner = working(dataset, row)
    differing = inner.python_bounds.get(python)
    return {**inner.bounds, **differing} if differing else inner.bounds
