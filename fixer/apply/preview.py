"""What an undo would take back, read from the journal alone; it changes nothing.

The unit is ``preview(run, state) -> (number, steps)``; each step's name is the action's kind.
"""

from __future__ import annotations

from fixer.apply.journal import history, read
from fixer.apply.state import State
from fixer.errors import UsageError
from fixer.model.outcome import Step

_HISTORY = "convfix history lists the runs"
_STANDING = ("applied", "partly undone", "interrupted apply", "interrupted undo", "interrupted")


def preview(run: str | None, state: State) -> tuple[str, tuple[Step, ...]]:
    """The run that ``undo`` would choose and its actions; raises UsageError where there is none to take back."""
    runs = history(state)
    chosen = next((one for one in runs if (one.state in _STANDING if run is None else one.run == str(int(run)))), None)
    damaged = next((one for one in runs if run is None and one.state.startswith("damaged")), None)
    if chosen is None and damaged is not None:
        # Nobody knows whether it stands: that no run is there would be wrong.
        read(damaged.journal)
    if chosen is None:
        raise UsageError("no-such-run", f"there is no run {run}" if run else "there is no run to undo", _HISTORY)
    if chosen.state not in _STANDING:
        # A damaged journal is told with its line; one that is taken back already is told as that.
        read(chosen.journal)
        raise UsageError("already-undone", f"run {chosen.run} is already taken back", _HISTORY)
    listed = read(chosen.journal)[0].before.get("actions")
    actions = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return chosen.run, tuple(Step(str(one.get("kind")), True, 0.0, str(one.get("summary"))) for one in actions)
