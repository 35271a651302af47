"""The law of the three witnesses over many facts: stated by a log's line or by a machine file, a fact gives the same findings.

The unit is a ``Fact``: wordings that state it, and the machine file's own way to say it. Each is joined to several machines and
judged; all that rules on facts conclude must be equal, and some of the facts must change what is concluded.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest

from fixer.log.facts import joined
from fixer.model import machine
from fixer.model.facts import Facts
from fixer.model.finding import Finding
from fixer.model.plan import Wish
from fixer.rules import judge
from tests.log.heard import dataset, hear

CARD = {"name": "NVIDIA GeForce RTX 3080", "compute_capability": "8.6", "memory_mib": 10240}
LINUX: dict[str, Any] = {"schema": "convfix-machine/1", "os": "linux", "arch": "x86_64", "glibc": "2.35", "wsl": False, "container": None}
PACKAGES = {"tensorflow": "2.15.1", "keras": "2.15.0", "numpy": "1.26.4", "protobuf": "4.25.3", "ml-dtypes": "0.3.2"}
TENSORFLOW = {"environment": {"kind": "venv", "python": "3.11.7", "owner": None, "packages": PACKAGES}}
MACHINES: dict[str, dict[str, Any]] = {
    "a machine of which little is known": LINUX,
    "a card, no more": {**LINUX, "gpus": [CARD]},
    "a workstation": {**LINUX, **TENSORFLOW, "gpus": [CARD], "libraries": [], "toolkits": [], "variables": {}},
    "a workstation with its driver": {
        **LINUX, **TENSORFLOW, "gpus": [CARD], "toolkits": [], "libraries": [], "variables": {}, "secure_boot": False,
        "driver": {"version": "535.104.05", "kernel_module": "535.104.05", "open_module": False}},
    "a container": {**LINUX, **TENSORFLOW, "container": "docker", "gpus": [CARD]},
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """``texts`` are lines that state what ``says`` holds: dotted names of a machine file and their values."""

    name: str
    texts: tuple[str, ...]
    says: dict[str, Any]


def mismatch(kernel: str, library: str) -> Fact:
    return Fact(
        f"halves {kernel} and {library}",
        (f"kernel version {kernel} does not match DSO version {library} -- cannot find working devices in this configuration",
         f"libcuda reported version is: {library}\nkernel reported version is: {kernel}",
         f"E cuda_diagnostics.cc:1] libcuda reported version is: {library}\nother output\nI kernel reported version is: {kernel}"),
        {"driver.version": library, "driver.kernel_module": kernel},
    )  # fmt: skip


FACTS: list[Fact] = [
    mismatch("535.54.3", "535.104.5"),
    mismatch("535.104.5", "418.56.0"),
    mismatch("470.57.2", "460.91.3"),
    Fact("halves that match", ("kernel version seems to match DSO: 535.104.5",),
         {"driver.version": "535.104.5", "driver.kernel_module": "535.104.5"}),
    *(Fact(f"library {text}", (f"libcuda reported version is: {text}", f"| NVIDIA-SMI {text}    Driver Version: {text}     |"), {"driver.version": text})
      for text in ("384.130", "450.80.02", "470.256.02", "525.60.13", "535.104.05", "550.54.14", "580.65.06")),
    *(Fact(f"module {text}", (f"kernel reported version is: {text}", f"Possibly insufficient driver version: {text}",
                              f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {text}  Sat Aug 19 01:15:15 UTC 2023"), {"driver.kernel_module": text})
      for text in ("384.130", "470.256.02", "525.60.13", "550.54.14")),
    *(Fact(f"variable {value!r}", (f'env: CUDA_VISIBLE_DEVICES="{value}"', f"os.environ['CUDA_VISIBLE_DEVICES'] = '{value}'"),
           {"variables.CUDA_VISIBLE_DEVICES": value}) for value in ("-1", "0", "", "3", "NoDevFiles")),
    *(Fact(f"growth {value!r}",
           (f'The TF_FORCE_GPU_ALLOW_GROWTH environment variable is set but could not be parsed: "{value}". Valid values are "true"',),
           {"variables.TF_FORCE_GPU_ALLOW_GROWTH": value}) for value in ("1", "yes", "on")),
    Fact("growth on", ("Overriding allow_growth setting because the TF_FORCE_GPU_ALLOW_GROWTH environment variable is set.",),
         {"variables.TF_FORCE_GPU_ALLOW_GROWTH": "true"}),
    *(Fact(f"{variable} {value}", (f"export {variable}={value}", f"{variable}={value} python train.py"), {f"variables.{variable}": value})
      for variable, value in (("CUDA_VISIBLE_DEVICES", "-1"), ("CUDA_VISIBLE_DEVICES", "7"))),
    Fact("library path", ("dlerror: x; LD_LIBRARY_PATH: /usr/local/cuda-10.2/lib64",), {"variables.LD_LIBRARY_PATH": "/usr/local/cuda-10.2/lib64"}),
    *(Fact(f"NumPy {text}", (f"A module that was compiled using NumPy 1.x cannot be run in\nNumPy {text} as it may crash.",
                             f"A module that was compiled using NumPy 1.x cannot be run in NumPy {text} as it may crash."),
           {"packages.numpy": text}) for text in ("2.0.2", "2.2.6")),
    *(Fact(f"protobuf {text}", ("Detected incompatible Protobuf Gencode/Runtime versions when loading a.proto: gencode 6.31.1 "
                                f"runtime {text}. Runtime version cannot be older than the linked gencode version.",),
           {"packages.protobuf": text}) for text in ("3.19.6", "5.27.0")),
    Fact("Secure Boot on", ("SecureBoot enabled",), {"secure_boot": True}),
    Fact("Secure Boot off", ("SecureBoot disabled",), {"secure_boot": False}),
    *(Fact(f"{name} with {free}", (f"name: {name} major: {cc[0]} minor: {cc[2]} memoryClockRate(GHz): 1.5\ntotalMemory: 10.00GiB freeMemory: {free}MiB",),
           {"gpus": [{"name": name, "compute_capability": cc, "memory_mib": 10240, "free_mib": free}]})
      for name, cc, free in (("GeForce RTX 3080", "8.6", 9800), ("GeForce RTX 3080", "8.6", 120), ("Tesla K80", "3.7", 190), ("GeForce GTX 1080", "6.1", 10000))),
    *(Fact(f"{name} as XLA names it", (f"StreamExecutor device (0): {name}, Compute Capability {cc}",),
           {"gpus": [{"name": name, "compute_capability": cc}]})
      for name, cc in (("NVIDIA GeForce RTX 5090", "12.0"), ("Tesla K40c", "3.5"), ("NVIDIA A100-SXM4-40GB", "8.0"), ("Tesla P100-PCIE-16GB", "6.0"))),
    Fact("nvidia-smi fails by mismatch", ("Failed to initialize NVML: Driver/library version mismatch",),
         {"x-convfix": {"nvidia_smi": {"status": 18, "line": "Driver/library version mismatch"}}}),
    *(Fact(f"toolkit {text}", (f"Cuda compilation tools, release {text}, V{text}.89", f"CUDA Version {text}.130", f"CUDA runtime version: {text}.119"),
           {"toolkits": [{"version": text, "path": f"/usr/local/cuda-{text}"}]}) for text in ("9.0", "10.1", "11.2", "11.8", "12.2", "12.8")),
    *(Fact(f"glibc {text}", (f"ldd (GNU libc) {text}", f"ldd (Ubuntu GLIBC {text}-0ubuntu9.9) {text}", f"Libc version: glibc-{text}"), {"glibc": text})
      for text in ("2.12", "2.17", "2.31")),
    *(Fact(f"the processor {arch}", (f"Linux box 5.15.0-72-generic #79-Ubuntu SMP Wed Apr 19 08:22:18 UTC 2023 {arch} {arch} {arch} GNU/Linux",),
           {"arch": arch, "kernel": "5.15.0-72-generic"}) for arch in ("x86_64", "aarch64")),
    Fact("a container", ("== are we in docker ===\nYes",), {"container": "docker"}),
    *(Fact(f"Python {text}", (f"Python {text}", f"python version: {text}"), {"environment.python": text}) for text in ("3.6.9", "3.13.1")),
    *(Fact(f"{name} in nvidia-smi's words", (f"|   0  {name}        Off  | 00000000:01:00.0 Off |                  N/A |", f"GPU models and configuration: GPU 0: {name}",
                                            f"    Product Name                          : {name}", f"name, pstate\n{name}, P8"),
           {"gpus": [{"name": name}]}) for name in ("NVIDIA GeForce RTX 5090", "Tesla K40c", "NVIDIA A100-SXM4-40GB", "Tesla P100-PCIE-16GB")),
    Fact("nouveau", ("nouveau              2285568  1", "\tKernel driver in use: nouveau"), {"x-convfix": {"kernel_modules": ["nouveau"]}}),
]  # fmt: skip


def described(known: dict[str, Any], says: dict[str, Any]) -> Facts:
    """The machine file ``known`` with what ``says`` adds, in its own words."""
    made = copy.deepcopy(known)
    for name, value in says.items():
        at, keys = made, (["environment", "packages", name[9:]] if name.startswith("packages.") else name.split("."))
        for key in keys[:-1]:
            at = at.setdefault(key, {})
        if isinstance(value, dict) and isinstance(at.get(keys[-1]), dict):
            at[keys[-1]].update(value)
        else:
            at[keys[-1]] = value
    return machine.decode(made)


def concluded(facts: Facts) -> set[tuple[str, str, str, str]]:
    """What rules on facts say: all but what rests on a line's wording."""
    return {_words(one) for one in judge(facts, dataset(), Wish()) if not one.code.startswith("said-") and not _rests_on_words(one)}


