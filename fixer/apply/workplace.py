"""The workplace that a handler gets: its run's journal and before-images, a tethered child, a voice.

The unit is ``Bench``. An intention is on disk before its deed, a before-image before the intention that
names it. It chooses nothing and undoes nothing.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Mapping, Sequence

from fixer.actions.base import StepFailed
from fixer.apply.interrupt import Watch
from fixer.apply.journal import Journal
from fixer.apply.state import State
from fixer.apply.tether import tethered
from fixer.host import durable
from fixer.host.base import Host, Ran

_SECONDS = 4 * 3600.0
_TALK = 64 << 20

Say = Callable[[str], None]


def unfailing(say: Say) -> Say:
    """``say`` for a listener who may be gone (a closed terminal, a broken pipe): that must neither stop nor spoil the work."""

    def told(text: str) -> None:
        with contextlib.suppress(OSError):
            say(text)

    return told


class Bench:
    """See ``actions.base.Workplace``. ``action`` is set by the transaction before each step."""

    def __init__(self, journal: Journal, state: State, host: Host, say: Say, watch: Watch) -> None:
        self.run = journal.run
        self.action = ""
        self.journal = journal
        self.say = say
        self._state = state
        self._host = host
        self._watch = watch
        self._last = 0

    def keep(self, data: bytes) -> str:
        folder = self._state.files(self.run)
        if not os.path.isdir(folder):
            durable.make_dir(folder)
        name = str(len(os.listdir(folder)))
        durable.write_new(os.path.join(folder, name), data)
        return name

    def kept(self, name: str) -> bytes:
        if not (name.isascii() and name.isdecimal()):
            raise StepFailed("damaged-journal", f"the journal names no before-image: {name[:40]!r}")
        path = os.path.join(self._state.files(self.run), name)
        try:
            return durable.read(path)
        except OSError as error:
            raise StepFailed("damaged-backup", f"the before-image {path}: {error.strerror}") from error

    def intend(self, before: Mapping[str, Any]) -> None:
        self._watch.check()
        self._last = self.journal.append(self.action, "intent", before=before).seq

    def done(self, after: Mapping[str, Any]) -> None:
        self.journal.append(self.action, "done", after={"of": self._last, **after})

    def child(self, argv: Sequence[str], environ: Mapping[str, str], cwd: str) -> Ran:
        with self._watch.breakable():
            return self._host.run(
                tethered(argv, self._state.installer_lock), timeout=_SECONDS, environ=environ, cwd=cwd, limit=_TALK
            )
