"""Frozen dataclasses to JSON values and back, driven by their type hints; strict, and naming the place.

The unit is a pair: ``to_json(value)`` and ``from_json(kind, data, place)``. ``Observed`` fields follow
the contract's rule: a missing key is unknown, null (or an empty list or object) is absent. Sources are
carried apart by ``model.machine``. It reads no file and knows no schema version.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, Callable, Mapping

from fixer.errors import UsageError
from fixer.model.observed import Observed, absent, unknown

NOT_GIVEN = "not given in the machine file"
_LONGEST_SHOWN = 60
# No size, count or id needs more; a number of thousands of digits cannot even be written out.
_LARGEST_NUMBER = 2**63
_WORDS = {str: "a string", int: "a whole number", bool: "true or false", float: "a number"}
_WITNESS = ("machine file",)
_ABSENT: Observed[Any] = absent(*_WITNESS)
NOT_GIVEN_HERE: Observed[Any] = unknown(NOT_GIVEN, *_WITNESS)


def malformed(place: str, expected: str, data: Any) -> UsageError:
    """The one line for a value of the wrong shape: where it stands, what was expected, what came."""
    shown = repr(data)
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[:_LONGEST_SHOWN] + "..."
    return UsageError("malformed-input", f"{place}: expected {expected}, found {shown}")


def to_json(value: Any) -> Any:
    """``value`` as dicts, lists, strings, numbers, booleans and None. Unknown ``Observed`` fields are left out."""
    write = _WRITERS.get(value.__class__)
    if write is None:
        write = _WRITERS[value.__class__] = _writer(value)
    return write(value)


# Types, as fields name them, whose values are written as they are.
_PLAIN = frozenset(one + none for one in ("str", "int", "float", "bool") for none in ("", " | None"))

# How each class is written, found once: planning for a fleet writes hundreds of values for each machine.
_WRITERS: dict[type, Callable[[Any], Any]] = {}


def _writer(value: Any) -> Callable[[Any], Any]:
    if isinstance(value, Observed):
        return _observed_to_json
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if getattr(value, "shared", False):
            return _shared_to_json
        plain = all(item.type in _PLAIN for item in dataclasses.fields(value))
        return _plain_to_json(value.__class__) if plain else _record_to_json
    if isinstance(value, Mapping):
        return _mapping_to_json
    if isinstance(value, (tuple, list)):
        return _list_to_json
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _observed_to_json(value: Any) -> Any:
    return to_json(value.value)


def _list_to_json(value: Any) -> list[Any]:
    if value and getattr(value[0], "shared", False):
        return [item.__dict__.get("_json") or to_json(item) for item in value]
    return [item if item.__class__ is str else to_json(item) for item in value]


def _mapping_to_json(value: Any) -> dict[str, Any]:
    return {str(key): item if item.__class__ is str else to_json(item) for key, item in sorted(value.items())}


class Shared(dict[str, Any]):
    """The JSON of a record that many plans hold; ``text`` is what it was written as, once it was."""

    text: str | None = None


def _shared_to_json(value: Any) -> Shared:
    """A record that many plans hold is written once; nobody may change what this gives."""
    made: Shared | None = value.__dict__.get("_json")
    if made is None:
        made = value.__dict__["_json"] = Shared(_record_to_json(value))
    return made


def _record_to_json(value: Any) -> dict[str, Any]:
    made, held = {}, value.__dict__
    for name in _field_names(value.__class__):
        item = held[name]
        kind = item.__class__
        if kind is str:
            made[name] = item
        elif kind is not Observed or item.state != "unknown":
            made[name] = to_json(item)
    return made


def _plain_to_json(kind: type) -> Callable[[Any], Any]:
    """Writes a record in which nothing is nested."""
    names = _field_names(kind)

    def write(value: Any) -> dict[str, Any]:
        held = value.__dict__
        return {name: held[name] for name in names}

    return write


@functools.lru_cache(maxsize=None)
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(kind))


@functools.lru_cache(maxsize=None)
def hints(kind: type) -> dict[str, Any]:
    """The resolved type of each field of the dataclass ``kind``."""
    resolved = typing.get_type_hints(kind)
    return {name: resolved[name] for name in _field_names(kind)}


Reader = Callable[[Any, str], Any]


def from_json(kind: Any, data: Any, place: str) -> Any:
    """Build ``kind`` from ``data``; raises UsageError naming ``place`` for anything else.

    Keys that begin with ``x-`` are passed over; any other unknown key is an error.
    """
    return _reader(kind)(data, place)


@functools.lru_cache(maxsize=None)
def reader_of(kind: type, name: str) -> Reader:
    """What reads the field ``name`` of the dataclass ``kind``."""
    return _reader(hints(kind)[name])


@functools.lru_cache(maxsize=None)
def _reader(kind: Any) -> Reader:
    """What reads a value of ``kind``; the type is looked into once, however many values come."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda data, place: data
    if origin is Observed:
        return _observed(_reader(inside[0]))
    if origin in (typing.Union, types.UnionType):
        return _optional(kind, inside)
    if origin is typing.Literal:
        return functools.partial(_one_of, inside)
    if origin is tuple:
        return _tuple(inside)
    if origin is not None and issubclass(origin, typing.Mapping):
        return _mapping(_reader(inside[1]))
    if dataclasses.is_dataclass(kind):
        return _Record(typing.cast(type, kind))
    return functools.partial(_scalar, kind)


