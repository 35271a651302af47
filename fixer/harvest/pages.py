"""Project pages of a package index as lists of files: JSON (PEP 691) and HTML (PEP 503).

The unit is ``File``. A page is somebody else's text: what is no file of a release is an error that names
its place, and nothing in it is followed here.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin

from fixer.harvest.errors import HarvestError
from fixer.model import bounded_json
from fixer.model.record import record

# The largest real pages have some ten thousands.
_MOST_FILES = 50_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@record(frozen=True)
class File:
    """One file of a project page. ``size`` is None where the index does not say, ``sha256`` then ""."""

    filename: str
    url: str
    sha256: str
    requires_python: str
    yanked: bool
    size: int | None


def from_json(data: bytes, address: str, name: str) -> list[File]:
    """The files of a JSON page; raises HarvestError naming the project and the place."""
    try:
        page = bounded_json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HarvestError(f"the page of {name} is not JSON that can be read: {str(error)[:200]}") from None
    files = page.get("files") if isinstance(page, dict) else None
    if not isinstance(files, list):
        raise HarvestError(f"the page of {name} lists no files")
    return [_file(item, address, f"the page of {name}: files[{place}]") for place, item in enumerate(files)]


def _file(item: Any, address: str, place: str) -> File:
    if not isinstance(item, dict) or not isinstance(item.get("filename"), str) or not isinstance(item.get("url"), str):
        raise HarvestError(f"{place}: expected a filename and a url")
    hashes, size, python = item.get("hashes"), item.get("size"), item.get("requires-python")
    return File(
        item["filename"],
        _joined(address, item["url"], place),
        _hash(hashes.get("sha256") if isinstance(hashes, dict) else None),
        python if isinstance(python, str) else "",
        bool(item.get("yanked")),
        size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
    )


def from_html(text: str, address: str, name: str) -> list[File]:
    """The files that an HTML page links to."""
    parser = _Links(address, f"the page of {name}")
    parser.feed(text)
    return parser.files


class _Links(HTMLParser):
    def __init__(self, address: str, place: str) -> None:
        super().__init__()
        self.address, self.place = address, place
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        href = given.get("href")
        if tag != "a" or not href:
            return
        if len(self.files) >= _MOST_FILES:
            raise HarvestError(f"{self.place} lists more than {_MOST_FILES} files")
        url, fragment = urldefrag(_joined(self.address, href, self.place))
        name = url.split("?")[0].rsplit("/", 1)[-1]
        sha256 = _hash(fragment.removeprefix("sha256="))
        self.files.append(File(name, url, sha256, given.get("data-requires-python") or "", "data-yanked" in given, None))


def _joined(address: str, link: str, place: str) -> str:
    try:
        return urljoin(address, link)
    except ValueError:
        raise HarvestError(f"{place}: expected an address") from None


def _hash(text: Any) -> str:
    return text if isinstance(text, str) and _SHA256.fullmatch(text) else ""
