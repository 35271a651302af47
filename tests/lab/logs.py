"""The genuine log of each scenario: the unmodified TensorFlow's own words, kept.

    python -m tests.lab.logs [WORD...]       those whose name holds a word; all without one

The unit is ``tests/lab/logs/<tf>/<scenario>.log``: both streams of one small program, run in the scenario. Folders of
the machine that made it become neutral ones; clocks, process numbers and addresses are made alike, so that a log made
again differs where TensorFlow differs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.build import Builder
from tests.lab.machine import Lab
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.lab.scenarios.scenario import Stage, by_place
from tests.patients import ROOT

FOLDER = Path(__file__).resolve().parent / "logs"
# Called, not predict: Keras 3 would compile that with XLA, for which the stand-ins have neither ptxas nor a fused convolution.
PROGRAM = """import numpy as np
import tensorflow as tf

print("TensorFlow", tf.__version__, "built with CUDA:", tf.test.is_built_with_cuda())
print("Num GPUs Available:", len(tf.config.list_physical_devices("GPU")))
layer = tf.keras.layers.Conv2D(4, 3, input_shape=(32, 32, 3))
model = tf.keras.Sequential([layer])
print(model(np.ones((2, 32, 32, 3), "float32")).shape)
"""
_MOST = 60_000
_ALIKE = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d+"), "2024-05-01 12:00:00.000000"),
    (re.compile(r"(?m)^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ "), r"\g<1>0000 00:00:1714564800.000000    4242 "),
    (re.compile(r"\b\d{10}\.\d{6} +\d+ "), "1714564800.000000    4242 "),
    (re.compile(r"0x[0-9a-f]{6,16}"), "0x7f0000000000"),
    (re.compile(r"\b\d+(m?s)/(step|epoch)"), r"40\1/\2"),
    (re.compile(r"- \d+m?s\b"), "- 1s"),
    (re.compile(r"/tmp/pip-build-env-\w+"), "/mnt/pip-build-env"),
)


def path_of(scenario: Scenario) -> Path:
    return FOLDER / (scenario.release or "none") / f"{scenario.name}.log"


def run(scenario: Scenario, stage: Stage, lab: Lab) -> str:
    """What the program prints in the scenario, as it would on a person's machine."""
    staged = scenario.on(stage)
    environ = {"HOME": str(stage.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **staged.variables}
    program = stage.home / "train.py"
    kept = program.read_bytes() if program.exists() else None
    program.write_text(scenario.program or (f"import {scenario.first}\n" if scenario.first else "") + PROGRAM)
    command = lab.command([staged.patient.python, "train.py"], staged.machine, environ=environ, cwd=stage.home)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=300)
    finally:
        program.unlink() if kept is None else program.write_bytes(kept)
    ended = "" if done.returncode >= 0 else f"\n(ended by signal {-done.returncode})\n"
    return scrubbed(done.stdout.decode("utf-8", "replace") + ended, stage.home)


def scrubbed(log: str, home: Path) -> str:
    """``log`` with the folders of this machine, clocks and numbers made neutral; at most 60 kB of it."""
    for folder, neutral in ((home, "/home/user"), (home.parent, "/mnt/stage"), (ROOT, "/opt/source")):
        log = log.replace(str(folder), neutral)
    log = re.sub(r"[^\s\"']*/versions/[\d.]+/lib/python", "/usr/lib/python", log)
    for pattern, alike in _ALIKE:
        log = pattern.sub(alike, log)
    return log[:_MOST]


def keep(scenario: Scenario, stage: Stage, lab: Lab) -> Path:
    """Write the scenario's log; returns its path."""
    path = path_of(scenario)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(run(scenario, stage, lab), encoding="utf-8")
    return path


def main(words: list[str]) -> int:
    scratch = Path(tempfile.mkdtemp(prefix="logs-"))
    lab = Lab(scratch / "lab", Builder(scratch / "stand-ins"))
    wanted = [one for one in SCENARIOS if not words or any(word in one.id for word in words)]
    wanted.sort(key=lambda one: one.cause is None)
    for together in by_place(wanted):
        stage = together[0].make(scratch / "stage", lab.builder)
        for scenario in together:
            path = keep(scenario, stage, lab)
            print(path.relative_to(ROOT), path.stat().st_size, flush=True)
        shutil.rmtree(scratch / "stage")
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
