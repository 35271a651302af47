"""What the wish's requirements say about TensorFlow: pure reading of PEP 508 strings.

The unit is one wish. A requirement that cannot be read is passed over here; the command line refuses it
before any rule runs.
"""

from __future__ import annotations

from functools import lru_cache

from fixer.dataset import ask
from fixer.dataset.questions import Dataset
from fixer.model.compare import within
from fixer.model.pep440 import normal_name
from fixer.model.plan import Wish


@lru_cache(maxsize=1024)
def parsed(text: str) -> tuple[str, str, frozenset[str]] | None:
    """A requirement's normalised name, its specifier and its extras; None when it cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    return normal_name(requirement.name), str(requirement.specifier), frozenset(requirement.extras)


def wanted(wish: Wish, name: str) -> tuple[str, frozenset[str]] | None:
    """The specifier and extras wished for ``name``; None when the wish does not name it."""
    for text in wish.requirements:
        found = parsed(text)
        if found is not None and found[0] == name:
            return found[1], found[2]
    return None


def for_the_cpu(wish: Wish) -> bool:
    """Whether TensorFlow is wished for under the name of its build without CUDA alone."""
    return wanted(wish, "tensorflow-cpu") is not None and not any(wanted(wish, name) for name in ("tensorflow", "tensorflow-gpu"))


def installable(wish: Wish, dataset: Dataset, python: str, platform: str) -> bool:
    """Whether some published TensorFlow that the wish admits has a wheel for this Python."""
    names = [name for name in ("tensorflow", "tensorflow-gpu", "tensorflow-cpu") if wanted(wish, name) is not None]
    for name in names or ["tensorflow"]:
        specifier = (wanted(wish, name) or ("", frozenset()))[0]
        if _published(dataset, name, specifier, python, platform):
            return True
    return False


@lru_cache(maxsize=2048)
def _published(dataset: Dataset, name: str, specifier: str, python: str, platform: str) -> bool:
    rows = ask.releases(dataset, name)
    if not rows:
        return True
    return any(
        row.platform == platform
        and python in row.python
        and (not row.prerelease or bool(specifier))
        and within(specifier, row.version) is not False
        for row in rows
    )
