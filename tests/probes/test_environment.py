"""What surrounds an environment: its owner, what hides its packages, what strays in, which Pythons are at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.probes import interpreters, owner, strangers
from fixer.probes.patient import look
from fixer.probes.python import Description
from tests import patients
from tests.probes.trees import Content, described, live, plant, script

META = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"


@pytest.mark.parametrize(
    ("files", "prefix", "tool"),
    [
        ({"p/uv.lock": ""}, "p/.venv", "uv"),
        ({"p/poetry.lock": ""}, "p/.venv", "poetry"),
        ({"p/pdm.lock": ""}, "p/.venv", "pdm"),
        ({"p/Pipfile.lock": ""}, "p/.venv", "pipenv"),
        ({"p/uv.lock": "", "p/poetry.lock": "", "p/.venv/pyvenv.cfg": "uv = 0.5\n"}, "p/.venv", "uv"),
        ({"p/uv.lock": "", "p/poetry.lock": "", "p/.venv/pyvenv.cfg": "virtualenv = 20\n"}, "p/.venv", "poetry"),
        ({"p/pixi.lock": ""}, "p/.pixi/envs/default", "pixi"),
        ({"p/pixi.lock": "", "e/conda-meta/pixi": '{"manifest_path": "ROOT/p/pixi.toml"}'}, "e", "pixi"),
        ({"p/Pipfile.lock": "", "e/.project": "ROOT/p\n"}, "e", "pipenv"),
        ({"p/conda-lock.yml": "", "p/env/conda-meta/history": ""}, "p/env", "conda-lock"),
        # Not owners: a lock file that happens to be near.
        ({"p/uv.lock": ""}, "p/other", None),
        ({"p/uv.lock": ""}, "p/sub/.venv", None),
        ({"p/conda-lock.yml": ""}, "p/env", None),
        ({"p/pixi.lock": "", "e/conda-meta/pixi": "garbage"}, "e", None),
        ({"p/pixi.lock": "", "e/conda-meta/pixi": '{"manifest_path": 3}'}, "e", None),
        ({"e/.project": "../p"}, "e", None),
        ({"e/.project": b"\xff\0"}, "e", None),
        ({}, "p/.venv", None),
    ],
)
def test_who_owns_an_environment(tmp_path: Path, files: dict[str, Content], prefix: str, tool: str | None) -> None:
    made = {name: text.replace("ROOT", str(tmp_path)) if isinstance(text, str) else text for name, text in files.items()}
    plant(tmp_path, made)
    seen = owner.find(live(), str(tmp_path / prefix), str(tmp_path / prefix / "bin/python"))
    assert (seen.tool if seen else None) == tool
    if seen is not None:
        assert os.path.dirname(seen.lock_file) == seen.project == str(tmp_path / "p")


def test_owners_that_are_found_from_the_project_s_folder(tmp_path: Path) -> None:
    import base64
    import hashlib

    plant(tmp_path, {"p/uv.lock": "", "p/poetry.lock": "", "p/pdm.lock": "", "p/.pdm-python": f"{tmp_path}/e/bin/python\n", "p/src": None})
    digest = base64.urlsafe_b64encode(hashlib.sha256(os.path.realpath(tmp_path / "p").encode()).digest()).decode()[:8]
    with patients.in_folder(tmp_path / "p" / "src"):
        host = live(UV_PROJECT_ENVIRONMENT="../env")
        assert owner.find(host, str(tmp_path / "env"), "").tool == "uv"  # type: ignore[union-attr]
        assert owner.find(live(), str(tmp_path / "env"), "") is None
        assert owner.find(live(), str(tmp_path / "e"), "").tool == "pdm"  # type: ignore[union-attr]
        assert owner.find(live(), f"{tmp_path}/cache/p-{digest}-py3.11", "").tool == "poetry"  # type: ignore[union-attr]
        assert owner.find(live(), f"{tmp_path}/cache/p-AAAAAAAA-py3.11", "") is None


def told(**changes: object) -> Description:
    made: dict[str, object] = {
        "version": "3.11.7", "executable": "/e/bin/python", "prefix": "/e", "base_prefix": "/usr", "library": "/usr/lib/python3.11",
        "folders": ("/e/site",), "path": (), "user_site": None, "externally_managed": False, "has_pip": False,
    }  # fmt: skip
    return Description(**{**made, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "hidden"),
    [
        ({"here/random.py": ""}, {"random"}),
        ({"here/tensorflow.py": ""}, {"tensorflow"}),
        ({"here/keras/__init__.py": "", "here/numpy.py": ""}, {"keras", "numpy"}),
        ({"here/keras/readme.txt": ""}, set()),
        ({"here/tensorflow/__init__.py/x": ""}, set()),
        ({"here/os.py": "", "here/sys.py": "", "here/test.py": "", "here/train.py": ""}, set()),
        ({"here/h5py.py": ""}, set()),
        ({"here/random.pyc": "", "here/random.txt": ""}, set()),
    ],
)
def test_what_the_current_folder_hides(tmp_path: Path, files: dict[str, Content], hidden: set[str]) -> None:
    plant(tmp_path, {"site/tensorflow/__init__.py": "", "site/keras/__init__.py": "", "site/numpy/__init__.py": "", "here": None, **files})
    with patients.in_folder(tmp_path / "here"):
        seen = strangers.shadows(live(PYTHONPATH=None, PYTHONSAFEPATH=None), told(folders=(str(tmp_path / "site"),)))
        assert {one.module for one in seen} == hidden
        assert all(one.path.startswith(str(tmp_path / "here")) for one in seen)
        safe = told(folders=(str(tmp_path / "site"),), safe_path=True)
        assert strangers.shadows(live(PYTHONPATH=None), safe) == ()
        loaded = told(folders=(str(tmp_path / "site"),), preloaded=frozenset({"random"}))
        assert "random" not in {one.module for one in strangers.shadows(live(PYTHONPATH=None), loaded)}
    with patients.in_folder(tmp_path):
        assert strangers.shadows(live(PYTHONPATH=None), told(folders=(str(tmp_path / "site"),))) == ()


def test_each_shadow_really_wins_and_each_file_beside_it_really_does_not(tmp_path: Path) -> None:
    """The claim is held against the real import system."""
    for name in strangers.STANDARD:
        (tmp_path / f"{name}.py").write_text(f"shadow = {name!r}\n")
    (tmp_path / "which.py").write_text("import sys\nprint(sys.argv[1] in sys.modules or hasattr(__import__(sys.argv[1]), 'shadow'))\n")
    with patients.in_folder(tmp_path):
        host = live(PYTHONPATH=None, PYTHONSAFEPATH=None)
        from fixer.probes.python import describe

        seen = describe(host, sys.executable)
        assert isinstance(seen, Description)
        hidden = {one.module for one in strangers.shadows(host, seen)}
    assert len(hidden) > 60
    for name in ("random", "json", "typing", "math"):
        ran = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[0] = {str(tmp_path)!r}; import {name}; print(hasattr({name}, 'shadow'))"],
            capture_output=True, text=True, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert (ran.stdout.strip() == "True") == (name in hidden), name


def test_a_whole_distribution_on_pythonpath_is_a_stray_and_no_shadow(tmp_path: Path) -> None:
    plant(tmp_path, {
        "lib/numpy/__init__.py": "", "lib/numpy-2.0.2.dist-info/METADATA": META.format("numpy", "2.0.2"), "lib/random.py": "",
        "site/numpy/__init__.py": "", "src/keras/__init__.py": "", "site/keras/__init__.py": "", "here": None,
    })  # fmt: skip
    folders = (str(tmp_path / "lib"), str(tmp_path / "src"))
    seen = told(folders=(str(tmp_path / "site"),), path=folders)
    with patients.in_folder(tmp_path / "here"):
        host = live(PYTHONPATH=os.pathsep.join(folders))
        strays = strangers.strays(host, seen, "venv")
        assert [(one.name, one.version, one.via) for one in strays] == [("numpy", "2.0.2", "PYTHONPATH")]
        assert {one.module for one in strangers.shadows(host, seen)} == {"random", "keras"}
        # With -E or a launcher that clears it, the folder is not searched: then nothing strays in.
        assert strangers.strays(host, told(folders=(str(tmp_path / "site"),)), "venv") == ()


def test_the_user_site_strays_into_conda_and_belongs_to_the_system(tmp_path: Path) -> None:
    plant(tmp_path, {"user/numpy-2.0.2.dist-info/METADATA": META.format("numpy", "2.0.2")})
    user = str(tmp_path / "user")
    seen = told(folders=(str(tmp_path / "site"),), user_site=user, path=(user,))
    assert [one.via for one in strangers.strays(live(PYTHONPATH=None), seen, "conda")] == ["user site"]
    assert strangers.strays(live(PYTHONPATH=None), seen, "system") == ()


def conda(root: Path) -> RealHost:
    """A conda environment as files below a described root."""
    site = "/opt/conda/lib/python3.11/site-packages"
    return described(root, {
        "/opt/conda/conda-meta/python-3.11.9-hb806964_0_cpython.json": "{}",
        "/opt/conda/conda-meta/tensorflow-base-2.15.0-cuda120py311h.json": "{}",
        "/opt/conda/conda-meta/tensorflow-gpu-2.15.0-h.json": "{}",
        "/opt/conda/conda-meta/cudnn-8.9.7.29-h.json": "garbage", "/opt/conda/conda-meta/odd.json": "",
        "/opt/conda/conda-meta/openssl-1.1.1w-0.json": "", "/opt/conda/bin/python3.11": "", "/opt/conda/bin/python": "-> python3.11",
        f"{site}/tensorflow-2.15.0.dist-info/METADATA": META.format("tensorflow", "2.15.0"),
        f"{site}/tensorflow-2.15.0.dist-info/INSTALLER": "conda",
    }, {"CONDA_PREFIX": "/opt/conda", "PATH": "/usr/bin"})  # fmt: skip


def test_a_conda_environment_as_data(tmp_path: Path) -> None:
    host = conda(tmp_path)
    for name in ("python", "python3.11"):
        path = tmp_path / "opt/conda/bin" / name
        if not path.is_symlink():
            path.chmod(0o755)
    seen = look(host, None)
    environment, patient = seen.environment.value, seen.patient.value
    assert environment is not None and patient is not None
    assert (environment.kind.value, environment.python.value) == ("conda", "3.11.9")
    assert environment.packages.value == {
        "tensorflow": "2.15.0", "tensorflow-base": "2.15.0", "cudnn": "8.9.7.29",
    }  # fmt: skip
    assert patient.installers["cudnn"] == "conda"


def test_the_pythons_at_hand_are_read_from_their_layout_and_none_is_run(tmp_path: Path) -> None:
    ran = f"touch {tmp_path}/ran; exit 1"
    for path in ("bin/python3.10", "home/.pyenv/versions/3.12.4/bin/python3.12", "home/.pyenv/versions/3.13.0t/bin/python3.13",
                 "home/.local/share/uv/python/cpython-3.9.20-linux-x86_64-gnu/bin/python3.9", "shims/python3.8", "bad/python3.7"):
        script(tmp_path / path, ran)
    plant(tmp_path, {"lib/python3.10/os.py": "", "bin/python3": "-> python3.10", "v/bin/python3": f"-> {tmp_path}/bin/python3.10"})
    host = live({"PATH": f"{tmp_path}/v/bin:{tmp_path}/bin:{tmp_path}/shims:{tmp_path}/bad", "HOME": str(tmp_path / "home")})
    seen = interpreters.observe(host)
    ours = [(one.version, one.path) for one in seen.or_else(()) if one.path.startswith(str(tmp_path))]
    assert ours == [
        ("3.12.4", f"{tmp_path}/home/.pyenv/versions/3.12.4/bin/python3.12"), ("3.10", f"{tmp_path}/bin/python3.10"),
        ("3.9.20", f"{tmp_path}/home/.local/share/uv/python/cpython-3.9.20-linux-x86_64-gnu/bin/python3.9"),
    ]  # fmt: skip
    assert not (tmp_path / "ran").exists()
    features = interpreters.features(seen).or_else(())
    assert {"3.9", "3.10", "3.12"} <= set(features)
    assert list(features) == sorted(features, key=lambda text: [int(part) for part in text.split(".")])


def test_a_uv_project_is_a_project(tmp_path: Path) -> None:
    plant(tmp_path, {"uv.lock": ""})
    made = patients.make_patient(tmp_path / ".venv", "%d.%d" % sys.version_info[:2], pip=False)
    seen = look(live(PYTHONPATH=None), made.python)
    assert seen.environment.value is not None and seen.patient.value is not None
    assert (seen.environment.value.kind.value, seen.environment.value.owner.value) == ("project", "uv")
    assert seen.patient.value.lock_file == str(tmp_path / "uv.lock")
    assert seen.environment.value.packages.is_absent
