"""What an activation changes: the values that go into a shell, whichever it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import field
from typing import Mapping

from fixer.model.record import record


@record(frozen=True)
class Values:
    """What to change: folders put before a path list, variables set, variables removed, folders taken off a path list.

    Folders are absolute and hold no colon; names of path lists end in PATH. What is taken off goes before anything is added.
    """

    prepend: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    set: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    drop: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def lists(self) -> list[str]:
        """The names of the path lists that change."""
        return sorted({*self.prepend, *self.drop})

    @property
    def key(self) -> str:
        """A short name for exactly these values; it keeps the scripts of two environments apart."""
        content = [sorted((k, list(v)) for k, v in self.prepend.items()), sorted(self.set.items()), sorted(self.unset)]
        content += [sorted((k, list(v)) for k, v in self.drop.items())] if self.drop else []
        return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()[:10]
