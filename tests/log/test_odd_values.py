"""Every wording with values that no program prints: an answer, and never an exception."""

from __future__ import annotations

import re

import pytest

from tests.log.heard import hear
from tests.log.test_templates import GAP, WORDINGS

# They stand for every value of a wording: numbers, versions, paths and names that are none.
ODD = (
    "/", "//", "'", '"\'"', "-", "--", ".", "..", "0", "9" * 300, "1.", ".1", "0.0.0.0.0.0", "99999999.9", "-1", "\u0660\u0661", "e\u0301",
    "x" * 250, ".so", "lib.so.", "/usr/lib/", "C:\\", "%s", "{}", "[]", "sm_", "CUDA", "None", "nan", "1e999", "==", ";",
)  # fmt: skip


def worded(text: str, odd: str) -> str:
    """The wording with ``odd`` for each value, the first of its words where it gives a choice, a blank for a gap."""

    def value(part: re.Match[str]) -> str:
        if part.group(1) == "..":
            return " "
        kind = part.group(1).partition(":")[2]
        return kind.split("|")[0] if "|" in kind else odd

    return GAP.sub(value, text)


@pytest.mark.parametrize("odd", ODD, ids=[str(number) for number in range(len(ODD))])
def test_odd_values_are_answered(odd: str) -> None:
    """Whole, and broken off where the value begins."""
    answered = 0
    for text in dict.fromkeys(worded(text, odd) for _, text in WORDINGS if GAP.search(text)):
        for log in (text, text.partition(odd)[0] + f"\n{odd}\n"):
            hear(log)
            answered += 1
    assert answered > 600
