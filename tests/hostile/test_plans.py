"""A plan, a journal, a dataset or a cache that somebody else wrote: refused before anything is written. S4 of the anchors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.commands import planned
from fixer.dataset.cache import Cache
from fixer.dataset.integrity import _file
from fixer.dataset.load import Files, digest
from fixer.dataset.locate import MANIFEST, Folder
from fixer.dataset.questions import Dataset
from fixer.errors import ConvfixError, StalePlanError, UsageError
from fixer.model import installers
from fixer.model.action import ActionSpec
from fixer.model.codec import to_json
from fixer.model.plan import Plan
from tests.hands import scenes
from tests.hands.bodies import action, exact, plan, quiet, same
from tests.hostile.forked import run
from tests.hostile.mutate import spoiled

HOSTILE: tuple[Any, ...] = (
    "", "/", "/etc/passwd", "/etc/profile.d/convfix.sh", "/root/.ssh/authorized_keys", "../../../etc/passwd", "relative", "//etc//passwd", "/etc/./passwd",
    "/etc/../etc/passwd", "~/.bashrc", "$HOME/.bashrc", "/dev/null", "/proc/self/mem", "/tmp/x\0y", "/tmp/x\ny", "/tmp/\x1b[2J", "/tmp/\ud800", "/" + "a" * 5000,
    "-rf", "--index-url=https://example.invalid", "; touch owned", "$(touch owned)", "`touch owned`", None, True, 7, -1, 10**30, 1.5, [], [None], [""], {}, {"a": "b"},
)  # fmt: skip
PINS: tuple[Any, ...] = (
    "numpy", "numpy>=1", "numpy==1.26.*", "-r /etc/passwd", "-e .", "--pre", "git+https://example.invalid/x", "https://example.invalid/x.whl", "./x.whl", "/x.whl",
    "numpy @ file:///x.whl", "numpy==1.26.4; os_name=='posix'", "numpy==1.26.4 --hash=sha256:0", "numpy==1.26.4\n-r x", "numpy==1.26.4 other==1", "numpy===1.26.4",
    "==1", "numpy==", "numpy==$(id)", "nu mpy==1", "numpy==1.26.4#egg", "\u202enumpy==1", "numpy==" + "9" * 5000, "numpy[x;y]==1", None, 1, [],
)  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> scenes.Files:
    made = scenes.make("bash", tmp_path_factory.mktemp("plans") / "scene")
    assert isinstance(made, scenes.Files)
    return made


def others(scene: scenes.Files) -> tuple[ActionSpec, ...]:
    """The kinds that the scene's own plan does not hold."""
    prefix = str(scene.env)
    common = {"interpreter": f"{prefix}/bin/python", "prefix": prefix, "manager": "uv"}
    return (
        action("pip_requirements", {**common, "requirements": ["numpy==1.26.4"]}, "pip"),
        action("new_environment", {"path": str(scene.home.home / "new"), "python": "3.11", "manager": "uv", "requirements": ["numpy==1.26.4"]}, "new"),
        action("conda_packages", {"prefix": prefix, "manager": "conda", "requirements": ["numpy=1.26.4"], "channels": ["conda-forge"]}, "conda-packages"),
    )


