"""Which tool's lock file owns the patient's environment: uv, poetry, pdm, pixi, pipenv or conda-lock.

The unit is an ``Owner``: the tool, the project's folder, the lock file. A lock file in the current folder
owns nothing by itself: the environment must be the one that the tool would use for that project.
"""

from __future__ import annotations

import os
from typing import Iterator

from fixer.host.base import Host
from fixer.model.record import record
from fixer.probes.plain import assignments
from fixer.probes.python import here

_SMALL = 65536
LOCKS = (("uv", "uv.lock"), ("poetry", "poetry.lock"), ("pdm", "pdm.lock"), ("pipenv", "Pipfile.lock"))
CONDA_LOCKS = ("conda-lock.yml", "conda-lock.yaml")


@record(frozen=True)
class Owner:
    """A tool that will undo on its next sync what is changed behind its back."""

    tool: str
    project: str
    lock_file: str


def find(host: Host, prefix: str, interpreter: str) -> Owner | None:
    """The owner of the environment at ``prefix``; None when no project's tool manages it."""
    for looked in (_pixi, _named_project, _beside, _conda_lock):
        owner = looked(host, prefix)
        if owner is not None:
            return owner
    return _from_here(host, prefix, interpreter)


def _pixi(host: Host, prefix: str) -> Owner | None:
    parts = prefix.split("/")
    if len(parts) > 3 and parts[-3:-1] == [".pixi", "envs"]:
        return _owner(host, "pixi", "/".join(parts[:-3]) or "/", "pixi.lock")
    marker = host.text(f"{prefix}/conda-meta/pixi", _SMALL)
    if marker is None:
        return None
    import json

    try:
        manifest = json.loads(marker)["manifest_path"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return _owner(host, "pixi", os.path.dirname(manifest), "pixi.lock") if isinstance(manifest, str) else None


def _named_project(host: Host, prefix: str) -> Owner | None:
    # pipenv writes the project's folder into the environment.
    project = (host.text(f"{prefix}/.project", _SMALL) or "").strip()
    return _owner(host, "pipenv", project, "Pipfile.lock") if project.startswith("/") else None


def _beside(host: Host, prefix: str) -> Owner | None:
    """PROJECT/.venv: every one of these tools uses it for the project it lies in."""
    project, name = os.path.split(prefix)
    if name != ".venv":
        return None
    made = [owner for tool, lock in LOCKS if (owner := _owner(host, tool, project, lock)) is not None]
    if len(made) > 1:
        by_uv = "uv" in assignments(host.text(f"{prefix}/pyvenv.cfg", _SMALL) or "")
        made = [owner for owner in made if (owner.tool == "uv") == by_uv] or made
    return made[0] if made else None


def _conda_lock(host: Host, prefix: str) -> Owner | None:
    if not host.is_dir(f"{prefix}/conda-meta"):
        return None
    # Only an environment inside the project: one elsewhere carries no sign of the lock file it came from.
    project = os.path.dirname(prefix)
    return next(
        (owner for lock in CONDA_LOCKS if (owner := _owner(host, "conda-lock", project, lock)) is not None), None
    )


def _from_here(host: Host, prefix: str, interpreter: str) -> Owner | None:
    for project in _upwards(host):
        wanted = host.environ.get("UV_PROJECT_ENVIRONMENT")
        if wanted and os.path.normpath(os.path.join(project, wanted)) == prefix:
            owner = _owner(host, "uv", project, "uv.lock")
            if owner is not None:
                return owner
        chosen = (host.text(f"{project}/.pdm-python", _SMALL) or "").strip()
        if chosen and os.path.dirname(os.path.dirname(chosen)) == prefix:
            owner = _owner(host, "pdm", project, "pdm.lock")
            if owner is not None:
                return owner
        if host.exists(f"{project.rstrip('/')}/poetry.lock") and _poetry_name(host, project) in os.path.basename(prefix):
            owner = _owner(host, "poetry", project, "poetry.lock")
            if owner is not None:
                return owner
    return None


def _poetry_name(host: Host, project: str) -> str:
    """The part of poetry's environment name that it makes from the project's folder: ``-`` and eight characters."""
    import base64
    import hashlib

    digest = hashlib.sha256(os.path.normcase(host.real_path(project)).encode("utf-8", "surrogateescape")).digest()
    return "-" + base64.urlsafe_b64encode(digest).decode()[:8] + "-py"


def _upwards(host: Host) -> Iterator[str]:
    folder = here(host)
    while folder:
        yield folder
        folder = os.path.dirname(folder) if folder != "/" else None


def _owner(host: Host, tool: str, project: str, lock: str) -> Owner | None:
    path = f"{project.rstrip('/')}/{lock}"
    return Owner(tool, project, path) if host.exists(path) else None
