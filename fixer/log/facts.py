"""Writes what recognised lines state into Facts, each with its line; what has no slot there stays an event.

The unit is ``hear(hits, name) -> Facts``. Only values that the line itself prints become facts: nothing is derived
here. Two lines that state different values for one fact both stay in its detail; the last one wins, as it was
the later state of the machine.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fixer.log.hit import Hit
from fixer.log.outputs import Told
from fixer.model.events import Event, UnfamiliarLine
from fixer.model.facts import (
    SOME_NAMED,
    SOME_PACKAGES,
    Distro,
    Driver,
    Environment,
    Facts,
    Gpu,
    Library,
    SmiAnswer,
    TensorFlowBuild,
    Toolkit,
)
from fixer.model.observed import Observed, absent, found
from fixer.model.pep440 import normal_name
from fixer.model.subject import TENSORFLOWS, unsaid

_SHOWN = 400
_SHELL_NAME = re.compile(r"\$\{?\w+\}?")
# A line of a program that is switched off sets nothing.
_SWITCHED_OFF = re.compile(r"\s*#+\s*(?:os\.|import\b|\w+ = )")
_TENSORFLOW = "package.tensorflow"
_GAP = re.compile(r"\{([a-z_]+)\}")
_TEXTS = ("os", "arch", "kernel", "glibc", "container")
_FLAGS = ("wsl", "secure_boot")
_DRIVER = ("version", "kernel_module", "open_module", "cuda")
_GPU = ("name", "compute_capability", "memory_mib", "free_mib")
_ENVIRONMENT = ("kind", "python")
# Every fact that a row of the dataset may state; ``variables.`` and ``package.`` take any name behind them.
STATED = frozenset((
    *_TEXTS, *_FLAGS, "distro", "toolkit", "cudnn", "kernel_modules", "nvidia_smi",
    *(f"driver.{name}" for name in _DRIVER), *(f"gpu.{name}" for name in _GPU), *(f"environment.{name}" for name in _ENVIRONMENT),
    "tensorflow_build.cuda", "tensorflow_build.cudnn", "tensorflow_build.is_cuda_build",
))  # fmt: skip


def hear(
    hits: Iterable[Hit],
    listed: Mapping[str, tuple[str, int]] = MappingProxyType({}),
    printed: Sequence[Told] = (),
    name: str = "log",
    unfamiliar: tuple[UnfamiliarLine, ...] = (),
) -> Facts:
    """Facts from the recognised lines of one log, the packages that it lists, and what its commands ``printed`` of the system.

    ``name`` is what its lines are called ("log line 12"); ``unfamiliar`` are lines of it that were not recognised.
    """
    heard = _Heard(name)
    heard.unfamiliar = unfamiliar
    for package, (version, line) in listed.items():
        heard.values[f"package.{package}"] = (version, f"{name} line {line}")
    # The later line of the two kinds holds.
    every: list[Told | Hit] = [*printed, *hits]
    for one in sorted(every, key=lambda one: one.line):
        if isinstance(one, Told):
            heard.state(one.facts, f"{name} line {one.line}")
        else:
            heard.take(one)
    return heard.facts()


def stated(hit: Hit) -> dict[str, str]:
    """The facts that a line states, by name; a fact whose value the line left out is not stated.

    Of a wording of which a part is missing only the values that are there are stated.
    A variable may be set to nothing: between quotation marks that is its value. A shell's name ($GPU) is no value.
    """
    made = {}
    silent = bool(hit.among) or _SWITCHED_OFF.match(hit.text) is not None
    for fact, template in hit.symptom.states.items() if not silent else ():
        names = _GAP.findall(template)
        if hit.part and not names:
            continue
        empty = fact.startswith("variables.")
        if all(hit.values.get(name) or empty and name in hit.values for name in names):
            made[fact] = _GAP.sub(lambda part: hit.values[part.group(1)], template)
    return {fact: value for fact, value in made.items() if not (fact.startswith("variables.") and _SHELL_NAME.fullmatch(value))}


class _Heard:
    """What was stated so far, by fact."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: dict[str, tuple[str, str]] = {}
        self.events: list[Event] = []
        self.unfamiliar: tuple[UnfamiliarLine, ...] = ()
        self.gpus: list[dict[str, str]] = []
        self.gpu_source = ""
        # What may be there several times, each with the lines that tell it.
        self.toolkits: dict[str, str] = {}
        self.cudnns: dict[str, str] = {}

    def take(self, hit: Hit) -> None:
        source = f"{self.name} line {hit.line}"
        values = dict(hit.values)
        self.events.append(Event(hit.symptom.id, hit.text[:_SHOWN], source, hit.line, values, hit.times, hit.part, hit.among, hit.last))
        self.state(stated(hit), source)

    def state(self, made: Mapping[str, str], source: str) -> None:
        """What a line states, and where it stands."""
        gpu = {key.removeprefix("gpu."): value for key, value in made.items() if key.startswith("gpu.")}
        if "name" in gpu:
            # "name: GeForce 940MX, pci bus id: ...": no card has a comma in its name.
            gpu["name"] = gpu["name"].partition(",")[0].strip()
        if gpu:
            self._gpu(gpu, source)
        for fact, value in made.items():
            if fact == "toolkit":
                self.toolkits.setdefault(_minor(value), source)
            elif fact == "cudnn":
                self.cudnns.setdefault(value, source)
            elif fact == _TENSORFLOW:
                self._tensorflow(value, source)
            elif not fact.startswith("gpu."):
                self.values[fact] = (value, source)

    def _tensorflow(self, version: str, source: str) -> None:
        """The version that the module tells: of which distribution it is, a list of them knows better."""
        listed = any(f"package.{name}" in self.values for name in TENSORFLOWS)
        if not listed or _TENSORFLOW in self.values:
            self.values[_TENSORFLOW if listed else f"package.{unsaid(version)}"] = (version, source)

    def _gpu(self, gpu: dict[str, str], source: str) -> None:
        """Lines about one card follow each other: one without a name completes the last card, another the card that is called so."""
        self.gpu_source = self.gpu_source or source
        known = self.gpus[-1:]
        if "name" in gpu:
            known = [one for one in self.gpus if _called(one.get("name")) in (None, _called(gpu["name"]))]
        if known:
            known[-1].update({key: value for key, value in gpu.items() if key not in known[-1] or key == "free_mib"})
        elif len(self.gpus) < 64:
            self.gpus.append(gpu)

    def facts(self) -> Facts:
        slots: dict[str, Any] = {"events": found(tuple(self.events), self.name) if self.events else absent(self.name)}
        slots["unfamiliar"] = found(self.unfamiliar, self.name) if self.unfamiliar else absent(self.name)
        for fact in _TEXTS:
            if fact in self.values:
                slots[fact] = self._text(fact)
        if "distro" in self.values:
            value, source = self.values["distro"]
            id, _, version = value.partition(" ")
            slots["distro"] = found(Distro(id, version or None), source)
        for fact in _FLAGS:
            if fact in self.values:
                value, source = self.values[fact]
                slots[fact] = found(value == "true", source)
        for key, make in (("driver", self._driver), ("environment", self._environment), ("tensorflow_build", self._build)):
            made = make()
            if made is not None:
                slots[key] = made
        variables = self._named("variables.")
        if variables:
            slots["variables"] = found({key: value for key, (value, _) in variables.items()}, *_sources(variables))
        if self.toolkits:
            # Where each lies no line tells: NVIDIA's own installer puts it there.
            kits = tuple(Toolkit(version, f"/usr/local/cuda-{version}") for version in self.toolkits)
            slots["toolkits"] = found(kits, *dict.fromkeys(self.toolkits.values()), detail=SOME_NAMED)
        if self.cudnns:
            copies = tuple(Library("cudnn", version, "libcudnn") for version in self.cudnns)
            slots["libraries"] = found(copies, *dict.fromkeys(self.cudnns.values()), detail=SOME_NAMED)
        if self.gpus:
            slots["gpus"] = found(tuple(_card(gpu) for gpu in self.gpus), self.gpu_source)
        if "kernel_modules" in self.values:
            value, source = self.values["kernel_modules"]
            slots["kernel_modules"] = found((value,), source)
        if "nvidia_smi" in self.values:
            value, source = self.values["nvidia_smi"]
            status, _, line = value.partition(" ")
            slots["nvidia_smi"] = found(SmiAnswer(int(status), line), source)
        return Facts(**slots)

    def _text(self, fact: str) -> Observed[str]:
        value, source = self.values[fact]
        return found(value, source)

    def _named(self, prefix: str) -> dict[str, tuple[str, str]]:
        return {key[len(prefix) :]: pair for key, pair in self.values.items() if key.startswith(prefix)}

    def _driver(self) -> Observed[Driver] | None:
        parts: dict[str, Any] = {name: self._text(f"driver.{name}") for name in _DRIVER if f"driver.{name}" in self.values}
        return found(Driver(**parts), next(iter(parts.values())).source) if parts else None

    def _environment(self) -> Observed[Environment] | None:
        parts: dict[str, Any] = {}
        for name in _ENVIRONMENT:
            if f"environment.{name}" in self.values:
                parts[name] = self._text(f"environment.{name}")
        packages = self._named("package.")
        if packages:
            named = {normal_name(key): value for key, (value, _) in packages.items()}
            parts["packages"] = found(named, *_sources(packages), detail=SOME_PACKAGES)
        return found(Environment(**parts), self.name) if parts else None

    def _build(self) -> Observed[TensorFlowBuild] | None:
        held = self._named("tensorflow_build.")
        if not held:
            return None
        values: dict[str, Any] = {name: held[name][0] for name in ("cuda", "cudnn") if name in held}
        if "is_cuda_build" in held:
            values["is_cuda_build"] = held["is_cuda_build"][0] == "true"
        return found(TensorFlowBuild(**values), *_sources(held))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _called(name: str | None) -> str | None:
    """A card's name without the brand's words, which programs and drivers of other years leave out."""
    return None if name is None else " ".join(word for word in name.lower().split() if word not in ("nvidia", "geforce"))


