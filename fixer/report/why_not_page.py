"""The page of ``why-not``: the verdict in one line, then each stack with its reasons, rows and decisive facts."""

from __future__ import annotations

from fixer.model.plan import Rejected
from fixer.model.record import record
from fixer.model.why_not import Argument, WhyNot
from fixer.report.paper import Paper, shown_argv

_SHOWN = 5


@record(frozen=True)
class WhyNotView:
    """An answer of ``why-not``."""

    answer: WhyNot


def show(view: WhyNotView, exit_code: int, paper: Paper) -> None:
    """The whole page."""
    answer = view.answer
    paper.line(_verdict(answer), "bold")
    paper.line()
    arguments = {(one.text, one.row): one for one in answer.reasons}
    meant = [item for item in answer.rejected if any((one.text, one.row) in arguments for one in item.reasons)]
    shown = list(answer.rejected) if paper.verbose else meant[:_SHOWN]
    for item in shown:
        _stack(item, arguments, paper)
    if len(answer.rejected) > len(shown):
        paper.line(f"{len(answer.rejected) - len(shown)} more stacks were judged and refused: -v")
        paper.line()
    told = {reason.text for item in answer.rejected for reason in item.reasons}
    left = [one for one in answer.reasons if one.text not in told]
    if left:
        paper.line("Why another stack is taken first:")
        for one in left:
            _argument(one, paper)
        paper.line()
    for note in answer.notes:
        paper.line(note)
    if answer.instead:
        paper.line(f"Without this wish: {_words(answer.instead)}")
    if answer.possible and not answer.chosen:
        words = [word for text in answer.wish.requirements for word in ("--want", text)]
        paper.line(f"To have it all the same: {shown_argv(['convfix', 'plan', *words])}")


def _verdict(answer: WhyNot) -> str:
    wished = ", ".join(answer.wish.requirements)
    if answer.chosen:
        return f"{wished}: nothing stands against it; it is what a plan takes ({_words(answer.stack)})."
    if answer.possible:
        return f"{wished}: nothing stands against it here ({_words(answer.stack)})."
    if answer.possible is None:
        return f"{wished}: cannot tell; it depends on what is not known: {', '.join(answer.needs)}."
    return f"{wished}: not on this machine{' for the GPU' if answer.device == 'gpu' else ''}."


def _words(stack: object) -> str:
    items = stack.items() if isinstance(stack, dict) else ()
    named = [f"{name} {version}" for name, version in items if name != "environment"]
    return ", ".join(named) + (", in a new environment" if ("environment", "new") in items else "")


def _stack(item: Rejected, arguments: dict[tuple[str, str], Argument], paper: Paper) -> None:
    paper.line(_words(dict(item.stack)))
    for reason in item.reasons:
        _argument(arguments.get((reason.text, reason.row), Argument(reason.text, reason.row, "", reason.fact, "")), paper)
    paper.line()


def _argument(one: Argument, paper: Paper) -> None:
    paper.line(f"- {one.text}", indent=2)
    parts = [f"row {one.row}" if one.row else "", f"from {one.source}" if one.source and paper.verbose else ""]
    parts.append(f"decided by {one.fact}{f' ({one.value})' if one.value else ''}" if one.fact else "")
    said = "; ".join(part for part in parts if part)
    if said:
        paper.line(said, indent=4)
