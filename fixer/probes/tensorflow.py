"""How the installed TensorFlow was built, from its own files: nothing of it is imported.

The unit is one ``TensorFlowBuild``. ``build_info.py`` is read as data, the version from the C header or
from the packaging script that the wheel carries. What the binary libraries hold is not looked at.
"""

from __future__ import annotations

import re
from typing import Any

from fixer.host.base import Host
from fixer.model.facts import TensorFlowBuild
from fixer.model.observed import Observed, absent, found, unknown
from fixer.probes.plain import clean

BUILD_INFO = "python/platform/build_info.py"
HEADER = "include/tensorflow/core/public/version.h"
SETUP = "tools/pip_package/setup.py"
_SMALL = 1 << 20
# Real ones have a kilobyte; a syntax tree costs a hundred times its text.
_LARGEST_BUILD_INFO = 1 << 16
_NUMBER = re.compile(r"^#define TF_(MAJOR|MINOR|PATCH)_VERSION (\d{1,4})$", re.MULTILINE)
_SUFFIX = re.compile(r'^#define TF_VERSION_SUFFIX "([-.A-Za-z0-9]{0,40})"$', re.MULTILINE)
_IN_SETUP = re.compile(r"""^_VERSION = ['"](\d[-.A-Za-z0-9]{0,40})['"]$""", re.MULTILINE)
_CUDA = re.compile(r"\d{1,2}(\.\d{1,3}){0,3}")


def observe(host: Host, folders: tuple[str, ...]) -> Observed[TensorFlowBuild]:
    """The build facts of the first ``tensorflow`` package on the path; absent when there is none."""
    site = next((folder for folder in folders if host.is_dir(f"{folder}/tensorflow")), None)
    if site is None:
        return absent(*folders)
    root = package_folder(host, site)
    version, version_path = _version(host, root)
    path = f"{root}/{BUILD_INFO}"
    text = host.text(path, _LARGEST_BUILD_INFO)
    values = _values(text) if text is not None else {}
    if not values and version is None:
        why = f"{path} is missing" if text is None else f"{path} cannot be read as data"
        return unknown(why, path)
    sources = ([path] if values else []) + ([version_path] if version_path else [])
    return found(_build(values, version), *sources, detail="" if values else f"{path} tells nothing")


def package_folder(host: Host, site: str) -> str:
    """Where the files of TensorFlow lie: of 1.15 to 2.1 the package ``tensorflow`` only leads to ``tensorflow_core``."""
    own, core = f"{site}/tensorflow", f"{site}/tensorflow_core"
    return core if not host.is_dir(f"{own}/python") and host.is_dir(core) else own


def _values(text: str) -> dict[str, Any]:
    """The dictionary that build_info.py assigns, read without running it."""
    import ast

    try:
        tree = ast.parse(text)
        for node in tree.body:
            if not isinstance(node, ast.Assign):
                continue
            if any(isinstance(one, ast.Name) and one.id == "build_info" for one in node.targets):
                value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
                return dict(ast.literal_eval(value))
    except (SyntaxError, ValueError, TypeError, IndexError, RecursionError, MemoryError):
        pass
    return {}


def _build(values: dict[str, Any], version: str | None) -> TensorFlowBuild:
    is_cuda = values.get("is_cuda_build")
    capabilities = values.get("cuda_compute_capabilities")
    made, ptx = [], []
    for one in capabilities if isinstance(capabilities, list) else ():
        # "compute_80" is machine code for 8.0 and PTX beside it; "sm_75" machine code alone (TensorFlow's configure).
        match = re.fullmatch(r"(sm|compute)_(\d{1,2})(\d)([af]?)", one) if isinstance(one, str) else None
        if match:
            made.append(f"{match.group(2)}.{match.group(3)}")
            ptx += [f"{made[-1]}{match.group(4)}"] if match.group(1) == "compute" else []
    return TensorFlowBuild(
        version=version,
        is_cuda_build=is_cuda if isinstance(is_cuda, bool) else None,
        cuda=_numbered(values.get("cuda_version")),
        cudnn=_numbered(values.get("cudnn_version")),
        compute_capabilities=tuple(dict.fromkeys(made)),
        ptx=tuple(dict.fromkeys(ptx)),
    )


def _numbered(value: object) -> str | None:
    return value if isinstance(value, str) and _CUDA.fullmatch(value) else None


def _version(host: Host, root: str) -> tuple[str | None, str]:
    path = f"{root}/{HEADER}"
    text = host.text(path, _SMALL) or ""
    numbers = dict(_NUMBER.findall(text))
    if len(numbers) == 3:
        suffix = _SUFFIX.search(text)
        parts = ".".join(numbers[key] for key in ("MAJOR", "MINOR", "PATCH"))
        return clean(parts + (suffix.group(1).replace("-", "") if suffix else "")), path
    # From 2.20 on the header takes its numbers from the compiler's command line.
    path = f"{root}/{SETUP}"
    named = _IN_SETUP.search(host.text(path, _SMALL) or "")
    return (named.group(1).replace("-", ""), path) if named else (None, "")
