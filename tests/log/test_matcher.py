"""The matcher reads once and keeps little: batches, repeated lines, harmless lines; counted, never timed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixer.log import anchors, batches, kept
from fixer.log import matcher as room
from fixer.log.line import Line
from fixer.log.matcher import Matcher
from tests.log.heard import dataset, hear, matcher

ERROR = "E a.cc:1] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR"


def test_a_wording_that_is_broken_at_the_border_of_two_batches_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "kernel version 352.63.0 does not match DSO version 361.93.2"
    monkeypatch.setattr(batches, "_BATCH_LINES", 10)
    for lead in range(5, 16):
        lines = [Line(at + 1, f"nothing {chr(97 + at)}") for at in range(lead)]
        lines += [Line(lead + 1, message[:30]), Line(lead + 2, message[30:]), Line(lead + 3, "end")]
        hits, count = matcher().hits(lines)
        found = [hit for hit in hits if hit.symptom.id == "driver-halves-differ"]
        assert [(hit.line, hit.times, dict(hit.values)) for hit in found] == [
            (lead + 1, 1, {"kernel": "352.63.0", "library": "361.93.2"})
        ]
        assert count == lead + 3


def test_the_same_line_again_is_counted_and_kept_once() -> None:
    hits, _ = matcher().hits([Line(at + 1, ERROR) for at in range(5)])
    assert {(hit.symptom.id, hit.times) for hit in hits} == {("cudnn-handle", 5), ("cudnn-internal-error", 5)}


def test_different_values_are_kept_apart_and_capped() -> None:
    words = [chr(97 + at // 26) + chr(97 + at % 26) for at in range(200)]
    hits, _ = matcher().hits([Line(at + 1, f"Could not load dynamic library 'lib{word}.so'") for at, word in enumerate(words)])
    assert 10 <= len([hit for hit in hits if hit.symptom.id == "library-not-loaded"]) <= kept.MOST_DIFFERENT


def test_what_lies_inside_a_harmless_line_is_part_of_it() -> None:
    heard = hear("I cuda_driver.cc:1] failed to allocate 1.00G (1073741824 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory")
    assert heard.symptoms == {"cuda-oom-ladder"} and heard.causes[0] == "benign-noise"


class Counting(Matcher):
    """Counts the lines that are sought through."""

    sought = 0

    def _found(self, text, fresh, kept):  # type: ignore[no-untyped-def]
        Counting.sought += len(text.batch) - fresh
        return super()._found(text, fresh, kept)


def test_a_long_text_is_searched_for_the_anchors_alone_whose_pieces_it_holds() -> None:
    seeking = matcher()._anchors
    every = tuple(matcher()._by_anchor)
    padding = "0123456789" * 2000
    assert len(list(seeking.that_may_stand_in(padding))) < len(every) / 20
    assert tuple(seeking.that_may_stand_in("short")) == every
    for first in range(anchors._PIECE):
        for anchor in every:
            text = "0" * first + anchor + "0" * (anchors._WORTH_DIVIDING - len(anchor))
            assert anchor in seeking.that_may_stand_in(text)


def training(lines: int) -> Iterator[Line]:
    for at in range(lines):
        yield Line(at + 1, f"{at % 500}/500 [====>......] - ETA: {at % 60}s - loss: 0.{at:07d} - accuracy: 0.{at % 997:04d}")


def test_a_long_training_is_sought_through_once_per_kind_of_line() -> None:
    seeking = Counting(dataset().symptoms())
    for length in (2_000, 50_000):
        Counting.sought = 0
        _, count = seeking.hits(training(length))
        assert count == length and Counting.sought < 200, (length, Counting.sought)


def test_memory_is_bounded_by_the_kinds_of_lines_and_not_by_their_number() -> None:
    """The reader holds a batch; what is kept are hits and a bounded memory of text."""
    held: list[int] = []

    class Kept(kept.Kept):
        def remember(self, follows, hits):  # type: ignore[no-untyped-def]
            super().remember(follows, hits)
            held.append(len(self.followers))

    original, room.Kept = room.Kept, Kept  # type: ignore[misc]
    try:
        words = (chr(97 + at // 676 % 26) + chr(97 + at // 26 % 26) + chr(97 + at % 26) for at in range(30_000))
        matcher().hits(Line(at + 1, f"Could not load dynamic library 'lib{word}{at}.so'") for at, word in enumerate(words))
    finally:
        room.Kept = original  # type: ignore[misc]
    assert held and max(held) <= kept._MOST_REMEMBERED


@pytest.mark.long
@pytest.mark.parametrize("kind", ["training", "one line", "an anchor again and again", "words"])
def test_a_hundred_megabytes_are_read_whole(kind: str) -> None:
    from fixer.log.reader import lines

    unit = {
        "training": b"12/500 [==>...] - ETA: 3s - loss: 0.123\n",
        "one line": b"a",
        "an anchor again and again": b"Could not load dynamic library '",
        "words": b"lorem ipsum dolor sit amet, consectetur adipiscing\n",
    }[kind]
    chunk = unit * ((1 << 16) // len(unit))
    left = [(100 << 20) // len(chunk)]

    def read(size: int) -> bytes:
        left[0] -= 1
        return chunk if left[0] >= 0 else b""

    _, count = matcher().hits(lines(read))
    assert left[0] < 0 and count == max(1, ((100 << 20) // len(chunk)) * chunk.count(b"\n"))
