"""Takes off what a service puts before every line: a time, a container's name, a rank, a quotation mark.

The unit is a ``Line`` in and the same line out, without what stands before most lines of the log. A wording that the program
broke over lines stands together again then. Which kinds there are is learned from the first lines; a log without any stays as
it is, and so does each line that carries none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from fixer.log.line import Line

_SAMPLE = 200
_MOST_OF_THEM = 0.6
_DEEPEST = 4
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_MONTH = _DAY = r"[A-Z][a-z]{2}"
KINDS: dict[str, re.Pattern[str]] = {
    name: re.compile(text)
    for name, text in {
        # TensorFlow's own time is followed by a colon and belongs to its line.
        "a service's time": rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?(?![\d:.,]) ?",
        "a level of GitHub's": r"##\[\w{1,20}\]",
        "a stream of Kubernetes'": r"std(?:out|err) [FP] ",
        "a name of Compose's": r"[A-Za-z0-9][\w.-]{0,60} {1,30}\| ?",
        "the journal's head": rf"{_MONTH} {{1,2}}\d{{1,2}} {_CLOCK} [\w.-]{{1,64}} [^\s:\[\]]{{1,60}}(?:\[\d{{1,9}}\])?: ?",
        "a program and its number": r"[\w.-]{1,64} [^\s:\[\]]{1,60}\[\d{1,9}\]: ?",
        "a head of Airflow's": rf"\[\d{{4}}-\d\d-\d\d[T,]? ?{_CLOCK}(?: UTC|Z|[+-]\d\d:?\d\d)\] "
        r"\{[\w.]{1,60}:\d{1,6}\} [A-Z]{4,8} - ",
        "a level of logging's": r"(?:[-|] {0,4})?\[?(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL)\]? {0,5}"
        r"(?:[-|] |\[[\w./:-]{1,60}\] )(?:[\w.]{1,60}:[\w<>]{1,60}:\d{1,6} - )?",
        "a head of Celery's": rf"\[\d{{4}}-\d\d-\d\d {_CLOCK}: [A-Z]{{4,8}}/[\w-]{{1,40}}\] ?",
        "a head of syslog's": r"<\d{1,3}>1 \S{10,40} \S{1,64} \S{1,48} \S{1,20} \S{1,32} - ",
        "a job of GitHub's": r"[^\t]{1,80}\t[^\t]{1,80}\t",
        "a pod": r"\[pod/[\w./-]{1,120}\] ?",
        "a file and its line": r"(?:\./)?[\w./-]{1,80}\.(?:log|txt|out|err)[:-](?:\d{1,6}[:-])? ?",
        "the kernel's clock": r"\[ {0,8}\d{1,9}\.\d{1,9}\] ?",
        "the kernel's date": rf"\[{_MONTH} {_MONTH} {{1,2}}\d{{1,2}} {_CLOCK} \d{{4}}\] ?",
        "a rank of MPI's": rf"(?:{_DAY} {_MONTH} {{1,2}}\d{{1,2}} {_CLOCK} \d{{4}})?\[\d{{1,6}}(?:,\d{{1,6}})?\]<std(?:out|err)>: ?",
        "a rank of PyTorch's": r"\[(?:rank|default)?\d{1,6}\]: ?",
        "a worker of Ray's": r"\((?:[\w.:()-]{1,80} )?pid=\d{1,9}(?:, ip=[\d.]{1,45})?\) ?",
        "a rank in brackets": r"\[\d{1,6}\] (?=\S)",
        "a stream": r"std(?:out|err): ?",
        "a task of Slurm's": r" {0,4}\d{1,5}: ",
        "a quotation": r"> ?",
        "a comment": r"(?:#{1,4}|//{1,2}|;{1,2}|--|::|REM) {1,4}(?=\S)",
        "an item": r"[-+*\u2022] {1,4}(?=\S)",
        # Of a time the minutes follow.
        "a line's number": r" {0,6}\d{1,6}(?:(?:[.):|]| {0,2}[|\u2502]|\t| ) {1,4}(?=\S)"
        r"|\t|:(?!\d\d(?:\D|$))(?=\S|$)|-(?=[A-Za-z\[(/#>$]|\d{4}-\d))",
        "an error of a test report": r"E {3,12}(?=\S)",
        "a stream in brackets": r"\[(?:stderr|stdout|err|out)\] ?",
    }.items()
}
# Marks that may also stand within a message, after a line break.
_MARKS = ("a quotation", "a rank in brackets", "a task of Slurm's", "a comment", "an item", "a line's number", "an error of a test report")
_BEGINNING = re.compile("|".join(f"(?:{pattern.pattern})" for name, pattern in KINDS.items() if name not in _MARKS))


def without(lines: Iterable[Line], kinds: Collection[str] = KINDS) -> Iterator[Line]:
    """``lines`` without what stands before most of them, of the ``kinds`` that are sought."""
    source = iter(lines)
    sample = list(itertools.islice(source, _SAMPLE))
    learned = _learned([line.text for line in sample if line.text.strip()], kinds)
    rest = itertools.chain(sample, source)
    return (_taken_off(line, learned) for line in rest) if learned else rest


def begins(text: str) -> bool:
    """Whether ``text`` begins as a service lets a line begin: it was not broken off from the one before."""
    return _BEGINNING.match(text) is not None


def _learned(texts: Sequence[str], kinds: Collection[str]) -> tuple[re.Pattern[str], ...]:
    """The kinds in their order, each the one that most lines carry once those before it are off."""
    found: list[re.Pattern[str]] = []
    while texts and len(found) < _DEEPEST:
        count, name = max((sum(KINDS[name].match(text) is not None for text in texts), name) for name in kinds)
        if count < _MOST_OF_THEM * len(texts):
            break
        pattern = KINDS[name]
        found.append(pattern)
        texts = [rest for text in texts if (rest := pattern.sub("", text, count=1) if pattern.match(text) else text).strip()]
    return tuple(found)


def _taken_off(line: Line, learned: Sequence[re.Pattern[str]]) -> Line:
    at = 0
    for pattern in learned:
        matched = pattern.match(line.text, at)
        at = matched.end() if matched else at
    return Line(line.number, line.text[at:], line.torn, line.edge) if at else line
