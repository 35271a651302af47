"""A plan while it grows: actions, human steps, refusals and notes, and the exit code that follows from them.

The unit is ``Draft``. It holds what was decided and decides nothing but the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fixer import exit_codes
from fixer.model.action import ActionSpec, HumanStep
from fixer.model.plan import Rejected
from fixer.model.record import altered


@dataclass
class Draft:
    """What has been decided so far. ``driver`` is "keep" or the contract's object; ``needs`` names unknown facts."""

    actions: list[ActionSpec] = field(default_factory=list)
    human_steps: list[HumanStep] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    driver: Any = "keep"
    driver_floor: str | None = None
    device: str | None = None
    no_stack: bool = False

    def note(self, text: str) -> None:
        """Say ``text`` once."""
        if text and text not in self.notes:
            self.notes.append(text)

    def step(self, step: HumanStep) -> None:
        """Ask a person for ``step``, once."""
        if all(old.summary != step.summary for old in self.human_steps):
            self.human_steps.append(step)

    def need(self, *facts: str) -> None:
        """An unknown fact decides."""
        for name in facts:
            if name not in self.needs:
                self.needs.append(name)

    @property
    def exit_code(self) -> int:
        """The contract's code of what was decided."""
        codes = [exit_codes.HEALTHY]
        codes += [exit_codes.NO_STACK] if self.no_stack else []
        codes += [exit_codes.CANNOT_TELL] if self.needs else []
        codes += [exit_codes.PROBLEMS] if any(one.privilege == "user" for one in self.actions) else []
        codes += [exit_codes.PERSON_ONLY] if self.human_steps else []
        return exit_codes.strongest(codes)

    @property
    def decided(self) -> bool:
        """Whether there is a state to speak of: neither an unknown fact nor the lack of a stack stands in the way."""
        return not self.no_stack and not self.needs

    def numbered(self) -> tuple[ActionSpec, ...]:
        """The actions, with ids in order."""
        return tuple(altered(action, id=f"{place}-{action.id}") for place, action in enumerate(self.actions, 1))
