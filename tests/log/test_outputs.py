"""What commands print of a system becomes facts, each with its line; what only speaks of such a thing does not.

The unit is an output and what it states in the names of a machine file (``toolkits``, ``gpus``, ``driver.version``).
"""

from __future__ import annotations

from typing import Any

import pytest

from fixer.log.facts import joined
from fixer.log.line import Line
from fixer.log.outputs import Outputs
from fixer.model import machine
from fixer.model.facts import Facts
from tests.log.heard import hear

SMI = """Thu Aug  3 10:10:10 2023
+---------------------------------------------------------------------------------------+
| NVIDIA-SMI 535.54.03              Driver Version: 535.54.03    CUDA Version: 12.2     |
|-----------------------------------------+----------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id        Disp.A | Volatile Uncorr. ECC |
|=========================================+======================+======================|
|   0  {name:<25} Off | 00000000:01:00.0  On |                  N/A |
|  0%   40C    P8              20W / 320W |    500MiB / 10240MiB |      1%      Default |
+-----------------------------------------+----------------------+----------------------+
"""
OLD_ROW = "|   0  GeForce GTX 980     Off  | 0000:01:00.0     N/A |                  N/A |"
DPKG = "ii  {:<42} {:<37} amd64        NVIDIA something"
STATED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("nvcc", "Cuda compilation tools, release 11.8, V11.8.89\nBuild cuda_11.8.r11.8/compiler.31833905_0", {"toolkits": ["11.8"]}),
    ("version.txt", "$ cat /usr/local/cuda/version.txt\nCUDA Version 10.1.243", {"toolkits": ["10.1"]}),
    ("version.json", '   "cuda" : {\n      "name" : "CUDA SDK",\n      "version" : "11.7.20220729"\n   },', {"toolkits": ["11.7"]}),
    ("an image's banner", "==========\n== CUDA ==\n==========\n\nCUDA Version 12.2.0\n", {"toolkits": ["12.2"]}),
    ("PyTorch's report", "CUDA runtime version: 11.5.119\nNvidia driver version: 525.105.17\nLibc version: glibc-2.35",
     {"toolkits": ["11.5"], "driver.version": "525.105.17", "glibc": "2.35"}),
    ("a listed runtime", "/usr/local/cuda-11.0/targets/x86_64-linux/lib/libcudart.so.11.0.221", {"toolkits": ["11.0"]}),
    ("two of them", "/opt/cuda/lib64/libcudart.so.10.1.243\n/usr/local/cuda-11.0/lib64/libcudart.so.11.0.221", {"toolkits": ["10.1", "11.0"]}),
    ("the loader's cache", "\tlibcudart.so.11.0 (libc6,x86-64) => /usr/local/cuda-11.2/targets/x86_64-linux/lib/libcudart.so.11.0", {"toolkits": ["11.2"]}),
    ("cudnn.h", "#define CUDNN_MAJOR 7\n#define CUDNN_MINOR 6\n#define CUDNN_PATCHLEVEL 5\n--", {"cudnn": ["7.6.5"]}),
    ("a link", "lrwxrwxrwx 1 root root 17 Jan  1 10:00 /usr/lib/x86_64-linux-gnu/libcudnn.so.8 -> libcudnn.so.8.1.1", {"cudnn": ["8.1.1"]}),
    ("a found file", "/usr/lib/x86_64-linux-gnu/libcudnn.so.8.9.1", {"cudnn": ["8.9.1"]}),
    ("dpkg", "\n".join((DPKG.format("libnvidia-compute-470:amd64", "470.129.06-0ubuntu0.20.04.1"), DPKG.format("libcudnn8", "8.1.1.33-1+cuda11.2"),
                        DPKG.format("cuda-toolkit-11-2", "11.2.2-1"))),
     {"driver.version": "470.129.06", "cudnn": ["8.1.1"], "toolkits": ["11.2"]}),
    ("apt", "libcudnn8/unknown,now 8.1.1.33-1+cuda11.2 amd64 [installed,upgradable to: 8.9.2]", {"cudnn": ["8.1.1"]}),
    ("Debian's toolkit", DPKG.format("nvidia-cuda-toolkit", "10.1.243-3"), {"toolkits": ["10.1"]}),
    ("nvidia-smi", SMI.format(name="NVIDIA GeForce RTX 3080"),
     {"gpus": [("NVIDIA GeForce RTX 3080", 10240)], "driver.version": "535.54.03", "driver.cuda": "12.2"}),
    ("a name that was cut off", SMI.format(name="NVIDIA GeForce RTX 207..."), {"gpus": [("NVIDIA GeForce RTX", 10240)]}),
    ("a name cut off behind a word", SMI.format(name="NVIDIA GeForce RTX 4070 ..."), {"gpus": [("NVIDIA GeForce RTX 4070", 10240)]}),
    ("an old table", OLD_ROW, {"gpus": [("GeForce GTX 980", None)]}),
    ("one on Windows", "|   0  NVIDIA GeForce RTX 4070 ...  WDDM  |   00000000:01:00.0  On |                  N/A |", {"gpus": [("NVIDIA GeForce RTX 4070", None)]}),
    ("a query", "name, driver_version, memory.total [MiB]\nNVIDIA GeForce RTX 3090, 525.105.17, 24576 MiB",
     {"gpus": [("NVIDIA GeForce RTX 3090", 24576)], "driver.version": "525.105.17"}),
    ("a query with gaps", "index, name, compute_cap, memory.free [MiB]\n0, Tesla T4, 7.5, [N/A]", {"gpus": [("Tesla T4", None)]}),
    ("-q", "Driver Version                            : 525.105.17\nCUDA Version                              : 12.0\n"
           "    Product Name                          : Tesla T4", {"driver.version": "525.105.17", "driver.cuda": "12.0", "gpus": [("Tesla T4", None)]}),
    ("nvidia-container-cli", "NVRM version:   470.57.02\nCUDA version:   11.4\nModel:          NVIDIA GeForce RTX 2080 Ti\nArchitecture:   7.5",
     {"driver.version": "470.57.02", "gpus": [("NVIDIA GeForce RTX 2080 Ti", None)]}),
    ("lspci", "01:00.0 VGA compatible controller: NVIDIA Corporation GP104 [GeForce GTX 1080] (rev a1)", {"gpus": [("GeForce GTX 1080", None)]}),
    ("lspci -nn", "0000:01:00.0 3D controller [0302]: NVIDIA Corporation TU117M [GeForce GTX 1650 Mobile / Max-Q] [10de:1f91] (rev a1)",
     {"gpus": [("GeForce GTX 1650 Mobile", None)]}),
    ("uname", "Linux box 4.9.253-tegra #1 SMP PREEMPT Sat Feb 19 08:59:22 PST 2022 aarch64 aarch64 aarch64 GNU/Linux",
     {"os": "linux", "arch": "aarch64", "kernel": "4.9.253-tegra"}),
    ("lsb_release", "Distributor ID:\tUbuntu\nDescription:\tUbuntu 20.04.6 LTS\nRelease:\t20.04", {"distro": ("ubuntu", "20.04")}),
    ("os-release", 'NAME="Fedora Linux"\nPRETTY_NAME="Fedora Linux 38 (Workstation Edition)"', {"distro": ("fedora", "38")}),
    ("Debian's os-release", 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"', {"distro": ("debian", "11")}),
    ("TensorFlow's collecting script", "linux distribution: ('Ubuntu', '18.04', 'bionic')\nmachine: x86_64\npython version: 3.6.9\n"
     "== are we in docker =============================================\nYes\nLD_LIBRARY_PATH /usr/lib64-nvidia\nDYLD_LIBRARY_PATH is unset",
     {"distro": ("ubuntu", "18.04"), "arch": "x86_64", "environment.python": "3.6.9", "container": "docker",
      "variables": {"LD_LIBRARY_PATH": "/usr/lib64-nvidia"}}),
    ("its path unset", "LD_LIBRARY_PATH is unset", {"variables": {"LD_LIBRARY_PATH": ""}}),
    ("glibc", "ldd (Ubuntu GLIBC 2.31-0ubuntu9.9) 2.31", {"glibc": "2.31"}),
    ("CentOS's glibc", "ldd (GNU libc) 2.17", {"glibc": "2.17"}),
    ("Python", "$ python --version\nPython 3.12.1", {"environment.python": "3.12.1"}),
    ("WSL", "WSL version: 1.2.5.0\nKernel version: 5.15.90.1\nWSLg version: 1.0.51", {"wsl": True}),
    ("TensorFlow's two versions", "v2.12.0-rc1-12-g0db597d0d75 2.12.0", {"packages": {"tensorflow": "2.12.0"}}),
    ("printed by Python 2", "('v1.13.1-0-g6612da8951', '1.13.1')", {"packages": {"tensorflow-gpu": "1.13.1"}}),
    ("conda list", "cudnn                     8.9.7.29             hbc23b4c_3    conda-forge", {"environment.kind": "conda"}),
    ("a package of pip's in conda list", "tensorflow                2.10.0                   pypi_0    pypi", {"environment.kind": "conda"}),
    ("a build of conda's", "unknown 2.4.1", {"packages": {"tensorflow": "2.4.1"}}),
)  # fmt: skip
NOT_STATED = (
    "this needs CUDA Version 10.1.243 or newer",
    "CUDA Version 10.1",
    "install cuDNN 7.6.5, Cuda compilation tools, release 11.8, V11.8.89",
    "cp /opt/libcudnn.so.8.1.1 /usr/lib",
    "/home/user/.venv/lib/python3.10/site-packages/nvidia/cudnn/lib/libcudnn.so.8.9.1",
    "/usr/lib/x86_64-linux-gnu/libcudnn.so.8",
    "#define CUDNN_MAJOR 7",
    "#define CUDNN_MAJOR 7\n" + "x\n" * 20 + "#define CUDNN_MINOR 6\n#define CUDNN_PATCHLEVEL 5",
    "rc  libnvidia-compute-470:amd64   470.129.06-0ubuntu0.20.04.1   amd64   NVIDIA libcompute package",
    "libcudnn8/unknown 8.9.2.26-1+cuda12.1 amd64",
    "01:00.1 Audio device: NVIDIA Corporation GP104 High Definition Audio Controller (rev a1)",
    "01:00.0 VGA compatible controller: NVIDIA Corporation Device 2684 (rev a1)",
    "00:02.0 VGA compatible controller: Intel Corporation UHD Graphics 620 (rev 07)",
    "\tProduct Name: XPS 15 9560",
    "Description: a network for Ubuntu",
    "== are we in docker =============================================\nNo",
    "Do you want to continue?\nYes",
    "name, driver_version, memory.total [MiB]\nFailed to initialize NVML: Unknown Error",
    "I use Python 3.12.1",
    "unknown error 2.4",
    "|   0  N/A  N/A      1234      G   /usr/lib/xorg/Xorg                 100MiB |",
)


