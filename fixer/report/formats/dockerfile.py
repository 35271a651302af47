"""A Dockerfile that builds the plan's environment, with the lines that start it on a GPU.

CUDA libraries come from the wheels, so a plain Python image is enough; the driver is the host's and is let in by
the NVIDIA Container Toolkit. https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
"""

from __future__ import annotations

import json

from fixer.model.plan import Plan
from fixer.report.formats.common import comments, conda_packages, folders, headline, left_out, whole
from fixer.report.paper import shown_argv

# The official images of older Pythons end with an older Debian.
_DEBIAN = {"3.5": "buster", "3.6": "bullseye"}
_DEVICE = "nvidia.com/gpu=all"
COMPOSE = """\
services:
  tensorflow:
    build: .
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: all
              capabilities: [gpu]
"""


def write(plan: Plan) -> str:
    """The Dockerfile of the whole environment."""
    state = plan.outcome
    gpu = state is not None and state.device == "gpu"
    lines = comments(headline(plan))
    lines += comments([f"Not in this file: {text}" for text in left_out(plan)])
    lines += comments(_usage(gpu, state.driver_minimum if state is not None else None))
    lines += [""]
    lines += _from_conda(plan) if conda_packages(plan) else _from_wheels(plan)
    if gpu:
        lines += ["# What the driver's tools and TensorFlow need of the host; plain images do not say it.",
                  "ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility"]  # fmt: skip
    settings = {
        str(name): str(value)
        for action in plan.actions
        if action.kind == "activation_script"
        for name, value in action.params.get("set", {}).items()
        if "site-packages" not in str(value)
    }
    lines += [f"ENV {name}={json.dumps(value)}" for name, value in settings.items() if "$" not in value]
    return "\n".join(lines) + "\n"


def _usage(gpu: bool, driver: str | None) -> list[str]:
    if not gpu:
        return ["Build: docker build --tag tensorflow .", "Run:   docker run --rm --interactive --tty tensorflow python"]
    return [
        "Build:  docker build --tag tensorflow .",
        f"The host needs the NVIDIA driver{f' ({driver} or newer)' if driver else ''} and the NVIDIA Container Toolkit; nothing "
        "inside the image replaces them.",
        "Docker: docker run --rm --interactive --tty --gpus all tensorflow python",
        f"Podman: podman run --rm --interactive --tty --device {_DEVICE} tensorflow python",
        "        (after: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml)",
        "Compose:",
        *(f"  {line}" for line in COMPOSE.splitlines()),
    ]


def _from_wheels(plan: Plan) -> list[str]:
    python = (plan.outcome.python if plan.outcome is not None else None) or "3"
    lines = [f"FROM python:{python}-slim-{_DEBIAN.get(python, 'bookworm')}"]
    lines.append(_run(["python", "-m", "pip", "install", "--no-cache-dir"], whole(plan)))
    found = folders(plan, f"/usr/local/lib/python{python}/site-packages")
    if found:
        lines += ["# As published this TensorFlow does not search these folders of its own CUDA wheels.",
                  f"ENV LD_LIBRARY_PATH={':'.join(found)}"]  # fmt: skip
    return lines


def _from_conda(plan: Plan) -> list[str]:
    python = plan.outcome.python if plan.outcome is not None else None
    wanted = [*([f"python={python}"] if python else []), "pip", *conda_packages(plan)]
    named = {text.partition("=")[0].replace("_", "-") for text in wanted}
    pins = [pin for pin in whole(plan) if pin.partition("==")[0] not in named]
    cuda = plan.outcome.cuda if plan.outcome is not None else None
    lines = ["FROM condaforge/miniforge3:latest"]
    if cuda:
        lines += ["# An image is built without a GPU; conda is told for which CUDA it chooses.", f"ENV CONDA_OVERRIDE_CUDA={cuda}"]
    lines.append(_run(["conda", "create", "--yes", "--prefix", "/opt/tensorflow"], wanted))
    if pins:
        lines.append(_run(["/opt/tensorflow/bin/python", "-m", "pip", "install", "--no-cache-dir"], pins))
    return [*lines, "ENV PATH=/opt/tensorflow/bin:$PATH LD_LIBRARY_PATH=/opt/tensorflow/lib"]


def _run(command: list[str], words: list[str]) -> str:
    return " \\\n    ".join((f"RUN {shown_argv(command)}", *(shown_argv([word]) for word in words)))
