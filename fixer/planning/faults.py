"""Whether planning can act on what a known fault's row advises: an action that it builds, or a release that exists.

The unit is ``refusal``, a question about one row; the words of a remedy are for people, ``settled_by`` is
for us. It plans nothing.
"""

from __future__ import annotations

import re

from fixer.dataset.questions import TENSORFLOW, Dataset, contains
from fixer.dataset.rows import DriverStepRow, KnownFaultRow, ReleaseRow, TensorFlowRow
from fixer.errors import ConvfixError
from fixer.model.pep440 import normal_name
from fixer.planning import causes

# The actions by which a plan repairs how libraries are found.
LOADING = frozenset(("preload_hook", "activation_script"))
_REPAIRED = causes.PACKAGES | causes.STACK | causes.LIBRARIES | causes.SETTINGS | causes.DRIVER
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(.*)")


def refusal(dataset: Dataset, fault: KnownFaultRow) -> str | None:
    """Why planning could not act on ``fault``, in words; None when it can act on everything that ``settled_by`` names."""
    if fault.cause not in _REPAIRED:
        return f"planning repairs no {fault.cause}"
    if not fault.settled_by:
        return "settled_by names nothing that planning could do"
    return next((why for text in fault.settled_by if (why := _refused(dataset, fault, text)) is not None), None)


def _releases(dataset: Dataset, name: str) -> tuple[TensorFlowRow, ...] | tuple[ReleaseRow, ...]:
    return dataset.tensorflow_releases(name) if name in dataset.files.sections(TENSORFLOW) else dataset.releases(name)


def _refused(dataset: Dataset, fault: KnownFaultRow, text: str) -> str | None:
    if text in LOADING:
        return None
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        return f"settled_by {text!r} is neither a requirement nor an action"
    name, specifier = normal_name(match[1]), match[2]
    try:
        if name == "driver":
            known = any(contains(specifier, str(row.branch)) for row in dataset.all(DriverStepRow))
            return None if known else f"settled_by {text!r}: no row of drivers.json gives such a branch"
        versions = {row.version for row in _releases(dataset, name) if contains(specifier, row.version)}
        if not versions:
            return f"settled_by {text!r}: the dataset knows no such release"
        broken = name == fault.distribution and all(contains(fault.versions, version) for version in versions)
    except ConvfixError as error:
        return f"settled_by {text!r}: {error.message}"
    return f"settled_by {text!r}: every such release has the fault too" if broken else None