def said(facts: Facts) -> dict[str, Any]:
    """What ``facts`` hold, by the names of the table."""
    made: dict[str, Any] = {name: getattr(facts, name).value for name in ("os", "arch", "kernel", "glibc", "container", "wsl", "variables")}
    made["toolkits"] = [one.version for one in facts.toolkits.or_else(())] or None
    made["cudnn"] = [one.version for one in facts.libraries.or_else(())] or None
    made["gpus"] = [(one.name, one.memory_mib) for one in facts.gpus.or_else(())] or None
    made["distro"] = (facts.distro.value.id, facts.distro.value.version) if facts.distro.value is not None else None
    for part in ("version", "cuda"):
        made[f"driver.{part}"] = getattr(facts.driver.value, part).value if facts.driver.value is not None else None
    environment = facts.environment.value
    for part in ("python", "kind"):
        made[f"environment.{part}"] = getattr(environment, part).value if environment is not None else None
    made["packages"] = environment.packages.value if environment is not None else None
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize(("text", "stated"), [row[1:] for row in STATED], ids=[row[0] for row in STATED])
def test_what_commands_print_is_stated(text: str, stated: dict[str, Any]) -> None:
    assert said(hear(text).facts).items() >= stated.items()


@pytest.mark.parametrize("text", [row[1] for row in STATED], ids=[row[0] for row in STATED])
def test_an_output_alone_blames_nothing(text: str) -> None:
    assert not hear(text).causes


