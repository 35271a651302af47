"""Talks to the package index that the user has configured for pip or uv: project pages, metadata, parts of wheels.

The unit is ``File``, one file of a project page. At most two connections; what cannot change (metadata,
parts of a wheel) is cached by address and hash in the user's cache folder. No address is written here:
it comes from pip's or uv's configuration, else pip is asked for its own default. It interprets nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urldefrag, urljoin

import requests

from fixer.host.base import Host
from fixer.host.real import RealHost

CONNECTIONS = 2
TIMEOUT = 60
JSON_PAGE = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON_PAGE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
T = TypeVar("T")
U = TypeVar("U")


class HarvestError(Exception):
    """The harvest cannot go on; one line that says why."""


@dataclass(frozen=True)
class File:
    """One file of a project page. ``size`` is None where the index does not say."""

    filename: str
    url: str
    sha256: str
    requires_python: str
    yanked: bool
    size: int | None


def configured_address(host: Host) -> str:
    """The simple index that pip or uv would use: variables, uv's and pip's configuration, pip's own default."""
    for name in VARIABLES:
        if os.environ.get(name):
            return os.environ[name].split("=", 1)[-1] if name == "UV_DEFAULT_INDEX" else os.environ[name]
    found = _uv_configuration() or _pip_configuration(host) or _pip_answer(host, ["-c", ASK_PIP])
    if not found:
        raise HarvestError("no package index: configure one for pip or uv, or install pip beside this Python")
    return found


