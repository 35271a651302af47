"""The page of ``explain``: the causes, each with the lines that say so, and what was harmless."""

from __future__ import annotations

from fixer.model.heard import Explanation, NamedCause
from fixer.model.record import record
from fixer.report.paper import Paper, shown_argv

_SHOWN = 160


@record(frozen=True)
class ExplainView:
    """What the page shows."""

    answer: Explanation


def show(view: ExplainView, exit_code: int, paper: Paper) -> None:
    """The whole page."""
    answer = view.answer
    for at, cause in enumerate(answer.causes):
        if at:
            paper.line()
        _cause(cause, at == 0, paper)
    _unexplained(answer, paper)
    for tried in answer.tried:
        paper.line()
        paper.line(f"A remedy that was tried: {tried.about}", "yellow")
        paper.line(f"line {tried.line}: {_cut(tried.text)}", indent=2)
    if answer.contradictions:
        paper.line()
        paper.line("The log and the machine differ:")
        for words in answer.contradictions:
            paper.line(words, indent=2)
    _harmless(answer, paper)
    paper.line()
    paper.line(_last(answer, exit_code))


def _cause(cause: NamedCause, first: bool, paper: Paper) -> None:
    paper.line(f"{'Cause' if first else 'Or'}: {cause.cause} ({cause.certainty}): {cause.title}", "bold" if first else "")
    for quote in cause.evidence:
        paper.line(f"line {quote.line}: {_cut(quote.text)}", indent=2)
    for item in cause.facts:
        paper.line(f"{item.fact}: {item.value}   [{item.source}]", indent=2)
    paper.line(cause.remedy.summary, indent=2)
    for argv in cause.remedy.commands:
        paper.line(shown_argv(argv), indent=4)
    if cause.decide_with:
        paper.line(f"To decide: {shown_argv(cause.decide_with)}", indent=2)


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
    paper.line()
    paper.line("Harmless, whatever it looks like:")
    for one in answer.harmless if paper.verbose else answer.harmless[:5]:
        paper.line(f"line {one.line}: {one.about or _cut(one.text)}", indent=2)


def _last(answer: Explanation, exit_code: int) -> str:
    if exit_code == 0:
        return "All that was recognised is harmless: no cause stands in this log."
    if answer.unexplained:
        return "The log names no cause. Paste the lines above the error too, or look: convfix doctor"
    if exit_code == 6:
        return f"Nothing was recognised in {answer.lines} lines. Paste the lines above the error too, or look: convfix doctor"
    return "On the machine itself: convfix doctor"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
