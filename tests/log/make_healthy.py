"""Makes the logs in which nothing is wrong: real programs, really run, on the CPU and on the lab's GPU.

    python -m tests.log.make_healthy FOLDER --python PATH... [--jax PATH] [--torch PATH] [--beside PATH] [--notebook PATH] [--only WORD]

The unit is one row of a JSON-lines file: ``name``, ``kind`` (healthy, or unrelated: the program failed by itself), ``log``.
Every path, host and user of the machine that made them is replaced. The GPU's TensorFlows are staged by tests.lab below
FOLDER/stage; the logs go to tests/cases/explain/healthy. Run by hand: it takes half an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import patients
from tests.lab import patients as staging
from tests.lab.build import Builder
from tests.lab.machine import Lab, Machine
from tests.log import healthy_programs as programs

OUT = patients.ROOT / "tests" / "cases" / "explain" / "healthy"
# Card, driver and the driver's CUDA of the runs on a GPU, in turn; each old enough for the TensorFlow beside it.
CARDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "2.4.4": (("RTX 2080 Ti", "460.91.03", "11.2"), ("GTX 1080", "470.223.02", "11.4"), ("Tesla V100", "450.80.02", "11.0")),
    "2.13.1": (("RTX 3080", "525.147.05", "12.0"), ("GTX 1080", "535.104.05", "12.2"), ("RTX 3070", "520.61.05", "11.8")),
    "2.15.1": (("RTX 3080", "535.183.01", "12.2"), ("RTX 4090", "550.54.14", "12.4"), ("RTX 2080 Ti", "545.23.08", "12.3")),
    "2.16.1": (("RTX 4090", "550.90.07", "12.4"), ("RTX 3070", "555.42.06", "12.5"), ("Tesla V100", "545.29.06", "12.3")),
    "2.21.0": (("RTX 4090", "570.86.15", "12.8"), ("RTX 3080", "580.65.06", "13.0"), ("RTX 2080 Ti", "560.35.03", "12.6")),
}
# A compiler of the host's that would be found on PATH without its toolkit.
HIDDEN = ("/usr/local/cuda*", "/usr/local/bin/ptxas")
SMI = (("nvidia-smi",), ("nvidia-smi", "-L"), ("nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv"))


class Maker:
    """Runs programs on lab machines and keeps what they print."""

    def __init__(self, folder: Path, only: str) -> None:
        self.folder, self.only = folder, only
        self.builder = Builder(folder / "stand-ins")
        self.lab = Lab(folder / "lab", self.builder)
        self.rows: list[dict[str, Any]] = []
        self.places: dict[str, str] = {str(folder): "/home/user", str(patients.ROOT): "/home/user/src", tempfile.gettempdir(): "/tmp"}

    def keep(self, name: str, argv: list[str], machine: Machine, kind: str = "healthy", variables: Mapping[str, str] | None = None) -> None:
        """Run ``argv`` there and keep its two streams as one log."""
        if self.only not in name:
            return
        settings = {"PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8", **(variables or {})}
        command = self.lab.command(argv, machine, variables=settings, cwd=self.folder)
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        except subprocess.TimeoutExpired:
            print(f"{name}: it does not end   <- LEFT OUT", flush=True)
            return
        log = self.scrubbed(done.stdout.decode("utf-8", "replace"))
        expected = done.returncode == 0 if kind == "healthy" else done.returncode != 0
        print(f"{name}: exit {done.returncode}, {len(log)} characters" + ("" if expected else f"   <- LEFT OUT\n{log[-800:]}"), flush=True)
        if expected and log.strip():
            self.rows.append({"name": name, "kind": kind, "log": log})

    def scrubbed(self, log: str) -> str:
        """``log`` without this machine's folders, host and user."""
        for place, shown in sorted(self.places.items(), key=lambda row: -len(row[0])):
            log = log.replace(place, shown)
        log = log.replace(socket.gethostname(), "host").replace(os.path.expanduser("~"), "/home/user")
        log = re.sub(r"/tmp/tmp\w+", "/tmp/tmpdir", log)
        return re.sub(r"[^\s\"']*/versions/[\d.]+/(lib|bin)/python", r"/usr/\1/python", log)

    def write(self, family: str) -> None:
        """Write the rows kept so far as one file, and forget them."""
        path = OUT / f"{family}.jsonl"
        if self.rows:
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows), encoding="utf-8")
        self.rows = []