def _uv_configuration() -> str | None:
    folders = [os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config"), "/etc"]
    for path in (Path(folder) / "uv" / "uv.toml" for folder in folders):
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            key, _, value = line.partition("=")
            if key.strip() == "index-url":
                return value.strip().strip("\"'")
    return None


def _pip_configuration(host: Host) -> str | None:
    for line in (_pip_answer(host, ["-m", "pip", "config", "list"]) or "").splitlines():
        key, _, value = line.partition("=")
        if key.endswith((".index-url", ":env:.index-url")):
            return value.strip("\"'")
    return None


def _pip_answer(host: Host, arguments: list[str]) -> str | None:
    ran = host.run([sys.executable, *arguments], timeout=TIMEOUT)
    return ran.stdout.strip() if ran.ok else None


class Index:
    """The configured index. ``fetched`` counts the bytes that came over the network."""

    def __init__(self, cache: Path, offline: bool = False, host: Host | None = None) -> None:
        self.address = "" if offline else configured_address(host or RealHost()).rstrip("/") + "/"
        self.cache = cache
        self.offline = offline
        self.fetched = 0
        self._local = threading.local()
        self._count = threading.Lock()

    def project(self, name: str) -> list[File]:
        """Every file of a project, sorted by name; empty when the index has no such project."""
        kept = self.cache / "projects" / f"{name}.json"
        if self.offline:
            if not kept.is_file():
                raise HarvestError(f"--offline, and the page of {name} is not in {self.cache}")
            return [File(**item) for item in json.loads(kept.read_text(encoding="utf-8"))]
        address = urljoin(self.address, f"{name}/")
        answer = self._session().get(address, headers={"Accept": ACCEPT}, timeout=TIMEOUT)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        self._add(len(answer.content))
        kind = answer.headers.get("content-type", "")
        files = _from_json(answer.json(), address) if "json" in kind else _from_html(answer.text, address)
        files.sort(key=lambda item: item.filename)
        _keep(kept, json.dumps([vars(item) for item in files]).encode())
        return files

    def metadata(self, file: File) -> str | None:
        """The METADATA of a wheel, from the file beside it (PEP 658) or from inside it; None when neither is there."""

        def fetch() -> bytes | None:
            answer = self._session().get(file.url + ".metadata", timeout=TIMEOUT)
            if answer.status_code in (403, 404):
                from fixer.harvest.ranges import RemoteZip

                return RemoteZip(self, file).named(lambda name: name.endswith(".dist-info/METADATA"))
            answer.raise_for_status()
            self._add(len(answer.content))
            return answer.content

        data = self.cached(f"{file.url}#{file.sha256}#metadata", fetch)
        return None if data is None else data.decode("utf-8", "replace")

    def part(self, file: File, start: int, end: int) -> bytes:
        """The bytes ``start`` to ``end`` (exclusive) of a file; the whole file is fetched where ranges are not served."""
        kept = self._whole_path(file)
        if not kept.is_file():
            wanted = {"Range": f"bytes={start}-{end - 1}"}
            with self._session().get(file.url, headers=wanted, timeout=TIMEOUT, stream=True) as answer:
                answer.raise_for_status()
                if answer.status_code == 206:
                    data = bytes(answer.content)
                    self._add(len(data))
                    return self._complete(file, data, end - start)
                self._keep_whole(file, answer, kept)
        with open(kept, "rb") as whole:
            whole.seek(start)
            return self._complete(file, whole.read(end - start), end - start)

    def size(self, file: File) -> int:
        """A file's size in bytes, asked of the index where the project page does not say."""
        if file.size is not None:
            return file.size
        answer = self._session().head(file.url, timeout=TIMEOUT, allow_redirects=True)
        answer.raise_for_status()
        if not answer.headers.get("content-length", "").isdigit():
            raise HarvestError(f"{file.filename}: the index does not say its size")
        return int(answer.headers["content-length"])

    def _whole_path(self, file: File) -> Path:
        return self.cache / "wholes" / hashlib.sha256(f"{file.url}#{file.sha256}".encode()).hexdigest()

    def _keep_whole(self, file: File, answer: requests.Response, kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part, digest = kept.with_suffix(f".{os.getpid()}"), hashlib.sha256()
        with open(part, "wb") as out:
            for piece in answer.iter_content(1 << 20):
                digest.update(piece)
                out.write(piece)
                self._add(len(piece))
        if file.sha256 and digest.hexdigest() != file.sha256:
            part.unlink()
            raise HarvestError(f"{file.filename}: does not match its hash on the index")
        os.replace(part, kept)

    @staticmethod
    def _complete(file: File, data: bytes, length: int) -> bytes:
        if len(data) != length:
            raise HarvestError(f"{file.filename}: asked for {length} bytes, got {len(data)}")
        return data

    def cached(self, key: str, fetch: Callable[[], bytes | None]) -> bytes | None:
        """What ``fetch`` gives for ``key``, fetched once; None answers are not kept."""
        name = hashlib.sha256(key.encode()).hexdigest()
        path = self.cache / "objects" / name[:2] / name
        if path.is_file():
            return path.read_bytes()
        if self.offline:
            raise HarvestError(f"--offline, and {key.split('#')[0].rsplit('/', 1)[-1]} is not in {self.cache}")
        data = fetch()
        if data is not None:
            _keep(path, data)
        return data

    def each(self, work: Callable[[T], U], items: Iterable[T]) -> list[U]:
        """``work`` over ``items``, in order, over at most CONNECTIONS connections."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(pool.map(work, items))

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers["User-Agent"] = "convfix-harvest"
        session: requests.Session = self._local.session
        return session

    def _add(self, count: int) -> None:
        with self._count:
            self.fetched += count


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_bytes(data)
    os.replace(part, path)


def _from_json(page: dict[str, Any], address: str) -> list[File]:
    return [
        File(
            item["filename"],
            urljoin(address, item["url"]),
            item.get("hashes", {}).get("sha256", ""),
            item.get("requires-python") or "",
            bool(item.get("yanked")),
            item.get("size"),
        )
        for item in page["files"]
    ]


class _Links(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag != "a" or not given.get("href"):
            return
        url, fragment = urldefrag(urljoin(self.address, given["href"]))
        sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
        name = url.rsplit("/", 1)[-1]
        self.files.append(
            File(name, url, sha256, given.get("data-requires-python") or "", "data-yanked" in given, None)
        )


def _from_html(text: str, address: str) -> list[File]:
    parser = _Links(address)
    parser.feed(text)
    return parser.files
