"""Whether the files of a cuDNN wheel are of one release, where one of them is not the file that was installed.

The unit is ``judged``: a ``replaced`` cuDNN wheel becomes ``mixed`` when its parts themselves say so, and is no problem
when all of them answer that they fit (somebody patched a search path). Nothing is asked, and nothing is started, where
every file has the size that its RECORD gives.
"""

from __future__ import annotations

import dataclasses
import json
import os
import posixpath
import re
from typing import Iterable, Sequence

from fixer.host.base import Host
from fixer.model.facts import BrokenPackage
from fixer.model.versions import CudnnVersion
from fixer.probes.plain import clean
from fixer.probes.wheel_record import REPLACED

_PAYLOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "payloads", "cudnn_parts.py")
_LIMIT = 10.0
# In the order of their needs: what is linked to others comes after them.
_PART = re.compile(r"libcudnn_(graph|ops|cnn|adv|ops_infer|ops_train|cnn_infer|cnn_train|adv_infer|adv_train)\.so\.\d")
_HEAD = re.compile(r"libcudnn\.so\.\d")
_NOT_OF_ONE_RELEASE = ("undefined symbol", "version `", "no version information")


def judged(host: Host, broken: Iterable[BrokenPackage]) -> tuple[BrokenPackage, ...]:
    """``broken`` with the word of cuDNN's own parts on a replaced file."""
    made = []
    for one in broken:
        if one.problem == REPLACED and one.name.startswith("nvidia-cudnn") and not host.is_data:
            said = _asked(host, f"{posixpath.dirname(one.path)}/nvidia/cudnn/lib", one.version)
            if said == "":
                continue
            if said is not None:
                one = dataclasses.replace(one, problem="mixed", detail=f"{said}; {one.detail}")
        made.append(one)
    return tuple(made)


def _asked(host: Host, folder: str, version: str | None) -> str | None:
    """Why the files are not all of ``version``; "" when all say that they are, None when they do not say."""
    names = host.entries(folder)
    parts = [posixpath.join(folder, name) for name in names if _PART.fullmatch(name)]
    heads = [posixpath.join(folder, name) for name in names if _HEAD.fullmatch(name)]
    if not parts:
        return None
    answers = _answers(host, (*parts, *heads))
    for path in parts:
        answer, name = answers.get(path), posixpath.basename(path)
        if isinstance(answer, int) and answer != 0:
            return f"{name} answers that the parts beside it are of another release"
        if isinstance(answer, str) and any(words in answer for words in _NOT_OF_ONE_RELEASE):
            return f"{name} cannot be loaded beside the others: {clean(answer)}"
    told = [_version(answers.get(path)) for path in heads]
    wanted = tuple(int(part) for part in (version or "").split(".")[:3] if part.isdigit())
    for path, found in zip(heads, told):
        # A newer release in the place of the installed one serves TensorFlow as well; an older one may not.
        if found is not None and found < wanted:
            return f"{posixpath.basename(path)} answers {'.'.join(map(str, found))}, its metadata says {version}"
    fits = all(answers.get(path) == 0 for path in parts) and all(one == wanted for one in told)
    return "" if fits else None


def _version(number: object) -> tuple[int, ...] | None:
    """cuDNN's own number, decoded."""
    if not isinstance(number, int) or not 1000 <= number < 1000000:
        return None
    return CudnnVersion.from_number(number).parts


def _answers(host: Host, paths: Sequence[str]) -> dict[str, object]:
    marker = os.urandom(16).hex()
    ran = host.run([host.vantage.python, "-I", "-B", _PAYLOAD, marker, *paths], timeout=min(_LIMIT, host.timeout))
    answers: dict[str, object] = {}
    for line in ran.stdout.splitlines():
        if line.startswith(marker):
            try:
                path, answer = json.loads(line[len(marker) :])
            except (ValueError, TypeError):
                continue
            answers[path] = answer
    return answers
