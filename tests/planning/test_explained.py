"""What a plan says beside its steps: whom a pin would break, and refusals in an order that a person can use."""

from __future__ import annotations

import copy
import os

from fixer.dataset.questions import Dataset
from fixer.host.real import RealHost
from fixer.model.plan import Wish
from tests.planning import harness


def test_a_package_that_the_pins_would_break_is_named_beside_the_second_environment() -> None:
    told = copy.deepcopy(harness.load("blackwell-driver--a")["machine"])
    told["gpus"], told["driver"] = [], None
    packages = {"tensorflow": "2.15.1", "keras": "2.15.0", "numpy": "1.26.4", "scipy": "1.10.1"}
    told["environment"] = {"kind": "venv", "python": "3.11.7", "owner": None, "packages": packages}
    wish = Wish(("tensorflow==2.20.0", "numpy==2.2.6"))
    plan = harness.plan_of(told, wish, Dataset.open())
    assert [action.kind for action in plan.actions] == ["new_environment"]
    assert any("scipy 1.10.1" in note and "would break" in note for note in plan.notes), plan.notes
    del packages["scipy"]
    plan = harness.plan_of(told, wish, Dataset.open())
    assert [action.kind for action in plan.actions] == ["pip_requirements"] and not any("would break" in note for note in plan.notes)


def test_the_old_api_is_one_word_at_the_end() -> None:
    told = harness.load("blackwell-driver--a")["machine"]
    plan = harness.plan_of(told, Wish(), Dataset.open())
    old = [place for place, one in enumerate(plan.rejected) if next(iter(one.stack.values())).startswith("1.")]
    assert old in ([], [len(plan.rejected) - 1])
    fresh = harness.plan_of({**told, "gpus": [], "driver": None}, Wish(), Dataset.open())
    assert len(fresh.rejected) <= 1


def test_a_process_without_a_home_has_the_users_own(monkeypatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    assert os.path.isabs(RealHost().environ["HOME"])
    assert "HOME" not in RealHost({}).environ


def test_sizes_are_sums_of_rows_and_a_long_download_says_that_it_goes_on() -> None:
    told = harness.load("blackwell-driver--a")["machine"]
    dataset = Dataset.open()
    plan = harness.plan_of(told, Wish(), dataset)
    (packages, hook) = plan.actions
    rows = dict(text.split("==") for text in packages.params["requirements"])
    wheel = dataset.tensorflow_row("tensorflow", rows.pop("tensorflow"))
    known = {name: next(one for one in dataset.releases(name) if one.version == version) for name, version in rows.items()}
    assert wheel is not None and wheel.size_bytes is not None
    assert packages.download_bytes == wheel.size_bytes + sum(one.size_bytes or 0 for one in known.values())
    assert packages.disk_bytes is not None and 2 * packages.download_bytes < packages.disk_bytes < 4 * packages.download_bytes
    assert hook.download_bytes == 0 and any("Where the line breaks" in note for note in plan.notes)
    small = harness.plan_of({**told, "gpus": [], "driver": None}, Wish(), dataset)
    assert not any("Where the line breaks" in note for note in small.notes)