@pytest.mark.parametrize("text", NOT_STATED)
def test_what_only_speaks_of_it_states_nothing(text: str) -> None:
    assert not said(hear(text).facts).keys() - {"os"}


def test_a_card_that_two_programs_name_is_one() -> None:
    text = SMI.format(name="NVIDIA GeForce RTX 3080") + "name: GeForce RTX 3080 major: 8 minor: 6 memoryClockRate(GHz): 1.71\n"
    (card,) = hear(text).facts.gpus.or_else(())
    assert (card.compute_capability, card.memory_mib) == ("8.6", 10240)


def test_each_card_of_several_keeps_what_is_its_own() -> None:
    rows = "".join(f"|   {at}  {name}        Off  | 00000000:0{at}:00.0 Off |  N/A |\n" for at, name in enumerate(("Tesla K80", "Tesla V100")))
    text = rows + "name: Tesla K80 major: 3 minor: 7 memoryClockRate(GHz): 0.8\nname: Tesla V100 major: 7 minor: 0 memoryClockRate(GHz): 1.5\n"
    assert [(one.name, one.compute_capability) for one in hear(text).facts.gpus.or_else(())] == [("Tesla K80", "3.7"), ("Tesla V100", "7.0")]


def test_a_log_adds_to_what_a_machine_file_lists_and_takes_nothing_away() -> None:
    other = machine.decode({"schema": "convfix-machine/1", "os": "linux", "toolkits": [{"version": "11.8.0", "path": "/opt/cuda"}]})
    text = "Cuda compilation tools, release 11.8, V11.8.89\n/usr/local/cuda-10.1/lib64/libcudart.so.10.1.243"
    both = joined(hear(text).facts, other).toolkits
    assert [(one.version, one.path) for one in both.or_else(())] == [("11.8.0", "/opt/cuda"), ("10.1", "/usr/local/cuda-10.1")]


def test_what_was_read_is_not_unfamiliar() -> None:
    facts = hear("CUDA Version 10.1.243\nnumpy                        1.26.4\nsomething that nobody knows").facts
    assert [one.text for one in facts.unfamiliar.or_else(())] == ["something that nobody knows"]


def test_endlessly_many_statements_are_kept_in_bounds_and_each_once() -> None:
    many = Outputs(Line(at, f"CUDA Version {at % 90}.{at // 90 % 90}.1") for at in range(1, 5000))
    assert len(list(many)) == 4999 and len(many.told) == 500 and many.told[-1].line == 4999
    again = Outputs(Line(at, "CUDA Version 10.1.243") for at in range(1, 5000))
    assert len(list(again)) == 4999 and [one.line for one in again.told] == [4999]


def test_what_is_known_is_no_unfamiliar_line_when_it_is_said_again() -> None:
    said = "\n".join(f"2020-01-01 00:00:0{at}: I tensorflow/core/a.cc:1] Created device with {at} words" for at in range(9))
    lines = "CUDA Version 10.1.243\n" * 3 + "something that nobody knows\n" * 3 + said
    assert [one.line for one in hear(lines).facts.unfamiliar.or_else(())] == [4, 7]