def hostile(scene: scenes.Files) -> Iterator[tuple[str, Plan]]:
    """Plans with one thing wrong, and what it is."""
    sound = (*scene.plan.actions, *others(scene))
    for spec in sound:
        for key, right in spec.params.items():
            if key == "interpreter" and spec.kind != "pip_requirements":
                # It is only named there; an environment may be made wherever this user may make one.
                continue
            values = [*HOSTILE, *([[one] for one in (*PINS, *HOSTILE[:24])] if isinstance(right, list) else [])]
            if isinstance(right, dict):
                values += [{one: "x"} for one in HOSTILE[:24] if isinstance(one, str)] + [{"LD_LIBRARY_PATH": one} for one in HOSTILE]
            for value in values:
                made_at_will = spec.kind == "new_environment" and (key == "path" and isinstance(value, str) or key == "requirements" and not value)
                if value != right and not made_at_will:
                    yield f"{spec.kind} {key}={value!r}"[:120], plan(_with(spec, {**spec.params, key: value}))
            if (spec.kind, key) == ("new_environment", "requirements"):
                continue
            less = {name: value for name, value in spec.params.items() if name != key}
            yield f"{spec.kind} without {key}", plan(_with(spec, less))
        yield f"{spec.kind} unknown key", plan(_with(spec, {**spec.params, "command": "touch owned"}))
        for words in (["touch", "owned"], ["sudo", "touch", "owned"], ["sh", "-c", "touch owned"], []):
            commands = (*spec.commands, tuple(words))
            yield f"{spec.kind} commands {words}", plan(dataclasses.replace(spec, commands=commands))
        for command in spec.commands:
            for extra in ("--break-system-packages", "--index-url=https://example.invalid", "-t/", "--target=/", "--user"):
                yield f"{spec.kind} {extra}", plan(dataclasses.replace(spec, commands=((*command, extra),)))
            yield f"{spec.kind} sudo", plan(dataclasses.replace(spec, commands=(("sudo", *command),)))
        for privilege in ("root", "person"):
            yield f"{spec.kind} by {privilege}", plan(dataclasses.replace(spec, privilege=privilege))
        for kind in ("", "shell", "PRELOAD_HOOK", "preload_hook ", "../preload_hook", "__class__", "tell_person\n", "a" * 10_000):
            yield f"kind {kind[:20]!r}", plan(dataclasses.replace(spec, kind=kind))
        yield "an empty id", plan(dataclasses.replace(spec, id=""))
        yield "an id twice", plan(spec, spec)
    yield "no action", plan()
    yield "too many actions", plan(*(dataclasses.replace(sound[0], id=str(number)) for number in range(200)))


def _with(spec: ActionSpec, params: dict[str, Any]) -> ActionSpec:
    try:
        commands = installers.commands(spec.kind, params)
    except Exception:  # noqa: BLE001 - whoever forges a plan writes the commands by hand
        commands = spec.commands
    return dataclasses.replace(spec, params=params, commands=commands)


@pytest.mark.slow
def test_a_forged_plan_changes_nothing(scene: scenes.Files) -> None:
    """What is forged is refused with code 2 or 7; a well-formed wish that does not fit this machine with 3, nothing changed."""
    count, wrong = 0, []
    codes: dict[int, int] = {}
    # Other values of an activation are another wish: carried out, and taken back.
    kinds = {spec.kind for spec in (*scene.plan.actions, *others(scene))}
    harmless = tuple(f"{kind} {rest}" for kind in kinds for rest in
                     ("prefix='/'", "prepend=", "set=", "unset=", "without prepend", "without set", "without unset", "source="))  # fmt: skip
    before = exact(scene.folder, leave_out=("state", ".cache"))
    for name, forged in hostile(scene):
        count += 1
        try:
            apply(forged, scene.home.host, scene.home.state, quiet)
            if not name.startswith(harmless):
                wrong.append(f"{name}: carried out")
            undo(None, scene.home.host, scene.home.state, quiet)
        except ConvfixError as error:
            codes[error.exit_code] = codes.get(error.exit_code, 0) + 1
            if error.exit_code not in (2, 7) and not (error.exit_code == 3 and error.code == "cannot-apply"):
                wrong.append(f"{name}: code {error.exit_code} {error.message[:200]}")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            wrong.append(f"{name}: {type(error).__name__} {error}"[:300])
    # The folder's look costs more than the refusal: once for all of them.
    different = same(before, exact(scene.folder, leave_out=("state", ".cache")))
    assert not wrong, f"{len(wrong)} of {count}: " + "\n".join(wrong[:40])
    assert not different and count >= 1500, (different[:5], count)
    assert codes.get(2, 0) > 0.8 * count, codes


def test_a_spoiled_plan_file_is_refused(scene: scenes.Files, tmp_path: Path) -> None:
    """Every field of a saved plan with another value or type, cut or flipped: read strictly, and nothing is done."""
    path = tmp_path / "plan.json"
    whole = json.dumps(to_json(scene.plan)).encode("ascii")
    before, chance = exact(scene.folder, leave_out=("state",)), random.Random(4)
    refused = 0
    for _ in range(1500):
        path.write_bytes(spoiled(whole, chance))
        try:
            made = planned.read(str(path))
        except ConvfixError as error:
            assert error.exit_code in (2, 7) and str(path) in error.message, error.message
            refused += 1
            continue
        for spec in made.actions:
            # What still reads may be a plan with another word in a summary; its deeds are the handlers' to refuse.
            assert isinstance(spec.id, str) and isinstance(spec.commands, tuple)
    assert refused > 900
    assert not same(before, exact(scene.folder, leave_out=("state",)))