def _sources(held: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source for _, source in held.values()))


def _card(gpu: Mapping[str, str]) -> Gpu:
    values: dict[str, Any] = {key: gpu[key] for key in _GPU if key in gpu}
    for key in ("memory_mib", "free_mib"):
        if key in values:
            values[key] = mib(values[key])
    return Gpu(**values)


def mib(text: str) -> int | None:
    """An amount of memory in MiB: "5.79GiB", "190.31MiB", "123456 bytes", "10240"; None for anything else."""
    parts = re.fullmatch(r"\s*([0-9]{1,20}(?:\.[0-9]{1,9})?)\s*([a-z]*)\s*", text.lower())
    if parts is None:
        return None
    scale = {"": 1.0, "mib": 1.0, "mb": 1.0, "m": 1.0, "gib": 1024.0, "gb": 1024.0, "g": 1024.0, "b": 2.0**-20, "bytes": 2.0**-20}
    return int(float(parts.group(1)) * scale[parts.group(2)]) if parts.group(2) in scale else None


def joined(log: Facts, other: Facts) -> Facts:
    """``log`` and another witness of the same machine as one: of its own run the log knows best, of the rest the other."""
    names = [field.name for field in dataclasses.fields(Facts)]
    return Facts(**{name: _merged(getattr(log, name), getattr(other, name)) for name in names})


