"""Run by the patient: what this Python is, where it looks, and what it loaded before any program ran.

It prints one JSON object between two copies of the marker given as the only argument. It imports nothing
that start-up has not loaded already, so a file that hides json or random cannot disturb it; that is why
it writes JSON by hand. It looks at no package and changes nothing. Exit 12: older than Python 3.6.
"""

import sys

TOO_OLD = 12


def text_of(value):
    """A string as JSON, in ASCII; characters outside the basic plane as two surrogates."""
    made = []
    for letter in value:
        code = ord(letter)
        if letter in '"\\':
            made.append("\\" + letter)
        elif 32 <= code < 127:
            made.append(letter)
        elif code > 0xFFFF:
            code -= 0x10000
            made.append("\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF)))
        else:
            made.append("\\u%04x" % code)
    return '"' + "".join(made) + '"'


def as_json(value):
    """None, booleans, whole numbers, strings, lists and dicts of strings as JSON."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(text_of(key) + ":" + as_json(item) for key, item in sorted(value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(as_json(item) for item in value) + "]"
    return text_of(str(value))


# What bears on TensorFlow, CUDA and the loader; a name with such a word in it may hold a secret.
PREFIXES = ("CUDA_", "KERAS_", "LD_", "NVIDIA_", "TF_", "XLA_")
SECRETS = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL", "AUTH")


def set_at_start(os):
    """What start-up changed of the variables that this process was given: name to value, None where it took one away."""
    try:
        with open("/proc/self/environ", "rb") as file:
            lines = file.read().split(b"\0")
    except OSError:
        return {}
    given = dict(os.fsdecode(line).split("=", 1) for line in lines if b"=" in line)
    held = dict(os.environ)
    changed = {}
    for name in set(given) | set(held):
        if name.startswith(PREFIXES) and held.get(name) != given.get(name):
            if not any(word in name.upper() for word in SECRETS):
                changed[name] = held.get(name)
    return changed


def site_folders(site):
    """The folders for installed packages, the one that installers write to first."""
    try:
        return [folder for folder in site.getsitepackages() if isinstance(folder, str)]
    except AttributeError:
        # The site module of virtualenv before 20 has no such function.
        return [folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))]


def describe():
    """Everything that convfix asks of an interpreter."""
    loaded = sorted({name.split(".")[0] for name in list(sys.modules)})
    import os
    import site

    own = os.path.dirname(os.path.abspath(__file__))
    path = list(sys.path)
    if path and os.path.abspath(path[0]) == own:
        del path[0]
    folders = site_folders(site)
    base = getattr(sys, "real_prefix", None) or sys.base_prefix
    library = os.path.dirname(os.path.abspath(os.__file__))
    managed = os.path.exists(os.path.join(library, "EXTERNALLY-MANAGED")) and base == sys.prefix
    bits = "64" if sys.maxsize > 2**32 else "32"
    return {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "implementation": sys.implementation.name,
        "free_threaded": "t" in getattr(sys, "abiflags", ""),
        "executable": sys.executable or "",
        "prefix": os.path.abspath(sys.prefix),
        "base_prefix": os.path.abspath(base),
        "library": library,
        "site_packages": folders,
        "user_site_enabled": bool(site.ENABLE_USER_SITE),
        "user_site": site.getusersitepackages() if site.ENABLE_USER_SITE is not None else None,
        "path": [os.path.abspath(folder) for folder in path],
        "externally_managed": managed,
        "has_pip": any(os.path.isfile(os.path.join(folder, "pip", "__init__.py")) for folder in path),
        "safe_path": bool(getattr(sys.flags, "safe_path", False)),
        "platform": sys.platform + "_" + (os.uname()[4] if bits == "64" else "i686"),
        "loaded": [name for name in loaded if name != "__main__"],
        "builtin": list(sys.builtin_module_names),
        "set_at_start": set_at_start(os),
        "customized": [
            getattr(sys.modules[name], "__file__", None) or ""
            for name in ("sitecustomize", "usercustomize")
            if name in sys.modules
        ],
    }


def main():
    """Print the description between the markers."""
    marker = sys.argv[1]
    if sys.version_info < (3, 6):
        sys.stdout.write(marker + as_json({"version": "%d.%d.%d" % tuple(sys.version_info[:3])}) + marker + "\n")
        return TOO_OLD
    import os

    # Not sys.stdout: a sitecustomize may have put something else in its place.
    os.write(1, ("\n" + marker + as_json(describe()) + marker + "\n").encode("ascii"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
