"""A package index on this machine, and wheels for it: real libraries by the C compiler, JSON and HTML pages, ranges or none."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import re
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Server(http.server.ThreadingHTTPServer):
    ranges = True
    kind = "json"
    files: dict[str, bytes]
    requests: list[tuple[str, str | None]]
    given: list[str]  # credentials that came
    login: str | None = None  # "user:password" that must be given
    status: int | None = None  # answer everything with this
    pages: dict[str, tuple[bytes, str]]  # project -> a page to serve as it is, and its type
    sent: dict[str, bytes]  # file -> other bytes than the page promises
    hold: threading.Event | None = None  # files wait for it

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        self.server.given += [given] if given else []
        if self.server.login is not None and given != self.server.login:
            self.send_error(401)
            return
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        if self.path.startswith("/simple/"):
            self._page(self.path.split("/")[2])
        elif self.path.rsplit("/", 1)[-1] in self.server.files:
            if self.server.hold is not None:
                self.server.hold.wait(60)
            name = self.path.rsplit("/", 1)[-1]
            self._file(self.server.sent.get(name, self.server.files[name]))
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def _page(self, project: str) -> None:
        if project in self.server.pages:
            self._send(*self.server.pages[project])
            return
        names = [name for name in self.server.files if re.match(rf"{project}-\d.*\.whl", name.replace("_", "-"))]
        if not names:
            self.send_error(404)
            return
        sha = {name: hashlib.sha256(self.server.files[name]).hexdigest() for name in names}
        if self.server.kind == "json":
            files = [{"filename": n, "url": f"../../files/{n}", "hashes": {"sha256": sha[n]}, "requires-python": ">=3.9",
                      "yanked": False, "size": len(self.server.files[n])} for n in names]  # fmt: skip
            self._send(json.dumps({"files": files}).encode(), "application/vnd.pypi.simple.v1+json")
        else:
            links = "".join(f'<a href="../../files/{n}#sha256={sha[n]}" data-requires-python="&gt;=3.9">{n}</a>' for n in names)
            self._send(f"<html><body>{links}</body></html>".encode(), "text/html")

    def _file(self, data: bytes) -> None:
        asked = self.headers.get("Range")
        if asked and self.server.ranges and self.command == "GET":
            first, last = asked.removeprefix("bytes=").split("-")
            self._send(data[int(first) : int(last) + 1], "application/octet-stream", 206)
        else:
            self._send(data, "application/octet-stream")

    def _send(self, data: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a client that was killed
                self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        return


def shared_library(folder: Path, *flags: str) -> bytes:
    """A real shared library made by the C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    source = folder / "x.c"
    source.write_text("#include <stdio.h>\nint f(void) { return printf(\"%d\", 1); }\n")
    out = folder / "libtensorflow_framework.so.2"
    subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", str(out), *flags], check=True)
    return out.read_bytes()


def wheel(path: Path, members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path.read_bytes()


@contextmanager
def serving() -> Iterator[Server]:
    """An index without files yet; ``address`` is its simple page."""
    made = Server(("127.0.0.1", 0), Handler)
    made.files, made.requests, made.given, made.pages, made.sent = {}, [], [], {}, {}
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()
