"""R12: each fact and each field of a plan, changed once between plan and apply, is noticed and named."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixer.apply.transaction import apply
from fixer.errors import ConvfixError, StalePlanError
from fixer.model import machine
from fixer.model.codec import from_json, to_json
from fixer.model.facts import Facts, Patient, Resolution
from fixer.model.observed import found
from fixer.model.plan import Plan
from fixer.planning.fingerprint import changed, fingerprint
from tests.hands import scenes, tally
from tests.hands.bodies import quiet
from tests.model.test_machine import WHOLE

# What changes by the minute, and how a fact was learned, make no plan stale.
PASSING = {"free_mib", "via", "detail", "disk_free_mib"}
# Words for people, and what follows from elsewhere: they steer nothing.
WORDS = {"summary", "because", "reaches", "download_bytes", "disk_bytes", "reversible", "id"}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything that is neither an object nor a list, and of those that are empty."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path


def other(value: Any) -> Any:
    """A value of the same type that is another one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "1"
    return ["x"] if isinstance(value, list) else {"x": "y"} if isinstance(value, dict) else "1"


def with_other(data: Any, path: tuple[Any, ...]) -> Any:
    made = copy.deepcopy(data)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = other(place[path[-1]])
    return made


def test_every_fact() -> None:
    """Every leaf of every fact that plans rest on, of a machine with all of them."""
    whole = machine.decode(WHOLE)
    whole = dataclasses.replace(
        whole,
        patient=found(Patient("/x/python", "/x", "/x/lib", True, True, False), "payload"),
        resolutions=found((Resolution("libcudnn.so.8", "cudnn", "/x/tf.so", None, None, "not found", (("/y", None),)),), "loader"),
    )
    before = fingerprint(whole)
    data = to_json(whole)
    count = 0
    for path in leaves({name: data[name] for name in before if name in data}):
        if PASSING & set(path) or path[-1] in ("state",):
            continue
        try:
            seen: Facts = from_json(Facts, with_other(data, path), "facts")
        except ConvfixError:
            # No value of that type can be another one: a choice of words.
            continue
        assert changed(before, fingerprint(seen)) == (path[0],), path
        count += 1
    tally.add("R12 facts and fields changed", count)
    assert count >= 50


@pytest.mark.parametrize("name", [*scenes.SHELLS, "packages", "environment"])
def test_every_field_of_a_plan(swift: Path, name: str) -> None:
    """Nothing that steers can be changed: the commands and diffs that the plan shows no longer follow from it."""
    from fixer.apply.transaction import shown

    scene = scenes.make(name, swift / "scene")
    made = shown(scene.plan, scene.host)
    data = to_json(dataclasses.replace(made, created="2026-01-01"))
    count = 0
    for path in leaves(data["actions"]):
        if WORDS & set(path) or (path[1] == "params" and path[-1] in ("interpreter",)):
            continue
        mutated = with_other(data, ("actions", *path))
        with pytest.raises(ConvfixError) as caught:
            plan: Plan = from_json(Plan, mutated, "plan")
            apply(plan, scene.host, scene.home.state, quiet)
        assert caught.value.exit_code in (2, 3, 7), (path, caught.value.message)
        assert caught.value.message and scene.is_old(), path
        count += 1
    tally.add("R12 facts and fields changed", count)
    assert count > (40 if name in scenes.SHELLS else 5)


def test_a_file_that_changed_since_is_named(swift: Path) -> None:
    from fixer.apply.transaction import shown

    scene = scenes.make("bash", swift / "scene")
    assert isinstance(scene, scenes.Files)
    made = shown(scene.plan, scene.host)
    for path in (scene.profile, scene.kernel, scene.env / "bin" / "activate"):
        kept = path.read_bytes()
        path.write_bytes(b"\n" + kept)
        with pytest.raises(StalePlanError, match=path.name):
            apply(made, scene.host, scene.home.state, quiet)
        path.write_bytes(kept)
        tally.add("R12 facts and fields changed", 1)
    assert json.dumps(to_json(made))
