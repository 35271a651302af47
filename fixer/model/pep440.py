"""Names and versions of Python packages: the normal name, whether a text is a version, and whether two are the same.

``packaging`` decides on versions; it is slow to import, so a start that meets only ordinary versions never does.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SIMPLE = re.compile(r"\d{1,9}(\.\d{1,9}){0,7}((a|b|rc)\d{1,9})?(\.post\d{1,9})?(\.dev\d{1,9})?(\+[a-z0-9]{1,40})?", re.ASCII)
# Longer ones are nobody's; a number of thousands of digits cannot even be compared.
_LONGEST = 200


@lru_cache(maxsize=8192)
def normal_name(name: str) -> str:
    """A distribution's name as PEP 503 normalises it: ``ml_dtypes`` is ``ml-dtypes``."""
    return re.sub(r"[-_.]+", "-", name).lower()


@lru_cache(maxsize=8192)
def is_version(text: str) -> bool:
    """Whether ``text`` is a version as PEP 440 says."""
    if _SIMPLE.fullmatch(text):
        return True
    if len(text) > _LONGEST:
        return False
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def same(one: str, other: str) -> bool:
    """Whether two versions are one (1.0 is 1.0.0); what is no version is only the same as itself."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other
