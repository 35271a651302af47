"""A Python that is looked at and never run: the patient below a described system root.

The unit is a ``Description`` read from pyvenv.cfg, conda-meta and the folders' names. What only a
running interpreter knows (the user site, what start-up loads) is left out, not guessed.
"""

from __future__ import annotations

import os
import re

from fixer.host.base import Host
from fixer.probes.plain import assignments
from fixer.probes.python import Description, Undescribed

_FOLDER = re.compile(r"python(3\.\d{1,3})")
_SMALL = 65536


def read(host: Host, interpreter: str) -> Description | Undescribed:
    """What the files say of the interpreter; ``Undescribed`` when its version or its packages' folder is not told."""
    for beside in (os.path.dirname(os.path.dirname(interpreter)), os.path.dirname(interpreter)):
        text = host.text(f"{beside}/pyvenv.cfg", _SMALL)
        if text is not None:
            return _virtual(host, interpreter, beside, assignments(text))
    real = host.real_path(interpreter)
    prefix = os.path.dirname(os.path.dirname(interpreter if host.is_dir(_meta(interpreter)) else real))
    feature = _feature(host, real, prefix)
    if feature is None:
        return Undescribed(f"the files around {interpreter} do not tell its version")
    library = f"{prefix}/lib/python{feature}"
    folders = _folders(host, prefix, feature)
    if not folders:
        return Undescribed(f"{library} has no folder for packages")
    return _made(host, interpreter, _full_version(host, prefix, feature), prefix, prefix, library, folders)


def _meta(interpreter: str) -> str:
    return f"{os.path.dirname(os.path.dirname(interpreter))}/conda-meta"


def _virtual(host: Host, interpreter: str, prefix: str, settings: dict[str, str]) -> Description | Undescribed:
    told = re.match(r"3\.\d{1,3}(\.\d{1,3})?", settings.get("version_info") or settings.get("version") or "")
    features = [match.group(1) for match in map(_FOLDER.fullmatch, host.entries(f"{prefix}/lib")) if match]
    if told is None or not features:
        return Undescribed(f"{prefix}/pyvenv.cfg does not tell the version")
    feature = ".".join(told.group().split(".")[:2])
    base = os.path.dirname(settings.get("home", "").rstrip("/")) or prefix
    folders = [f"{prefix}/lib/python{feature}/site-packages"]
    if settings.get("include-system-site-packages", "").lower() == "true":
        folders += _folders(host, base, feature)
    return _made(host, interpreter, told.group(), prefix, base, f"{base}/lib/python{feature}", tuple(folders))


def _made(
    host: Host, interpreter: str, version: str, prefix: str, base: str, library: str, folders: tuple[str, ...]
) -> Description:
    return Description(
        version=version,
        executable=interpreter,
        prefix=prefix,
        base_prefix=base,
        library=library,
        folders=folders,
        path=(library, *folders),
        user_site=None,
        externally_managed=prefix == base and host.exists(f"{library}/EXTERNALLY-MANAGED"),
        has_pip=any(host.exists(f"{folder}/pip/__init__.py") for folder in folders),
    )


def _feature(host: Host, real: str, prefix: str) -> str | None:
    named = _FOLDER.fullmatch(os.path.basename(real))
    if named:
        return named.group(1)
    features = [match.group(1) for match in map(_FOLDER.fullmatch, host.entries(f"{prefix}/lib")) if match]
    return features[0] if len(features) == 1 else None


def _full_version(host: Host, prefix: str, feature: str) -> str:
    for name in host.entries(f"{prefix}/conda-meta"):
        match = re.fullmatch(r"python-(3\.\d{1,3}\.\d{1,3})-.*\.json", name)
        if match and match.group(1).startswith(feature + "."):
            return match.group(1)
    header = host.text(f"{prefix}/include/python{feature}/patchlevel.h", _SMALL) or ""
    match = re.search(r'PY_VERSION\s+"(3\.\d{1,3}\.\d{1,3})', header)
    return match.group(1) if match else feature


def _folders(host: Host, prefix: str, feature: str) -> tuple[str, ...]:
    # Debian keeps the distribution's own packages in dist-packages and pip's below /usr/local.
    places = [f"{prefix}/lib/python{feature}/site-packages"]
    if prefix == "/usr":
        places = [f"/usr/local/lib/python{feature}/dist-packages", "/usr/lib/python3/dist-packages", *places]
    return tuple(place for place in places if host.is_dir(place))
