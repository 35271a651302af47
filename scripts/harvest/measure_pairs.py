"""Measures what really happens when a package meets a TensorFlow: real wheels, real imports, one line of JSON a pair.

    python -m scripts.harvest.measure_pairs --work DIR [--only 2.15.1] [--package numpy] > measured_pairs.json

For each base (a TensorFlow and a Python) it makes an environment with uv, or takes one that ``--base
2.15.1/3.11=PATH`` names and leaves it alone. The varied package alone goes into a folder of its own,
without its dependencies, which stands before the environment on PYTHONPATH, with what the entry names as "beside" it. A child then imports
TensorFlow, computes, predicts with a small Keras model, saves and loads it. Rows of
``package_faults.json`` are written by a person from what this prints.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAIRS = Path(__file__).parent / "tables" / "pairs.json"
LIMIT = 300
MARK = "@@convfix@@"
PROBE = f"""
import json, sys, os, tempfile
done = {{}}
def step(name, work):
    try:
        work(); done[name] = "ok"
    except BaseException as error:
        done[name] = type(error).__name__ + ": " + " ".join(str(error).split())[:300]
    print({MARK!r} + json.dumps(done)); sys.stdout.flush()
    if done[name] != "ok":
        os._exit(0)
def load():
    global tf
    import tensorflow as tf
def compute():
    import numpy as np
    x = tf.constant(np.arange(6, dtype="float32").reshape(2, 3))
    assert float(tf.reduce_sum(x * 2).numpy()) == 30.0
    y = tf.nn.conv2d(tf.ones([1, 8, 8, 3]), tf.ones([3, 3, 3, 4]), 1, "SAME").numpy()
    assert y.shape == (1, 8, 8, 4)
    tf.io.parse_tensor(tf.io.serialize_tensor(x), tf.float32)
    tf.train.Example(features=tf.train.Features()).SerializeToString()
    tf.cast(x, tf.bfloat16).numpy()
def model():
    global m
    import numpy as np
    m = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
    m.compile("sgd", "mse")
    m.fit(np.zeros((4, 3), "float32"), np.zeros((4, 2), "float32"), verbose=0)
    assert m.predict(np.zeros((1, 3), "float32"), verbose=0).shape == (1, 2)
def save():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.h5")
        m.save(path)
        tf.keras.models.load_model(path, compile=False)
for name, work in (("import", load), ("compute", compute), ("keras", model), ("save", save)):
    step(name, work)
"""


def run(argv: list[str], env: dict[str, str] | None = None, limit: float = 1800) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` and wait; output as text."""
    return subprocess.run(argv, capture_output=True, text=True, timeout=limit, env=env, check=False, errors="replace")


def base_python(base: dict[str, Any], work: Path, uv: str, given: dict[str, str]) -> str:
    """The interpreter of a base environment, made when it is not there yet."""
    name = f"{base['tensorflow']}/{base['python']}"
    if name in given:
        return given[name]
    folder = work / "bases" / name.replace("/", "-py")
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        asked = [f"tensorflow=={base['tensorflow']}", *base.get("with", [])]
        for argv in (
            [uv, "venv", "-q", "--python", base["python"], str(folder)],
            [uv, "pip", "install", "-q", "--python", str(python), *asked],
        ):
            ran = run(argv)
            if ran.returncode:
                raise SystemExit(f"{' '.join(argv)}: {ran.stderr.strip()}")
        (folder / "done").touch()
    return str(python)


def measure(python: str, asked: list[str], variables: dict[str, str], work: Path, uv: str) -> dict[str, str]:
    """What happens with ``asked`` before the base: {effect, stage, message}; not-installable where there is no wheel."""
    overlay = work / "overlay"
    shutil.rmtree(overlay, ignore_errors=True)
    if asked:
        argv = [uv, "pip", "install", "-q", "--python", python, "--target", str(overlay), "--no-deps", "--only-binary", ":all:"]
        ran = run([*argv, *asked])
        if ran.returncode:
            return {"effect": "not-installable", "stage": "", "message": ran.stderr.strip().splitlines()[-1][:200]}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TF_", "KERAS", "CUDA"))}
    env.update({"PYTHONPATH": str(overlay), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", **variables})
    env["HOME"] = str(work)
    try:
        ran = run([python, "-c", PROBE], env, LIMIT)
    except subprocess.TimeoutExpired:
        return {"effect": "breaks-import", "stage": "timeout", "message": f"no end within {LIMIT} s"}
    lines = [line[len(MARK) :] for line in ran.stdout.splitlines() if line.startswith(MARK)]
    done = json.loads(lines[-1]) if lines else {}
    failed = next(((name, text) for name, text in done.items() if text != "ok"), None)
    if failed is None and len(done) < 4:
        failed = (("import", "compute", "keras", "save")[len(done)], f"the process ended with status {ran.returncode}")
    if failed is None:
        return {"effect": "works", "stage": "", "message": ""}
    hints = [
        line.strip()
        for line in ran.stderr.splitlines()
        if any(word in line for word in ("Error", "compiled using NumPy", "_ARRAY_API"))
    ]
    effect = "breaks-import" if failed[0] == "import" else "breaks-use"
    found = {"effect": effect, "stage": failed[0], "message": failed[1], **({"stderr": hints[-1][:200]} if hints else {})}
    # Folders of the machine that measured say nothing about the pair.
    return {key: re.sub(r" ?\(/\S+\)|/\S+/(?=\w)", "", text) for key, text in found.items()}


def measured(base: dict[str, Any], pair: list[Any], python: str, work: Path, uv: str) -> Iterator[dict[str, Any]]:
    """The rows of one entry of pairs.json: [package, [versions], {"variables": {}, "beside": []}]."""
    package, versions, options = pair[0], pair[1], pair[2] if len(pair) > 2 else {}
    given = [item for item in base.get("beside", []) if item.split("==")[0] != package] + options.get("beside", [])
    for version in versions:
        asked = given + ([f"{package}=={version}"] if version != "absent" else [])
        result = measure(python, asked, options.get("variables", {}), work, uv)
        row = {"tensorflow": base["tensorflow"], "python": base["python"], "package": package, "version": version}
        if options.get("variables"):
            row["variables"] = options["variables"]
        if given:
            row["beside"] = given
        yield {**row, **result}


def main() -> int:
    """Measure the pairs of ``tables/pairs.json`` that were asked for; one JSON object a line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, default=PAIRS)
    parser.add_argument("--uv", default=shutil.which("uv") or "uv")
    parser.add_argument("--only", help="one TensorFlow release")
    parser.add_argument("--package")
    parser.add_argument("--base", action="append", default=[], metavar="TF/PYTHON=INTERPRETER")
    asked = parser.parse_args()
    given = dict(item.split("=", 1) for item in asked.base)
    for base in json.loads(asked.pairs.read_text(encoding="utf-8"))["bases"]:
        if asked.only and base["tensorflow"] != asked.only:
            continue
        python = base_python(base, asked.work, asked.uv, given)
        for pair in base["pairs"]:
            if not asked.package or asked.package == pair[0]:
                for row in measured(base, pair, python, asked.work, asked.uv):
                    print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
