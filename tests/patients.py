"""Real patients for tests: interpreters, environments made by uv with one shared cache, tiny wheels, a local index.

The unit is a ``Patient``: an environment's folder and its interpreter. Nothing is faked here; a tool or a
Python that is not at hand skips the test, or fails it when ``CI=true``.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Variables that point at a person's environment; a test sets those that it means.
POINTING = frozenset(
    {
        "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LD_PRELOAD",
        "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS", "KERAS_BACKEND", "KERAS_HOME", "TF_USE_LEGACY_KERAS",
        "CONVFIX_STATE_DIR", "CONVFIX_DATA_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
        "PYTEST_CURRENT_TEST",
    }
)  # fmt: skip


def missing(what: str) -> NoReturn:
    """Skip the running test because ``what`` is missing; with CI=true, fail it."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"CI needs {what}", pytrace=False)
    pytest.skip(f"{what} is not here")


def need(tool: str) -> str:
    """The path of the program ``tool``; see ``missing``."""
    found = shutil.which(tool) or _beside(tool)
    return found or missing(tool)


def _beside(tool: str) -> str | None:
    path = Path(sys.executable).parent / tool
    return str(path) if os.access(path, os.X_OK) else None


@functools.cache
def find_python(version: str) -> str | None:
    """The real path of a CPython ``version`` ("3.11"): a pyenv's, on PATH, or uv's own; None where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"))
    candidates = [str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))]
    candidates += [path for path in (shutil.which(f"python{version}"), shutil.which("python3")) if path]
    candidates += ["/usr/bin/python3", sys.executable]
    for candidate in candidates:
        if (real := _real_python(candidate, version)) is not None:
            return real
    if tuple(map(int, version.split("."))) >= (3, 8):
        for prepare in ([], [need("uv"), "python", "install", version]):
            if prepare:
                subprocess.run(prepare, capture_output=True)
            found = subprocess.run([need("uv"), "python", "find", "--no-project", version], capture_output=True, text=True)
            if found.returncode == 0:
                return _real_python(found.stdout.strip(), version)
    return None


def _real_python(candidate: str, version: str) -> str | None:
    ask = "import sys; print(getattr(sys, '_base_executable', sys.executable)); print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    lines = done.stdout.split("\n")
    return lines[0] if done.returncode == 0 and lines[1:2] == [version] else None


def need_python(version: str) -> str:
    """The real path of a CPython ``version``; see ``missing``."""
    return find_python(version) or missing(f"Python {version}")


def need_room(folder: Path, mib: int) -> None:
    """``mib`` of free disk where ``folder`` is, for what a plan would install there; see ``missing``."""
    if shutil.disk_usage(folder).free < mib << 20:
        missing(f"{mib} MiB of free disk at {folder}")


@dataclass(frozen=True)
class Patient:
    """A real environment."""

    path: Path
    python: str

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run its Python with ``arguments``."""
        return subprocess.run([self.python, *arguments], capture_output=True, text=True, env=env, timeout=timeout)

    @property
    def site_packages(self) -> Path:
        return next(Path(self.path).glob("lib/python*/site-packages"))

    def versions(self) -> dict[str, str]:
        """Its distributions as uv lists them."""
        done = subprocess.run(
            [need("uv"), "pip", "list", "--format", "json", "--python", self.python], capture_output=True, text=True, check=True
        )
        return {row["name"]: row["version"] for row in json.loads(done.stdout)}

    def tree(self) -> dict[str, str]:
        """Every file below it with its hash (a link with its target), byte code apart; for before and after."""
        return tree(self.path)