def test_rolled_back_expired_and_foreign_plans_are_stale(scene: scenes.Files, tmp_path: Path) -> None:
    variables = {"HOME": str(tmp_path), "CONVFIX_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
    path = tmp_path / "plan.json"
    sound = {**to_json(scene.plan), "python": f"{scene.env}/bin/python", "dataset": Dataset.open(None).version}
    for change in ({"dataset": "1999.1.1"}, {"dataset": "9999.1.1"}, {"format": "convfix-plan/0"}, {"format": "convfix-plan/2"}, {"format": None},
                   {"fingerprint": {}}, {"fingerprint": {"gpus": "0" * 16}}, {"fingerprint": {"invented": "0" * 16}}):  # fmt: skip
        path.write_text(json.dumps({**sound, **change}))
        told = run(["apply", str(path), "--yes", "--json"], variables)
        assert told.code == 7, (change, told.stdout)
        assert json.loads(told.stdout)["errors"][0]["message"].startswith(str(path))
    assert not (tmp_path / "state" / "runs").exists() or not list((tmp_path / "state" / "runs").iterdir())


def test_every_byte_of_the_manifest_flipped_is_noticed(tmp_path: Path) -> None:
    """A manifest of two small files, two bits of each byte flipped: refused with the file's name, or exactly the rows of before."""
    data = {name: (json.dumps({"rows": {"a": [{}]}}, indent=0) + "\n").encode() for name in ("one.json", "two.json")}
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(),
               "sections": {"rows": [["a", content.index(b'"a"'), content.index(b"]") + 1 - content.index(b'"a"'), ""]]}}
        for name, content in data.items()
    }  # fmt: skip
    for entry in files.values():
        block = entry["sections"]["rows"][0]  # type: ignore[index]
        block[3] = digest(data["one.json"][block[1] : block[1] + block[2]])
    whole = json.dumps({"format": 1, "version": "2026.1.1", "files": files}).encode("ascii")
    path, missed = tmp_path / MANIFEST, []
    path.write_bytes(whole)
    assert Files(Folder(str(tmp_path), False)).group("one.json", "rows", "a") == [{}]
    for at in range(len(whole)):
        for bit in (at % 7, (at + 3) % 7):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            if not _noticed(tmp_path, data):
                missed.append(at)
    assert not missed, [whole[max(0, at - 30) : at + 30] for at in missed[:8]]


def _noticed(folder: Path, data: dict[str, bytes]) -> bool:
    """Whether a manifest is refused; a version or a key that nothing reads may differ, and the rows are the right ones then."""
    try:
        files = Files(Folder(str(folder), False))
        for name in data:
            if files.group(name, "rows", "a") != [{}] or [key for key, _ in files.groups(name, "rows")] != ["a"]:
                # A section may be missing for a question; ``data check`` sees that the file has it.
                return any("section" in one.line for one in _file(files, name))
    except ConvfixError as error:
        return str(folder) in error.message
    return True


def test_a_cache_that_is_not_exactly_ours_is_not_used(tmp_path: Path) -> None:
    manifest = b'{"format": 1}'
    name, own = hashlib.sha256(manifest).hexdigest(), b"bundle"
    folder = tmp_path / "cache"
    (folder / name).mkdir(parents=True)
    held = Cache(str(folder))
    pointer = f"{hashlib.sha256(own).hexdigest()} {name}\n"

    def current() -> str | None:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "manifest.json").write_bytes(manifest)
        return held.current("manifest.json", lambda: own)

    (folder / "current").write_text(pointer)
    assert current() == str(folder / name)
    for at in range(len(pointer)):
        for new in ("/", ".", "\0", "0", "g"):
            if pointer[at] != new:
                (folder / "current").write_text(pointer[:at] + new + pointer[at + 1 :])
                assert current() is None, at
    for text in ("", pointer * 2, f"{pointer[:65]}../../../etc", "a" * 10_000):
        (folder / "current").write_text(text)
        assert current() is None
    (folder / "current").unlink()
    os.mkfifo(folder / "current")
    assert current() is None


def test_stale_and_usage_errors_have_the_contracts_codes() -> None:
    assert UsageError.exit_code == 2 and StalePlanError.exit_code == 7
