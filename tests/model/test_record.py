"""Records: frozen dataclasses, compared by their values or as the objects that they are."""

from __future__ import annotations

from fixer.model.record import record


@record(frozen=True)
class Plain:
    value: int


@record(frozen=True, eq=False)
class Single:
    value: int


def test_equal_values_make_equal_records() -> None:
    assert Plain(1) == Plain(1) != Plain(2) and len({Plain(1), Plain(1)}) == 1


def test_without_eq_a_record_equals_itself_alone() -> None:
    one, other = Single(1), Single(1)
    assert one == one and one != other and len({one, other}) == 2