def tree(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Each file below ``folder`` by its relative path, with its mode and hash, or its target for a link; no byte code."""
    seen = {}
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files + [name for name in folders if os.path.islink(os.path.join(here, name))]:
            path = os.path.join(here, name)
            if os.path.islink(path):
                seen[os.path.relpath(path, folder)] = "-> " + os.readlink(path)
            elif os.path.isfile(path):
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
                seen[os.path.relpath(path, folder)] = f"{os.stat(path).st_mode:o} {content}"
    return seen


def make_patient(
    path: str | os.PathLike[str],
    python: str = "3.11",
    requirements: Sequence[str] = (),
    pip: bool = True,
    options: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Patient:
    """A virtual environment at ``path`` with ``requirements``, made by uv with the shared cache.

    ``pip`` seeds pip into it. ``options`` go to ``uv pip install`` (``--find-links``...). ``overrides`` are
    installed in a second step against all metadata, as people do (``numpy==2.0.2`` beside an old TensorFlow).
    """
    uv = need("uv")
    interpreter = need_python(python)
    _uv([uv, "venv", "--quiet", "--no-project", *(["--seed"] if pip else []), "--python", interpreter, str(path)])
    made = Patient(Path(path), str(Path(path) / "bin" / "python"))
    if requirements:
        _uv([uv, "pip", "install", "--quiet", "--python", made.python, *options, *requirements])
    if overrides:
        _uv([uv, "pip", "install", "--quiet", "--no-deps", "--python", made.python, *options, *overrides])
    return made


def _uv(command: Sequence[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in POINTING}
    environment.setdefault("UV_CACHE_DIR", str(ROOT / ".cache" / "uv"))
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


class Wheelhouse:
    """A folder of tiny wheels, made on the spot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, str | bytes] | None = None,
        requires: Sequence[str] = (),
        requires_python: str = "",
        tag: str = "py3-none-any",
    ) -> Path:
        """Write a wheel of ``name``; ``files`` are its members (default: an importable module with __version__)."""
        module = re.sub(r"[-_.]+", "_", name)
        members: dict[str, str | bytes] = dict(files if files is not None else {f"{module}.py": f"__version__ = {version!r}\n"})
        information = f"{module}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
        metadata += f"Requires-Python: {requires_python}\n" if requires_python else ""
        members[f"{information}/METADATA"] = metadata
        pure = str(tag.endswith("-any")).lower()
        members[f"{information}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {pure}\nTag: {tag}\n"
        path = self.folder / f"{module}-{version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            record = io.StringIO()
            for member, content in members.items():
                data = content.encode() if isinstance(content, str) else content
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                record.write(f"{member},sha256={digest},{len(data)}\n")
                archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), data)
            record.write(f"{information}/RECORD,,\n")
            archive.writestr(zipfile.ZipInfo(f"{information}/RECORD", (2020, 1, 1, 0, 0, 0)), record.getvalue())
        return path


class LocalIndex:
    """A PEP 503 index in a thread: the wheels of a folder; any other name goes to the user's own index.

    ``url`` is its address, ``asked`` the paths that were asked for, ``settings`` the variables that make pip
    and uv use it. With ``upstream=None`` any other name is not found, which makes an index that knows nothing else: the
    machine's own pip configuration, which may add other places, is left aside.
    """

    def __init__(self, folder: Path, upstream: str | None = "the user's own") -> None:
        self.folder = folder
        self.upstream = own_index() if upstream == "the user's own" else upstream
        self.asked: list[str] = []
        self.url = ""

    @property
    def settings(self) -> dict[str, str]:
        """The variables. uv asks the other index itself: its cache goes by the index, and each index here has another port."""
        common = {"PIP_INDEX_URL": self.url, "PIP_EXTRA_INDEX_URL": ""}
        if self.upstream is None:
            return {**common, "UV_DEFAULT_INDEX": self.url, "UV_INDEX": "", "PIP_CONFIG_FILE": os.devnull}
        return {**common, "UV_DEFAULT_INDEX": self.upstream, "UV_INDEX": self.url}

    def __enter__(self) -> LocalIndex:
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                index.answer(self)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/simple/"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request: a project's page, a wheel, a redirection or 404. Whole addresses come through a proxy."""
        kind, _, rest = re.sub(r"^http://[^/]+", "", request.path).strip("/").partition("/")
        name = re.sub(r"[-_.]+", "-", rest.split("#")[0].split("?")[0]).lower()
        if kind == "files" and (self.folder / Path(rest).name).is_file():
            _send(request, 200, (self.folder / Path(rest).name).read_bytes(), "application/octet-stream")
            return
        wheels = [path for path in sorted(self.folder.glob("*.whl")) if path.name.split("-")[0].replace("_", "-").lower() == name]
        if kind == "simple" and wheels:
            links = (f'<a href="/files/{path.name}#sha256={_digest(path)}">{path.name}</a><br>' for path in wheels)
            _send(request, 200, ("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>").encode(), "text/html")
        elif kind == "simple" and self.upstream and name:
            request.send_response(302)
            request.send_header("Location", f"{self.upstream.rstrip('/')}/{name}/")
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            _send(request, 404, b"not found", "text/plain")


def _send(request: http.server.BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            request.wfile.write(body)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def own_index() -> str:
    """The index that the user's own pip is set up with."""
    for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        if os.environ.get(variable):
            return os.environ[variable]
    ask = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    for python in (find_python("3.11"), sys.executable):
        if python is None:
            continue
        given = subprocess.run([python, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
        if given.returncode == 0 and given.stdout.strip():
            return given.stdout.strip()
        built_in = subprocess.run([python, "-c", ask], capture_output=True, text=True)
        if built_in.returncode == 0:
            return built_in.stdout.strip()
    return missing("a Python with pip")


@contextlib.contextmanager
def in_folder(path: str | os.PathLike[str]) -> Iterator[None]:
    """Be in another current folder for a moment."""
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
