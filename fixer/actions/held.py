"""An installer held to the archives of its own dry run: what the index serves a moment later must have the same hashes.

The unit is ``Hold``. uv gets the exact pins with their hashes as one more constraint, beside the user's own, and refuses
another archive. pip before 26.1 cannot be told by a constraint (it then wants a hash beside each requirement of the
command line, which is the plan's own), so pip reports what it took, and a set that differs goes back as a whole. Nothing
is held where the index tells no hash for some archive.
"""

from __future__ import annotations

import json
import os
from typing import Mapping, Sequence

from fixer.actions import dry_run
from fixer.actions.base import StepFailed
from fixer.host import durable
from fixer.host.base import Host
from fixer.model.record import record

Hashes = Mapping[str, tuple[str, ...]]
_CANNOT = ("no-hashes", "old-pip")


@record(frozen=True)
class Hold:
    """``file`` is a new file of ours below ``folder``, where the installer must be run; ``known`` are hashes by exact pin."""

    manager: str
    file: str
    folder: str
    known: Hashes

    def world(self, world: Mapping[str, str]) -> dict[str, str]:
        """The variables for the installer; what it is to read is written."""
        if not self.known:
            return dict(world)
        if self.manager != "uv":
            return {**world, "PIP_REPORT": self.file}
        lines = (f"{pin} {' '.join(f'--hash={one}' for one in of_pin)}\n" for pin, of_pin in sorted(self.known.items()))
        durable.write_new(self.file, "".join(lines).encode("ascii"))
        # A relative path, since the variable is split at spaces; the names below the folder are ours and have none.
        short = os.path.relpath(self.file, self.folder)
        return {**world, "UV_CONSTRAINT": f"{world.get('UV_CONSTRAINT', '')} {short}".strip()}

    def check(self, argv: Sequence[str]) -> None:
        """Raise StepFailed where pip, called with ``argv``, took another archive than the dry run's."""
        if not self.known or self.manager == "uv" or "install" not in argv:
            return
        try:
            items = json.loads(durable.read(self.file))["install"]
            taken = dict(dry_run.reported(item) for item in items)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StepFailed("not-held", f"pip did not report the hashes of what it installed: {self.file}") from None
        self.let_go()
        wrong = [pin for pin, hashes in taken.items() if not set(hashes) & set(self.known.get(pin, ()))]
        if wrong:
            raise StepFailed("not-held", f"the index gave a file with another hash than in the dry run: {', '.join(wrong[:5])}")

    def let_go(self) -> None:
        """Remove the file, where it is: a report that stays could answer for the next call."""
        durable.unlink(self.file)


def hashes_of(commands: Sequence[Sequence[str]], manager: str, interpreter: str, host: Host, cwd: str) -> Hashes:
    """Ask for the change that ``commands`` would make, and for its hashes; {} where these cannot be had."""
    try:
        return hashes(dry_run.of_commands(commands, host, cwd), manager, interpreter, host, cwd)
    except dry_run.NotProved as error:
        if error.code not in _CANNOT:
            raise
        return {}


def hashes(change: dry_run.Change, manager: str, interpreter: str, host: Host, cwd: str) -> Hashes:
    """Pins and hashes of all that will be installed; {} where the index tells none for some."""
    try:
        return dry_run.hashes(change, manager, ("--python", interpreter), host, cwd, offline=False)
    except dry_run.NotProved as error:
        if error.code not in _CANNOT:
            raise
        return {}
