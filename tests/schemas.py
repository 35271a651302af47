"""Holds documents against the published schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def valid(document: Any, name: str) -> None:
    """Fails unless ``document`` fits the schema ``name``."""
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
