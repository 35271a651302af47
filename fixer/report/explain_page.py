"""The page of ``explain``: the causes, each with the lines that say so, and what was harmless."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fixer.model.heard import Explanation, NamedCause
from fixer.model.record import record
from fixer.report.paper import Paper, shown_argv

_SHOWN = 160
_IN_FULL = 4
_MOST_QUOTES = 8
# A logger's own head: the time and the file say nothing to a person, and the message would not fit beside them.
_HEAD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,9}: [IWEF] \S{1,200}\] |[IWEF]\d{4} \d\d:\d\d:\S{1,40} +\d{1,9} \S{1,200}\] ")


@record(frozen=True)
class ExplainView:
    """What the page shows."""

    answer: Explanation


def show(view: ExplainView, exit_code: int, paper: Paper) -> None:
    """The whole page: what is told surely, then what the log cannot tell apart, each line of the log quoted once."""
    answer = view.answer
    sure = [cause for cause in answer.causes if cause.certainty != "cannot-tell" or paper.verbose]
    for at, cause in enumerate(sure):
        if at:
            paper.gap()
        _cause(cause, at == 0, paper)
    if len(sure) < len(answer.causes):
        _candidates([cause for cause in answer.causes if cause not in sure], bool(sure), paper)
    _unexplained(answer, paper)
    for tried in answer.tried:
        paper.gap()
        paper.line(f"A remedy that was tried: {tried.about}", "yellow")
        paper.line(f"line {tried.line}: {_cut(tried.text)}", indent=2)
    if answer.contradictions:
        paper.gap()
        paper.line("The log and the machine differ:")
        for words in answer.contradictions:
            paper.line(words, indent=2)
    _harmless(answer, paper)
    paper.gap()
    paper.line(_last(answer, exit_code))


def _cause(cause: NamedCause, first: bool, paper: Paper) -> None:
    paper.line(f"{'Cause' if first else 'Or'}: {cause.cause} ({cause.certainty}): {cause.title}", "bold" if first else "")
    _quoted([cause], paper)
    paper.line(cause.remedy.summary, indent=2)
    for argv in cause.remedy.commands:
        paper.line(shown_argv(argv), indent=4)
    if cause.decide_with:
        paper.line(f"To decide: {shown_argv(cause.decide_with)}", indent=2)


def _candidates(causes: Sequence[NamedCause], others: bool, paper: Paper) -> None:
    """Causes that the log cannot tell apart: the lines once, the first few with their remedies, the rest by name."""
    if others:
        paper.gap()
    titles = {cause.title for cause in causes[:_IN_FULL]}
    what = f": {causes[0].title}" if len(titles) == 1 else ""
    paper.line(f"{'It may also be, and the log' if others else 'The log'} cannot tell{what}", "" if others else "bold")
    _quoted(causes, paper)
    paper.line("Most probable first:", indent=2)
    for at, cause in enumerate(causes[:_IN_FULL], 1):
        paper.line(f"{at}. {cause.cause}" + (f": {cause.title}" if len(titles) > 1 else ""), indent=2)
        paper.line(cause.remedy.summary, indent=5)
        for argv in cause.remedy.commands:
            paper.line(shown_argv(argv), indent=7)
    if len(causes) > _IN_FULL:
        paper.line(f"Less probable: {', '.join(cause.cause for cause in causes[_IN_FULL:])}", indent=2)
    for argv in list(dict.fromkeys(cause.decide_with for cause in causes[:_IN_FULL] if cause.decide_with))[:2]:
        paper.line(f"To decide: {shown_argv(argv)}", indent=2)


def _quoted(causes: Sequence[NamedCause], paper: Paper) -> None:
    quotes = {quote.line: quote.text for cause in causes for quote in cause.evidence}
    for line in sorted(quotes)[:_MOST_QUOTES]:
        paper.line(f"line {line}: {_cut(quotes[line])}", indent=2)
    for item in dict.fromkeys(item for cause in causes for item in cause.facts):
        paper.line(f"{item.fact}: {item.value}   [{item.source}]", indent=2)


def _unexplained(answer: Explanation, paper: Paper) -> None:
    if answer.unexplained:
        paper.line("Something failed, and these lines do not say why:", "bold")
    for one in answer.unexplained if paper.verbose else answer.unexplained[:5]:
        paper.line(f"line {one.line}: {_cut(one.text)}", indent=2)
        if one.about:
            paper.line(one.about, indent=4)


def _harmless(answer: Explanation, paper: Paper) -> None:
    if not answer.harmless:
        return
    paper.gap()
    paper.line("Harmless, whatever it looks like:")
    told: dict[str, list[int]] = {}
    for one in answer.harmless:
        told.setdefault(one.about or _cut(one.text), []).append(one.line)
    for words in list(told) if paper.verbose else list(told)[:5]:
        lines = sorted(told[words])
        shown = ", ".join(map(str, lines[:4])) + ("..." if len(lines) > 4 else "")
        paper.line(f"line{'s' if len(lines) > 1 else ''} {shown}: {words}", indent=2)


def _last(answer: Explanation, exit_code: int) -> str:
    if exit_code == 0:
        return "All that was recognised is harmless: no cause stands in this log."
    if answer.unexplained:
        return "The log names no cause. Paste the lines above the error too, or look: convfix doctor"
    if exit_code == 6:
        lines = f"{answer.lines} line{'' if answer.lines == 1 else 's'}"
        return f"Nothing was recognised in {lines}. Paste the lines above the error too, or look: convfix doctor"
    return "On the machine itself: convfix doctor"


def _cut(text: str) -> str:
    text = _HEAD.sub("", text, count=1)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
