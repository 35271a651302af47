"""The dataset as it stands for a patient whose TensorFlow it does not know: with one row more, read from the patient's files.

The unit is ``with_own_build(dataset, facts)``, a pure function. The row counts as a pre-release, so it is
kept where it is installed and never offered elsewhere; what its files do not tell stays unknown.
"""

from __future__ import annotations

from typing import Any, TypeVar

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.facts import Facts, TensorFlowBuild
from fixer.model.finding import RowRef
from fixer.model.pep440 import is_version, normal_name

R = TypeVar("R")
# In the order in which a distribution counts where several are installed.
NAMES = ("tensorflow", "tensorflow-gpu", "tf-nightly", "tf-nightly-gpu", "tensorflow-cpu", "tf-nightly-cpu")
TABLE = "the installed files"
_MOST_KEPT = 16


class WithOwnBuild(Dataset):
    """A dataset and one row more."""

    def __init__(self, base: Dataset, row: TensorFlowRow) -> None:
        super().__init__(base.files)
        self._base = base
        self._row = row

    def _group(self, kind: type[R], key: str, section: str | None = None) -> tuple[R, ...]:
        return self._base._group(kind, key, section)

    def all(self, kind: type[R], section: str | None = None) -> tuple[R, ...]:
        """As the dataset has it, and the row where it belongs."""
        found: tuple[Any, ...] = self._base.all(kind, section)
        own: tuple[Any, ...] = (self._row,) if kind is TensorFlowRow and section in (None, self._row.distribution) else ()
        return (*found, *own)

    def tensorflow(self, distribution: str, version: str) -> tuple[TensorFlowRow, ...]:
        """The row itself where it is asked for."""
        if (normal_name(distribution), version) == (self._row.distribution, self._row.version):
            return (self._row,)
        return self._base.tensorflow(distribution, version)

    def ref(self, row: Any) -> RowRef:
        """As the dataset names it; the row names the file that told."""
        if row is self._row:
            return RowRef(TABLE, f"{row.distribution} {row.version}", row.sources[0])
        return self._base.ref(row)


def with_own_build(dataset: Dataset, facts: Facts) -> Dataset:
    """``dataset``, with a row for the installed TensorFlow where it has none and the files told of it."""
    build = facts.tensorflow_build.value
    if build is None or build.opener is None or build.is_cuda_build is None:
        return dataset
    packages = {normal_name(name): version for name, version in facts.packages.or_else({}).items()}
    name = next((one for one in NAMES if one in packages), None)
    if name is None or dataset.tensorflow(name, packages[name]) or not is_version(packages[name]):
        return dataset
    environment = facts.environment.value
    python = environment.python.value if environment is not None else None
    sources = tuple(facts.tensorflow_build.via) or (build.opener,)
    row = _row(build, name, packages[name], python, facts.arch.or_else("x86_64"), sources)
    # The same dataset for the same row: what others remember of it serves a fleet of such machines, too.
    told = repr(row)
    if told not in dataset.own:
        if len(dataset.own) >= _MOST_KEPT:
            dataset.own.clear()
        dataset.own[told] = WithOwnBuild(dataset, row)
    return dataset.own[told]


def _row(
    build: TensorFlowBuild, name: str, version: str, python: str | None, arch: str, sources: tuple[str, ...]
) -> TensorFlowRow:
    cudnn = (build.cudnn or "").split(".")
    return TensorFlowRow(
        distribution=name,
        version=version,
        python=(".".join(python.split(".")[:2]),) if python else (),
        platform=f"linux_{arch}",
        prerelease=True,
        is_cuda_build=build.is_cuda_build,
        cuda=".".join(build.cuda.split(".")[:2]) if build.cuda else None,
        cudnn_major=int(cudnn[0]) if cudnn[0].isdigit() else None,
        cudnn_compiled=build.cudnn if len(cudnn) > 1 else None,
        compute_capabilities=build.compute_capabilities,
        ptx=build.ptx,
        search_kind=build.search_kind,
        search_path=build.search_path,
        sonames=build.sonames,
        glibc=build.glibc,
        bounds=build.bounds,
        opener=build.opener,
        sources=sources,
    )
