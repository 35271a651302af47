"""Puts beside a container's command whether it asked for the GPU: ``docker run`` without ``--gpus``, ``singularity exec`` with ``--nv``.

The unit is ``launched(lines)``: the lines go through it unchanged, and behind a command comes one more line of the same number,
``docker run without the GPU``, in which wordings can be sought. A command may go on over lines that end in a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fixer.log.line import Line

_MOST_LINES, _LONGEST = 40, 8000
_HINTS = ("docker", "podman", "nerdctl", "singularity", "apptainer")
# A command stands at the beginning of its line, behind a prompt at most; elsewhere people write about it.
_COMMAND = re.compile(
    r"\s*(?:[\w.@:~/\[\] -]{0,80}[$#>] ?)?(?:`{1,3})?(?:sudo (?:-\w{1,3} )?|time )?(?:[A-Z_]{1,40}=\S{0,80} )?"
    r"(?P<program>(?:nvidia-)?docker|podman|nerdctl|singularity|apptainer) (?:container )?(?P<verb>run|exec|shell) {1,20}(?P<rest>\S.*)"
)
_OF_IMAGES = ("singularity", "apptainer")
# An option, or an image's name: what a sentence goes on with is neither.
_ARGUMENT = re.compile(r"-{1,2}\w|[\w.-]{1,80}[/:][\w./:@-]|\S{1,200}\.s(?:if|img)\b")
# A command that computes, or a person's own session: a database in a container needs no GPU.
_COMPUTES = re.compile(
    r"tensorflow|keras|torch|jax|cuda|nvidia|gpu|python|jupyter|notebook|conda|train|\s-(?:it|ti)\b|--interactive|\.s(?:if|img)\b",
    re.IGNORECASE,
)
# What a word processor makes of the two hyphens before an option.
_TYPESET = re.compile(r"(?<=\s)[—–](?=[a-z])")
_GIVEN = re.compile(
    r"--gpus\b|--(?:runtime|device)[= ]\S{0,60}nvidia|--device[= ]/dev/(?:kfd|dri)|--privileged\b|--nv(?:ccli)?\b|--rocm\b|--hooks-dir"
    r"|libcuda|nvidia[\w-]{0,20}-runtime|NVIDIA_VISIBLE_DEVICES|nvidia\.com/gpu"
)


def launched(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, and behind each command that starts a container whether it asked for the GPU."""
    begun: list[str] = []
    for line in lines:
        yield line
        if not begun and not any(map(line.text.__contains__, _HINTS)):
            continue
        goes_on = line.text.rstrip().endswith("\\") and len(begun) < _MOST_LINES
        begun.append(line.text.strip().rstrip("\\`"))
        if not goes_on:
            told = _told(" ".join(begun)[:_LONGEST])
            begun = []
            if told is not None:
                yield Line(line.number, told)


def _told(text: str) -> str | None:
    """What a command says of the GPU; None where it starts no container."""
    text = _TYPESET.sub("--", text)
    found = _COMMAND.match(text)
    if found is None or not _ARGUMENT.match(found["rest"].lstrip()):
        return None
    program, verb = found["program"], found["verb"]
    if verb != "run" and program not in _OF_IMAGES:
        # What is started in a container that runs already has what that one has.
        return None
    if program == "nvidia-docker" or _GIVEN.search(text) is not None:
        return f"{program} {verb} with the GPU"
    return f"{program} {verb} without the GPU" if _COMPUTES.search(text) is not None else None
