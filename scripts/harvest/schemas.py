"""Writes one JSON schema per data file, derived from the row types, so that the two cannot drift apart.

The unit is a schema: the file's sections, each a map from a key to a list of rows. Fields that the
section ``defaults`` may supply are not required in the row itself.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixer.dataset.load import FORMAT
from fixer.dataset.questions import TABLES
from fixer.model.codec import hints

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SUPPLIED = ("source", "sources", "checked", "confidence")
CONFIDENCES = ["primary", "secondary", "inference", "recipe"]
NAMES = {"type": "object", "properties": {"pci_id": {"type": "string"}}, "required": ["pci_id"], "additionalProperties": False}


def schemas() -> dict[str, dict[str, Any]]:
    """Every data file's schema by the file's name."""
    made: dict[str, dict[str, Any]] = {}
    for kind, (name, section, _) in TABLES.items():
        schema = made.setdefault(name, _file(name))
        groups = _groups(_row(kind))
        if section == "*":
            schema["additionalProperties"] = groups
        else:
            schema["properties"][section] = groups
            schema["required"].append(section)
        if name == "gpus.json":
            schema["properties"]["names"] = _groups(NAMES)
    return made


def write(folder: Path) -> None:
    """Write every schema to ``folder``/schema."""
    (folder / "schema").mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / "schema" / name).write_text(text(schema), encoding="utf-8")


def text(schema: Mapping[str, Any]) -> str:
    """A schema as it is written."""
    return json.dumps(schema, indent=1) + "\n"


def _file(name: str) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": name,
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "note": {"type": "string"},
            "defaults": {"type": "object", "additionalProperties": {"type": "array", "maxItems": 1, "items": {"type": "object"}}},
        },
        "required": ["format", "defaults"],
        "additionalProperties": False,
    }


def _groups(row: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"type": "array", "minItems": 1, "items": row}}


def _row(kind: type) -> dict[str, Any]:
    types_of = hints(kind)
    required = [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and type(None) not in typing.get_args(types_of[field.name])
    ]
    properties = {name: _type(hint) for name, hint in types_of.items()}
    properties["confidence"] = {"enum": CONFIDENCES}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in required if name not in SUPPLIED],
        "additionalProperties": False,
    }


def _type(hint: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_type(item) for item in arguments if item is not type(None)] + [{"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(arguments[1])}
    return {"type": {str: "string", int: "integer", bool: "boolean", float: "number"}[hint]}
