"""Talks to the package index that the user has configured for pip or uv: project pages, metadata, parts of wheels.

At most two connections; every answer has a limit of bytes and of time. What cannot change (metadata, parts
of a wheel) is cached by address and hash in a folder that the caller names. Credentials go to the index's
own host alone and stand in no message. It interprets nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from fixer.harvest import pages
from fixer.harvest.configuration import Configuration
from fixer.harvest.errors import HarvestError, Unreachable
from fixer.harvest.pages import File
from fixer.harvest.ranges import RemoteZip

__all__ = ["File", "HarvestError", "Index"]
CONNECTIONS = 2
TIMEOUT = 60.0
LARGEST_PAGE = 32 << 20
LARGEST_METADATA = 4 << 20
LARGEST_WHEEL = 4 << 30
JSON_PAGE = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON_PAGE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
T = TypeVar("T")
U = TypeVar("U")


class Index:
    """The configured index; without a configuration the cache alone. ``fetched`` counts the bytes that came."""

    def __init__(self, cache: Path, configuration: Configuration | None, timeout: float = TIMEOUT) -> None:
        self.cache = cache
        self.configuration = configuration
        self.timeout = timeout
        self.fetched = 0
        self._local = threading.local()
        self._count = threading.Lock()

    @property
    def offline(self) -> bool:
        return self.configuration is None

    def project(self, name: str) -> list[File]:
        """Every file of a project, sorted by name; empty when the index has no such project."""
        kept = self.cache / "projects" / f"{name}.json"
        if self.configuration is None:
            if not kept.is_file():
                raise HarvestError(f"--offline, and the page of {name} is not in {self.cache}")
            return [File(**item) for item in json.loads(kept.read_bytes())]
        address = urljoin(self.configuration.address, f"{name}/")
        with self._get(address, {"Accept": ACCEPT}, f"the page of {name}", missing=(404,)) as answer:
            if answer.status_code == 404:
                return []
            data = self._body(answer, LARGEST_PAGE, f"the page of {name}")
            kind, address = answer.headers.get("content-type", ""), answer.url
        files = pages.from_json(data, address, name) if "json" in kind else pages.from_html(data.decode("utf-8", "replace"), address, name)
        files.sort(key=lambda item: item.filename)
        _keep(kept, json.dumps([dataclasses.asdict(item) for item in files]).encode())
        return files

    def metadata(self, file: File) -> str | None:
        """The METADATA of a wheel, from the file beside it (PEP 658) or from inside it; None when neither is there."""

        def fetch() -> bytes | None:
            with self._get(file.url + ".metadata", {}, file.filename, missing=(403, 404)) as answer:
                if answer.status_code == 200:
                    return self._body(answer, LARGEST_METADATA, f"the metadata of {file.filename}")
            return RemoteZip(self, file).named(lambda name: name.endswith(".dist-info/METADATA"), LARGEST_METADATA)

        data = self.cached(f"{file.url}#{file.sha256}#metadata", fetch)
        return None if data is None else data.decode("utf-8", "replace")

    def part(self, file: File, start: int, end: int) -> bytes:
        """The bytes ``start`` to ``end`` (exclusive) of a file; the whole file is fetched where ranges are not served."""
        kept = self._whole_path(file)
        if not kept.is_file():
            with self._get(file.url, {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}, file.filename) as answer:
                if answer.status_code == 206:
                    return self._complete(file, self._body(answer, end - start, file.filename), end - start)
                self._keep_whole(file, answer, kept)
        with open(kept, "rb") as whole:
            whole.seek(start)
            return self._complete(file, whole.read(end - start), end - start)

    def size(self, file: File) -> int:
        """A file's size in bytes, asked of the index where the project page does not say."""
        if file.size is not None:
            return file.size
        with self._get(file.url, {}, file.filename, method="HEAD") as answer:
            length = answer.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            raise HarvestError(f"{file.filename}: the index does not say its size")
        return int(length)

    def forget_wholes(self) -> None:
        """Remove the whole files that an index without ranges made us fetch."""
        shutil.rmtree(self.cache / "wholes", ignore_errors=True)

    def _whole_path(self, file: File) -> Path:
        return self.cache / "wholes" / hashlib.sha256(f"{file.url}#{file.sha256}".encode()).hexdigest()

    def _keep_whole(self, file: File, answer: requests.Response, kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part, digest = kept.with_suffix(f".{os.getpid()}"), hashlib.sha256()
        try:
            with open(part, "wb") as out:
                # A wheel of half a gigabyte takes its time: only silence ends it.
                for piece in self._pieces(answer, file.size or LARGEST_WHEEL, file.filename, patient=True):
                    digest.update(piece)
                    out.write(piece)
            if file.sha256 and digest.hexdigest() != file.sha256:
                raise HarvestError(f"{file.filename}: does not match its hash on the index")
            os.replace(part, kept)
        finally:
            part.unlink(missing_ok=True)

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

    @contextmanager
    def _get(
        self, url: str, headers: Mapping[str, str], what: str, missing: tuple[int, ...] = (), method: str = "GET"
    ) -> Iterator[requests.Response]:
        """An answer that succeeded, or whose status is in ``missing``; anything else is Unreachable in one line."""
        setup = self.configuration
        if setup is None:
            raise HarvestError(f"--offline, and {what} is not in {self.cache}")
        login = setup.login if urlsplit(url).netloc == urlsplit(setup.address).netloc else None
        try:
            with warnings.catch_warnings():
                # The user has named this host as one to be trusted without a certificate.
                warnings.simplefilter("ignore")
                answer = self._session().request(
                    method, url, headers=dict(headers), auth=login, timeout=self.timeout, stream=True, allow_redirects=True
                )
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{what}: {_host(url)} {_failure(error)}") from None
        with answer:
            if answer.status_code >= 400 and answer.status_code not in missing:
                raise Unreachable(f"{what}: {_host(url)} answers {answer.status_code}")
            try:
                yield answer
            except requests.RequestException as error:
                raise Unreachable(f"{what}: {_host(url)} {_failure(error)}") from None

    def _body(self, answer: requests.Response, limit: int, what: str) -> bytes:
        return b"".join(self._pieces(answer, limit, what))

    def _pieces(self, answer: requests.Response, limit: int, what: str, patient: bool = False) -> Iterator[bytes]:
        """The bytes of an answer; HarvestError beyond ``limit`` bytes, Unreachable beyond the time limit."""
        count, end = 0, time.monotonic() + self.timeout
        for piece in answer.iter_content(1 << 16):
            count += len(piece)
            self._add(len(piece))
            if count > limit:
                raise HarvestError(f"{what}: the answer is longer than {limit} bytes")
            if not patient and time.monotonic() > end:
                raise Unreachable(f"{what}: the answer takes longer than {self.timeout:g} seconds")
            yield piece

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            made = requests.Session()
            made.headers["User-Agent"] = "convfix"
            setup = self.configuration
            if setup is not None:
                made.verify, made.cert = setup.verify, setup.client
                if setup.proxy:
                    made.proxies = {"http": setup.proxy, "https": setup.proxy}
            self._local.session = made
        session: requests.Session = self._local.session
        return session

    def _add(self, count: int) -> None:
        with self._count:
            self.fetched += count


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the index"


def _failure(error: Exception) -> str:
    """Why a request failed, without the library's own words: those may hold addresses with credentials."""
    kinds = (
        (requests.exceptions.ProxyError, "cannot be reached through the proxy"),
        (requests.exceptions.SSLError, "has a certificate that is not trusted here"),
        (requests.exceptions.Timeout, "does not answer in time"),
        (requests.exceptions.ChunkedEncodingError, "broke off its answer"),
        (requests.exceptions.ContentDecodingError, "sends an answer that cannot be unpacked"),
        (requests.exceptions.TooManyRedirects, "sends us round in circles"),
        (requests.exceptions.ConnectionError, "cannot be reached"),
    )
    return next((words for kind, words in kinds if isinstance(error, kind)), f"cannot be asked ({type(error).__name__})")


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_bytes(data)
    os.replace(part, path)
