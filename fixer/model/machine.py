"""The machine file: the contract's JSON object for a described machine, to Facts and back without loss.

Keys of the contract stand at the top. What convfix observes beside them stands below ``x-convfix``,
together with the source of each fact, so that findings made from the file quote the same evidence as
findings made live. Reading and writing files is the probes' and the commands' work.
"""

from __future__ import annotations

import dataclasses
import marshal
import typing
from functools import lru_cache
from typing import Any, Iterable, Iterator

from fixer.errors import UsageError
from fixer.model import codec, versions
from fixer.model.facts import Facts
from fixer.model.observed import Observed
from fixer.model.pep440 import is_version, normal_name
from fixer.model.record import altered

SCHEMA = "convfix-machine/1"
# Bytes of a fact that the machines of a fleet may share.
_SHORT = 4096
BESIDE = "x-convfix"
CONTRACT_KEYS = (
    "os", "distro", "arch", "glibc", "kernel", "wsl", "container", "secure_boot", "cpu_flags", "gpus", "driver",
    "pythons", "environment", "toolkits", "libraries", "variables", "managers", "root", "disk_free_mib",
)  # fmt: skip
OTHER_KEYS = tuple(f.name for f in dataclasses.fields(Facts) if f.name not in CONTRACT_KEYS)
KINDS = ("venv", "conda", "system", "project")
_VERSIONED: tuple[tuple[str, tuple[str, ...], type[Any]], ...] = (
    ("", ("glibc",), versions.GlibcVersion),
    ("driver", ("version", "kernel_module"), versions.DriverRelease),
    ("driver", ("cuda",), versions.CudaVersion),
    ("environment", ("python",), versions.PythonVersion),
)


def encode(facts: Facts) -> dict[str, Any]:
    """``facts`` as a machine file."""
    machine: dict[str, Any] = {"schema": SCHEMA}
    beside: dict[str, Any] = {}
    for name in CONTRACT_KEYS + OTHER_KEYS:
        value: Observed[Any] = getattr(facts, name)
        if not value.is_unknown:
            (machine if name in CONTRACT_KEYS else beside)[name] = _written(name, value)
    sources, reasons = {}, {}
    for place, value in _observations(facts, ""):
        if value.via:
            sources[place] = list(value.via)
        if value.detail:
            reasons[place] = value.detail
    beside["sources"] = sources
    beside["details"] = reasons
    machine[BESIDE] = beside
    return machine


def decode(data: Any, place: str = "machine file") -> Facts:
    """Facts from a machine file's JSON value; raises UsageError that names the place and what was expected."""
    if not isinstance(data, dict):
        raise codec.malformed(place, "a JSON object", data)
    if data.get("schema", SCHEMA) != SCHEMA:
        raise UsageError("unknown-schema", f"{place}: expected schema {SCHEMA!r}, found {str(data['schema'])[:40]!r}")
    beside = data.get(BESIDE, {})
    if not isinstance(beside, dict):
        raise codec.malformed(f"{place}: {BESIDE}", "an object", beside)
    _refuse_unknown(data, (*CONTRACT_KEYS, "schema"), place)
    _refuse_unknown(beside, (*OTHER_KEYS, "sources", "details"), f"{place}: {BESIDE}")
    values: dict[str, Any] = dict.fromkeys(codec.hints(Facts), codec.NOT_GIVEN_HERE)
    _read_into(values, data, CONTRACT_KEYS, place)
    _read_into(values, beside, OTHER_KEYS, f"{place}: {BESIDE}")
    facts = _with_plain_versions(_with_normal_names(Facts(**values)))
    _check_versions(facts, place)
    _check_amounts(facts, place)
    return _with_sources(facts, beside, place)


def _read_into(values: dict[str, Any], holder: dict[str, Any], names: Iterable[str], where: str) -> None:
    """The facts of these names that ``holder`` gives."""
    if not holder:
        return
    for name in names:
        if name in holder:
            values[name] = _fact(name, holder[name], where)


def _fact(name: str, data: Any, where: str) -> Any:
    """One fact from its JSON value; equal values are one object, as long as they are short."""
    # Without references, which version 3 has: equal values then have equal bytes, and no others have.
    known = marshal.dumps(data, 2)
    try:
        if len(known) <= _SHORT:
            return _read(name, known)
    except UsageError:
        pass  # Said once more below, with the place where it stands.
    return codec.reader_of(Facts, name)(data, f"{where}: {name}")


@lru_cache(maxsize=512)
def _read(name: str, known: bytes) -> Any:
    return codec.reader_of(Facts, name)(marshal.loads(known), name)


def _written(name: str, value: Observed[Any]) -> Any:
    made = codec.to_json(value)
    if name == "gpus" and made is not None:
        return [{key: item for key, item in gpu.items() if item is not None} for gpu in made]
    if name == "distro" and made is not None and not made["like"]:
        return {key: item for key, item in made.items() if key != "like"}
    return made


