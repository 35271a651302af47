"""convfix as people install it: wheel, sdist, editable, uv tool, pipx; each run from another folder, with its data.

One wheel and one sdist are built for all tests, from a copy, so that nothing is left in the checkout.
"""

from __future__ import annotations

import ast
import configparser
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.patients import POINTING, ROOT, make_patient, need, need_python

IGNORED = shutil.ignore_patterns("__pycache__", ".git", ".cache", ".convfix", ".hypothesis", "*.egg-info", "build", "dist", "tests", ".*cache")
DATA = sorted(path.relative_to(ROOT / "compat_data").as_posix() for path in (ROOT / "compat_data").rglob("*.json"))
# Import names of the requirements in setup.cfg; uv is a program, tomli stands in for an older Python's tomllib.
IMPORTS = {"pyelftools": "elftools", "tomli": None, "uv": None}


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def lines(section: str, key: str) -> list[str]:
    return [line.strip() for line in config().get(section, key).splitlines() if line.strip() and not line.startswith("#")]


def call(command: Sequence[object], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in POINTING} | variables
    return subprocess.run([str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True)


def done(command: Sequence[object], cwd: Path, **variables: str) -> str:
    """What a command prints; it must succeed."""
    ran = call(command, cwd, **variables)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def runs_with_its_data(program: Path, away: Path) -> None:
    """An installed convfix must run from ``away`` and answer from the dataset that came with it."""
    assert done([program, "--version"], away).startswith("convfix, version ")
    document = json.loads(done([program, "data", "show", "tensorflow==2.15.1", "--json"], away))
    assert document["exit_code"] == 0 and "12.2" in json.dumps(document["data"])
    assert document["dataset"] == json.loads((ROOT / "compat_data" / "manifest.json").read_text())["version"]


def data_folder(python: str, away: Path) -> Path:
    """Where the dataset lies that the convfix installed for ``python`` uses."""
    return Path(done([python, "-I", "-c", "from fixer.dataset.locate import locate; print(locate().path)"], away).strip())


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout as git would give it, without the tests."""
    copy = tmp_path_factory.mktemp("source") / "convfix"
    shutil.copytree(ROOT, copy, ignore=IGNORED)
    if not (copy / "README.md").exists():
        (copy / "README.md").write_text("convfix\n")
    return copy


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that was built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    done([sys.executable, "-m", "build", "--outdir", out, source], out)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


def test_every_package_is_listed() -> None:
    folders = {path.parent for path in (ROOT / "fixer").rglob("*.py")}
    found = {".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"fixer.compat_data"}
    assert set(lines("options", "packages")) == found


def test_the_requirements_are_what_is_imported() -> None:
    imported: set[str] = set()
    for path in (ROOT / "fixer").rglob("*.py"):
        if path.parent.name != "payloads":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    imported.update(alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    imported.add((node.module or "").split(".")[0])
    # Private names are the interpreter's own; which of them exist depends on its version.
    foreign = {name for name in imported - set(sys.stdlib_module_names) - {"fixer"} if not name.startswith("_")}
    names = [line.split(">")[0].strip() for line in lines("options", "install_requires") if not line.startswith("#")]
    assert foreign == {name for name in (IMPORTS.get(name, name) for name in names) if name}
    assert "uv" in names


def test_tensorflow_is_an_extra_only() -> None:
    assert not [line for line in lines("options", "install_requires") if "tensorflow" in line]
    assert lines("options.extras_require", "tensorflow") == ["tensorflow"]


def test_the_wheel_holds_the_packages_and_the_data_and_nothing_else(built: tuple[Path, Path]) -> None:
    names = zipfile.ZipFile(built[1]).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"fixer", "convfix"}
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fixer").rglob("*.py")}
    expected |= {f"fixer/compat_data/{name}" for name in [*DATA, "__init__.py"]}
    assert {name for name in names if name.startswith("fixer/")} == expected
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_sdist_holds_what_a_build_needs(built: tuple[Path, Path]) -> None:
    names = {name.partition("/")[2] for name in tarfile.open(built[0]).getnames()}
    assert {"setup.cfg", "pyproject.toml", "LICENSE", "README.md", *(f"compat_data/{name}" for name in DATA)} <= names


def test_the_wheel_installed_elsewhere_runs_from_anywhere(built: tuple[Path, Path], tmp_path: Path) -> None:
    home = make_patient(tmp_path / "a place", "3.11", [str(built[1])], pip=False)
    runs_with_its_data(home.path / "bin" / "convfix", tmp_path)
    folder = data_folder(home.python, tmp_path)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json")) == DATA
    assert folder == home.site_packages / "fixer" / "compat_data"
    assert (home.path / "bin" / "uv").exists()
    assert "tensorflow" not in home.versions()


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
def test_other_pythons_take_the_wheel(built: tuple[Path, Path], tmp_path: Path, version: str) -> None:
    home = make_patient(tmp_path / "home", version, [str(built[1])], pip=False)
    runs_with_its_data(home.path / "bin" / "convfix", tmp_path)


def test_an_old_python_refuses_the_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    refused = call([need("uv"), "pip", "install", "--python", need_python("3.9"), "--target", tmp_path / "x", built[1]], tmp_path)
    assert refused.returncode != 0 and "3.10" in refused.stderr


def test_editable(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(source, copy)
    home = make_patient(tmp_path / "home", "3.11", ["-e", str(copy)], pip=False)
    runs_with_its_data(home.path / "bin" / "convfix", tmp_path)
    assert data_folder(home.python, tmp_path) == copy / "compat_data"


def test_pip_install_of_the_checkout(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    shutil.copytree(source, copy)
    home = make_patient(tmp_path / "home", "3.11")
    done([home.python, "-m", "pip", "install", "-q", copy], tmp_path)
    runs_with_its_data(home.path / "bin" / "convfix", tmp_path)


def test_uv_tool(source: Path, tmp_path: Path) -> None:
    places = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    done([need("uv"), "tool", "install", "-q", "--python", need_python("3.11"), source], tmp_path, **places)
    runs_with_its_data(tmp_path / "bin" / "convfix", tmp_path)


def test_pipx(source: Path, tmp_path: Path) -> None:
    tool = make_patient(tmp_path / "pipx", "3.11", ["pipx"])
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin"), "PIPX_MAN_DIR": str(tmp_path / "man")}
    done([tool.python, "-m", "pipx", "install", source], tmp_path, **places)
    runs_with_its_data(tmp_path / "bin" / "convfix", tmp_path)
