"""``data check``: every law can be broken and is then named; damage is one line that names the file and the place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixer.dataset.meaning import violations
from fixer.dataset.questions import TABLES, Dataset
from fixer.harvest.write import as_it_is, write
from fixer.planning.faults import refusal
from fixer.rules.causes import CAUSES
from tests.schemas import valid

DATA = Path(__file__).resolve().parents[2] / "compat_data"
FILES = tuple(dict.fromkeys(name for name, _, _ in TABLES.values()))
Sections = dict[str, dict[str, list[dict[str, Any]]]]


def first(files: dict[str, Sections], name: str, section: str, key: str) -> dict[str, Any]:
    return files[name][section][key][0]


# What is done to the bundled rows, and what must be said of it. Each breaks one law; all are done at once.
BREACHES: tuple[tuple[Callable[[dict[str, Sections]], object], str], ...] = (
    (lambda f: first(f, "tensorflow.json", "tensorflow", "2.4.0").update(sources=[]), "tensorflow 2.4.0 linux_x86_64: names no source"),
    (lambda f: first(f, "cuda.json", "rows", "11.4.0").update(checked=""), "cuda.json: 11.4.0: names no day"),
    (lambda f: first(f, "cuda.json", "rows", "11.4.1").update(confidence="sure"), "cuda.json: 11.4.1: has confidence 'sure'"),
    (lambda f: f["distros.json"]["rows"]["debian"].append(dict(f["distros.json"]["rows"]["debian"][0])), "2 rows have this key"),
    (lambda f: f["libraries.json"]["rows"].update(moved=f["libraries.json"]["rows"].pop("cufft")), "rows moved: holds a row of another key"),
    (lambda f: first(f, "tensorflow.json", "tensorflow", "2.5.0")["bounds"].update(numpy="about 1"), "'about 1' is no version range"),
    (lambda f: first(f, "tensorflow.json", "tensorflow", "2.5.1").update(python_bounds={"3.9": {"six": "~"}}), "'~' is no version range"),
    (lambda f: f["packages.json"]["rows"]["six"][0].update(version="1.017"), "'1.017' is no version as PEP 440 writes it"),
    (lambda f: first(f, "tensorflow.json", "tensorflow", "2.15.1").update(sonames=["libcunew.so.1"]),
     "the soname libcunew.so.1 has no row in libraries.json"),
    (lambda f: first(f, "libraries.json", "rows", "cudnn")["sonames"].append("libcublas.so.12"), "libcublas.so.12 belongs to another"),
    (lambda f: first(f, "libraries.json", "rows", "cusolver").update(needs=["cunothing"]), "needs cunothing, which has no row"),
    (lambda f: first(f, "tensorflow.json", "tensorflow", "2.20.0").update(cuda="44.1"), "CUDA 44.1 has no row in cuda.json"),
    (lambda f: [first(f, "cuda.json", "rows", key).update(linux_driver=None) for key in ("12.2.0", "12.2.1", "12.2.2")],
     "2.15.1 linux_x86_64: CUDA 12.2 has no linux driver in cuda.json"),
    (lambda f: first(f, "cuda.json", "rows", "12.8.1").update(linux_driver="400.10"),
     "12.8.1: its linux driver 400.10 is older than"),
    (lambda f: first(f, "cuda.json", "rows", "12.9.0").update(windows_driver="5xx"), "12.9.0: windows driver: expected"),
    (lambda f: first(f, "cuda.json", "majors", "13").update(linux_driver="450.36.06"), "13: its linux driver 450.36.06 is older than"),
    (lambda f: first(f, "tensorflow.json", "tensorflow", "2.19.0").update(compute_capabilities=["6.0", "42.0"]),
     "compute capability 42.0 belongs to no family of gpus.json"),
    (lambda f: first(f, "gpus.json", "rows", "10de:2206").update(compute_capability="8.99"), "10de:2206: compute capability 8.99 belongs"),
    (lambda f: first(f, "gpus.json", "rows", "10de:1b80").update(last_driver_branch=999), "10de:1b80: its last driver branch is 999"),
    (lambda f: first(f, "gpus.json", "names", "rtx3080").update(pci_id="10de:ffff"), "leads to '10de:ffff', which has no row"),
    (lambda f: f["cudnn.json"]["rows"].update({">=8.9,<8.9.7": [{**next(iter(f["cudnn.json"]["rows"].values()))[0], "versions": ">=8.9,<8.9.7"}]}),
     "falls into 2 ranges"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-2.15.0-and-cuda-tensorrt").update(versions="==2.15.77"),
     "no release of tensorflow is in '==2.15.77'"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-2.16.1-search-path").update(cause="gremlins"), "the cause 'gremlins' does not exist"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-2.0-cpu-only").update(settled_by=["tensorflow-gpu==77"]),
     "settled_by 'tensorflow-gpu==77': the dataset knows no such release"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-2.17.0rc0-search-path").update(settled_by=["tensorflow==2.17.0rc0"]),
     "every such release has the fault too"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-2.16-2.21-hopper-ptx").update(settled_by=["driver>=9999"]),
     "no row of drivers.json gives such a branch"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-2.21.0-ptxas-blackwell").update(settled_by=["pray!"]),
     "settled_by 'pray!'"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-1.15-cpu-only").update(settled_by=[]), "names nothing that planning could do"),
    (lambda f: first(f, "known_faults.json", "rows", "tf-1.15-cpu-only").update(remedy=""), "has no remedy"),
    (lambda f: f["package_faults.json"]["rows"]["numpy"][0].update(effect="annoys"), "has effect 'annoys'"),
    (lambda f: f["package_faults.json"]["rows"]["keras"][0].update(measured=[], confidence="primary"), "was not measured"),
)  # fmt: skip


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled rows with every breach at once, well hashed."""
    folder = tmp_path_factory.mktemp("broken")
    read = {name: as_it_is(DATA / name) for name in FILES}
    files: dict[str, Any] = {name: sections for name, (sections, _) in read.items()}
    for breach, _ in BREACHES:
        breach(files)
    write(folder, {name: (files[name], read[name][1]) for name in FILES}, "2026-01-01")
    return folder


