"""What decides on a candidate, as keys to be remembered by: of a wheel, of the present environment, of a new one.

The unit is a frozen record of plain values. A fleet of machines that are equal in one of them is asked once.
"""

from __future__ import annotations

from fixer.model.record import altered, record


@record(frozen=True)
class Ground:
    """What gates a TensorFlow wheel, hashable: two machines with equal ground get equal verdicts.

    ``glibc`` None means unknown, "" another C library; ``glibcxx`` None that another libstdc++ than the
    system's may win, or that nobody knows it. ``driver`` None means none or unknown, which
    ``driver_known`` tells apart from absent. Capabilities None means that nobody knows a card's.
    """

    platform: str
    glibc: str | None
    avx: bool
    gpu: bool
    capabilities: tuple[str | None, ...]
    driver: str | None
    driver_unknown: bool
    wsl: bool
    glibcxx: str | None = None
    macos: str | None = None


@record(frozen=True)
class Seat:
    """What decides which wheels the present environment may take, hashable: equal seats take equal wheels.

    ``open`` says whether anything may go in. What decides only under a wish, or only where conda installed
    TensorFlow, is empty elsewhere.
    """

    python: str | None
    open: bool
    by_conda: bool
    conda_tensorflow: str
    full_python: str
    wish: tuple[str, ...]


@record(frozen=True)
class Shelf:
    """What decides on which Python a new environment stands, hashable; the owner's own Python where there is an owner."""

    pythons: tuple[str, ...]
    can_fetch: bool
    owned: bool
    python: str | None
    full_python: str
    wish: tuple[str, ...]

    @property
    def fetched(self) -> Shelf | None:
        """The same without the Pythons that are at hand; None where no other can be fetched."""
        return altered(self, pythons=()) if self.can_fetch and self.pythons and not self.owned else None
