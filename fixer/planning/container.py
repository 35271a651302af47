"""Plans inside a container: how the host starts it with the GPU, and that a repair in it is gone when it is.

The unit is a function over the situation and the draft. What lasts is the image, so whatever is changed here is
said as lines for its Dockerfile, too.
Sources: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html,
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html,
https://docs.docker.com/compose/how-tos/gpu-support/, distrobox-create(1), https://github.com/containers/toolbox/pull/1497
"""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import replace
from typing import Iterable

from fixer.model.action import ActionSpec, HumanStep
from fixer.model.finding import Finding
from fixer.planning.draft import Draft
from fixer.planning.situation import Situation

Commands = tuple[tuple[str, ...], ...]
# Their file system ends with them; lxc's and systemd-nspawn's lives on like a machine's.
_FLEETING = ("docker", "podman", "kubernetes", "containerd", "oci", "buildah", "crio", "cri-o", "container")
_READ_ONLY = ("singularity", "apptainer")
_DOCKER: Commands = (
    ("sudo", "nvidia-ctk", "runtime", "configure", "--runtime=docker"), ("sudo", "systemctl", "restart", "docker"),
    ("docker", "run", "--gpus", "all", "IMAGE"),
)  # fmt: skip
_PODMAN: Commands = (
    ("sudo", "nvidia-ctk", "cdi", "generate", "--output=/etc/cdi/nvidia.yaml"),
    ("podman", "run", "--device", "nvidia.com/gpu=all", "IMAGE"),
)  # fmt: skip
_COMMANDS: dict[str, Commands] = {
    "docker": _DOCKER,
    "podman": _PODMAN,
    "singularity": (("singularity", "exec", "--nv", "IMAGE", "python"),),
    "apptainer": (("apptainer", "exec", "--nv", "IMAGE", "python"),),
    "kubernetes": (),
    "distrobox": (("distrobox", "create", "--nvidia", "--image", "IMAGE", "--name", "NAME"), ("distrobox", "enter", "NAME")),
    "toolbox": (("toolbox", "enter"),),
    "flatpak": (),
}
COMPOSE = "{deploy: {resources: {reservations: {devices: [{driver: nvidia, count: all, capabilities: [gpu]}]}}}}"
LIMITS = '{resources: {limits: {"nvidia.com/gpu": 1}}}'
_WHY = {
    "toolbox": "Toolbx takes the host's driver along each time it is entered, since May 2024; an older one does not.",
    "flatpak": "A flatpak brings a driver of its own: run Python on the host, or update the flatpak's NVIDIA runtime to the host's driver.",
    "docker": f"With compose, the service has {COMPOSE}.",
    "kubernetes": f"The container's part of the pod has {LIMITS}, and the nodes run NVIDIA's device plugin.",
}
_TOOLKIT = (
    "The host needs the NVIDIA driver and the NVIDIA Container Toolkit, and the image or the call "
    "NVIDIA_DRIVER_CAPABILITIES=compute,utility."
)

# Their --nv takes the host's driver along by itself.
_DRIVER_ALONE = "The host needs the NVIDIA driver."
_TAKES_ALONG = (*_READ_ONLY, "distrobox", "toolbox", "flatpak")


def start_step(situation: Situation, finding: Finding | None) -> HumanStep:
    """How the host starts this kind of container with the GPU."""
    kind = situation.facts.container.value or ""
    commands = _COMMANDS.get(kind, (*_DOCKER[-1:], *_PODMAN[-1:]))
    told = finding.title if finding is not None else "no GPU reaches this container"
    host = _DRIVER_ALONE if kind in _TAKES_ALONG else _TOOLKIT
    why = f"{told}: nothing inside the container can change that. {host} {_WHY.get(kind, '')}".rstrip()
    how = "with nvidia.com/gpu in its limits" if kind == "kubernetes" else "with the GPU"
    return HumanStep(f"On the host, start the container {how}", commands, f"{why} Afterwards run: convfix plan", "person")


def mark(situation: Situation, draft: Draft) -> None:
    """Say of every action that it lasts as long as the container, and what the image's Dockerfile would say."""
    kind = situation.facts.container.value
    if not kind or not draft.actions:
        return
    if kind in _READ_ONLY:
        draft.note(f"The image of {kind} is read-only: only what lies in your home or in a writable overlay can be changed.")
        return
    if kind not in _FLEETING:
        return
    draft.actions = [replace(one, summary=f"{one.summary}; lasts as long as this {kind} container") for one in draft.actions]
    draft.note(f"These changes are gone when this {kind} container is. To keep them, the image's Dockerfile says:")
    for action in draft.actions:
        for text in _lines(action):
            draft.note(text)
    draft.note("convfix plan --format dockerfile writes a whole image instead.")


def _lines(action: ActionSpec) -> list[str]:
    if action.commands:
        return ["RUN " + " && ".join(shlex.join(argv) for argv in action.commands)]
    if action.kind == "preload_hook":
        folders = dict.fromkeys(posixpath.dirname(str(path)) for path in action.params.get("libraries", ()))
        return [_led("LD_LIBRARY_PATH", folders)]
    if action.kind == "activation_script" and action.params.get("shell") != "fish":
        led = [_led(name, folders) for name, folders in action.params.get("prepend", {}).items()]
        led += [f'ENV {name}="{value}"' for name, value in action.params.get("set", {}).items()]
        led += [f"# no ENV {name} at all: an empty value is one, too" for name in action.params.get("unset", ())]
        dropped = action.params.get("drop", {}).items()
        return led + [f"# no {folder} in ENV {name}" for name, folders in dropped for folder in folders]
    return []


def _led(name: str, folders: Iterable[str]) -> str:
    """``ENV`` with the folders before what the image has; a folder below the working directory must be named in full there."""
    full = (folder if folder.startswith(("/", "<")) else f"<WORKDIR>/{folder}" for folder in folders)
    return f"ENV {name}={':'.join(full)}${{{name}:+:${name}}}"
