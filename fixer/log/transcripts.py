"""Puts what somebody asked Python beside what it answered: ``>>> tf.test.is_gpu_available()`` and, lines later, ``False``.

The unit is ``answered(lines)``: the lines go through it unchanged, and behind an answer comes one more line of the same
number, ``GPU available: False``, in which wordings can be sought. Between the two TensorFlow logs what it
likes. A question is an expression that stands alone, or is printed alone; an answer is a line that holds a value alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fixer.log.line import Line

# Questions that wait for their answers, and how many lines an answer may be away: the first start of TensorFlow logs a page.
_MOST_WAITING, _FARTHEST = 12, 120
_LONGEST = 400
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.|In ?\[\d*\]:|(?:\([\w.-]{1,60}\) ?)?(?:[\w.@:~/-]{0,80}\$|[\w.-]{1,60}@[\w.:~/-]{1,80}#)(?= ))\s?")
_OUT = re.compile(r"\s*(?:Out ?\[\d*\]:|=>|->)?\s*")
_TF = r"(?:tf|tensorflow)"
_OF_GPU = r"\(\s*(?:device_type\s*=\s*)?[\"']GPU[\"']\s*\)"
_LIST, _COUNT, _TRUTH, _NAME, _VERSION = (
    re.compile(one) for one in (r"\[\]", r"0", r"True|False", r"''|\"\"", r"[\"']?(\d{1,4}\.\d{1,4}(?:[.+-]?[0-9a-z]+){0,6})[\"']?")
)
# What a shell answers, where the value shows what was asked for.
_FOLDERS = re.compile(r":?/[\w./+@-]{1,300}(?::[\w./+@-]{0,300}){0,31}")
_CARDS = re.compile(r"-?\d{1,3}(?:,\d{1,3}){0,31}|(?:GPU|MIG)-[\w-]{1,60}")
# printenv and env print it so, and a shell sets it so.
_SET_ALONE = re.compile(r"\s*(?:export |set )?CUDA_VISIBLE_DEVICES=[\"']?([\w,./-]{0,120})[\"']?\s*", re.IGNORECASE)
_OF_A_SHELL = (_FOLDERS, _CARDS)
# The names of all devices come one to a line, that of the processor first: which of them is a GPU's only a later line tells.
_PROCESSOR = re.compile(
    r"[\[\"' u]{0,4}/(?:device:)?(?:XLA_)?cpu:\d{1,3}(?:[\"', u]{1,6}/device:(?:XLA_)?cpu:\d{1,3}){0,4}[\"'\]]{0,2}", re.IGNORECASE
)
_GPU = re.compile(r"/(?:device:)?gpu:\d", re.IGNORECASE)
_DEVICES = rf"{_TF}\.config\.(?:experimental\.)?list_(?:physical|logical)_devices{_OF_GPU}"
# What is asked, what an answer looks like, and how the two are said on one line.
_ASKED = (
    (rf"len\(\s*{_DEVICES}\s*\)", _COUNT, "Num GPUs: {}"),
    (_DEVICES, _LIST, "GPUs available: {}"),
    (rf"{_TF}\.test\.is_gpu_available\([^()]{{0,80}}\)", _TRUTH, "GPU available: {}"),
    (rf"{_TF}\.test\.gpu_device_name\(\)", _NAME, "no GPU has a name, GPUs available: []"),
    (r"\[\w{1,40}\.name for \w{1,40} in (?:[\w.]{1,60}\.)?list_local_devices\(\)\]", _PROCESSOR, "no GPU is listed, GPUs available: []"),
    (rf"{_TF}\.test\.is_built_with_(?:cuda|gpu_support)\(\)", _TRUTH, "is_built_with_cuda(): {}"),
    (r"torch\.cuda\.is_available\(\)", _TRUTH, "torch.cuda.is_available() {}"),
    (rf"{_TF}\.(?:__version__|version\.VERSION|VERSION)", _VERSION, "TensorFlow version: {}"),
    (r"(?:keras|tf\.keras)\.__version__", _VERSION, "keras.__version__: {}"),
    (r"echo \"?\$\{?CUDA_VISIBLE_DEVICES\}?\"?", _CARDS, "CUDA_VISIBLE_DEVICES: {}"),
    (r"echo \"?\$\{?LD_LIBRARY_PATH\}?\"?", _FOLDERS, "LD_LIBRARY_PATH={}"),
    (r"(?:np|numpy)\.__version__", _VERSION, "numpy.__version__: {}"),
)
_ANY = "|".join(rf"(?P<q{at}>{asked})" for at, (asked, _, _) in enumerate(_ASKED))
# The answer in the same sentence: tf.test.is_gpu_available() returns False.
_SAYS = (
    r"(?:(?:also|always|still|only|just|now) )?"
    r"(?:returns?|returned|gives?(?: me)?|gave(?: me)?|shows?|prints?|says|outputs?|is|was|->|=>)"
)
_TOLD = re.compile(rf"(?:{_ANY})[)\"'` ]{{0,4}} ?{_SAYS} (?:an |just |only )?[`\"']?(?P<value>\[ ?\]|empty|False|True|0)(?![\w.])")
_QUESTION = re.compile(rf"(?:^|[;:]|print\s*\()\s*(?:{_ANY})\s*\)*\s*[\"']?\s*(?:;|$|#)")
_HINTS = ("l_devices(", "is_gpu_available", "gpu_device_name", "is_built_with", "cuda.is_available(", "__version__", "VERSION", "echo ")


class _Waiting(NamedTuple):
    line: int
    answer: re.Pattern[str]
    words: str


def answered(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, and behind each answer the question and the answer together."""
    waiting: list[_Waiting] = []
    listed: Line | None = None
    for line in lines:
        if listed is not None and not _PROCESSOR.fullmatch(line.text.strip()):
            if _GPU.search(line.text) is not None:
                yield Line(listed.number, "[PhysicalDevice(name='/physical_device:GPU:0', device_type='GPU')]")
            elif "gpu:" not in line.text.lower():
                yield listed
            listed = None
        yield line
        text = line.text
        hinted = ("_" in text or "(" in text or "VERSION" in text) and any(map(text.__contains__, _HINTS))
        if hinted:
            yield from _told(line)
        elif "VISIBLE_DEVICES=" in text and (alone := _SET_ALONE.fullmatch(text)) is not None:
            yield Line(line.number, f'env: CUDA_VISIBLE_DEVICES="{alone.group(1)}"')
        elif not waiting:
            continue
        prompt = _PROMPT.match(line.text)
        asked = list(_questions(line, prompt.end() if prompt is not None else 0)) if hinted else []
        if prompt is not None and (waiting or asked):
            # Whoever is asked anew has said what there was to say.
            waiting.clear()
        if asked:
            waiting = (waiting + asked)[-_MOST_WAITING:]
            continue
        waiting = [one for one in waiting if line.number - one.line <= _FARTHEST]
        value = _OUT.sub("", line.text, count=1).strip() if len(line.text) <= _LONGEST else ""
        for at, one in enumerate(waiting):
            if value and one.answer.fullmatch(value) and (one.answer not in _OF_A_SHELL or line.number == one.line + 1):
                answer = Line(line.number, one.words.format(value))
                if one.answer is _PROCESSOR:
                    listed = answer
                else:
                    yield answer
                del waiting[: at + 1]
                break
    if listed is not None:
        yield listed


def _questions(line: Line, start: int) -> Iterator[_Waiting]:
    """What a line asks, in order."""
    for found in _QUESTION.finditer(line.text[start : start + _LONGEST]):
        answer, words = _kind(found)
        yield _Waiting(line.number, answer, words)


def _told(line: Line) -> Iterator[Line]:
    """What a sentence says that Python answered."""
    for found in _TOLD.finditer(line.text):
        answer, words = _kind(found)
        value = "[]" if answer is _LIST and found["value"] != "0" else found["value"]
        if answer.fullmatch(value):
            yield Line(line.number, words.format(value))


def _kind(found: re.Match[str]) -> tuple[re.Pattern[str], str]:
    """What the answer to the question that was found looks like, and how both are said."""
    place = next(name for name, text in found.groupdict().items() if text is not None and name.startswith("q"))
    _, answer, words = _ASKED[int(place[1:])]
    return answer, words
