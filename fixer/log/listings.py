"""Reads what pip and conda print of installed packages: tables, "Successfully installed", "already satisfied", ``pip show``.

The unit is ``Listings(lines)``: the lines go through it unchanged, and ``packages`` holds the last version that was told of
each package that matters here, with the number of its line. A requirement (``numpy==1.26``) is a wish and no package, but below
a command ``pip freeze``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fixer.log.line import Line

# The packages whose versions decide something: the frameworks, what they pin, and CUDA's libraries.
_NAME = (
    r"(?:tensorflow[\w.-]*|tf-[\w.-]+|tf_[\w.-]+|keras[\w.-]*|numpy|protobuf|ml[-_]dtypes|h5py|wrapt|jax(?:lib)?|jax-[\w.-]+"
    r"|torch|torchvision|transformers|nvidia-[\w.-]+|cudatoolkit|cudnn)"
)
_VERSION = r"(\d+\.\d+(?:\.\d+)*(?:[.+-]?[a-z]+[\w.]*)?)"
_WHOLE = r"(\d+\.\d+\.[\w.+]+)"
_LONGEST_ROW = 160
# How the lines begin that name a package, or tell of one: "Requirement", "Successfully", "Name", "Version".
_FIRST = frozenset("tTkKnNpPmMhHwWjJcCrRsSvV")
# A row of pip's table or of conda's: what follows the version is a build and a channel, or a folder.
_ROW = re.compile(rf"\s*({_NAME})\s+{_WHOLE}(?:\s+\S+){{0,2}}\s*", re.IGNORECASE)
_SATISFIED = re.compile(rf"\s*Requirement already satisfied: ({_NAME})\b.* \({_VERSION}\)\s*", re.IGNORECASE)
_FREEZE = re.compile(r"(?:^|[\s$>!%])(?:uv )?pip3?(?:\.exe)? freeze\b", re.IGNORECASE)
# What pip freeze prints: a release, or where it was taken from.
_FROZEN = re.compile(r"\s*(?:-e )?[\w.-]+(?:==| @ )\S+.*")
_FROZEN_PACKAGE = re.compile(rf"\s*({_NAME})=={_VERSION}\s*", re.IGNORECASE)
_INSTALLED = re.compile(r"\s*Successfully installed ", re.IGNORECASE)
_PIECE = re.compile(rf"({_NAME})-{_VERSION}", re.IGNORECASE)
_SHOWN_NAME, _SHOWN_VERSION = re.compile(rf"\s*Name: ({_NAME})\s*", re.IGNORECASE), re.compile(rf"\s*Version: {_VERSION}\s*")


class Listings:
    """Lines on their way, and the packages that they list; ``packages`` is whole when the lines are at their end."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self.packages: dict[str, tuple[str, int]] = {}

    def __iter__(self) -> Iterator[Line]:
        shown, frozen = None, False
        for line in self._lines:
            if not frozen and shown is None and line.text.lstrip()[:1] not in _FIRST and "reeze" not in line.text.lower():
                # Most lines list nothing, which their first character tells.
                yield line
                continue
            frozen = _FREEZE.search(line.text) is not None or frozen and (not line.text.strip() or _FROZEN.fullmatch(line.text) is not None)
            package = _FROZEN_PACKAGE.fullmatch(line.text) if frozen and len(line.text) <= _LONGEST_ROW else None
            if package is not None:
                self.packages[package.group(1).lower()] = (package.group(2), line.number)
            for name, version in _listed(line.text):
                self.packages[name.lower()] = (version, line.number)
            version_of = _SHOWN_VERSION.fullmatch(line.text) if shown is not None else None
            if shown is not None and version_of is not None:
                self.packages[shown] = (version_of.group(1), line.number)
            named = _SHOWN_NAME.fullmatch(line.text) if len(line.text) <= _LONGEST_ROW else None
            shown = named.group(1).lower() if named is not None else None
            yield line


def _listed(text: str) -> Iterator[tuple[str, str]]:
    """The packages that one line lists."""
    if _INSTALLED.match(text):
        for word in text.split():
            piece = _PIECE.fullmatch(word)
            if piece is not None:
                yield piece.group(1), piece.group(2)
        return
    if len(text) > _LONGEST_ROW and "already satisfied" not in text:
        return
    found = _ROW.fullmatch(text) or _SATISFIED.fullmatch(text)
    if found is not None:
        yield found.group(1), found.group(2)