def _merged(mine: Observed[Any], theirs: Observed[Any]) -> Observed[Any]:
    if mine.is_unknown or theirs.is_unknown:
        return theirs if mine.is_unknown else mine
    for kind in (Driver, Environment):
        if isinstance(mine.value, kind) and isinstance(theirs.value, kind):
            names = [field.name for field in dataclasses.fields(kind)]
            inner: Any = {name: _merged(getattr(mine.value, name), getattr(theirs.value, name)) for name in names}
            return Observed(kind(**inner), "found", mine.via + theirs.via, mine.detail)
    if isinstance(mine.value, Mapping) and isinstance(theirs.value, Mapping):
        return Observed({**theirs.value, **mine.value}, "found", mine.via + theirs.via, theirs.detail)
    if isinstance(mine.value, tuple) and isinstance(theirs.value, tuple) and mine.value and isinstance(mine.value[0], Event):
        return Observed((*mine.value, *theirs.value), "found", mine.via + theirs.via)
    if isinstance(mine.value, tuple) and isinstance(theirs.value, tuple) and mine.value and isinstance(mine.value[0], Gpu):
        return Observed(tuple(_completed(card, theirs.value) for card in mine.value), "found", mine.via + theirs.via)
    if isinstance(mine.value, tuple) and mine.value and isinstance(mine.value[0], (Toolkit, Library)):
        # Who looked knows all of them, and each better.
        known = theirs.or_else(())
        more = tuple(one for one in mine.value if not any(_is_same(one, other) for other in known))
        return Observed((*known, *more), "found", theirs.via + mine.via if known else mine.via + theirs.via, theirs.detail)
    return mine


def _is_same(told: Toolkit | Library, known: Toolkit | Library) -> bool:
    """Whether a copy that a log tells of is one that another witness knows: of one name and version."""
    if isinstance(told, Library) and isinstance(known, Library) and told.name != known.name.removeprefix("lib"):
        return False
    mine, theirs = told.version or "", known.version or ""
    return mine.startswith(theirs) or theirs.startswith(mine)


def _completed(card: Gpu, known: tuple[Gpu, ...]) -> Gpu:
    """A card with what another witness adds about the same one."""
    alike = [one for one in known if _alike(card.name, one.name)]
    if len(alike) != 1 and not (card.name is None and len(known) == 1):
        return card
    other = alike[0] if alike else known[0]
    fields = [field.name for field in dataclasses.fields(Gpu)]
    return Gpu(**{name: getattr(other, name) if getattr(card, name) is None else getattr(card, name) for name in fields})


def _alike(mine: str | None, theirs: str | None) -> bool:
    left, right = (set((name or "").lower().replace("nvidia", "").replace("geforce", "").split()) for name in (mine, theirs))
    return bool(left and right) and (left <= right or right <= left)
