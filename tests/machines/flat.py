"""A recording as one flat table of facts, so that a machine can be written as the difference from another.

The unit is an item ``kind:name -> value``: ``file:/etc/os-release`` is a text (or ["packed", ...], by zlib and base64), ``tree:/dev`` what is
known of a path, ``piece:/lib/x.so`` parts of a library (zlib, base64), ``run:["nvidia-smi"]`` an answer, ``environ:``, ``which:`` and
``vantage:`` what they say. A difference holds the changed items, and null for those that are gone.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict
from typing import Any

from fixer.host.base import Ran, Vantage
from fixer.host.recording import Path, Recording

Flat = dict[str, Any]


def flatten(kept: Recording, files: dict[str, bytes]) -> Flat:
    """``kept`` as items; ``files`` are its files by path."""
    flat: Flat = {f"vantage:{name}": _plain(value) for name, value in vars(kept.vantage).items()}
    flat["python:"] = kept.python
    flat.update({f"environ:{name}": value for name, value in kept.environ.items()})
    flat.update({f"which:{name}": value for name, value in kept.which.items()})
    for path, known in kept.tree.items():
        flat[f"tree:{path}"] = {name: _plain(value) for name, value in asdict(known).items() if value is not None}
    for path, content in files.items():
        flat[f"file:{path}"] = _text(content)
    for path, parts in kept.pieces.items():
        flat[f"piece:{path}"] = {str(at): base64.b64encode(zlib.compress(part, 9)).decode() for at, part in sorted(parts.items())}
    for ran in kept.runs:
        flat[f"run:{json.dumps(ran.argv)}"] = {name: value for name, value in vars(ran).items() if name != "argv" and value not in (False, "")}
    return flat


def recording(flat: Flat) -> Recording:
    """The recording that ``flat`` describes. What it does not list is not there."""
    made = Recording(_vantage(flat), {}, flat.get("python:"), "absent")
    environ: dict[str, str] = {}
    for item, value in flat.items():
        kind, _, name = item.partition(":")
        if kind == "environ":
            environ[name] = value
        elif kind == "which":
            made.which[name] = value
        elif kind == "tree":
            made.tree[name] = Path(**{key: tuple(one) if isinstance(one, list) else one for key, one in value.items()})
        elif kind == "file":
            made.files[name] = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else zlib.decompress(base64.b64decode(value[1]))
        elif kind == "piece":
            made.pieces[name] = {int(at): zlib.decompress(base64.b64decode(part)) for at, part in value.items()}
        elif kind == "run":
            made.runs.append(Ran(tuple(json.loads(name)), **{"status": 0, "stdout": "", "stderr": "", **value}))
    made.environ = environ
    return made


def difference(flat: Flat, base: Flat) -> Flat:
    """What makes ``flat`` of ``base``."""
    changed = {item: value for item, value in flat.items() if item not in base or base[item] != value}
    return {**changed, **{item: None for item in base if item not in flat}}


def applied(base: Flat, change: Flat) -> Flat:
    """``base`` with a difference put upon it."""
    merged = {**base, **change}
    # python: and which: may be null themselves.
    return {item: value for item, value in merged.items() if value is not None or item.startswith(("which:", "python:"))}


def _vantage(flat: Flat) -> Vantage:
    said = {item.partition(":")[2]: value for item, value in flat.items() if item.startswith("vantage:")}
    return Vantage(**{name: tuple(value) if isinstance(value, list) else value for name, value in said.items()})


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _text(content: bytes) -> Any:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return ["packed", base64.b64encode(zlib.compress(content, 9)).decode()]
