"""What makes a saved plan stale, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from fixer.model import machine
from fixer.planning.fingerprint import changed, fingerprint
from tests.planning import harness

DESCRIBED = harness.load("gpu-healthy--a")["machine"]


def _of(**keys: Any) -> dict[str, str]:
    return fingerprint(machine.decode({**DESCRIBED, **keys}))


def test_the_same_machine_has_the_same_fingerprint() -> None:
    assert changed(_of(), _of()) == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("glibc", "2.36"),
        ("driver", None),
        ("gpus", []),
        ("pythons", ["3.12"]),
        ("variables", {"LD_LIBRARY_PATH": "/x"}),
        ("environment", {"kind": "venv", "python": "3.11.7", "owner": None, "packages": {"tensorflow": "2.15.0"}}),
        ("managers", ["pip"]),
        ("container", "docker"),
    ],
)
def test_a_changed_fact_is_named(key: str, value: Any) -> None:
    assert changed(_of(), _of(**{key: value})) == (key,)


def test_unknown_and_absent_differ() -> None:
    without = {key: value for key, value in DESCRIBED.items() if key != "toolkits"}
    assert changed(_of(), fingerprint(machine.decode(without))) == ("toolkits",)


def test_what_changes_by_the_minute_does_not_count() -> None:
    gpu = {**DESCRIBED["gpus"][0], "free_mib": 12}
    assert changed(_of(), _of(gpus=[gpu], disk_free_mib=1)) == ()


def test_how_a_fact_was_learned_does_not_count() -> None:
    told = machine.encode(machine.decode(DESCRIBED))
    told["x-convfix"]["sources"] = {"glibc": ["confstr"]}
    assert changed(_of(), fingerprint(machine.decode(told))) == ()