def _observed(reader: Reader) -> Reader:
    """An observation from a present key: null and empty collections say absent."""

    def read(data: Any, place: str) -> Observed[Any]:
        if data is None or data == [] or data == {}:
            return _ABSENT
        return Observed(reader(data, place), "found", _WITNESS)

    return read


def _one_of(allowed: tuple[Any, ...], data: Any, place: str) -> Any:
    if data not in allowed:
        raise malformed(place, "one of " + ", ".join(map(str, allowed)), data)
    return data


def _optional(kind: Any, inside: tuple[Any, ...]) -> Reader:
    choices = [item for item in inside if item is not type(None)]
    if len(choices) != 1:
        raise TypeError(f"the codec reads only X | None, not {kind}")
    choice, may_be_none = _reader(choices[0]), type(None) in inside
    return lambda data, place: None if data is None and may_be_none else choice(data, place)


def _tuple(inside: tuple[Any, ...]) -> Reader:
    many = len(inside) == 2 and inside[1] is Ellipsis
    readers = tuple(_reader(one) for one in inside if one is not Ellipsis)

    def read(data: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(data, list):
            raise malformed(place, "a list", data)
        if many:
            return tuple([readers[0](item, f"{place}[{i}]") for i, item in enumerate(data)])
        if len(readers) != len(data):
            raise malformed(place, f"a list of {len(readers)}", data)
        return tuple([one(item, f"{place}[{i}]") for i, (one, item) in enumerate(zip(readers, data))])

    return read


def _mapping(reader: Reader) -> Reader:
    def read(data: Any, place: str) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise malformed(place, "an object", data)
        return {key: reader(item, f"{place}.{_shown(key)}") for key, item in data.items()}

    return read


def _shown(key: str) -> str:
    """A key in a place's name: short, and without what a terminal would obey."""
    return key if len(key) <= _LONGEST_SHOWN and key.isprintable() else repr(key[:_LONGEST_SHOWN])


class _Record:
    """Reads one kind of record: each field by its type, and what stands for a key that is missing."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        known = hints(kind)
        self.readers = {name: _reader(known[name]) for name in known}
        self.without: dict[str, Any] = {}
        self.needed: list[str] = []
        for item in dataclasses.fields(kind):
            if typing.get_origin(known[item.name]) is Observed:
                self.without[item.name] = NOT_GIVEN_HERE
            elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                if type(None) in typing.get_args(known[item.name]):
                    self.without[item.name] = None
                else:
                    self.needed.append(item.name)

    def __call__(self, data: Any, place: str) -> Any:
        if not isinstance(data, dict):
            raise malformed(place, "an object", data)
        values = dict(self.without)
        for key, item in data.items():
            reader = self.readers.get(key)
            if reader is not None:
                values[key] = reader(item, f"{place}.{key}")
            elif not key.startswith("x-"):
                raise UsageError("unknown-key", f"{place}: unknown key {key[:_LONGEST_SHOWN]!r}", f"known keys: {', '.join(self.readers)}")
        for name in self.needed:
            if name not in values:
                raise UsageError("missing-key", f"{place}: the key {name!r} is missing")
        return self.kind(**values)


def _scalar(kind: Any, data: Any, place: str) -> Any:
    if data.__class__ is kind and (kind is not int or -_LARGEST_NUMBER < data < _LARGEST_NUMBER):
        return data
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, kind) or kind is int:
        raise malformed(place, _WORDS[kind], data)
    return data
