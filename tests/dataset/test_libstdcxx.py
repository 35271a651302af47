"""Whether a wheel other than TensorFlow's can meet a libstdc++ that is too old where the gate on glibc lets it pass: it cannot.

A manylinux tag bounds GLIBCXX as well as GLIBC. Where a distribution's glibc is new enough for a tag, its own
libstdc++ is new enough for the tag's bound, for every distribution of the dataset. What the tags promise was read in
the wheels that stacks are made of; TensorFlow's own need stands in its rows, since some were built past their tag.
"""

from __future__ import annotations

from typing import Iterable

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import DistroRow
from fixer.planning.releases import release_row

# glibc of a tag to the newest GLIBCXX that its policy admits on x86-64:
# github.com/pypa/auditwheel @86154d1, src/auditwheel/policy/manylinux-policy.json.
POLICY = {
    "2.5": "3.4.8", "2.12": "3.4.13", "2.17": "3.4.19", "2.24": "3.4.22", "2.26": "3.4.22", "2.27": "3.4.24", "2.28": "3.4.24",
    "2.31": "3.4.28", "2.34": "3.4.29", "2.35": "3.4.30", "2.36": "3.4.30", "2.37": "3.4.30", "2.38": "3.4.30", "2.39": "3.4.33",
    "2.40": "3.4.33", "2.41": "3.4.33",
}  # fmt: skip
# The newest GLIBCXX that any library in the wheel for CPython 3.11 and x86-64 asks for, read on 2026-11-28; "" for none.
READ = {
    ("numpy", "1.26.4"): "", ("numpy", "2.4.6"): "3.4.21", ("h5py", "3.14.0"): "", ("grpcio", "1.85.1"): "3.4.19",
    ("ml-dtypes", "0.3.2"): "3.4.9", ("ml-dtypes", "0.6.0"): "3.4.21", ("wrapt", "2.5.2"): "", ("optree", "0.20.0"): "3.4.21",
    ("libclang", "18.1.1"): "", ("protobuf", "7.36.2"): "", ("scipy", "1.17.1"): "3.4.22", ("pandas", "3.1.1"): "3.4.21",
    ("jaxlib", "0.10.2"): "3.4.22", ("tensorflow-io-gcs-filesystem", "0.37.1"): "3.4.19", ("nvidia-cudnn-cu12", "9.10.2.21"): "3.4.21",
}  # fmt: skip


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def bound(glibc: str, among: Iterable[str] = POLICY) -> str:
    """The newest GLIBCXX that a wheel may ask for on a system with this glibc."""
    fitting = [one for one in among if numbers(one) <= numbers(glibc)]
    return POLICY[max(fitting, key=numbers)]


def test_a_distribution_that_has_the_glibc_has_the_libstdcxx() -> None:
    told = [row for row in Dataset.open().all(DistroRow) if row.glibc and row.glibcxx]
    assert len(told) > 40
    assert [f"{row.id} {row.version}" for row in told if numbers(bound(row.glibc or "")) > numbers(row.glibcxx or "")] == []


def test_the_wheels_of_stacks_keep_to_their_tags() -> None:
    dataset, past = Dataset.open(), []
    for (name, version), read in READ.items():
        row = release_row(dataset, name, version)
        assert row is not None and row.glibc, (name, version)
        past += [name] if read and numbers(read) > numbers(bound(row.glibc)) else []
    assert past == []


def test_only_tensorflow_s_own_rows_go_past_a_tag() -> None:
    rows = [row for row in Dataset.open().tensorflow_releases("tensorflow") if row.glibc and row.glibcxx]
    past = {row.version for row in rows if numbers(row.glibcxx or "") > numbers(bound(row.glibc or ""))}
    assert len(rows) > 50 and past == {"1.13.1", "1.13.2", "1.14.0"}
