"""Whether a line of a log is the program's own word on the run that counts: pure, asks nothing but the lines.

The unit is one finding. A wording in a comment, in a quotation or in somebody's sentence was not printed by the run, and an
error before a later success was an earlier run's. Neither proves anything of the failure that is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from typing import Literal

from fixer.model.finding import Certainty, Finding
from fixer.rules.case import Case
from fixer.rules.events import Heard, heard

# A comment, or what somebody typed at a prompt: not printed by a program.
_TYPED = re.compile(r"\s*(?:#(?!#)|//|\$\s|<!--|>>>\s|In \[\d{1,5}\]:)")
# A quotation, an item of a list, a cell of a table.
_MARKED = re.compile(r"\s*(?:>|\*\s|-\s|•|\|(?=.*\|\s*$))")
# Words with which people speak, and programs do not begin; one of the second kind is enough.
_SPOKEN = re.compile(
    r"\b(?:i|i'm|i've|we|you|your|my|me|if|when|because|instead|should|would|could|try|tried|fix|fixes|issue|why|how|what|does|"
    r"means?|says?|said|like|similar|avoid|known|see|seen)\b",
    re.IGNORECASE,
)
_TELLING = re.compile(
    r"\b(?:someone|anyone|people|maybe|perhaps|solution|answer|question|readme|faq|wiki|manual|tutorial)\b", re.IGNORECASE
)
_WORD = re.compile(r"(?<![\w.])[a-z]{2,}(?![\w.:])")
_TALK_IS_WORDS = 2
_GOT_THERE = ("created-device", "gpu-listed", "xla-device", "loaded-cudnn-version")
_RAN = (*_GOT_THERE, "epoch")
# That a line is an error, of which nothing else is known.
AN_ERROR = "an-error"
_REACHED = (*_GOT_THERE, "creating-device-old")
# Only this shows that cuDNN works: a GPU is listed and made ready without it.
_CUDNN_LOADED = ("loaded-cudnn-version",)
# Causes for which a GPU that is made ready later says nothing: it is there all the time.
_WITH_A_DEVICE = ("memory", "none", "shadowing", "hardware")
# What TensorFlow's native half prints carries its file, and what it raises its module. While it is being imported it prints
# already: what comes out of these files does not show that the import succeeded.
_NATIVE = re.compile(r"\b(\w+)\.cc:\d{1,6}\]|\berrors_impl\.")
_AT_WORK = ("cudnn-loaded-compiled", "cudnn-handle", "conv-failed", "dnn-not-found", "dnn-initialization-failed", "no-algorithm",
            "no-dnn-implementation", "oom-tensor", "blas-launch-failed", "creating-device-old")  # fmt: skip
_WHILE_IMPORTED = ("dso_loader", "cudart_stub", "port", "cpu_feature_guard")


def weakened(case: Case, found: Finding) -> Certainty:
    """The certainty of ``found`` once it is asked who speaks, and when."""
    lines = _lines(case, found)
    if found.certainty not in ("proven", "likely"):
        return found.certainty
    if _rests_on_a_list(case, found):
        return "likely"
    if not lines:
        return found.certainty
    if (found.certainty == "proven" or found.stage == "import") and _overtaken(case, found, lines):
        return "possible"
    told = [_told(one) for one in lines]
    if "spoken" in told and "printed" not in told:
        return "possible"
    # Of a line that was cut nobody knows how it went on.
    return "likely" if "printed" not in told or all(one.event.part for one in lines) else found.certainty


def _lines(case: Case, found: Finding, kinds: Container[str] = ("error", "headline")) -> list[Heard]:
    sources = {item.source for item in found.evidence}
    return [one for one in heard(case) if one.event.source in sources and one.row.kind in kinds]


def _rests_on_a_list(case: Case, found: Finding) -> bool:
    """Whether a list or another output of a command tells some of it: of which environment, and whether it still holds, nobody says."""
    stating = [one for one in heard(case) if one.row.states]
    packages = {one.event.source for one in stating if any(name.startswith("package.") for name in one.row.states)}
    others = {one.event.source for one in heard(case) if one.row.states or one.row.fails}
    told = [(item.source, packages if item.fact.startswith("environment.packages.") else others) for item in found.evidence]
    return any(" line " in source and source not in said for source, said in told)


def is_past(case: Case, group: Sequence[Finding]) -> bool:
    """Whether a later run got past the place where the lines of ``group`` stopped one: what failed after that is another failure.

    ``group`` is one finding, or the candidates of one line.
    """
    stages = {found.stage for found in group}
    lines = _lines(case, group[0])
    if not lines and "import" in stages:
        # What is wrong with an import may rest on the frames of its traceback alone.
        lines = [one for one in _lines(case, group[0], ("fact",)) if one.row.id != AN_ERROR]
    if not lines:
        return False
    last = max(one.event.last for one in lines)
    later = [one for one in heard(case) if one.event.last > last]
    if "import" in stages:
        # A fact that is told again keeps the text of its first line, which may be the failure itself.
        return any(one.row.id in _RAN or (one.row.kind != "fact" or one.event.line > last) and _is_running(one) for one in later)
    if all(found.cause == "gpu-memory-setting-misused" for found in group) and any(one.row.id == "cudnn-loaded-compiled" for one in later):
        # Programs catch what a setting of the memory raises and go on; with the wrong cuDNN they do not.
        return True
    if stages & set(_WITH_A_DEVICE):
        return False
    further = _CUDNN_LOADED if any("cudnn" in one.event.text.lower() for one in lines) else _REACHED
    return any(one.row.id in further for one in later)


def _is_running(one: Heard) -> bool:
    """Whether only a TensorFlow that was imported prints the line."""
    found = _NATIVE.search(one.event.text)
    return one.row.id in _AT_WORK or found is not None and one.row.kind != "noise" and found.group(1) not in _WHILE_IMPORTED


def _overtaken(case: Case, found: Finding, lines: Iterable[Heard]) -> bool:
    """Whether a later run shows that what these lines say no longer holds."""
    last = max(one.event.line for one in lines)
    further = _RAN if found.stage == "import" else _GOT_THERE
    return any(one.event.line > last and one.row.id in further for one in heard(case)) or (
        found.stage == "import" and is_past(case, (found,))
    )


def _told(one: Heard) -> Literal["printed", "quoted", "spoken"]:
    """Who says the line: the program, somebody who quotes it, or somebody who speaks of it."""
    text = one.event.text
    before = text[: _begins(one)]
    asked = text.rstrip().endswith("?") and len(_WORD.findall(before)) > _TALK_IS_WORDS
    if asked or _TYPED.match(text) or _TELLING.search(before) or len(_SPOKEN.findall(before)) >= _TALK_IS_WORDS:
        return "spoken"
    return "quoted" if _MARKED.match(text) else "printed"


def _begins(one: Heard) -> int:
    """Where the wording begins in its line; 0 where that is not plain to see."""
    text = one.event.text.lower()
    heads = (re.split(r"\{", template)[0].strip().lower()[:24] for template in one.row.templates)
    places = [text.find(head) for head in heads if len(head) > 5]
    return min((place for place in places if place >= 0), default=0)
