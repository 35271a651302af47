"""What must be carried to a machine without a connection: the wheels of a plan, and the commands around them.

The unit is ``carry``. The wheels are those that the plan pins; what else they need the downloader on the other
machine adds itself, since only an index knows it.
"""

from __future__ import annotations

from dataclasses import field

from fixer.dataset.questions import Dataset
from fixer.model import compare, installers
from fixer.model.facts import Facts
from fixer.model.plan import Plan
from fixer.model.record import record
from fixer.model.subject import DISTRIBUTIONS
from fixer.planning.releases import archive_bytes
from fixer.planning.situation import Situation

FOLDER = "wheels"
# The platform tags that wheels of this circle bear; pip takes each by its own name only.
_GLIBC = ((2, 5), (2, 12), (2, 17), (2, 24), (2, 26), (2, 27), (2, 28), (2, 31), (2, 34), (2, 35), (2, 39))
_LEGACY = {(2, 5): "manylinux1", (2, 12): "manylinux2010", (2, 17): "manylinux2014"}


@record(frozen=True)
class Wheel:
    """One wheel to carry; ``bytes`` None means that its size is not known."""

    requirement: str
    bytes: int | None


@record(frozen=True)
class Luggage:
    """The wheels, what fetches them on a machine with a connection, and what installs them here."""

    wheels: tuple[Wheel, ...] = ()
    fetch: tuple[tuple[str, ...], ...] = ()
    install: tuple[tuple[str, ...], ...] = ()
    known_bytes: int = 0
    unknown: tuple[str, ...] = field(default=())


def carry(plan: Plan, facts: Facts, dataset: Dataset) -> Luggage:
    """What to carry for ``plan``; empty where it installs nothing."""
    situation = Situation(facts, (), dataset, plan.wish)
    pins: dict[str, None] = {}
    install: list[tuple[str, ...]] = []
    for action in plan.actions:
        if action.kind not in ("pip_requirements", "new_environment"):
            continue
        pins.update(dict.fromkeys(str(text) for text in action.params.get("requirements") or ()))
        install += [_offline(argv) for argv in installers.commands(action.kind, action.params)]
    if not pins or plan.outcome is None or plan.outcome.python is None:
        return Luggage()
    wheels = tuple(Wheel(pin, _size(dataset, pin, situation.platform)) for pin in pins)
    fetch = ("python3", "-m", "pip", "download", "--only-binary", ":all:", "--dest", FOLDER,
             "--python-version", plan.outcome.python, *_platforms(situation), *pins)  # fmt: skip
    return Luggage(
        wheels=wheels,
        fetch=(fetch,),
        install=tuple(install),
        known_bytes=sum(one.bytes or 0 for one in wheels),
        unknown=tuple(one.requirement for one in wheels if one.bytes is None),
    )


def _offline(argv: tuple[str, ...]) -> tuple[str, ...]:
    if "install" not in argv:
        return argv
    place = argv.index("install") + 1
    return (*argv[:place], "--no-index", "--find-links", FOLDER, *argv[place:])


def _size(dataset: Dataset, pin: str, platform: str) -> int | None:
    name, _, version = pin.partition("==")
    if name in DISTRIBUTIONS:
        row = dataset.tensorflow_row(name, version, platform)
        return row.size_bytes if row is not None else None
    return archive_bytes(dataset, name, version)


def _platforms(situation: Situation) -> list[str]:
    """pip's names of the platform; manylinux up to this machine's C library."""
    if situation.os == "windows":
        return ["--platform", "win_amd64"]
    if situation.os == "macos":
        arch = "arm64" if situation.arch == "aarch64" else "x86_64"
        return ["--platform", f"macosx_12_0_{arch}"]
    present = compare.release(situation.glibc or "2.28")[:2]
    found = []
    for one in reversed([one for one in _GLIBC if one <= present]):
        found += [f"manylinux_{one[0]}_{one[1]}_{situation.arch}"]
        found += [f"{_LEGACY[one]}_{situation.arch}"] if one in _LEGACY else []
    return [word for name in found for word in ("--platform", name)]
