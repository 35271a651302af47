"""``once``: a property that is worked out when first asked for and kept, for the objects that live as long as one question.

The unit is a descriptor. ``functools.cached_property`` takes a lock at each first look (before Python 3.12), which for
a fleet of machines costs more than what most of these properties work out.
"""

from __future__ import annotations

from typing import Any, Callable, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - used as a decorator, like property
    """Decorates a method without arguments; its answer replaces it in the instance's ``__dict__``."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self.work = work
        self.__doc__ = work.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, one: None, owner: type | None = None) -> once[T]: ...

    @overload
    def __get__(self, one: object, owner: type | None = None) -> T: ...

    def __get__(self, one: object | None, owner: type | None = None) -> once[T] | T:
        if one is None:
            return self
        made = one.__dict__[self.name] = self.work(one)
        return made
