"""Make the private environment in which convfix runs from a checkout: PEP 405 by hand, packages by pip.

The unit is a folder with environments ``env-1``, ``env-2``..., a lock, and a stamp that names the
current one followed by the setup.cfg it was made for. The stamp is written last, by rename: what was
interrupted has none and is removed by the next call. The environment before the current one is kept,
since a convfix that runs in it may still import from it. The checkout itself is not installed, so it may
be moved; nothing outside the folder is written. Standard library only; run by any Python from 3.10 on.

Exit status: 0 made or already there; 1 failed (said on stderr); 73 no folder can be written to;
75 this Python has no way to install packages; 130 interrupted.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

NO_PLACE = 73
NO_INSTALLER = 75
# pip settings that would send the packages elsewhere or stop pip altogether. All others (index, proxy,
# certificates, constraints, time limits) are the person's and stay, as do pip's configuration files.
MISDIRECTING = (
    "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_REQUIREMENT",
    "PIP_EDITABLE", "PIP_PLATFORM", "PIP_PYTHON_VERSION", "PIP_IMPLEMENTATION", "PIP_ABI", "PIP_REPORT", "PIP_SRC",
    "PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT",
)  # fmt: skip
# Without "" in sys.path: "-m pip" alone would import a pip.py of the current folder.
RUN_MODULE = (
    "import sys, runpy; sys.path[:] = [p for p in sys.path if p]; "
    "name = sys.argv.pop(1); runpy.run_module(name, run_name='__main__', alter_sys=True)"
)


class Failed(Exception):
    """The environment cannot be made; the message is one line."""


def main(arguments: list[str]) -> int:
    """``arguments``: the checkout, an extra of setup.cfg or "", and the folders to try in order."""
    root, extra, *folders = arguments
    try:
        for folder in folders:
            if folder and writable(folder):
                return ensure(root, extra, folder)
    except Failed as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"{error.filename or 'the private environment'}: {error.strerror or error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next call starts afresh")
        return 130
    return NO_PLACE


def say(text: str) -> None:
    """One line of talk."""
    sys.stderr.write(f"convfix: {text}\n")
    sys.stderr.flush()


def writable(folder: str) -> bool:
    """Whether ``folder`` exists or could be made, and a file can be written in it."""
    try:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "lock"), "a"):
            return True
    except OSError:
        return False


def ensure(root: str, extra: str, folder: str) -> int:
    """Make the environment below ``folder`` unless a current one is there; waits for another that makes one."""
    with locked(folder):
        config = read(os.path.join(root, "setup.cfg"))
        current, made_for = stamp(folder)
        if current and made_for == config and os.access(python_of(folder, current), os.X_OK):
            return 0
        remove_all_but(folder, current)
        return make(folder, config, requirements(config, extra), current)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when its holder dies, so none is ever left behind."""
    with open(os.path.join(folder, "lock"), "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another call is making the private environment; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            # Some network filesystems have no locks. Two first uses at once are rarer than such homes,
            # and each makes a folder of its own name.
            pass
        yield


def read(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def stamp(folder: str) -> tuple[str, str]:
    """The current environment's name and the setup.cfg it was made for; empty when there is none."""
    try:
        name, _, config = read(os.path.join(folder, "stamp")).partition("\n")
    except (OSError, UnicodeDecodeError):
        return "", ""
    return (name, config) if re.fullmatch(r"env-\d+", name) else ("", "")


def python_of(folder: str, name: str) -> str:
    return os.path.join(folder, name, "bin", "python")


def environments(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if re.fullmatch(r"env-\d+", name)]


def remove_all_but(folder: str, current: str) -> None:
    for name in environments(folder):
        if name != current:
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def requirements(config: str, extra: str) -> list[str]:
    """What setup.cfg asks for, with the extra's; one PEP 508 requirement each."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(config)
    listed = parser.get("options", "install_requires")
    if extra:
        listed += "\n" + parser.get("options.extras_require", extra)
    return [line.strip() for line in listed.splitlines() if line.strip() and not line.strip().startswith("#")]


def make(folder: str, config: str, wanted: list[str], current: str) -> int:
    """Build the next ``env-N`` at its final path and make it current; 0, or NO_INSTALLER with nothing left behind."""
    number = max((int(name[4:]) for name in environments(folder)), default=0) + 1
    name = f"env-{number}"
    place = os.path.join(folder, name)
    began = time.monotonic()
    try:
        skeleton(place)
        install = installer(place)
        if install is None:
            shutil.rmtree(place, ignore_errors=True)
            return NO_INSTALLER
        say(f"first use: making a private environment in {place}")
        install(wanted)
        check(place)
    except Failed:
        shutil.rmtree(place, ignore_errors=True)
        raise
    temporary = os.path.join(folder, "stamp.new")
    with open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(f"{name}\n{config}")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, os.path.join(folder, "stamp"))
    say(f"ready after {time.monotonic() - began:.0f} s")
    return 0


def skeleton(place: str) -> None:
    """An empty virtual environment as PEP 405 defines it. The venv module is not needed: Debian ships it apart."""
    base = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    os.makedirs(os.path.join(place, "bin"))
    os.makedirs(site_packages(place))
    # Some distributions install compiled modules below lib64.
    os.symlink("lib", os.path.join(place, "lib64"))
    os.symlink(base, os.path.join(place, "bin", "python"))
    with open(os.path.join(place, "pyvenv.cfg"), "w", encoding="utf-8") as file:
        version = ".".join(map(str, sys.version_info[:3]))
        file.write(f"home = {os.path.dirname(base)}\ninclude-system-site-packages = false\nversion = {version}\n")


def site_packages(place: str) -> str:
    return os.path.join(place, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")


class Pip:
    """Installs by a pip that lies outside the environment: pip, or the one that virtualenv or ensurepip brings."""

    def __init__(self, place: str, command: list[str]) -> None:
        self.place = place
        self.command = command

    def __call__(self, wanted: list[str]) -> None:
        """Install ``wanted``; raises Failed. --target is allowed where the system Python is externally managed."""
        target = site_packages(self.place)
        # -qq: errors only. The warnings of a person's odd index settings are not about convfix.
        options = ["-qq", "--no-user", "--no-input", "--disable-pip-version-check"]
        run([*self.command, "install", *options, "--target", target, *wanted], "pip could not install convfix's requirements")
        scripts = os.path.join(target, "bin")
        for name in os.listdir(scripts) if os.path.isdir(scripts) else ():
            # uv is a program of its own; convfix finds it beside its Python.
            os.replace(os.path.join(scripts, name), os.path.join(self.place, "bin", name))


class Uv:
    """Installs by a uv that is at hand. It does not read pip's configuration files, so pip comes first."""

    def __init__(self, place: str, command: str) -> None:
        self.place = place
        self.command = command

    def __call__(self, wanted: list[str]) -> None:
        """Install ``wanted``; raises Failed."""
        index = os.environ.get("PIP_INDEX_URL")
        chosen = ["--default-index", index] if index and "UV_DEFAULT_INDEX" not in os.environ else []
        python = os.path.join(self.place, "bin", "python")
        command = [self.command, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *chosen, *wanted]
        run(command, "uv could not install convfix's requirements")


def installer(place: str) -> Pip | Uv | None:
    """The first way to install packages that works here."""
    module = [sys.executable, "-E", "-c", RUN_MODULE]
    if works([*module, "pip", "--version"]):
        return Pip(place, [*module, "pip"])
    own = os.path.join(place, "bin", "python")
    if works([own, "-I", "-m", "ensurepip", "--default-pip"]):
        return Pip(place, [own, "-I", "-m", "pip"])
    apart = os.path.join(place, "virtualenv")
    if works([*module, "virtualenv", "--quiet", apart]):
        return Pip(place, [os.path.join(apart, "bin", "python"), "-I", "-m", "pip"])
    home = os.path.expanduser("~")
    for candidate in ("uv", os.path.join(home, ".local", "bin", "uv"), os.path.join(home, ".cargo", "bin", "uv")):
        found = shutil.which(candidate)
        if found:
            return Uv(place, found)
    return None


def child_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in MISDIRECTING}
    # The environment that we install into is one, whatever the configuration demands of the person's own.
    kept["PIP_REQUIRE_VIRTUALENV"] = "0"
    if not kept.get("HOME"):
        # An empty HOME would make pip write to /.cache; without one it asks the password file.
        kept.pop("HOME", None)
    return kept


def works(command: list[str]) -> bool:
    quiet = subprocess.DEVNULL
    try:
        return subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, env=child_environment()).returncode == 0
    except OSError:
        return False


def run(command: list[str], failure: str) -> None:
    """Run ``command`` with its talk on stderr; raises Failed."""
    status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=child_environment()).returncode
    if status == -signal.SIGINT:
        raise KeyboardInterrupt
    if status:
        raise Failed(failure)


def check(place: str) -> None:
    """The environment's own Python must start and find what was installed; raises Failed."""
    python = os.path.join(place, "bin", "python")
    if not works([python, "-I", "-c", "import click, packaging, elftools"]):
        raise Failed(f"{python} does not find what was installed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
