"""Reads the form that issue trackers put before people: "OS Platform and Distribution: ...", "CUDA/cuDNN version: ...".

The unit is ``Form(lines)``: the lines go through it unchanged, and ``texts()`` holds the answers under the keys of an environment file
(os, tensorflow, python, cuda, cudnn, gpu, driver, keras, install_method), as people wrote them. The fields may stand one to a line, in
a list, in a table, all in one line, or with their answers on the next line. Without two labels that only such a form has there is
none; a field that was answered in two ways says nothing, as two machines may be meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from fixer.log.line import Line

# In small letters what a label holds; most lines hold not even the first words, as people write them.
_HINTS = (
    "os platform", "installed ", "/cudnn", "/ cudnn", "&cudnn", "& cudnn", "cudnn version", "gpu model", "gpu type", "gpu name", "gpu:",
    "gpu*", "mobile device", "bazel version", "compiler version", "custom code", "operating system", "tensorflow version",
    "tf version", "python version", "keras version", "cuda version", "toolkit version", "driver version", "os:", "os |", "os**", "os?",
)  # fmt: skip
# Labels that only a form has, by key; one without a key ends the answer before it.
_OWN = {
    "os": r"OS platform(?: (?:and|&) distribution)?",
    "install_method": r"TensorFlow installed (?:from|via|using)|Installed using virtualenv\? pip\? conda\?",
    "cuda_cudnn": r"CUDA ?[/&] ?cuDNN(?: versions?)?",
    "gpu": r"GPU models?(?: (?:and|&) memory)",
    "mobile": r"Mobile device",
    "bazel": r"Bazel version",
    "compiler": r"GCC ?/ ?compiler version",
    "code": r"Have I written custom code|Custom code",
}
# These stand elsewhere too: they are labels where a form is, where something parts them from their answer.
_COMMON = {
    "system": r"Operating system(?: version)?|OS",
    "tensorflow": r"(?:TensorFlow|TF)(?:-GPU)? version",
    "python": r"Python version",
    "keras": r"Keras version",
    "cuda": r"CUDA(?: toolkit)? version",
    "cudnn": r"cuDNN version",
    "card": r"GPU(?: (?:models?|type|name)|(?=\*{0,2}: ))",
    "driver": r"(?:NVIDIA |GPU )?driver version",
}
# What follows the form.
_ENDS = (
    r"Exact command to reproduce|Describe the (?:problem|current behaviou?r|expected behaviou?r)|Current behaviou?r\??|Standalone code"
    r"|Relevant log output|Other info ?/ ?logs|Source code / logs"
)
_KEYS = {"system": "os", "card": "gpu"}
_ANSWERED = ("os", "install_method", "gpu", "tensorflow", "python", "keras", "cuda", "cudnn", "driver")
# What the form itself says behind a label, and what people set between it and their answer.
_HINT = r"(?:[ \t]{0,2}\((?:e\.g|source or|use command|if |like |64|such)[^()]{0,160}\))?"
_MARKS = r"[*_`\"' \t]{0,6}"


def _any(labels: Mapping[str, str]) -> str:
    return "|".join(f"(?P<{key}>{words})" for key, words in labels.items())


_LABEL = re.compile(
    # A label begins a word, with one of these letters: most places are passed over by that alone.
    rf"(?<![A-Za-z])(?=[OTICGMBHPKNDERS])(?:(?:{_any(_OWN)}){_HINT}{_MARKS}(?:[:?|=-]{{1,40}}{_MARKS}){{0,3}}"
    rf"|(?:^|(?<=[\s>*#|,;\-\u2022]))(?:{_any(_COMMON)}){_HINT}(?:{_MARKS}(?:[:?|=]{_MARKS}){{1,3}}|{_MARKS}$)|(?P<end>{_ENDS}))",
    re.IGNORECASE,
)
_AT_THE_END = " \t*_`|,;-#>\"'\u2022"
_NO_ANSWER = re.compile(
    r"\W*|_?no response_?|n/?a|none|no|nil|null|unknown|not (?:applicable|sure|relevant)|default|\?+|x+|see (?:above|below).*|\[.{0,80}\]",
    re.IGNORECASE,
)
_NUMBER = r"\d{1,2}(?:\.\d{1,2}){0,3}"
_CUDA, _CUDNN = (re.compile(rf"\b{name}\D{{0,12}}?v?({_NUMBER})", re.IGNORECASE) for name in ("cuda", "cudnn"))
_TWO = re.compile(rf"\D{{0,6}}({_NUMBER})\s?(?:/|,|;|&|and|with|\s)\s?v?({_NUMBER})\b(?:[^\d].{{0,40}})?", re.IGNORECASE)
_ONE = re.compile(rf"\D{{0,6}}({_NUMBER})\b\D{{0,40}}")
_LONGEST_ANSWER, _LONGEST_LINE, _FARTHEST = 200, 80, 3
_TOO_MANY = 2
# What stands behind a field that was left empty: a program, or what it printed.
_OTHERWISE = re.compile(
    r"\s*(?:[\[{(<>$`]|[IWEF] |\d{4}-\d\d|Traceback|import |from |File |\w*(?:Error|Warning)\b|.{0,60}(?:\]|[/\\][\w.]{1,40}[/\\]))"
)


class Form:
    """Lines on their way, and the answers of the form among them."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self._labels: set[str] = set()
        self._said: dict[str, set[str]] = {}

    def __iter__(self) -> Iterator[Line]:
        # The field whose answer stands on a line of its own, and the last line where it may.
        asked, last = "", 0
        for line in self._lines:
            yield line
            text = line.text
            found = list(_LABEL.finditer(text)) if _may_hold(text) and (asked or _is_hinted(text)) else []
            if not found and asked and text.strip():
                if len(text) <= _LONGEST_LINE and not _OTHERWISE.match(text):
                    self._take(asked, text)
                asked = ""
            for one, after in zip(found, (*found[1:], None), strict=False):
                asked, last = one.lastgroup or "", line.number + _FARTHEST
                self._labels.add(asked)
                answer = text[one.end() : after.start() if after else None]
                if answer.strip(_AT_THE_END):
                    self._take(asked, answer)
                    asked = ""
            asked = asked if line.number < last else ""

    def _take(self, label: str, answer: str) -> None:
        answer = answer.strip(_AT_THE_END)[:_LONGEST_ANSWER]
        key = _KEYS.get(label, label)
        if _NO_ANSWER.fullmatch(answer):
            return
        if key == "cuda_cudnn":
            for part, version in _both(answer).items():
                self._add(part, version)
        elif key in _ANSWERED:
            self._add(key, answer)

    def _add(self, key: str, answer: str) -> None:
        answers = self._said.setdefault(key, set())
        # A second answer takes the field its meaning: no third is needed.
        if len(answers) < _TOO_MANY:
            answers.add(answer)

    def texts(self) -> dict[str, str]:
        """The answers by their keys, empty where no form is."""
        if len(self._labels & set(_OWN)) < 2:
            return {}
        return {key: next(iter(answers)) for key, answers in self._said.items() if len(answers) == 1}


def _may_hold(text: str) -> bool:
    common = "ersion" in text or "latform" in text or "nstalled" in text or "odel" in text or "OS" in text or "ustom code" in text
    return (common or "obile dev" in text or "escribe the" in text) and "NVIDIA-SMI" not in text


def _is_hinted(text: str) -> bool:
    low = text.lower()
    return any(map(low.__contains__, _HINTS))


def _both(answer: str) -> dict[str, str]:
    """The versions that were given for CUDA and cuDNN together: by their names, or in the label's order."""
    named = {key: found.group(1) for key, pattern in (("cuda", _CUDA), ("cudnn", _CUDNN)) if (found := pattern.search(answer))}
    if named:
        return named
    two, one = _TWO.fullmatch(answer), _ONE.fullmatch(answer)
    return {"cuda": two.group(1), "cudnn": two.group(2)} if two else {"cuda": one.group(1)} if one else {}
