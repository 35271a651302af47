"""``convfix data update``: wires the user's index, the cache and the checks, and says what came of it."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

from fixer import exit_codes
from fixer.commands.talk import Talk
from fixer.dataset import locate
from fixer.dataset.cache import cache
from fixer.dataset.meaning import Violation, violations
from fixer.dataset.questions import Dataset
from fixer.errors import CannotTellError, UsageError
from fixer.harvest import update as renew
from fixer.harvest.configuration import configuration
from fixer.harvest.errors import HarvestError, Unreachable
from fixer.harvest.index import Index
from fixer.host.real import RealHost
from fixer.model.codec import to_json
from fixer.model.outcome import Outcome
from fixer.planning.faults import refusal
from fixer.report.small_pages import LinesView
from fixer.rules.causes import CAUSES

_TIMEOUT = 60.0


def run(offline: bool, timeout: float | None, quiet: bool) -> Outcome:
    """Renew the data; raises UsageError, CannotTellError for an index that does not answer, ConvfixError for one that lies."""
    if offline:
        raise UsageError("offline", "data update asks the package index, and --offline forbids it")
    if os.environ.get(locate.VARIABLE):
        raise UsageError("own-dataset", f"{locate.VARIABLE} names a dataset of your own: an update would not be used")
    held, bundle = cache(), locate.bundle()
    setup = configuration(RealHost(timeout=timeout or _TIMEOUT))
    folder = os.path.join(os.path.dirname(held.folder), "index")
    index = Index(Path(folder), setup, timeout or _TIMEOUT)
    try:
        done = renew.update(held, bundle, index, datetime.date.today().isoformat(), _judge, Talk(quiet))
    except Unreachable as error:
        raise CannotTellError("index-unreachable", str(error), "check pip's or uv's index, proxy and certificates") from None
    except HarvestError as error:
        raise UsageError("malformed-answer", str(error), "the data in use stay as they were") from None
    finally:
        index.forget_wholes()
    told = {
        **to_json(done), "index": setup.address, "fetched_bytes": index.fetched,
        "added": [{"distribution": name, "version": version} for name, version in done.added],
    }  # fmt: skip
    code = exit_codes.PROBLEMS if done.left_out else exit_codes.HEALTHY
    return Outcome("data update", code, told, view=LinesView(tuple(_lines(done, told))), dataset=done.version)


def _judge(dataset: Dataset) -> tuple[Violation, ...]:
    return violations(dataset, CAUSES, refusal)


def _lines(done: renew.Update, told: dict[str, Any]) -> list[str]:
    lines = [f"new: {name} {version}" for name, version in done.added]
    lines += [f"left out: {one.distribution} {one.version}: {one.reason}" for one in done.left_out]
    state = "renewed" if done.changed else "nothing new"
    return [*lines, f"{state}: version {done.version} in {done.path} ({told['fetched_bytes']} bytes from {told['index']})"]