def version(python: str, package: str = "tensorflow") -> str:
    """The version of ``package`` in the environment of ``python``."""
    ask = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def on_the_cpu(maker: Maker, python: str) -> None:
    """Every program on a machine without a GPU."""
    release = version(python)
    maker.places[str(Path(python).parents[1])] = "/home/user/venv"
    machine = Machine(gpu=None, driver=None)
    for name, text in programs.TENSORFLOW.items():
        maker.keep(f"tensorflow-{release}-cpu-{name}", [python, "-c", text], machine)
    for name, text in programs.UNRELATED.items():
        maker.keep(f"tensorflow-{release}-cpu-fails-{name}", [python, "-c", text], machine, "unrelated")
    maker.write(f"tensorflow-{release}-cpu")


def staged(folder: Path, builder: Builder, releases: Sequence[str]) -> Iterator[tuple[str, str, Mapping[str, str], Mapping[str, str]]]:
    """The TensorFlows of the lab, cured: release, interpreter, variables, folders of the machine."""
    for release in releases:
        place = folder / "stage" / release
        if release in staging.STAGES:
            made = staging.STAGES[release](place, builder)
            yield release, made.patient.python, made.cured, made.machine.over
        else:
            yield release, staging.environment(place, builder, release).python, {}, {}


def on_the_gpu(maker: Maker, releases: Sequence[str]) -> None:
    """The programs that the lab can carry through, on cards in turn."""
    for release, python, variables, over in staged(maker.folder, maker.builder, releases):
        maker.places[str(Path(python).parents[1])] = "/home/user/venv"
        for turn, name in enumerate(programs.FORWARD):
            gpu, driver, cuda = CARDS[release][turn % 3]
            machine = Machine(gpu=gpu, driver=driver, cuda=cuda, over=over, hidden=HIDDEN, used_mib=150 + 90 * turn)
            text = programs.TENSORFLOW[name]
            maker.keep(f"tensorflow-{release}-gpu-{name}", [python, "-c", text], machine, variables=variables)
        for name in ("matmul", "key"):
            machine = Machine(gpu=CARDS[release][0][0], driver=CARDS[release][0][1], over=over)
            argv = [python, "-c", programs.UNRELATED[name]]
            maker.keep(f"tensorflow-{release}-gpu-fails-{name}", argv, machine, "unrelated", variables)
        maker.write(f"tensorflow-{release}-gpu")


def elsewhere(maker: Maker, family: str, python: str, texts: Mapping[str, str]) -> None:
    """The programs of JAX or PyTorch."""
    maker.places[str(Path(python).parents[1])] = "/home/user/venv"
    for name, text in texts.items():
        kind = "unrelated" if name in programs.UNRELATED_ELSEWHERE else "healthy"
        fails = "fails-" if kind == "unrelated" else ""
        maker.keep(f"{family}-cpu-{fails}{name}", [python, "-c", text], Machine(gpu=None, driver=None), kind)
    maker.write(f"{family}-cpu")


def notebooks(maker: Maker, python: str) -> None:
    """One notebook, run by nbconvert and printed as text and as Markdown."""
    maker.places[str(Path(python).parents[1])] = "/home/user/venv"
    source = maker.folder / "notebook.ipynb"
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": text} for text in programs.NOTEBOOK]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    source.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}))
    for form in ("markdown", "asciidoc", "rst", "notebook"):
        argv = [python, "-m", "nbconvert", "--execute", "--stdout", "--to", form, str(source)]
        maker.keep(f"notebook-{form}", argv, Machine(gpu=None, driver=None), variables={"PATH": f"{Path(python).parent}:{os.environ['PATH']}"})
    maker.write("notebook")


