"""One child of the patient's interpreter that runs a payload, and what it answered.

The unit is ``Answer``. Whatever the child does (dies by a signal, hangs, prints rubbish, is no Python at all) becomes
a failed step with a clear detail. It judges no device and no level.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import signal
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

import fixer
from fixer.host.base import Host, Ran
from fixer.model.outcome import Step
from fixer.model.record import record
from fixer.verify.fresh_shell import Surroundings

PAYLOADS = os.path.join(os.path.dirname(os.path.abspath(fixer.__file__)), "payloads")
# The payloads are imported from their folder, which then leaves sys.path: the patient sees the path a user has.
_BOOT = (
    "import sys; before = sys.dont_write_bytecode; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1]); "
    "import json, library_check, {payload} as payload; sys.path.remove(sys.argv[1]); sys.dont_write_bytecode = before; "
    "payload.prove(library_check.Report(json.loads(sys.argv[2])))"
)
# dso_loader tells at verbosity 1 which library does not open (tensorflow/tensorflow#66987); the log level is opened
# for the same reason. Neither changes what TensorFlow does. NVIDIA_TF32_OVERRIDE=0 keeps cuDNN and cuBLAS in float32.
_CHILD_VARIABLES = {"TF_CPP_MIN_LOG_LEVEL": "0", "NVIDIA_TF32_OVERRIDE": "0", "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT"}
_VMODULE = "dso_loader=1"
# NVIDIA's TensorRT is optional and absent from nearly every machine; libcuda is the driver's, not a library of the toolkit.
_CANNOT_OPEN = re.compile(r"Could not load dynamic library '(lib(?!nvinfer|cuda\.so)[^'/]+)'")
# TensorFlow 2.14 to 2.20 say at every start, as an error, that cuDNN's factory is registered twice: harmless.
_ERROR_LINE = re.compile(r"^(?:\d{4}-\d\d-\d\d [\d:.]+: [EF] |[EF]\d{4} )(?!.*Unable to register cu\w+ factory)")
_LOG_HEAD = re.compile(r"^(?:\d{4}-\d\d-\d\d [\d:.]+: [A-Z] \S+\] |[A-Z]\d{4} [\d:.]+ +\d+ \S+\] )")
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
MOST_LINES = 400
LONGEST_LINE = 2000
LONGEST_DETAIL = 1500


@record(frozen=True)
class Answer:
    """What a child answered: its steps, a synthetic failed one last where it died; its output without the markers."""

    steps: tuple[Step, ...]
    device: str | None
    loaded: Mapping[str, str]
    output: tuple[str, ...]
    winners: Mapping[str, str | None] | None = None

    @property
    def passed(self) -> bool:
        return bool(self.steps) and all(step.passed for step in self.steps)


@dataclass
class _Told:
    """The records of one child, gathered."""

    steps: list[Step] = field(default_factory=list)
    open_step: str | None = None
    device: str | None = None
    loaded: dict[str, str] = field(default_factory=dict)
    winners: dict[str, str | None] | None = None


def ask(
    host: Host, interpreter: str, payload: str, wish: Mapping[str, Any], surroundings: Surroundings, timeout: float, last: str
) -> Answer:
    """Run ``payload`` (a module of fixer/payloads) with ``interpreter``; at most ``timeout`` seconds. Never raises.

    ``last`` is the step without which nothing is proved, however well the child ended.
    """
    marker = secrets.token_hex(16)
    request = json.dumps({**wish, "marker": marker})
    argv = (*surroundings.prefix, interpreter, "-c", _BOOT.format(payload=payload), PAYLOADS, request)
    ran = host.run(argv, timeout=timeout, environ=_variables(surroundings.environ))
    pattern = re.compile(re.escape(marker) + "(.*?)" + re.escape(marker), re.DOTALL)
    told = _gather(pattern.findall(ran.stdout))
    output = clean(pattern.sub("", ran.stdout).replace(marker, "").splitlines() + ran.stderr.splitlines())
    ending = _ending(ran, timeout, bool(told.steps or told.open_step))
    steps = list(told.steps)
    if all(step.passed for step in steps):
        name = told.open_step or (steps[-1].name if steps and ending else last if steps else "tensorflow-imports")
        if ending is not None or last not in [step.name for step in steps]:
            steps = [step for step in steps if step.name != name]
            steps.append(Step(name, False, 0.0, ending or "the child ended without this step"))
    return Answer(tuple(_explained(step, output) for step in steps), told.device, told.loaded, output, told.winners)


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    given = environ.get("TF_CPP_VMODULE")
    return {**environ, **_CHILD_VARIABLES, "TF_CPP_VMODULE": f"{given},{_VMODULE}" if given else _VMODULE}


def _gather(records: Iterable[str]) -> _Told:
    told = _Told()
    for text in records:
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            continue
        # Only our payload knows the marker; a record of another shape is a broken child, not an answer.
        with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
            _take(record, told)
    return told


def _take(record: Any, told: _Told) -> None:
    if "begin" in record:
        told.open_step = str(record["begin"])
    elif "step" in record:
        seconds = float(record["seconds"])
        if not math.isfinite(seconds):
            raise ValueError("a time that is no number")
        step = Step(str(record["step"]), record["passed"] is True, seconds, str(record["detail"]))
        told.loaded = {str(name): str(path) for name, path in dict(record["loaded"]).items()}
        told.open_step = None
        told.steps.append(step)
    elif "device" in record:
        told.device = record["device"] if record["device"] in ("gpu", "cpu") else None
    elif "winners" in record:
        told.winners = dict(record["winners"])


def _ending(ran: Ran, timeout: float, spoke: bool) -> str | None:
    """How the child ended, where that was not in order: words for a person."""
    if ran.missing:
        return f"{ran.argv[0]} cannot be started: {ran.stderr}"
    if ran.timed_out:
        return f"no answer within {timeout:g} seconds; the child was ended"
    if ran.cut:
        return "the child printed more than 4 MiB and was ended"
    if ran.status == 0:
        return None if spoke else "the interpreter ran and answered nothing"
    number = _signal_number(ran.status or 0)
    if number is not None:
        return f"the child was killed by {number}" + _SIGNAL_NOTES.get(number, "")
    return f"the child ended with status {ran.status}" + ("" if spoke else " before it could import TensorFlow")


_SIGNAL_NOTES = {
    "SIGILL": " (an instruction that this CPU lacks)",
    "SIGBUS": " (a library file that ends too early)",
    "SIGKILL": " (out of memory, or ended from outside)",
}


def _signal_number(status: int) -> str | None:
    """The signal's name: a negative status, or 128 + n as a shell around the child reports it."""
    number = -status if status < 0 else status - 128
    try:
        return signal.Signals(number).name if number > 0 else None
    except ValueError:
        return None


def _explained(step: Step, output: tuple[str, ...]) -> Step:
    """A failed step with the lines of TensorFlow's log that tell why."""
    if step.passed:
        return step
    parts = [" ".join(step.detail.split())]
    missing = sorted({name for line in output for name in _CANNOT_OPEN.findall(line)})
    if step.name in ("library-check", "gpu-listed") and missing:
        parts.append("it cannot open " + ", ".join(missing))
    errors = [_LOG_HEAD.sub("", line) for line in output if _ERROR_LINE.match(line)]
    parts += [line for line in dict.fromkeys(errors) if line not in step.detail][:3]
    return Step(step.name, False, step.seconds, clean([" | ".join(part for part in parts if part)])[0][:LONGEST_DETAIL])


def clean(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines without control sequences, of bounded number and length; the middle goes first."""
    kept = [text for text in (_CONTROL.sub("", line)[:LONGEST_LINE].rstrip() for line in lines) if text]
    if len(kept) > MOST_LINES:
        half = MOST_LINES // 2
        kept = [*kept[:half], f"... {len(kept) - 2 * half} lines left out ...", *kept[-half:]]
    return tuple(kept)