def _rests_on_words(found: Finding) -> bool:
    return "group" in found.subject or any(item.fact == "said" for item in found.evidence)


def _words(one: Finding) -> tuple[str, str, str, str]:
    return one.code, one.severity, one.certainty, one.title


CHANGED: set[str] = set()


@pytest.mark.parametrize("known", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_the_same_findings_from_both(fact: Fact, known: dict[str, Any]) -> None:
    if any(name.startswith("packages.") for name in fact.says):
        # A machine file's list is whole, and a log names some packages: the law holds where the others are known.
        known = {**known, **TENSORFLOW}
    expected = concluded(described(known, fact.says))
    if expected != concluded(machine.decode(known)):
        CHANGED.add(fact.name)
    for text in fact.texts:
        assert concluded(joined(hear(text).facts, machine.decode(known))) == expected, text


def test_the_facts_count() -> None:
    """A law over facts that no rule asks for would prove nothing."""
    for fact in FACTS:
        plain = [concluded(machine.decode(known)) for known in MACHINES.values()]
        if [concluded(described(known, fact.says)) for known in MACHINES.values()] != plain:
            CHANGED.add(fact.name)
    assert len(CHANGED) >= 0.7 * len(FACTS), sorted(fact.name for fact in FACTS if fact.name not in CHANGED)
