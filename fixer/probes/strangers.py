"""What reaches the patient from outside its environment: files that hide packages, and stray packages.

The unit is a ``Shadow`` (a file or folder that ``import`` takes first) or a ``StrayPackage`` (a whole
distribution from the user site, PYTHONPATH, or a folder that start-up puts first). The current folder counts as the script's folder.
"""

from __future__ import annotations

from fixer.host.base import Host
from fixer.model.facts import Shadow, StrayPackage
from fixer.probes.packages import read_folder
from fixer.probes.plain import is_file, split_folders
from fixer.probes.python import Description, here
from fixer.probes.start_up import texts

# Modules of the standard library that "import tensorflow" loads in 2.10.1, 2.15.1 and 2.21.0 alike (sys.modules
# before and after), less those that it never calls while importing.
STANDARD = (
    "argparse", "array", "ast", "asyncio", "base64", "bdb", "binascii", "bisect", "bz2", "calendar", "cmd",
    "collections", "concurrent", "contextlib", "contextvars", "copy", "copyreg", "csv", "ctypes", "dataclasses",
    "datetime", "decimal", "difflib", "dis", "email", "enum", "fcntl", "fnmatch", "fractions", "functools", "glob",
    "grp", "gzip", "hashlib", "heapq", "hmac", "http", "importlib", "inspect", "ipaddress", "json", "keyword",
    "linecache", "locale", "logging", "lzma", "math", "mimetypes", "multiprocessing", "ntpath", "numbers", "opcode",
    "operator", "pathlib", "pdb", "pickle", "pkgutil", "platform", "queue", "random", "re", "reprlib", "select",
    "selectors", "shlex", "shutil", "signal", "socket", "ssl", "string", "struct", "subprocess", "sysconfig",
    "tarfile", "tempfile", "termios", "textwrap", "threading", "token", "tokenize", "traceback", "types", "typing",
    "unicodedata", "unittest", "urllib", "uuid", "warnings", "weakref", "xml", "zipfile", "zlib",
)  # fmt: skip
# Installed modules that it loads; each counts only where it is installed.
INSTALLED = (
    "tensorflow", "keras", "tf_keras", "numpy", "h5py", "google", "absl", "astunparse", "flatbuffers", "gast",
    "ml_dtypes", "opt_einsum", "wrapt", "six", "termcolor", "typing_extensions", "packaging", "requests", "urllib3",
    "certifi", "idna", "optree", "namex",
)  # fmt: skip
_MOST_FOLDERS = 20
START_UP = "start-up"


def shadows(host: Host, told: Description) -> tuple[Shadow, ...]:
    """What hides a module that TensorFlow imports, in the current folder and in PYTHONPATH's."""
    home = here(host)
    script = [] if home is None or told.safe_path or host.environ.get("PYTHONSAFEPATH") else [home]
    places = [*script, *python_path(host, told), *put_first(host, told)][:_MOST_FOLDERS]
    own = {*told.folders, told.library, told.user_site}
    names = [name for name in STANDARD if name not in told.preloaded]
    names += [name for name in INSTALLED if any(_installed(host, folder, name) for folder in told.folders)]
    made: dict[str, Shadow] = {}
    for place in dict.fromkeys(places):
        if place in own:
            continue
        for name in names:
            path = _importable(host, place, name)
            if path is not None and name not in made and not _is_stray(host, place, name):
                made[name] = Shadow(name, path)
    return tuple(made.values())


def python_path(host: Host, told: Description) -> tuple[str, ...]:
    """PYTHONPATH's folders that the interpreter really searches."""
    searched = set(told.path)
    return tuple(folder for folder in split_folders(host.environ.get("PYTHONPATH"), here(host)) if folder in searched)


def put_first(host: Host, told: Description) -> tuple[str, ...]:
    """Folders that start-up put before the environment's own: a sitecustomize, or a ``.pth`` file that runs code."""
    own = {told.library, f"{told.library}/lib-dynload", told.user_site, here(host), *python_path(host, told)}
    before = told.path[: next((place for place, folder in enumerate(told.path) if folder in told.folders), 0)]
    return tuple(folder for folder in before if folder not in own and host.is_dir(folder))


def _installed(host: Host, folder: str, name: str) -> bool:
    return host.exists(f"{folder}/{name}") or host.exists(f"{folder}/{name}.py")


def _importable(host: Host, place: str, name: str) -> str | None:
    # A folder without __init__.py is passed over as long as a real package follows on the path.
    if is_file(host, f"{place}/{name}/__init__.py"):
        return f"{place}/{name}"
    path = f"{place}/{name}.py"
    return path if is_file(host, path) else None


def _is_stray(host: Host, place: str, name: str) -> bool:
    """Whether the module belongs to a distribution installed there: that is a stray package, and no shadow."""
    if name in STANDARD:
        return False
    return any(entry.endswith((".dist-info", ".egg-info")) for entry in host.entries(place))


def strays(host: Host, told: Description, kind: str) -> tuple[StrayPackage, ...]:
    """Distributions from the user site (of a virtual or conda environment), from PYTHONPATH, and from what start-up puts first.

    ``via`` of the last is the file whose text names the folder, "start-up" where none does.
    """
    places: dict[str, str] = {}
    if told.user_site is not None and kind != "system" and told.user_site in told.path:
        places[told.user_site] = "user site"
    for folder in python_path(host, told)[:_MOST_FOLDERS]:
        if folder not in told.folders:
            places.setdefault(folder, "PYTHONPATH")
    first = put_first(host, told)[:_MOST_FOLDERS]
    said = texts(host, told, told.folders) if first else {}
    for folder in first:
        places.setdefault(folder, next((path for path, text in said.items() if folder in text), START_UP))
    return tuple(
        StrayPackage(one.name, one.version, one.info, via)
        for folder, via in places.items()
        for one in read_folder(host, folder).distributions
    )
