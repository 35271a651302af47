"""S7: the installer is held to the hashes of the dry run, whatever the index serves a moment later."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fixer.actions import held
from fixer.actions.base import Params
from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.dataset.questions import Dataset
from fixer.errors import RolledBackError
from fixer.host.base import Ran
from fixer.host.real import RealHost
from tests import patients
from tests.hands import tally
from tests.hands.bodies import Home, action, exact, only, plan, quiet, same, three_packages
from tests.planning import harness


@pytest.mark.parametrize(("name", "kind"), [*((name, "an old environment") for name in ("one", "two", "three")), ("three", "a new one")])
@pytest.mark.parametrize("manager", ["uv", "pip"])
def test_another_file_of_the_same_version_is_refused(tmp_path: Path, small, manager: str, name: str, kind: str) -> None:
    """The wheel changes between the dry run and the installation: its name and version are the same, its bytes are not."""
    own = patients.Wheelhouse(tmp_path / "wheels")
    three_packages(own)
    patient = small(tmp_path / "env")
    before = exact(patient.path)
    evil = patients.Wheelhouse(tmp_path / "evil")
    three_packages(evil)
    wheel = evil.add(name, "2.0", {f"{name}/__init__.py": "evil = True\n"}, requires={"one": ["two==2.0"], "two": ["three==2.0"]}.get(name, []))
    at = time.time() + 10
    os.utime(wheel, (at, at))

    def say(text: str) -> None:
        if text.startswith("running") and " install" in text:
            os.replace(wheel, own.folder / wheel.name)

    params = {"interpreter": patient.python, "prefix": str(patient.path), "manager": manager, "requirements": ["one==2.0"]}
    step = action("pip_requirements", params)
    new = tmp_path / "new env"
    if kind == "a new one":
        python = patients.need_python("3.11")
        step = action(
            "new_environment",
            {"path": str(new), "python": "3.11", "interpreter": python, "manager": manager, "requirements": ["one==2.0", "two==2.0", "three==2.0"]},
        )
    with patients.LocalIndex(own.folder, upstream=None) as index:
        home = Home(tmp_path / "home", {**index.settings, "UV_CACHE_DIR": str(tmp_path / "cache"), "PIP_CACHE_DIR": str(tmp_path / "pip")})
        try:
            apply(plan(step), home.host, home.state, say)
        except RolledBackError as error:
            assert "hash" in error.message.lower(), error.message
            assert not same(before, exact(patient.path)) and not new.exists()
        else:
            # uv kept the file whose hash it had taken.
            site = next((new if kind == "a new one" else patient.path).glob("lib/python*/site-packages"))
            assert manager == "uv" and "evil" not in (site / name / "__init__.py").read_text()
            assert not (new / ".convfix-held").exists()
    tally.add("S7 wheels of another hash refused", 1)


def test_a_pip_that_cannot_be_held_by_a_constraint_is_held_by_its_report(tmp_path: Path, house: patients.Wheelhouse) -> None:
    """The pip that comes with Python 3.11: hashes in a constraint made it refuse every install."""
    env = tmp_path / "env"
    subprocess.run([patients.need_python("3.11"), "-m", "venv", str(env)], check=True)
    home = Home(tmp_path / "home", only(house))
    before = exact(env)
    params = {"interpreter": f"{env}/bin/python", "prefix": str(env), "manager": "pip", "requirements": ["one==2.0"]}
    apply(plan(action("pip_requirements", params)), home.host, home.state, quiet)
    assert list(env.glob("lib/python*/site-packages/three/only_in_2.py"))
    undo(None, home.host, home.state, quiet)
    assert not same(before, exact(env))


@pytest.mark.parametrize("manager", ["uv", "pip"])
def test_the_users_own_constraints_still_hold(tmp_path: Path, small, house: patients.Wheelhouse, manager: str) -> None:
    patient = small(tmp_path / "env")
    (tmp_path / "mine.txt").write_text("two==2.0\n")
    limits = {name: str(tmp_path / "mine.txt") for name in ("PIP_CONSTRAINT", "UV_CONSTRAINT")}
    home = Home(tmp_path / "home", {**only(house), **limits})
    params = {"interpreter": patient.python, "prefix": str(patient.path), "manager": manager, "requirements": ["one==2.0"]}
    before = exact(patient.path)
    apply(plan(action("pip_requirements", params)), home.host, home.state, quiet)
    undo(None, home.host, home.state, quiet)
    assert not same(before, exact(patient.path))
    (tmp_path / "mine.txt").write_text("two==1.0\n")
    with pytest.raises(RolledBackError):
        apply(plan(action("pip_requirements", params)), home.host, home.state, quiet)
    assert not same(before, exact(patient.path))


class Told(RealHost):
    """A machine whose installers answer the two questions from the argv and the input alone."""

    def which(self, name: str) -> str | None:
        return f"/stand-in/{name}"

    def run(self, argv: Sequence[str], **more: Any) -> Ran:
        pins = [word.replace("[and-cuda]", "") for word in argv if "==" in word]
        if "--generate-hashes" in argv:
            asked = more["stdin"].decode().split("\n")
            return Ran(tuple(argv), 0, "".join(f"{pin} --hash=sha256:{sha256(pin.encode()).hexdigest()}\n" for pin in asked), "")
        if "--report" in argv:
            names = [dict(zip(("name", "version"), pin.split("=="))) for pin in pins]
            items = [
                {"metadata": one, "download_info": {"url": "", "archive_info": {"hashes": {"sha256": sha256(pin.encode()).hexdigest()}}}}
                for one, pin in zip(names, pins)
            ]
            return Ran(tuple(argv), 0, json.dumps({"install": items}), "")
        return Ran(tuple(argv), 0, "", "Checked\n" + "".join(f" + {pin}\n" for pin in pins))


def test_every_plan_of_the_corpus_installs_exact_pins_held_to_their_hashes(tmp_path: Path) -> None:
    """Each planning case: its commands hold exact versions alone, and the installer would be given each one's hash."""
    dataset = Dataset.open()
    host = Told({"HOME": str(tmp_path)})
    count = 0
    for name in harness.names():
        case = harness.load(name)
        made = harness.plan_of(case["machine"], harness.wish_of(case.get("wish", {})), dataset)
        for spec in made.actions:
            installs = [argv for argv in spec.commands if "install" in argv and spec.kind != "conda_packages"]
            if not installs:
                continue
            wanted = Params(spec, tuple(spec.params)).pins("requirements")
            assert [word for argv in installs for word in argv if word in {pin.text for pin in wanted}], name
            manager = "uv" if spec.params["manager"] == "uv" else "pip"
            known = held.hashes_of(installs, manager, "/x/python", host, str(tmp_path))
            assert len(known) == len(wanted) and all("==" in pin and one[0].startswith("sha256:") for pin, one in known.items()), name
            file = tmp_path / f"{name}-{spec.id}"
            world = held.Hold(manager, str(file), str(tmp_path), known).world({"UV_CONSTRAINT": "/mine"})
            if manager == "uv":
                assert len(file.read_text().splitlines()) == len(wanted) and world["UV_CONSTRAINT"] == f"/mine {file.name}"
            else:
                assert world["PIP_REPORT"] == str(file)
            count += 1
    tally.add("S7 installs of the corpus held to hashes", count)
    assert count > 100