def _refuse_unknown(data: dict[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in data:
        if key not in known and not key.startswith("x-"):
            hint = "keys that begin with x- are passed over; known keys: " + ", ".join(known)
            raise UsageError("unknown-key", f"{place}: unknown key {key[:60]!r}", hint)


def _observations(value: Any, place: str) -> Iterator[tuple[str, Observed[Any]]]:
    for item in dataclasses.fields(value):
        inner = getattr(value, item.name)
        if not isinstance(inner, Observed):
            continue
        here = f"{place}{item.name}"
        yield here, inner
        if dataclasses.is_dataclass(inner.value):
            yield from _observations(inner.value, here + ".")


def _with_sources(facts: Facts, beside: dict[str, Any], place: str) -> Facts:
    sources = beside.get("sources", {})
    details = beside.get("details", {})
    for name, table in (("sources", sources), ("details", details)):
        if not isinstance(table, dict):
            raise codec.malformed(f"{place}: {BESIDE}.{name}", "an object", table)
    if not sources and not details:
        return facts
    return typing.cast(Facts, _resourced(facts, sources, details, ""))


def _resourced(value: Any, sources: dict[str, Any], details: dict[str, Any], place: str) -> Any:
    found = {}
    for item in dataclasses.fields(value):
        inner = getattr(value, item.name)
        if not isinstance(inner, Observed):
            continue
        here = f"{place}{item.name}"
        content = inner.value
        if dataclasses.is_dataclass(content):
            content = _resourced(content, sources, details, here + ".")
        via = sources.get(here)
        if isinstance(via, list) and all(isinstance(one, str) for one in via):
            detail = details.get(here, "")
            inner = Observed(content, inner.state, tuple(via), detail if isinstance(detail, str) else "")
        elif isinstance(details.get(here), str):
            inner = Observed(content, inner.state, (), details[here])
        else:
            inner = Observed(content, inner.state, inner.via, inner.detail)
        found[item.name] = inner
    return altered(value, **found)


def _normal_names(held: typing.Mapping[str, str]) -> typing.Mapping[str, str]:
    return {normal_name(name): version for name, version in held.items()}


def _with_normal_names(facts: Facts) -> Facts:
    """People write ``ml_dtypes``; every later stage looks for ``ml-dtypes``."""
    environment = facts.environment.value
    if environment is None or environment.packages.value is None:
        return facts
    if all(normal_name(name) == name for name in environment.packages.value):
        return facts
    packages: Observed[typing.Mapping[str, str]] = environment.packages.map(_normal_names)
    environment = altered(environment, packages=packages)
    return altered(facts, environment=facts.environment.map(lambda _: environment))


def _with_plain_versions(facts: Facts) -> Facts:
    """People copy what their package manager prints: the release counts, the package's revision does not."""
    for holder, names, version in _VERSIONED:
        held: Any = getattr(facts, holder).value if holder else facts
        for name in names if held is not None else ():
            value = getattr(held, name).value
            plain = version.plain(value) if value is not None else value
            if plain == value:
                continue
            held = altered(held, **{name: getattr(held, name).map(lambda _, plain=plain: plain)})
            facts = altered(facts, **{holder: _holding(getattr(facts, holder), held)}) if holder else held
    pythons = facts.pythons.or_else(())
    plain = tuple(map(versions.PythonVersion.plain, pythons))
    return altered(facts, pythons=facts.pythons.map(lambda _: plain)) if plain != pythons else facts


def _holding(seen: Observed[Any], value: Any) -> Observed[Any]:
    return seen.map(lambda _: value)


def _check_versions(facts: Facts, place: str) -> None:
    for holder, names, version in _VERSIONED:
        held: Any = getattr(facts, holder).value if holder else facts
        for name in names if held is not None else ():
            value = getattr(held, name).value
            if value is not None:
                _check(version, value, f"{place}: {holder and holder + '.'}{name}")
    for i, gpu in enumerate(facts.gpus.or_else(())):
        if gpu.compute_capability is not None:
            _check(versions.ComputeCapability, gpu.compute_capability, f"{place}: gpus[{i}].compute_capability")
    for i, python in enumerate(facts.pythons.or_else(())):
        _check(versions.PythonVersion, python, f"{place}: pythons[{i}]")
    environment = facts.environment.value
    if environment is not None:
        kind = environment.kind.value
        if kind is not None and kind not in KINDS:
            raise codec.malformed(f"{place}: environment.kind", "one of " + ", ".join(KINDS) + ", null", kind)
        _check_packages(environment.packages.or_else({}), place)


def _check_amounts(facts: Facts, place: str) -> None:
    amounts = {"disk_free_mib": facts.disk_free_mib.value}
    for i, gpu in enumerate(facts.gpus.or_else(())):
        amounts |= {f"gpus[{i}].memory_mib": gpu.memory_mib, f"gpus[{i}].free_mib": gpu.free_mib}
    for name, amount in amounts.items():
        if amount is not None and amount < 0:
            raise codec.malformed(f"{place}: {name}", "an amount of at least 0", amount)


def _check_packages(packages: Any, place: str) -> None:
    for name, version in packages.items():
        if not is_version(version):
            raise codec.malformed(f"{place}: environment.packages.{name[:60]}", "a version", version)


def _check(kind: Any, text: str, place: str) -> None:
    if not _reads(kind, text):
        raise codec.malformed(place, kind.expected, text)


@lru_cache(maxsize=4096)
def _reads(kind: Any, text: str) -> bool:
    try:
        kind.parse(text)
    except ValueError:
        return False
    return True
