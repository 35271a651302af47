"""The diffs of a plan's files, as far as the facts tell them: the text of our own files follows from the parameters.

The unit is ``with_files(plan, facts)``, a function of its arguments alone, so that a plan made from a machine
file shows what the live plan shows. A handler's ``foresee`` serves both: asked with the facts it makes the plan's
diffs, asked with the machine itself those that ``apply`` shows and holds the plan to. A diff that would have to
quote a line of somebody's file is left to ``apply``, and the plan says so.
"""

from __future__ import annotations

from typing import Mapping, Sequence

from fixer.actions.base import Look, Unforeseen
from fixer.errors import UsageError
from fixer.model.action import ActionSpec, FileChange
from fixer.model.digest import digest
from fixer.model.edits import Outline, added, inserted
from fixer.model.facts import Facts
from fixer.model.plan import Plan
from fixer.model.record import altered


def with_files(plan: Plan, facts: Facts) -> Plan:
    """``plan`` with the diffs that follow from ``facts``, and a note on each one that does not."""
    from fixer.actions import HANDLERS

    look = _by_facts(facts)
    made: list[ActionSpec] = []
    notes = list(plan.notes)
    for spec in plan.actions:
        foresee = getattr(HANDLERS[spec.kind], "foresee", None)
        if foresee is not None:
            try:
                spec = altered(spec, files=foresee(spec, look))
            except Unforeseen as unforeseen:
                notes.append(str(unforeseen))
            except UsageError:
                # A described machine may lack a home, or a place for its environment: "~/.bashrc" is no path to write to.
                notes.append(f"The diffs of step {len(made) + 1} are not shown: where its files would lie is not known.")
        made.append(spec)
    return altered(plan, actions=tuple(made), notes=tuple(dict.fromkeys(notes)))


def _by_facts(facts: Facts) -> Look:
    """What the facts know of a file; one of ours that they do not speak of is presumed not to be there."""
    known = {one.path: one for one in facts.repair_files.or_else(())}

    def look(path: str, shell: str) -> Outline | None:
        one = known.get(path)
        if one is not None and one.there and one.outline is None:
            raise Unforeseen(f"{path} cannot be read, so its diff is not known.")
        if one is None and facts.repair_files.is_unknown and not _is_ours(path):
            raise Unforeseen(f"What is in {path} is not known: apply shows the diff before it asks.")
        return one.outline if one is not None else None

    return look


def _is_ours(path: str) -> bool:
    return "convfix" in path.rpartition("/")[2] or "/share/convfix/" in path


def new_files(contents: Mapping[str, bytes], shell: str, look: Look) -> tuple[FileChange, ...]:
    """The diffs of files that are ours as a whole; one that is there already as it should be is left out."""
    made = []
    for path, content in contents.items():
        before = look(path, shell)
        if before is None:
            made.append(added(path, content))
        elif before.sha256 != digest(content):
            raise Unforeseen(f"{path} is there already with other content: take back the run that wrote it first (convfix undo).")
    return tuple(made)


def put_in(path: str, before: Outline, pieces: Sequence[tuple[int, bytes]]) -> tuple[FileChange, ...]:
    """The diff of lines put into somebody's file."""
    try:
        return (inserted(path, before, pieces),)
    except ValueError:
        text = f"The last line of {path} has no line feed, and a plan quotes nobody's lines: apply shows that diff before it asks."
        raise Unforeseen(text) from None
