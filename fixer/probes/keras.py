"""Which backend Keras will choose, and where that is written. The unit is one ``KerasSetting``.

Keras reads keras.json first, then KERAS_BACKEND over it (keras/src/backend/config.py of Keras 3.0 to 3.15).
A keras.json that is no JSON is passed over by Keras itself; one that may not be read, or that is JSON and no object, ends its
import (it catches a ValueError alone). Absent means that nothing sets it.
"""

from __future__ import annotations

import os

from fixer.host.base import Host
from fixer.model.facts import KerasSetting
from fixer.model.observed import Observed, absent, found, unknown
from fixer.probes.plain import clean

_LIMIT = 1 << 20
# What JSON calls what is no object.
_KINDS: dict[type, str] = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
# What Keras checks of the file when it is imported (keras/src/backend/config.py of 3.0 to 3.15, keras/src/backend.py of 2.13 to 2.15,
# keras/backend.py of 2.10, tensorflow/python/keras/backend.py of 2.4). Its epsilon must be a number with a point.
_ALLOWED = {"floatx": ("float16", "float32", "float64"), "image_data_format": ("channels_last", "channels_first")}


def observe(host: Host) -> Observed[KerasSetting]:
    """The backend that a variable or the settings file names."""
    path = settings_path(host)
    values, why = _read(host, path)
    if values is None:
        return found(KerasSetting(host.environ.get("KERAS_BACKEND") or "tensorflow", path, refused=why, refused_in=path), path)
    variable = host.environ.get("KERAS_BACKEND", "")
    backend = values.get("backend", "tensorflow")
    if values and not isinstance(backend, str):
        return unknown(f"backend in {path} is no text", path)
    layout = values.get("image_data_format")
    layout = clean(layout) if isinstance(layout, str) else None
    refused = _refused(values)
    refused_in = path if refused else None
    if variable:
        made = KerasSetting(variable, "KERAS_BACKEND", layout, refused, refused_in)
        return found(made, "KERAS_BACKEND", *((path,) if values else ()), detail=why)
    if values:
        return found(KerasSetting(str(backend), path, layout, refused, refused_in), path)
    return absent("KERAS_BACKEND", path, detail=why)


def _refused(values: dict[str, object]) -> str | None:
    """The first value that Keras does not take: its name and what it is."""
    import json

    bad = [name for name, allowed in _ALLOWED.items() if name in values and values[name] not in allowed]
    bad += ["epsilon"] if not isinstance(values.get("epsilon", 1e-7), float) else []
    return f"{bad[0]} {clean(json.dumps(values[bad[0]]))[:60]}" if bad else None


def settings_path(host: Host) -> str:
    """Where Keras looks for keras.json."""
    folder = host.environ.get("KERAS_HOME")
    if folder is None:
        home = host.environ["HOME"] or "/" if "HOME" in host.environ else os.path.expanduser("~")
        # Keras takes /tmp when it cannot write to the home folder.
        folder = os.path.join(home if host.may_write(home) else "/tmp", ".keras")
    return os.path.abspath(os.path.expanduser(os.path.join(folder, "keras.json")))


def _read(host: Host, path: str) -> tuple[dict[str, object] | None, str]:
    if not host.exists(path):
        return {}, ""
    if host.is_dir(path):
        return None, "a folder"
    text = host.text(path, _LIMIT)
    if text is None:
        return _unread(host, path)
    import json

    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return {}, f"{path} is not JSON: Keras passes over it"
    return (values, "") if isinstance(values, dict) else (None, _KINDS.get(type(values), "a number"))


def _unread(host: Host, path: str) -> tuple[dict[str, object] | None, str]:
    """Whether it is this user's rights that keep Keras from the file, or something that only we ran into."""
    try:
        host.read(path, 1)
    except PermissionError:
        return None, "a file that this user may not read"
    except (OSError, ValueError):
        pass
    return {}, f"{path} cannot be read"
