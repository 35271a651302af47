"""Every wording that the programs carry: a harmless one is known as harmless, any other names a cause that it can have.

In whatever form it was pasted: with a time or a service's prefix before each line, in colours, in a box, broken at a width.
What is left out stands in a table with its reason.
"""

from __future__ import annotations

import pytest

from fixer.rules.events import CUT_OFF
from tests.log.heard import Heard, hear
from tests.log.wordings import FORMS, Wording, filled, wordings

HARMLESS = ("benign-noise", "no-nvidia-gpu")
TURNS = 3
ALL = wordings()
# Lines that say nothing by themselves, and why.
SILENT = {
    "m007": "the memory that was free: it weighs the causes of the failure beside it",
    "m011": "also printed where the file simply is not there; the failed call beside it counts",
    "m098": "one library's sentence for its status: known where the line names the library, too common alone",
    "m130": "the frame of a diagnosis: too common a word alone, known in the line that TensorFlow prints",
    "m157": "a card with its memory: a cause only where little is free, and a rule of its own reads that",
    "m158": "a device with its memory: a cause only beside a failure",
    "m159": "a device with its memory: a cause only beside a failure",
    "m184": "the ladder, and nothing behind it: harmless first, and memory that may have been wanted beside it",
    "m237": "slower compilation alone; the fact that it states is judged",
    "m238": "slower compilation alone; the fact that it states is judged",
    "m285": "the profiler's library alone: harmless first, and its folder that may be missing where profiling was wanted",
    "m545": "a matrix of letters",
}  # fmt: skip


def judged(heard: Heard, wording: Wording) -> str:
    """What is wrong with the answer to one wording; nothing where it is right."""
    causes = [(cause.cause, cause.certainty) for cause in heard.answer.causes]
    if not heard.hits:
        return "not recognised"
    if any(certainty == "proven" and cause not in wording.causes for cause, certainty in causes):
        return f"another cause is proven: {causes}"
    if wording.noise:
        return f"blamed: {causes}" if any(cause not in HARMLESS for cause, _ in causes) else ""
    if not wording.causes:
        return ""
    if not causes:
        return "no cause is named"
    if causes[0][0] in wording.causes:
        return ""
    wavers = causes[0][1] == "cannot-tell" and any(cause in wording.causes for cause, _ in causes)
    return "" if wavers else f"another cause comes first: {causes[:3]}"


def test_there_are_as_many_as_were_read_in_the_programs() -> None:
    assert len(ALL) == 545 and sum(one.noise for one in ALL) == 101 and len({one.id for one in ALL}) == 545
    assert set(SILENT) < {one.id for one in ALL}
    assert all("{" not in filled(one, turn).replace("${CUDA_DIR}", "").replace("eng0{}", "").replace("{k2=1}", "").replace("{batch: 1}", "")
               for one in ALL for turn in range(TURNS))  # fmt: skip


@pytest.mark.parametrize("turn", range(TURNS))
def test_every_wording_is_understood(turn: int) -> None:
    wrong = {}
    for wording in ALL:
        said = judged(hear(filled(wording, turn)), wording)
        if said and wording.id not in SILENT:
            wrong[wording.id] = (said, filled(wording, turn))
    assert not wrong


def test_what_is_left_out_is_really_silent() -> None:
    """Else the table would hide what works; and none of them may blame anything surely."""
    for wording in ALL:
        if wording.id in SILENT:
            answers = [hear(filled(wording, turn)) for turn in range(TURNS)]
            assert any(judged(answer, wording) for answer in answers), wording.id
            assert all(cause.certainty != "proven" for answer in answers for cause in answer.answer.causes)


OFTEN = ("glog", "kubernetes", "github", "colours", "box", "broken at 80")


@pytest.mark.parametrize(
    "form", [pytest.param(name, marks=pytest.mark.slow if name in OFTEN else pytest.mark.long) for name in FORMS if name != "plain"]
)
def test_the_form_of_a_paste_changes_nothing(form: str) -> None:
    wrong = {}
    for at, wording in enumerate(ALL):
        text = filled(wording, at % TURNS)
        plain, other = hear(text), hear(FORMS[form](text))
        # A line that is as wide as a window in one form is not in another.
        lost = plain.symptoms - other.symptoms - {CUT_OFF}
        if lost or plain.causes[:1] != other.causes[:1]:
            wrong[wording.id] = (text, sorted(lost), plain.causes[:2], other.causes[:2])
    assert not wrong
