"""Frozen dataclasses that cost almost nothing to define; the standard decorator compiles six functions a class.

The unit is ``@record(frozen=True)``. A start of convfix defines about ninety such classes, and compiling their
methods took a quarter of ``doctor``'s time. Here all classes share one set of methods; fields, defaults, ``replace``,
``fields`` and ``is_dataclass`` work as for any dataclass, and a type checker sees the standard decorator.
There is no ``__post_init__`` and no ordering.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Callable

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool) -> Callable[[type], type]:
        """Make the decorated class a frozen dataclass; ``frozen`` is spelled out because readers look for it."""
        if not frozen:
            raise TypeError("a record is frozen; use dataclasses.dataclass for what changes")
        return _record


def _record(kind: type) -> type:
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(kind)
    fields = dataclasses.fields(made)
    made.__record_names__ = tuple(field.name for field in fields)
    made.__record_defaults__ = tuple((field.name, field.default, field.default_factory) for field in fields)
    for name, method in _METHODS.items():
        if name not in kind.__dict__ or (name == "__hash__" and kind.__dict__[name] is None):
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
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


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(self.__dict__[name] for name in self.__record_names__)


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.__record_names__)
    return f"{type(self).__qualname__}({shown})"


def _setattr(self: Any, name: str, value: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_METHODS = {
    "__init__": _init,
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
}
