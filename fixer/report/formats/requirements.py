"""A requirements file for pip and uv: exact pins, with hashes once the plan is proved."""

from __future__ import annotations

from fixer.model.plan import Plan
from fixer.report.formats.common import changes, comments, headline, left, locked, whole


def write(plan: Plan) -> str:
    """What the plan installs; where it installs nothing, what is there."""
    pins = changes(plan)
    lines = comments(headline(plan))
    removed = sorted({str(name) for action in plan.actions for name in action.params.get("remove") or ()})
    if removed:
        lines += comments([f"First remove: {' '.join(removed)}"])
    lines += comments([f"Not in this file: {text}" for text in left(plan)])
    return "\n".join((*lines, *locked(plan, pins or whole(plan)))) + "\n"