def tools(maker: Maker) -> None:
    """nvidia-smi on many cards, and installers that succeed."""
    for rows in CARDS.values():
        for gpu, driver, cuda in rows:
            machine = Machine(gpu=gpu, driver=driver, cuda=cuda, used_mib=412)
            turn = len(maker.rows) % len(SMI)
            maker.keep(f"nvidia-smi-{driver}", list(SMI[turn]), machine)
    maker.write("nvidia-smi")
    environment = maker.folder / "installed"
    uv, quiet = patients.need("uv"), Machine(gpu=None, driver=None)
    subprocess.run([uv, "venv", "-q", "--seed", "--allow-existing", "-p", patients.need_python("3.11"), str(environment)], check=True)
    maker.places[str(environment)] = "/home/user/venv"
    python = str(environment / "bin" / "python")
    for name, words in (
        ("six", ["install", "six"]), ("again", ["install", "six"]), ("keras", ["install", "keras<3"]),
        ("upgrade", ["install", "--upgrade", "six", "keras"]), ("list", ["list"]), ("check", ["check"]), ("show", ["show", "six"]),
        ("more", ["install", "numpy", "h5py", "termcolor"]), ("dry", ["install", "--dry-run", "absl-py"]), ("freeze", ["freeze"]),
        ("uninstall", ["uninstall", "-y", "termcolor"]), ("download", ["download", "--no-deps", "-d", str(maker.folder / "downloads"), "wrapt"]),
    ):  # fmt: skip
        maker.keep(f"pip-{name}", [python, "-m", "pip", *words], quiet)
        if words[0] == "install":
            maker.keep(f"uv-{name}", [uv, "pip", *words, "-p", python], quiet)
    maker.write("installers")


def installing(maker: Maker) -> None:
    """pip and uv at more than a plain install, and asked for a release that there never was."""
    environment = maker.folder / "installed"
    uv, quiet = patients.need("uv"), Machine(gpu=None, driver=None)
    subprocess.run([uv, "venv", "-q", "--seed", "--allow-existing", "-p", patients.need_python("3.11"), str(environment)], check=True)
    maker.places[str(environment)] = "/home/user/venv"
    python = str(environment / "bin" / "python")
    (maker.folder / "requirements.txt").write_text("# what it needs\nsix\nabsl-py>=1; python_version >= '3.8'\n", encoding="utf-8")
    (maker.folder / "project").mkdir(exist_ok=True)
    (maker.folder / "project" / "setup.py").write_text("from setuptools import setup\nsetup(name='project', version='1')\n", encoding="utf-8")
    # Of this machine's own settings for installers only its certificates: the rest would show in what they print.
    variables = {"PIP_CONFIG_FILE": os.devnull, **{name: os.environ[name] for name in ("PIP_CERT", "SSL_CERT_FILE") if name in os.environ}}
    for tool, begins, table in (("pip", [python, "-m", "pip"], programs.PIP), ("uv", [uv], programs.UV)):
        for name, words in table.items():
            kind = "unrelated" if name == "no-such-release" else "healthy"
            ends = ["-p", python] if words[:2] == ["pip", "install"] else []
            maker.keep(f"{tool}-{name}", [*begins, *words, *ends], quiet, kind, variables)
    maker.write("installers-more")


def main() -> int:
    """Make what the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m tests.log.make_healthy", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="PATH", help="an interpreter with a TensorFlow, for runs on the CPU")
    parser.add_argument("--jax", metavar="PATH")
    parser.add_argument("--torch", metavar="PATH")
    parser.add_argument("--beside", metavar="PATH", help="an interpreter with Keras 3, JAX, LightGBM, XGBoost, LiteRT, TensorBoard and pytest")
    parser.add_argument("--notebook", metavar="PATH", help="an interpreter with nbconvert, ipykernel and TensorFlow")
    parser.add_argument("--gpu", action="append", default=[], choices=CARDS, help="a TensorFlow for runs on the lab's GPU")
    parser.add_argument("--tools", action="store_true", help="nvidia-smi and installers")
    parser.add_argument("--only", default="", metavar="WORD", help="only the runs whose name holds WORD")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    OUT.mkdir(parents=True, exist_ok=True)
    maker = Maker(given.folder.resolve(), given.only)
    for python in given.python:
        on_the_cpu(maker, python)
    if given.gpu:
        on_the_gpu(maker, given.gpu)
    if given.jax:
        elsewhere(maker, "jax", given.jax, programs.JAX)
    if given.torch:
        elsewhere(maker, "torch", given.torch, programs.TORCH)
    if given.notebook:
        notebooks(maker, given.notebook)
    if given.beside:
        elsewhere(maker, "keras", given.beside, programs.KERAS)
        elsewhere(maker, "beside", given.beside, programs.BESIDE)
    if given.tools:
        tools(maker)
        installing(maker)
    return 0


if __name__ == "__main__":
    sys.exit(main())
