"""Frozen dataclasses that cost almost nothing to define; the standard decorator compiles six functions a class.

The unit is ``@record(frozen=True)``. A start of convfix defines about ninety such classes, and compiling their
methods took a quarter of ``doctor``'s time. Here all classes share one set of methods; fields, defaults, ``replace``,
``fields`` and ``is_dataclass`` work as for any dataclass, and a type checker sees the standard decorator. Only a
class of which very many are made, as when plans are made for a fleet, gets an ``__init__`` of its own in time.
There is no ``__post_init__`` and no ordering.
"""

from __future__ import annotations

import dataclasses
import itertools
import operator
from typing import TYPE_CHECKING, Any, Callable, TypeVar

__all__ = ["altered", "record"]
T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, eq: bool = True) -> Callable[[type], type]:
        """Make the decorated class a frozen dataclass; ``frozen`` is spelled out because readers look for it.

        Without ``eq`` an instance equals itself alone.
        """
        if not frozen:
            raise TypeError("a record is frozen; use dataclasses.dataclass for what changes")
        return _record if eq else _identical


def _identical(kind: type) -> type:
    return _record(kind, eq=False)


def _record(kind: type, eq: bool = True) -> type:
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(kind)
    fields = dataclasses.fields(made)
    made.__record_names__ = tuple(field.name for field in fields)
    made.__record_defaults__ = tuple((field.name, field.default, field.default_factory) for field in fields)
    made.__record_values__ = _getter(made.__record_names__)
    made.__record_count__ = itertools.count()
    for name, method in _METHODS.items():
        if not eq and name in ("__eq__", "__hash__"):
            continue
        if name not in kind.__dict__ or (name == "__hash__" and kind.__dict__[name] is None):
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def altered(one: T, **values: Any) -> T:
    """``dataclasses.replace`` for records, at a quarter of its price; what was worked out for ``one`` is not taken along."""
    kind: Any = one.__class__
    held = dict(zip(kind.__record_names__, kind.__record_values__(one)))
    held.update(values)
    if len(held) != len(kind.__record_names__):
        raise TypeError(f"{kind.__name__} has no field {', '.join(values.keys() - set(kind.__record_names__))}")
    made: T = object.__new__(kind)
    made.__dict__.update(held)
    return made


def _getter(names: tuple[str, ...]) -> Any:
    """What gives all fields of an instance as a tuple; ``attrgetter`` does so for two names and more."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return staticmethod(lambda one: tuple([getattr(one, name) for name in names]))


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    if next(self.__record_count__) == _MANY:
        _compile(next(kind for kind in self.__class__.__mro__ if "__record_names__" in kind.__dict__))
    values = self.__dict__
    names = self.__record_names__
    if args:
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes {len(names)} values, {len(args)} were given")
        values.update(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name in values or name not in names:
            raise TypeError(f"{type(self).__name__}: {name!r} is no field, or was given twice")
        values[name] = value
    if len(values) < len(names):
        _fill(self, values)


def _fill(self: Any, values: dict[str, Any]) -> None:
    for name, default, factory in self.__record_defaults__:
        if name in values:
            continue
        if default is not dataclasses.MISSING:
            values[name] = default
        elif factory is not dataclasses.MISSING:
            values[name] = factory()
        else:
            raise TypeError(f"{type(self).__name__}: the value of {name!r} is missing")


def _compile(kind: Any) -> None:
    """Give ``kind`` an ``__init__`` written for its fields: five times faster than the shared one, dear to make."""
    known: dict[str, Any] = {}
    given, kept = [], []
    for name, default, factory in kind.__record_defaults__:
        known[f"_{name}"] = default if factory is dataclasses.MISSING else factory
        made = factory is not dataclasses.MISSING
        known["_MISSING"] = dataclasses.MISSING
        needed = default is dataclasses.MISSING and not made
        given.append(name if needed else f"{name}=_MISSING" if made else f"{name}=_{name}")
        kept.append(f"{name!r}: _{name}() if {name} is _MISSING else {name}" if made else f"{name!r}: {name}")
    exec(f"def __init__(self, {', '.join(given)}):\n self.__dict__.update({{{', '.join(kept)}}})", known)
    kind.__init__ = known["__init__"]


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self.__record_values__(self) == self.__record_values__(other)


def _hash(self: Any) -> int:
    return hash(self.__record_values__(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.__record_names__)
    return f"{type(self).__qualname__}({shown})"


def _setattr(self: Any, name: str, value: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_MANY = 500
_METHODS = {
    "__init__": _init,
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
}
