"""Makes the user's updated dataset: the one in use and what the index has beside it, checked as a whole, then put in place.

The unit is ``update``. What breaks a law of the dataset is left out with its reason, and nothing is put in
place that has not passed every check. The judge of meaning is the caller's, since it needs rooms above this one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from packaging.version import Version

from fixer.dataset.cache import Cache
from fixer.dataset.integrity import damage
from fixer.dataset.load import Files
from fixer.dataset.locate import MANIFEST, Folder
from fixer.dataset.meaning import Violation
from fixer.dataset.questions import TENSORFLOW, Dataset
from fixer.harvest.errors import HarvestError
from fixer.harvest.index import Index
from fixer.harvest.newer import LeftOut, News, named, news
from fixer.harvest.write import as_it_is, write
from fixer.model.record import record

Judge = Callable[[Dataset], tuple[Violation, ...]]


@record(frozen=True)
class Update:
    """What an update did: the dataset's version and folder from now on, and the releases added and left out."""

    changed: bool
    version: str
    path: str
    added: tuple[tuple[str, str], ...]
    left_out: tuple[LeftOut, ...]


def update(held: Cache, bundle: Folder, index: Index, day: str, judge: Judge, say: Callable[[str], None]) -> Update:
    """Bring the user's dataset up to date. Raises HarvestError when the index cannot be asked or believed."""
    with held.locked():
        dataset = _base(held, bundle)
        found = news(dataset, index, day, say)
        while found.rows:
            with held.making() as work:
                version = f"{Files(bundle).version}+{day.replace('-', '')}"
                _write(Path(work), dataset, found, day, version)
                refused = _refused(Dataset(Files(Folder(work, bundled=False))), found, judge)
                if not refused:
                    added = sorted({named(row) for rows in found.rows.values() for row in rows})
                    path = held.install(work, MANIFEST, bundle.read(MANIFEST))
                    return Update(True, version, path, tuple(added), tuple(found.left_out))
            found = found.without(refused)
    return Update(False, dataset.version, dataset.files.folder.path, (), tuple(found.left_out))


def _base(held: Cache, bundle: Folder) -> Dataset:
    """The updated dataset where it is whole, else the bundle."""
    path = held.current(MANIFEST, lambda: bundle.read(MANIFEST))
    if path is not None:
        dataset = Dataset(Files(Folder(path, bundled=False)))
        if not damage(dataset.files):
            return dataset
        held.discard(path)
    dataset = Dataset(Files(bundle))
    for one in damage(dataset.files):
        raise dataset.files.damaged(one.file, f"{one.key}: {one.text}")
    return dataset


def _write(work: Path, dataset: Dataset, found: News, day: str, version: str) -> None:
    folder = Path(dataset.files.folder.path)
    files = {name: as_it_is(folder / name) for name in dataset.files.names()}
    for (name, section, key), rows in found.rows.items():
        group = files[name][0][section].setdefault(key, [])
        group.extend(rows)
        if name != TENSORFLOW:
            group.sort(key=lambda row: Version(row["version"]), reverse=True)
    write(work, files, day, version)


def _refused(made: Dataset, found: News, judge: Judge) -> dict[tuple[str, str], str]:
    """The new releases that break a law, with the first of the laws; HarvestError where the fault is not theirs."""
    of_row = {}
    for (name, _, _), rows in found.rows.items():
        for row in rows:
            of_row[name, " ".join(filter(None, (*named(row), row.get("platform", ""))))] = named(row)
    refused: dict[tuple[str, str], str] = {}
    for one in damage(made.files) or judge(made):
        release = of_row.get((one.file, one.key))
        if release is None:
            raise HarvestError(f"what was read does not fit the dataset: {one.line}")
        refused.setdefault(release, one.text)
    return refused
