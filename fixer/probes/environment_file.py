"""Reads the loose description of a machine that people write in reports: plain strings for a handful of keys.

The unit is ``read(path) -> Facts``. Keys: gpu, driver, cuda, cudnn, tensorflow, keras, python, os, distro,
install_method; any other key is passed over. What a string does not clearly say stays unknown: a report's "CUDA
12.4" may be the driver's ceiling, a toolkit or a wish, so a version is only taken where its meaning is plain.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from fixer.errors import UsageError
from fixer.model.events import Event
from fixer.model.facts import SOME_PACKAGES, Distro, Driver, Environment, Facts, Gpu, Launcher, Library, Toolkit
from fixer.model.observed import absent, found
from fixer.model.pep440 import is_version
from fixer.model.subject import unsaid
from fixer.probes import machine_file

_SOURCE = "environment file"
# What a form says that stands in a log.
FORM = "form in the log"
_LONGEST = 400
_NUMBER = re.compile(r"\d+(?:\.\d+)+|\d+")
_OTHER_VENDORS = re.compile(r"\b(?:intel|uhd|iris|amd|radeon|ati|apple|none|no gpu|cpu only|cpu)\b", re.IGNORECASE)
_NVIDIA = re.compile(
    r"nvidia|geforce|\b(?:gtx|rtx|gt|titan|tesla|quadro|grid|mx)\b|\b(?:[akvptlhb]\d{1,3}|k[0-9]{2}m?|mx\d{3})\b",
    re.IGNORECASE,
)
# People leave the brand away: "3080ti" is a GeForce RTX 3080 Ti.
_BARE = re.compile(r"\b((?:[2-5]0[5-9]|16[356]|10[5-8]|9[5-8])0)(?:\s?(?:ti|super|m))*\b", re.IGNORECASE)
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(gb|gib|mb|mib)\b", re.IGNORECASE)
_CAPABILITY = re.compile(r"\((?:cc )?(\d{1,2}\.\d)\)|(?:compute capability|cc)\s*(\d{1,2}\.\d)", re.IGNORECASE)
_TENSORFLOW = re.compile(
    r"(?:(tf-nightly(?:-gpu)?|tensorflow-(?:gpu|cpu|macos|rocm|directml|intel)|tensorflow|tf|rocm)\s*)?"
    r"v?(\d+\.\d+(?:\.\d+)?(?:[.\-]?(?:rc|a|b|dev|post)\d*|-dev\d+)?(?:\.\d{6,8})?)",
    re.IGNORECASE,
)
_CALLS = (
    ("wheels-asked", re.compile(r"\[[\w,\s-]*and-cuda|\bjax\[cuda(?:1\d)?(?:_pip)?\]|\bcuda1\d_pip\b", re.IGNORECASE)),
    (
        "pip-asked",
        re.compile(r"(?:pip3? install (?:-{1,2}[\w-]+ )*|(?:pip|uv|poetry|pdm|pipenv|venv), )tensorflow(?![\w-])", re.IGNORECASE),
    ),
)
_CPU_ALONE = re.compile(r"\bcpu\b", re.IGNORECASE)
_PROVIDER = re.compile(r"\b(?:colab|colaboratory|kaggle)\b", re.IGNORECASE)
_WSL_ONE = re.compile(r"\bwsl[ -]?1\b", re.IGNORECASE)
_LAUNCHERS = {
    "jupyter": r"jupyter|notebook|ipykernel",
    "vscode": r"vs ?code|visual studio code",
    "pycharm": r"pycharm|intellij|spyder|r-?studio|eclipse|pydev",
    "systemd": r"systemd|gunicorn|supervisor|apache",
    "cron": r"\bcron",
}
# An image of NVIDIA's holds the CUDA that its tag names; the one called base holds hardly any library of it.
_CUDA_IMAGE = re.compile(r"\bnvidia/cuda[: ]v?(\d{1,2}\.\d)(?:\.\d+)?(?!\S*-base)(?:-cudnn(\d))?", re.IGNORECASE)
# Boards and modules whose processor is an ARM one, whatever else is said.
_JETSON = re.compile(r"\b(?:jetson|jetpack|tegra|l4t)\b", re.IGNORECASE)
_ARM = re.compile(r"\b(?:jetson|jetpack|tegra|raspbian|raspberry|xavier|orin|aarch64|armv[78]l?|grace hopper|gh200)\b", re.IGNORECASE)
# Who has one of these has a Mac, whatever else is not said.
_APPLES = re.compile(r"\bapple\b|\bm[1-5]\b(?: (?:pro|max|ultra|mac\w*))?", re.IGNORECASE)
_IN_A_MAC = re.compile(r"\bapple (?:silicon|m[1-5])\b|\bm[1-5] (?:mac|pro|max|ultra)\b|\b(?:mac|macbook)(?: \w+)? m[1-5]\b", re.IGNORECASE)
# A Mac with one of these has no processor of Apple's.
_INTEL_MAC = re.compile(r"\b(?:intel|x86_64|x86-64|iris|radeon|amd|core i\d|xeon)\b", re.IGNORECASE)
_DISTROS = {
    "ubuntu": "ubuntu", "debian": "debian", "fedora": "fedora", "centos": "centos", "rhel": "rhel", "red hat": "rhel",
    "arch": "arch", "mint": "linuxmint", "manjaro": "manjaro", "opensuse": "opensuse", "alpine": "alpine",
    "rocky": "rocky", "alma": "almalinux", "pop": "pop",
}  # fmt: skip


def read(path: str) -> Facts:
    """The facts that ``path`` plainly states; raises UsageError that names the file and the key."""
    shown = "standard input" if path == "-" else f"environment file {path!r}"
    data = machine_file.parsed(path, shown)
    if not isinstance(data, dict):
        raise UsageError("malformed-environment", f"{shown}: expected a JSON object of plain strings")
    if isinstance(data.get("environment"), dict) and "log" in data:
        data = data["environment"]
    texts: dict[str, str] = {}
    for key, value in data.items():
        if value is None or isinstance(value, bool):
            continue
        if not isinstance(value, (str, int, float)):
            raise UsageError("malformed-environment", f"{shown}: {key[:60]}: expected a string, such as \"RTX 3080\"")
        texts[key.lower()] = str(value)[:_LONGEST]
    return facts(texts)


def facts(texts: Mapping[str, str], source: str = _SOURCE) -> Facts:
    """What the strings plainly state; ``source`` is where they stand."""
    made = _facts(texts)
    if source == _SOURCE:
        return made
    names = [field.name for field in dataclasses.fields(made)]
    return dataclasses.replace(made, **{name: _told_in(source, getattr(made, name)) for name in names})


def _told_in(source: str, value: Any) -> Any:
    """``value`` with ``source`` in the place of an environment file, at every depth."""
    if isinstance(value, str):
        return source + value.removeprefix(_SOURCE) if value.startswith(_SOURCE) else value
    if isinstance(value, tuple):
        return tuple(_told_in(source, one) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(value, **{name: _told_in(source, getattr(value, name)) for name in names})
    return value


def _facts(texts: Mapping[str, str]) -> Facts:
    slots: dict[str, Any] = {}
    slots.update(_system(texts))
    slots.update(_gpu(texts.get("gpu", "")))
    driver = _driver(texts.get("driver", ""), texts.get("cuda", ""))
    if driver is not None:
        slots["driver"] = found(driver, f"{_SOURCE}: driver")
    environment = _environment(texts)
    if environment is not None:
        slots["environment"] = found(environment, _SOURCE)
    slots.update(_cuda(texts))
    slots.update(_launchers(texts))
    slots.update(_commands(texts))
    return Facts(**slots)


def _commands(texts: Mapping[str, str]) -> dict[str, Any]:
    """How pip was called, where the report quotes the call, and whose image it is: said like a line of a log."""
    method = texts.get("install_method", "")
    symptoms = [next((name for name, words in _CALLS if words.search(method)), None)]
    if _PROVIDER.search(f"{texts.get('os', '')} {texts.get('distro', '')} {method}"):
        symptoms.append("colab")
    source = f"{_SOURCE}: install_method"
    events = tuple(Event(name, method, source) for name in symptoms if name is not None)
    system = f"{texts.get('os', '')} {texts.get('distro', '')}".strip()
    if _WSL_ONE.search(system):
        events += (Event("wsl-one", system, f"{_SOURCE}: os"),)
    every = " ".join(texts.values())
    if _JETSON.search(every):
        events += (Event("jetson", every[:120], f"{_SOURCE}: gpu"),)
    return {"events": found(events, source)} if events else {}


def _launchers(texts: Mapping[str, str]) -> dict[str, Any]:
    """What started the program: reports name it among their ways of installing, beside the system or beside Python."""
    for key in ("install_method", "os", "distro", "python"):
        told = [kind for kind, words in _LAUNCHERS.items() if re.search(words, texts.get(key, "").lower())]
        if told:
            return {"launchers": found(tuple(Launcher(kind, kind, "", "") for kind in told), f"{_SOURCE}: {key}")}
    return {}


def _system(texts: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    os, distro, method = (texts.get(key, "") for key in ("os", "distro", "install_method"))
    every = f"{os} {distro}".lower()
    source = f"{_SOURCE}: os"
    if "wsl" in every:
        made["os"], made["wsl"] = found("linux", source), found(True, source)
    elif "windows" in every and "linux" not in every and "ubuntu" not in every:
        made["os"], made["wsl"] = found("windows", source), found(False, source)
    elif "mac" in every or "darwin" in every or "osx" in every or "os x" in every:
        made["os"] = found("macos", source)
    elif "linux" in every or any(name in every for name in _DISTROS):
        made["os"] = found("linux", source)
    elif not every.strip() and _APPLES.search(texts.get("gpu", "")) and not _NVIDIA.search(texts.get("gpu", "")):
        made["os"] = found("macos", f"{_SOURCE}: gpu")
    if made.get("os", found("linux", source)).value == "linux" and _ARM.search(f"{every} {texts.get('gpu', '')} {method}"):
        made["os"], made["arch"] = found("linux", source), found("aarch64", source)
    apple = re.search(r"apple|\bm[1-4]\b|arm64|aarch64", f"{every} {texts.get('gpu', '').lower()}")
    if apple and (made.get("os") is not None and made["os"].value == "macos" or "arm64" in every or "aarch64" in every):
        made["arch"] = found("aarch64", source)
    elif made.get("os", found("linux", source)).value == "macos" and _INTEL_MAC.search(f"{every} {texts.get('gpu', '')}"):
        made["arch"] = found("x86_64", source)
    # Some name it where they were asked for the system.
    key, text = ("distro", distro) if distro else ("os", os)
    name = next((id for word, id in _DISTROS.items() if re.search(rf"\b{word}", text.lower())), None)
    if name is None and re.search(r"\balpine\b", method.lower()):
        # An image's name tells the C library as well: python:3.11-alpine.
        key, text, name = "install_method", method, "alpine"
    if name is not None:
        version = _NUMBER.search(text)
        made["distro"] = found(Distro(name, version.group() if version else None), f"{_SOURCE}: {key}")
    where = f"{method} {distro}".lower()
    if made.get("os", found("linux", source)).value == "linux" and _IN_A_MAC.search(f"{method} {texts.get('gpu', '')}"):
        # A container of a Mac of Apple's: Linux, on its processor.
        made["arch"] = found("aarch64", source)
    if re.search(r"docker|container|image|kubernetes|podman|singularity|apptainer", where) and "colab" not in method.lower():
        of_apptainer = re.search(r"singularity|apptainer", where) and not re.search(r"docker run|podman|kubernetes", where)
        made["container"] = found("apptainer" if of_apptainer else "docker", f"{_SOURCE}: install_method")
    return made


def _gpu(text: str) -> dict[str, Any]:
    source = f"{_SOURCE}: gpu"
    if not text.strip():
        return {}
    bare = _BARE.search(text)
    if bare and not _NVIDIA.search(text) and not _OTHER_VENDORS.search(text):
        text = f"GeForce {'RTX' if int(bare.group(1)) >= 2000 else 'GTX'} {text}"
    if not _NVIDIA.search(text):
        return {"gpus": absent(source)} if _OTHER_VENDORS.search(text) else {}
    part = next((one for one in re.split(r"\s*\+\s*|,| and |/(?=\s)", text) if _NVIDIA.search(one)), text)
    capability, memory = _CAPABILITY.search(part), _MEMORY.search(part)
    name = re.sub(r"\(.*?\)|\bx\s*\d\b|\b\d+\s*x\b", " ", _MEMORY.sub(" ", part))
    size = None
    if memory:
        size = int(float(memory.group(1)) * (1024 if memory.group(2).lower().startswith("g") else 1))
    card = Gpu(" ".join(name.split()) or None, None, (capability.group(1) or capability.group(2)) if capability else None, size)
    return {"gpus": found((card,), source)}


def _driver(text: str, cuda: str) -> Driver | None:
    source = f"{_SOURCE}: driver"
    parts: dict[str, Any] = {}
    low = text.lower()
    ceiling = re.search(r"(\d+\.\d+)\s*\((?:driver|nvidia-smi|smi)", cuda.lower()) or re.search(r"^cuda\s*(\d+\.\d+)", low)
    if ceiling:
        parts["cuda"] = found(ceiling.group(1), f"{_SOURCE}: cuda")
    kernel, library = re.search(r"kernel[^0-9]{0,12}(\d+\.\d+(?:\.\d+)?)", low), re.search(r"librar[^0-9]{0,12}(\d+\.\d+(?:\.\d+)?)", low)
    if kernel:
        parts["kernel_module"] = found(kernel.group(1), source)
        first = _NUMBER.match(low)
        library = library or first
    if library:
        parts["version"] = found(library.group(library.lastindex or 0), source)
    elif not kernel and "cuda" not in low and "->" not in low:
        version = _NUMBER.search(low)
        if version and int(version.group().split(".")[0]) >= 100:
            parts["version"] = found(version.group() if "." in version.group() else f"{version.group()}.00", source)
    return Driver(**parts) if parts else None


def _environment(texts: Mapping[str, str]) -> Environment | None:
    parts: dict[str, Any] = {}
    python = _NUMBER.search(texts.get("python", ""))
    if python and "." in python.group():
        parts["python"] = found(python.group(), f"{_SOURCE}: python")
    method = texts.get("install_method", "").lower()
    if re.search(r"conda|mamba|miniforge", method):
        parts["kind"] = found("conda", f"{_SOURCE}: install_method")
    packages = _packages(texts)
    if packages:
        parts["packages"] = found(packages, f"{_SOURCE}: tensorflow", detail=SOME_PACKAGES)
    return Environment(**parts) if parts else None


def _packages(texts: Mapping[str, str]) -> dict[str, str]:
    packages: dict[str, str] = {}
    text = texts.get("tensorflow", "")
    if not re.search(r"wanted|->|[<>]|after|source|chosen", text.lower()):
        for name, version in _TENSORFLOW.findall(text):
            known = name.lower() if name.lower() not in ("", "tf") else _unsaid(version, text)
            packages.setdefault("tensorflow-rocm" if known == "rocm" else known, version)
    keras = re.match(r"\s*v?(\d+\.\d+(?:\.\d+)?)\s*$", texts.get("keras", ""))
    if keras:
        packages["keras"] = keras.group(1)
    return {name: version for name, version in packages.items() if is_version(version)}


def _unsaid(version: str, text: str) -> str:
    """The distribution that a bare version means; the one without CUDA where the report says so."""
    usual = unsaid(version)
    if _CPU_ALONE.search(text) is None or "gpu" in text.lower():
        return usual
    return "tensorflow" if usual == "tensorflow-gpu" else "tensorflow-cpu"


def _cuda(texts: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    text = texts.get("cuda", "")
    if text and not re.search(r"driver|smi|wanted", text.lower()):
        versions = [one for one in _NUMBER.findall(text) if int(one.split(".")[0]) < 20]
        tools = tuple(Toolkit(".".join(one.split(".")[:2]), f"/usr/local/cuda-{'.'.join(one.split('.')[:2])}") for one in versions)
        if tools:
            made["toolkits"] = found(tools, f"{_SOURCE}: cuda")
    image, source = _CUDA_IMAGE.search(texts.get("install_method", "")), f"{_SOURCE}: install_method"
    if image:
        # What is told beside it is the host's, of which the container sees nothing.
        made["toolkits"] = found((Toolkit(image[1], f"/usr/local/cuda-{image[1]}"),), source)
        if image[2]:
            made["libraries"] = found((Library("cudnn", image[2], "libcudnn"),), source)
    cudnn = _NUMBER.search(texts.get("cudnn", ""))
    if cudnn:
        made["libraries"] = found((Library("cudnn", cudnn.group(), "libcudnn"),), f"{_SOURCE}: cudnn")
    return made
