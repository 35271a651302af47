"""A package index on this machine, and wheels for it: real libraries by the C compiler, JSON and HTML pages, ranges or none."""

from __future__ import annotations

import hashlib
import http.server
import json
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


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        if self.path.startswith("/simple/"):
            self._page(self.path.split("/")[2])
        elif self.path.rsplit("/", 1)[-1] in self.server.files:
            self._file(self.server.files[self.path.rsplit("/", 1)[-1]])
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def _page(self, project: str) -> None:
        names = [name for name in self.server.files if name.startswith(project + "-") and name.endswith(".whl")]
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
    made.files, made.requests = {}, []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()
