"""Every Python environment with TensorFlow that can be found here, without running any.

The unit is a ``Place``: an interpreter, and where it was found. Environments are looked for where the tools that
make them put them (venv, virtualenvwrapper, pipenv, poetry, pipx, uv, pyenv, conda), in the folders of the
home, in this project, and where a launcher names one. Only those with a TensorFlow on disk are kept.
"""

from __future__ import annotations

import os
import re
from typing import Iterable, Iterator

from fixer.host.base import Host
from fixer.model.facts import Interpreter, Launcher
from fixer.model.record import record
from fixer.probes.plain import is_executable

_MOST = 200
_WIDEST = 400
_USUAL = (".venv", "venv", "env", ".env", ".conda")
_CONDA_ROOTS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda", ".local/share/mamba")
_FEATURE = re.compile(r"python3\.\d{1,2}t?")
# A distribution's metadata folder, or conda's record of it.
_TENSORFLOW = re.compile(r"(?:tensorflow|tensorflow_gpu|tensorflow_cpu|tf_nightly\w*)-\d[^/]*\.(?:dist-info|egg-info|egg)", re.IGNORECASE)
_CONDA = re.compile(r"tensorflow(?:-base|-gpu)?-\d[^/]*\.json")


@record(frozen=True)
class Place:
    """An interpreter whose environment holds a TensorFlow; ``found_by`` says where it is named."""

    python: str
    found_by: str


def find(host: Host, interpreters: Iterable[Interpreter], launchers: Iterable[Launcher]) -> tuple[Place, ...]:
    """The environments, each once by its prefix, in the order in which they were found."""
    made: dict[str, Place] = {}
    pythons = [(one.path, "on PATH or in a folder of Pythons") for one in interpreters]
    named = [(one.interpreter, f"{one.kind}: {one.path}") for one in launchers]
    for python, by in (*_pythons_in(host, _prefixes(host)), *named, *pythons):
        prefix = os.path.dirname(os.path.dirname(python))
        if prefix not in made and len(made) < _MOST and is_executable(host, python) and _has_tensorflow(host, prefix):
            made[prefix] = Place(python, by)
    return tuple(made.values())


def _pythons_in(host: Host, prefixes: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for prefix, by in prefixes:
        for name in ("python", "python3"):
            if is_executable(host, f"{prefix}/bin/{name}"):
                yield f"{prefix}/bin/{name}", by
                break


def _has_tensorflow(host: Host, prefix: str) -> bool:
    if any(_CONDA.fullmatch(name) for name in host.entries(f"{prefix}/conda-meta")):
        return True
    shelves = (f"{prefix}/lib", f"{prefix}/lib64")
    libraries = [f"{shelf}/{name}" for shelf in shelves for name in host.entries(shelf) if _FEATURE.fullmatch(name)]
    folders = [f"{library}/{part}" for library in libraries for part in ("site-packages", "dist-packages")]
    if prefix in ("/usr", "/usr/local"):
        folders.append("/usr/lib/python3/dist-packages")
        home = host.environ.get("HOME", "")
        folders += [f"{home}/.local/lib/{os.path.basename(library)}/site-packages" for library in libraries if home.startswith("/")]
    return any(_TENSORFLOW.fullmatch(name) for folder in folders for name in host.entries(folder))


def _prefixes(host: Host) -> Iterator[tuple[str, str]]:
    environ = host.environ
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT"):
        if environ.get(variable, "").startswith("/"):
            yield environ[variable].rstrip("/"), variable
    yield from _of_project(host)
    home = environ.get("HOME", "").rstrip("/")
    if not home.startswith("/"):
        return
    data = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    cache = environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
    pyenv = environ.get("PYENV_ROOT") or f"{home}/.pyenv"
    shelves = {
        "virtualenvwrapper": environ.get("WORKON_HOME") or f"{home}/.virtualenvs", "pipenv": f"{data}/virtualenvs",
        "poetry": f"{cache}/pypoetry/virtualenvs", "pipx": f"{data}/pipx/venvs", "uv tool": f"{data}/uv/tools",
        "pyenv": f"{pyenv}/versions",
    }  # fmt: skip
    for tool, shelf in shelves.items():
        for name in host.entries(shelf)[:_WIDEST]:
            yield f"{shelf}/{name}", f"{tool}: {shelf}"
    for name in host.entries(f"{pyenv}/versions")[:_WIDEST]:
        for inner in host.entries(f"{pyenv}/versions/{name}/envs")[:_WIDEST]:
            yield f"{pyenv}/versions/{name}/envs/{inner}", f"pyenv: {pyenv}/versions"
    yield from _of_conda(host, home)
    for name in _USUAL:
        yield f"{home}/{name}", home
    for name in host.entries(home)[:_WIDEST]:
        for usual in ("", *_USUAL):
            folder = f"{home}/{name}/{usual}".rstrip("/")
            if host.exists(f"{folder}/pyvenv.cfg") or host.is_dir(f"{folder}/conda-meta"):
                yield folder, home


def _of_project(host: Host) -> Iterator[tuple[str, str]]:
    folder = host.vantage.folder or ""
    while folder and folder != "/":
        for name in _USUAL:
            if host.exists(f"{folder}/{name}/pyvenv.cfg"):
                yield f"{folder}/{name}", folder
        folder = os.path.dirname(folder)


def _of_conda(host: Host, home: str) -> Iterator[tuple[str, str]]:
    listed = f"{home}/.conda/environments.txt"
    for line in (host.text(listed, 1 << 18) or "").splitlines()[:_WIDEST]:
        if line.startswith("/"):
            yield line.strip().rstrip("/"), listed
    roots = [f"{home}/{name}" for name in _CONDA_ROOTS] + ["/opt/conda", "/opt/miniconda3", "/opt/anaconda3", "/opt/miniforge3"]
    program = host.environ.get("CONDA_EXE") or host.environ.get("MAMBA_EXE") or ""
    if program.startswith("/"):
        roots.insert(0, os.path.dirname(os.path.dirname(program)))
    shelves = [one for one in host.environ.get("CONDA_ENVS_PATH", "").split(os.pathsep) if one.startswith("/")]
    for root in dict.fromkeys(roots):
        yield root, f"conda: {root}"
        shelves.append(f"{root}/envs")
    for shelf in shelves:
        for name in host.entries(shelf)[:_WIDEST]:
            yield f"{shelf}/{name}", f"conda: {shelf}"
