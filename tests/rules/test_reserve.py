"""What was free when TensorFlow made its device: by its number, by the reserve of its release, and nothing where it was asked for."""

from __future__ import annotations

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.plan import Wish
from fixer.rules.case import Case
from fixer.rules.reserve import Start, leaves_room, starts
from tests.log.heard import dataset, hear

MADE = "Created device /device:GPU:0 with {limit} MB memory:  -> device: 0, name: {name}, pci bus id: 0000:01:00.0, compute capability: {cc}"
RELEASES = ("1.4.0", "1.15.5", "2.1.3", "2.2.0", "2.4.4", "2.5.0", "2.10.1", "2.12.0", "2.13.1", "2.21.0")


def case(log: str, tensorflow: str | None = None) -> Case:
    return Case(hear(log, {"tensorflow": tensorflow} if tensorflow else None).facts, dataset(), Wish())


def start(limit: int, cc: str, tensorflow: str | None, name: str = "GPU", more: str = "") -> Start:
    (one,) = starts(case(more + MADE.format(limit=limit, name=name, cc=cc), tensorflow))
    return one


@pytest.mark.parametrize(
    ("limit", "cc", "tensorflow", "free"),
    [
        # What tensorflow/tensorflow#24496 printed of a GTX 1050 Ti: 4163764224 bytes free, 314572800 left over.
        (3670, "6.1", "2.1.0", (3970, 3970)),
        (9500, "7.5", "1.15.5", (10000, 10000)),
        (9400, "7.5", "2.4.4", (10000, 10000)),
        (9400, "7.5", "2.10.1", (10450, 10450)),
        (9400, "8.6", "2.10.1", (10936, 10936)),
        (78000, "9.0", "2.10.1", (79536, 79536)),
        (78000, "9.0", "2.12.0", (79536, 79800)),
        (78000, "9.0", "2.21.0", (79800, 79800)),
        (1800, "5.0", "2.10.1", (2025, 2300)),
        (9400, "7.5", None, (9894, 10450)),
    ],
)
def test_free_is_the_limit_and_the_reserve(limit: int, cc: str, tensorflow: str | None, free: tuple[int, int]) -> None:
    one = start(limit, cc, tensorflow)
    assert (one.least_free, one.most_free, one.total) == (*free, None)


def test_every_release_has_a_reserve_for_every_card() -> None:
    data = Dataset.open(None)
    for release in (*RELEASES, None):
        rows = [row for row in data.reserves(release) if row.most_free_mib is None]
        for major in range(2, 13):
            fitting = [row for row in rows if not row.capability_majors or major in row.capability_majors]
            assert fitting, (release, major)
            assert len(fitting) == 1 or release in (None, "2.12.0"), (release, major)


def test_the_total_is_told_or_in_the_name() -> None:
    assert start(900, "6.1", "2.10.1", "NVIDIA GeForce GTX 1060 6GB").total == 6144
    assert start(900, "7.5", "2.3.0", "GeForce RTX 2070", "name: GeForce RTX 2070 computeCapability: 7.5\ndeviceMemorySize: 7.79GiB\n").total == 7976
    assert start(900, "7.5", "2.10.1", "GeForce RTX 2070").total is None


def test_a_number_that_may_be_asked_for_is_told_apart() -> None:
    assert [start(limit, "6.1", "2.10.1", "NVIDIA GeForce GTX 1060 6GB").chosen for limit in (900, 1024, 1500, 3072, 2048, 1843)] == [
        False, True, True, True, True, True,
    ]  # fmt: skip
    assert starts(case("memory_limit=900\n" + MADE.format(limit=900, name="GPU", cc="7.5"))) == ()


@pytest.mark.parametrize(
    ("cc", "tensorflow", "room"),
    [("7.5", "2.4.4", False), ("7.5", "2.5.0", True), ("6.1", "2.10.1", False), ("8.6", "2.21.0", True), ("9.0", "2.12.0", True), ("7.5", None, False)],
)
def test_a_fixed_reserve_leaves_room(cc: str, tensorflow: str | None, room: bool) -> None:
    assert leaves_room(case(MADE.format(limit=9400, name="GPU", cc=cc), tensorflow)) is room
