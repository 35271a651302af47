"""Reading the end of a deflate stream without its beginning, against the whole stream inflated as usual."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixer.harvest.midstream import enter


def text(seed: int, size: int) -> bytes:
    """Bytes that repeat what is near, and whose words change on the way, such as a library has."""
    chance = random.Random(seed)
    out = bytearray()
    while len(out) < size:
        words = [chance.randbytes(chance.randint(3, 40)) for _ in range(60)]
        out += b"".join(chance.choice(words) for _ in range(900))
    return bytes(out[:size])


def slice_of_end(end: bytes, size: int, start: int, length: int) -> bytes | None:
    entry = enter(end)
    return entry.slice(size, start, length) if entry else None


def packed(data: bytes, level: int = 6) -> bytes:
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush()


@pytest.mark.parametrize("level", [1, 6, 9])
def test_the_end_is_read_without_the_beginning(level: int) -> None:
    data = text(level, 900_000)
    stream = packed(data, level)
    end = stream[-len(stream) // 3 :]
    start = len(data) - 50_000
    assert slice_of_end(end, len(data), start, 600) == data[start : start + 600]
    assert slice_of_end(end, len(data), len(data) - 5, 5) == data[-5:]


def test_what_the_end_does_not_hold_is_not_guessed() -> None:
    data = text(7, 1_000_000)
    stream = packed(data)
    assert slice_of_end(stream[-len(stream) // 4 :], len(data), 1000, 600) is None
    assert slice_of_end(stream[-2000:], len(data), len(data) - 100, 100) is None
    assert slice_of_end(b"", 100, 10, 10) is None


def test_a_byte_that_repeats_the_missing_part_is_not_known() -> None:
    """Zeros copied on and on from before the entry: they inflate without an error, yet nothing says that they are zeros."""
    data = text(8, 400_000) + bytes(3_000_000) + text(9, 400_000)
    stream = packed(data)
    end = stream[-len(packed(data[-400_000:])) - 200 :]
    middle = 400_000 + 2_900_000
    assert slice_of_end(end, len(data), middle, 100) in (None, bytes(100))
    assert slice_of_end(end, len(data), len(data) - 1000, 1000) == data[-1000:]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 99), st.integers(1, 3000), st.integers(1, 9))
def test_every_answer_is_right(seed: int, share: int, length: int, level: int) -> None:
    data = text(seed, 200_000)
    stream = packed(data, level)
    end = stream[-max(1, len(stream) * share // 100) :]
    start = random.Random(seed).randint(0, len(data) - length)
    assert slice_of_end(end, len(data), start, length) in (None, data[start : start + length])


@given(st.binary(max_size=3000))
@settings(max_examples=15, deadline=None)
def test_noise_gives_no_answer(noise: bytes) -> None:
    assert slice_of_end(noise, 100_000, 99_000, 10) is None
