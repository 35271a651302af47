"""Described machines for measuring, as many as wanted, all different: what people really have, drawn by a fixed seed.

The unit is ``machines(count)``: machine files as compact JSON texts. They differ in what plans rest on (system, GPU,
driver, Pythons, environment, packages, variables), not only in a name; the same count gives the same texts.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

SYSTEMS = (
    ("ubuntu", "18.04", "2.27", "3.6"), ("ubuntu", "20.04", "2.31", "3.8"), ("ubuntu", "22.04", "2.35", "3.10"),
    ("ubuntu", "24.04", "2.39", "3.12"), ("ubuntu", "26.04", "2.43", "3.14"), ("debian", "11", "2.31", "3.9"),
    ("debian", "12", "2.36", "3.11"), ("debian", "13", "2.41", "3.13"), ("fedora", "42", "2.41", "3.13"),
    ("rhel", "8.10", "2.28", "3.6"), ("rhel", "9.4", "2.34", "3.9"), ("rhel", "10.0", "2.39", "3.12"),
    ("centos", "7", "2.17", "3.6"), ("arch", None, "2.42", "3.13"), ("opensuse-leap", "15.6", "2.38", "3.6"),
)  # fmt: skip
CARDS = (
    ("Tesla K80", "3.7", 11441), ("GeForce GTX 970", "5.2", 4096), ("NVIDIA GeForce GTX 1080", "6.1", 8192),
    ("Tesla V100-SXM2-16GB", "7.0", 16384), ("Tesla T4", "7.5", 15360), ("NVIDIA GeForce RTX 2080 Ti", "7.5", 11264),
    ("NVIDIA A100-SXM4-40GB", "8.0", 40960), ("NVIDIA GeForce RTX 3080", "8.6", 10240), ("NVIDIA L4", "8.9", 23034),
    ("NVIDIA GeForce RTX 4090", "8.9", 24564), ("NVIDIA H100 80GB HBM3", "9.0", 81559),
    ("NVIDIA GeForce RTX 5090", "12.0", 32607), ("NVIDIA GeForce RTX 5060 Ti", "12.0", 16311), ("NVIDIA B200", "10.0", 183359),
)  # fmt: skip
DRIVERS = ("390.157", "418.226.00", "450.248.02", "470.256.02", "510.108.03", "525.147.05", "535.183.01", "550.144.03",
           "570.133.20", "580.95.05", "610.43.02")  # fmt: skip
# A TensorFlow with the Pythons it is found on and what pip put beside it.
STACKS: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("2.4.4", ("3.6.15", "3.8.10"), {"numpy": "1.19.5", "protobuf": "3.19.6"}),
    ("2.10.1", ("3.8.10", "3.10.12"), {"numpy": "1.23.5", "protobuf": "3.19.6", "keras": "2.10.0"}),
    ("2.13.1", ("3.8.10", "3.11.9"), {"numpy": "1.24.3", "protobuf": "4.25.3", "keras": "2.13.1"}),
    ("2.14.1", ("3.9.19", "3.11.9"), {"numpy": "1.26.4", "protobuf": "4.25.3", "keras": "2.14.0"}),
    ("2.15.1", ("3.9.19", "3.11.7"), {"numpy": "1.26.4", "protobuf": "4.25.3", "keras": "2.15.0", "ml-dtypes": "0.3.2"}),
    ("2.16.1", ("3.11.7", "3.12.3"), {"numpy": "1.26.4", "protobuf": "4.25.3", "keras": "3.3.3", "ml-dtypes": "0.3.2"}),
    ("2.18.1", ("3.11.7", "3.12.3"), {"numpy": "2.0.2", "protobuf": "5.29.3", "keras": "3.8.0", "ml-dtypes": "0.4.1"}),
    ("2.20.0", ("3.11.7", "3.13.1"), {"numpy": "2.2.6", "protobuf": "6.31.1", "keras": "3.11.3", "ml-dtypes": "0.5.3"}),
    ("2.21.0", ("3.12.3", "3.13.1"), {"numpy": "2.2.6", "protobuf": "6.31.1", "keras": "3.12.0", "ml-dtypes": "0.5.3"}),
)
# What breaks a stack, as it happens: another package brought it.
BROKEN: tuple[dict[str, str], ...] = (
    {}, {}, {}, {"numpy": "2.1.3"}, {"protobuf": "6.33.0"}, {"protobuf": "3.20.3"}, {"ml-dtypes": "0.5.3"}, {"keras": "3.11.3"},
    {"tensorflow-cpu": "2.15.1"}, {"torch": "2.4.1"},
)  # fmt: skip
BESIDE = ("pandas", "scipy", "scikit-learn", "matplotlib", "pillow", "requests", "tqdm", "jupyterlab", "opencv-python", "fastapi")


def machines(count: int, seed: int = 6) -> Iterator[str]:
    """``count`` machine files, no two alike, one JSON text each."""
    dice = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < count:
        text = json.dumps(_machine(dice), separators=(",", ":"))
        if text not in seen:
            seen.add(text)
            yield text


def estate(count: int, seed: int = 9) -> Iterator[str]:
    """``count`` machines as one owner has them: some sixty images, each on hosts that differ in what hosts differ in.

    A host has a kernel build, a user with a home, free memory and disk, cards as many as fit, a driver of the image's
    branch, and now and then a package that somebody added or moved by hand.
    """
    dice = random.Random(seed)
    images = [_machine(dice) for _ in range(60)]
    seen: set[str] = set()
    while len(seen) < count:
        text = json.dumps(_host(dice, dice.choice(images)), separators=(",", ":"))
        if text not in seen:
            seen.add(text)
            yield text


def _host(dice: random.Random, image: dict[str, Any]) -> dict[str, Any]:
    kernel = f"{image['kernel'].partition('-')[0]}-{dice.randint(1, 120)}-generic"
    home = f"/home/{dice.choice('abcdefgh')}{dice.randint(1, 400)}"
    cards = [{**card, "free_mib": dice.randint(card["memory_mib"] // 2, card["memory_mib"])} for card in image["gpus"]]
    made = {
        **image, "kernel": kernel, "variables": {**image["variables"], "HOME": home, "PATH": f"{home}/bin:/usr/bin"},
        "gpus": cards[: dice.choice((1, 2, 4))], "disk_free_mib": dice.randint(20_000, 900_000),
    }  # fmt: skip
    if image["driver"] is not None and dice.random() < 0.3:
        version = f"{image['driver']['version'].partition('.')[0]}.{dice.randint(50, 160)}.0{dice.randint(1, 9)}"
        made["driver"] = {"version": version, "kernel_module": version}
    if image["environment"] is not None and dice.random() < 0.3:
        name, version = dice.choice((("numpy", "1.26.4"), ("pandas", "2.2.3"), ("scipy", "1.13.1"), ("tqdm", "4.67.1"), ("torch", "2.5.1")))
        packages = {**image["environment"]["packages"], name: version}
        made["environment"] = {**image["environment"], "packages": packages}
    return made


def fresh() -> str:
    """One machine without an environment, on which a whole stack is planned."""
    driver = {"version": "550.144.03", "kernel_module": "550.144.03"}
    card = {"name": "NVIDIA GeForce RTX 3080", "compute_capability": "8.6", "memory_mib": 10240}
    machine = {**_machine(random.Random(0)), "gpus": [card], "driver": driver, "environment": None, "pythons": ["3.11"]}
    return json.dumps({**machine, "glibc": "2.35", "cpu_flags": ["avx", "avx2", "fma"], "wsl": False})


def _machine(dice: random.Random) -> dict[str, Any]:
    distro, version, glibc, python = dice.choice(SYSTEMS)
    driver = dice.choice((*DRIVERS, None))
    pythons = sorted({python, *dice.sample(("3.8", "3.9", "3.10", "3.11", "3.12", "3.13"), dice.randint(0, 2))})
    cards = _cards(dice)
    return {
        "schema": "convfix-machine/1", "os": "linux", "distro": {"id": distro, "version": version}, "arch": "x86_64",
        "glibc": glibc, "kernel": f"{dice.choice(('5.15.0', '6.1.0', '6.8.0'))}-{dice.randint(1, 120)}-generic",
        "wsl": dice.random() < 0.05, "container": None, "cpu_flags": ["avx", "avx2", "fma"] if dice.random() < 0.97 else ["sse4_2"],
        "gpus": cards, "driver": None if driver is None else {"version": driver, "kernel_module": driver},
        "pythons": pythons, "environment": _environment(dice) if dice.random() < 0.75 else None,
        "toolkits": [{"version": "11.2", "path": "/usr/local/cuda-11.2"}] if dice.random() < 0.1 else [], "libraries": [],
        "variables": {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"} if dice.random() < 0.2 else {},
        "managers": dice.choice((["pip"], ["pip", "uv"], ["pip", "conda"])), "root": False,
        "disk_free_mib": dice.randint(20_000, 900_000),
    }  # fmt: skip


def _cards(dice: random.Random) -> list[dict[str, Any]]:
    """None, one, several of one kind as in a server, or now and then two that differ."""
    if dice.random() < 0.05:
        return [_card(dice), _card(dice)]
    return [_card(dice)] * dice.choice((0, 1, 1, 1, 1, 1, 2, 4))


def _card(dice: random.Random) -> dict[str, Any]:
    name, capability, memory = dice.choice(CARDS)
    return {"name": name, "compute_capability": capability, "memory_mib": memory, "free_mib": dice.randint(memory // 2, memory)}


def _environment(dice: random.Random) -> dict[str, Any]:
    tensorflow, pythons, packages = dice.choice(STACKS)
    made = {"tensorflow": tensorflow, **packages, **dice.choice(BROKEN)}
    for name in dice.sample(BESIDE, dice.randint(0, 5)):
        made[name] = f"{dice.randint(0, 4)}.{dice.randint(0, 30)}.{dice.randint(0, 9)}"
    kind = dice.choice(("venv", "venv", "venv", "conda", "system"))
    owner = dice.choice((None, None, None, None, "uv", "poetry"))
    return {"kind": kind, "python": dice.choice(pythons), "owner": owner, "packages": made}
