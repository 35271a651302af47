"""The dataset as it stands for a patient whose TensorFlow it does not know: with one row more, read from the patient's files.

Where nobody read them, a local version still tells that the build is somebody's own.

The unit is ``with_patient(dataset, facts)``, a pure function. The row counts as a pre-release, so it is
kept where it is installed and never offered elsewhere; what its files do not tell stays unknown.
"""

from __future__ import annotations

from typing import Any, TypeVar

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.facts import Facts, TensorFlowBuild
from fixer.model.finding import RowRef
from fixer.model.pep440 import is_version, normal_name
from fixer.model.subject import TENSORFLOWS, Subject

R = TypeVar("R")
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


def with_patient(dataset: Dataset, facts: Facts) -> Dataset:
    """``dataset``, with a row for the installed TensorFlow where it has none and its files or its version tell of it."""
    build = facts.tensorflow_build.value
    read = build is not None and build.opener is not None
    if not read and not any("+" in version for version in facts.packages.or_else({}).values()):
        return dataset
    subject = Subject(facts)
    name, version = subject.distribution, subject.tensorflow
    if name not in TENSORFLOWS or version is None or dataset.tensorflow(name, version) or not is_version(version):
        return dataset
    if build is not None and build.opener is not None and build.is_cuda_build is not None:
        row = _row(build, name, version, subject, tuple(facts.tensorflow_build.via) or (build.opener,))
    elif "+" in version:
        row = _foreign(dataset, name, version, subject)
    else:
        return dataset
    # The same dataset for the same row: what others remember of it serves a fleet of such machines, too.
    told = repr(row)
    if told not in dataset.own:
        if len(dataset.own) >= _MOST_KEPT:
            dataset.own.clear()
        dataset.own[told] = WithOwnBuild(dataset, row)
    return dataset.own[told]


def _foreign(dataset: Dataset, name: str, version: str, subject: Subject) -> TensorFlowRow:
    """Somebody's own build, told by its local version (2.17.0+nv25.2): of its code nothing is known.

    What it asks of other packages is presumed to be what the release of that number asks.
    """
    platform = f"linux_{subject.arch}"
    near = dataset.tensorflow_row(name, version.partition("+")[0], platform)
    return TensorFlowRow(
        distribution=name,
        version=version,
        python=(subject.python,) if subject.python else (),
        platform=platform,
        prerelease=True,
        bounds=near.bounds if near is not None else {},
        sources=("its local version: the index takes no such release",),
        confidence="inference",
    )


def _row(build: TensorFlowBuild, name: str, version: str, subject: Subject, sources: tuple[str, ...]) -> TensorFlowRow:
    cudnn = (build.cudnn or "").split(".")
    return TensorFlowRow(
        distribution=name,
        version=version,
        python=(subject.python,) if subject.python else (),
        platform=f"linux_{subject.arch}",
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