@pytest.fixture(scope="module")
def said(broken: Path) -> list[str]:
    return [one.line for one in violations(Dataset.open(str(broken)), CAUSES, refusal)]


@pytest.mark.parametrize("expected", [text for _, text in BREACHES])
def test_a_broken_law_is_named(said: list[str], expected: str) -> None:
    assert [line for line in said if expected in line], "\n".join(said[:80])


def test_the_bundle_is_whole(convfix: Any) -> None:
    told = convfix("data", "check", "--data-dir", str(DATA), "--json")
    assert told.code == 0 and told.data["violations"] == [] and told.data["rows"] > 3500
    valid(told.data, "data-check")


def test_all_violations_are_printed_as_text_and_json(convfix: Any, broken: Path, said: list[str]) -> None:
    told = convfix("data", "check", "--data-dir", str(broken), "--json")
    assert told.code == 1 and told.json()["status"] == "problems"
    assert [f"{one['file']}: {one['key']}: {one['text']}" for one in told.data["violations"]] == said
    valid(told.data, "data-check")
    text = convfix("data", "check", "--data-dir", str(broken))
    assert text.code == 1
    words = " ".join(text.stdout.split())
    assert [line for line in said if " ".join(line.split()) not in words] == []


def damaged(folder: Path) -> None:
    shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns("__pycache__"))
    data = bytearray((folder / "tensorflow.json").read_bytes())
    data[data.index(b'"2.15.1": [') + 40] ^= 1
    data[data.index(b'"1.14.0": [') + 40] ^= 1
    (folder / "tensorflow.json").write_bytes(bytes(data))
    (folder / "gpus.json").write_bytes((folder / "gpus.json").read_bytes()[:5000])
    (folder / "cudnn.json").write_bytes((folder / "cudnn.json").read_bytes() + b" ")
    (folder / "drivers.json").unlink()


def test_all_damage_is_named_with_its_place(convfix: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    damaged(folder)
    told = convfix("data", "check", "--data-dir", str(folder), "--json")
    assert told.code == 2 and told.data == {} and told.json()["status"] == "error"
    lines = [one["message"] for one in told.json()["errors"]]
    assert all(line.startswith(str(folder)) and "\n" not in line for line in lines)
    assert sum("tensorflow.json: tensorflow, bytes" in line for line in lines) == 2
    assert any("gpus.json: rows, bytes" in line for line in lines) and any("gpus.json: names, bytes" in line for line in lines)
    assert any("cudnn.json: outside its rows: does not match its hash" in line for line in lines)
    assert any("drivers.json: the whole file: No such file" in line for line in lines)
    text = convfix("data", "check", "--data-dir", str(folder))
    assert text.code == 2 and text.stdout == "" and "drivers.json" in text.stderr


def test_rows_of_the_wrong_shape_are_all_named(convfix: Any, tmp_path: Path) -> None:
    """A whole dataset of somebody else's: the hashes are right, the fields are not."""
    files = {name: as_it_is(DATA / name) for name in FILES}
    files["gpus.json"][0]["rows"]["10de:2206"][0]["name"] = 7  # type: ignore[index]
    files["cuda.json"][0]["rows"]["11.4.0"][0]["surprise"] = 1  # type: ignore[index]
    del files["distros.json"][0]["rows"]["debian"][0]["id"]  # type: ignore[attr-defined]
    write(tmp_path, files, "2026-01-01")
    told = convfix("data", "check", "--data-dir", str(tmp_path), "--json")
    lines = [one["message"] for one in told.json()["errors"]]
    assert told.code == 2 and len(lines) == 3
    assert any("gpus.json: rows 10de:2206: row.name: expected a string, found 7" in line for line in lines)
    assert any("cuda.json: rows 11.4.0: row: unknown key 'surprise'" in line for line in lines)
    assert any("distros.json: rows debian: row: the key 'id' is missing" in line for line in lines)
