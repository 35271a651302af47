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
from fixer.model.observed import Observed, absent, found, unknown

NOT_GIVEN = "not given in the machine file"
_LONGEST_SHOWN = 60


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


# How each class is written, found once: planning for a fleet writes hundreds of values for each machine.
_WRITERS: dict[type, Callable[[Any], Any]] = {}


def _writer(value: Any) -> Callable[[Any], Any]:
    if isinstance(value, Observed):
        return _observed_to_json
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _record_to_json
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
    return [item if item.__class__ is str else to_json(item) for item in value]


def _mapping_to_json(value: Any) -> dict[str, Any]:
    return {str(key): item if item.__class__ is str else to_json(item) for key, item in sorted(value.items())}


def _record_to_json(value: Any) -> dict[str, Any]:
    made = {}
    for name in _field_names(value.__class__):
        item = getattr(value, name)
        kind = item.__class__
        if kind is str:
            made[name] = item
        elif kind is not Observed or item.state != "unknown":
            made[name] = to_json(item)
    return made


@functools.lru_cache(maxsize=None)
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(kind))


@functools.lru_cache(maxsize=None)
def hints(kind: type) -> dict[str, Any]:
    """The resolved type of each field of the dataclass ``kind``."""
    resolved = typing.get_type_hints(kind)
    return {name: resolved[name] for name in _field_names(kind)}


def from_json(kind: Any, data: Any, place: str) -> Any:
    """Build ``kind`` from ``data``; raises UsageError naming ``place`` for anything else.

    Keys that begin with ``x-`` are passed over; any other unknown key is an error.
    """
    origin = typing.get_origin(kind)
    if kind is Any:
        return data
    if origin is Observed:
        return observed_from_json(typing.get_args(kind)[0], data, place)
    if origin in (typing.Union, types.UnionType):
        return _optional(kind, data, place)
    if origin is typing.Literal:
        allowed = typing.get_args(kind)
        if data not in allowed:
            raise malformed(place, "one of " + ", ".join(map(str, allowed)), data)
        return data
    if origin is tuple:
        return _tuple(kind, data, place)
    if origin is not None and issubclass(origin, typing.Mapping):
        return _mapping(kind, data, place)
    if dataclasses.is_dataclass(kind):
        return _record(typing.cast(type, kind), data, place)
    return _scalar(kind, data, place)


def observed_from_json(kind: Any, data: Any, place: str) -> Observed[Any]:
    """An observation from a present key: null and empty collections say absent."""
    if data is None or data == [] or data == {}:
        return absent("machine file")
    return found(from_json(kind, data, place), "machine file")


def _optional(kind: Any, data: Any, place: str) -> Any:
    if data is None and type(None) in typing.get_args(kind):
        return None
    choices = [item for item in typing.get_args(kind) if item is not type(None)]
    if len(choices) != 1:
        raise TypeError(f"{place}: the codec reads only X | None, not {kind}")
    return from_json(choices[0], data, place)


def _tuple(kind: Any, data: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise malformed(place, "a list", data)
    kinds = typing.get_args(kind)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(from_json(kinds[0], item, f"{place}[{i}]") for i, item in enumerate(data))
    if len(kinds) != len(data):
        raise malformed(place, f"a list of {len(kinds)}", data)
    return tuple(from_json(k, item, f"{place}[{i}]") for i, (k, item) in enumerate(zip(kinds, data)))


def _mapping(kind: Any, data: Any, place: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise malformed(place, "an object", data)
    item_kind = typing.get_args(kind)[1]
    return {key: from_json(item_kind, item, f"{place}.{key}") for key, item in data.items()}


def _record(kind: type, data: Any, place: str) -> Any:
    if not isinstance(data, dict):
        raise malformed(place, "an object", data)
    known = hints(kind)
    for key in data:
        if key not in known and not key.startswith("x-"):
            raise UsageError("unknown-key", f"{place}: unknown key {key!r}", f"known keys: {', '.join(known)}")
    values: dict[str, Any] = {}
    for item in dataclasses.fields(kind):
        if item.name in data:
            values[item.name] = from_json(known[item.name], data[item.name], f"{place}.{item.name}")
        elif typing.get_origin(known[item.name]) is Observed:
            values[item.name] = unknown(NOT_GIVEN, "machine file")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            if type(None) in typing.get_args(known[item.name]):
                values[item.name] = None
            else:
                raise UsageError("missing-key", f"{place}: the key {item.name!r} is missing")
    return kind(**values)


def _scalar(kind: Any, data: Any, place: str) -> Any:
    words = {str: "a string", int: "a whole number", bool: "true or false", float: "a number"}
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise malformed(place, words[kind], data)
    return data
