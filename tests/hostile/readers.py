"""Every reader of convfix with samples of what it reads: files, tools' answers, pasted logs.

The unit is a ``Reader``: real samples, and what convfix does with such bytes. A reader may raise ConvfixError and nothing
else. Readers of a machine's files and tools look at a recorded machine on which one answer was replaced. Input may be
``Streamed``, larger than memory: a reader gets of it what its caller in the product lets through, or a file.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections import ChainMap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixer.actions import conda_specs, distributions, dry_run, files, installer_world, kernelspec, snapshot
from fixer.actions.base import Unforeseen
from fixer.apply import journal
from fixer.apply.state import State
from fixer.commands import planned
from fixer.dataset.cache import Cache
from fixer.dataset.integrity import damage
from fixer.dataset.load import Files
from fixer.dataset.locate import Folder
from fixer.dataset.questions import Dataset
from fixer.harvest import index, pages
from fixer.harvest.configuration import _pip, _uv
from fixer.harvest.errors import HarvestError
from fixer.harvest.library import read_library
from fixer.host.base import DEFAULT_LIMIT, Ran
from fixer.host.recorded import RecordedHost, Unrecorded
from fixer.host.recording import Recording, load
from fixer.host.scrub import Scrub
from fixer.loader import remember, system
from fixer.loader.cache import parse_cache
from fixer.loader.elf import read_elf
from fixer.log import hearing
from fixer.log.matcher import Matcher
from fixer.model import machine
from fixer.model.edits import outline
from fixer.model.outcome import Outcome
from fixer.probes import (
    driver,
    environment_file,
    environments,
    gpu,
    keras,
    kernel_log,
    launchers,
    loader,
    machine_file,
    machine_lines,
    modulefiles,
    nvml,
    owner,
    packages,
    process,
    python,
    python_as_data,
    shims,
    tensorflow,
    toolkits,
    wheel_record,
)
from fixer.probes import system as system_probe
from fixer.report.as_json import dumps
from fixer.verify import child
from scripts.bench import explain as bench
from tests.hostile.streamed import Data, reading, write
from tests.loader import elfmaker
from tests.machines.flat import recording
from tests.machines.make import FOLDER, base

DATA = Dataset.open(None)
SITE = "/home/user/env/lib/python3.11/site-packages"
PREFIX = "/home/user/env"
# What convfix itself wrote of an environment of some ten thousand files; it must be read back whole, however large.
OF_AN_ENVIRONMENT = 4 << 20


@dataclass(frozen=True)
class Reader:
    """``weight`` is how many inputs of a hundred-thousand it gets: more for what is cheap or most exposed."""

    name: str
    samples: tuple[bytes, ...]
    read: Callable[[Any], object]
    weight: int


@functools.cache
def _kept() -> Recording:
    return recording(base("2.15.1"))


def _host(files_: dict[str, Any] | None = None, entries: dict[str, tuple[str, ...]] | None = None, **variables: str) -> RecordedHost:
    """The recorded machine with some files and folders of another content."""
    from fixer.host.recording import Path as Known

    kept = _kept()
    tree = {path: Known() for path in files_ or {}}
    tree.update({path: Known((0o040755, 0, 0, 0, 0, 0, 0), names) for path, names in (entries or {}).items()})
    over = {"files": ChainMap(files_ or {}, kept.files), "tree": ChainMap(tree, kept.tree), "environ": {**kept.environ, **variables}}
    return RecordedHost(dataclasses.replace(kept, **over))  # type: ignore[arg-type]


def _answering(ran: Callable[[tuple[str, ...], int], Ran]) -> Any:
    """The recorded machine whose programs answer as ``ran`` says, given their words and the most bytes that are taken."""

    class Answering(RecordedHost):
        def run(self, argv: Any, limit: int = DEFAULT_LIMIT, **how: Any) -> Ran:
            return ran(tuple(argv), limit)

        def which(self, name: str) -> str | None:
            return f"/usr/bin/{name}"

    return Answering(_kept())


def _said(data: Data) -> Callable[[tuple[str, ...], int], Ran]:
    def ran(argv: tuple[str, ...], limit: int) -> Ran:
        text, more = _text(data, limit), len(data) > limit
        # Who says more than is taken is ended.
        return Ran(argv, None if more else 0, text, text, cut=more)

    return ran


def _text(data: Data, limit: int = DEFAULT_LIMIT) -> str:
    return data[:limit].decode("utf-8", "replace")


def _file(path: str) -> bytes:
    return _kept().files[path]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("ascii")


def _machines() -> Iterable[bytes]:
    from fixer.probes import observe
    from tests.test_contract import HEALTHY, SICK

    yield _json(HEALTHY)
    yield _json(SICK)
    yield _json(machine.encode(observe(RecordedHost(_kept()), _kept().python, DATA)))


def _plan() -> bytes:
    from fixer.commands.options import Session
    from fixer.model.codec import to_json
    from tests.test_contract import SICK

    session = Session()
    session._dataset = DATA
    made = to_json(planned.of(session, machine.decode(SICK)))
    made["rejected"] = made["rejected"][:2]
    return _json(made)


def _journal() -> bytes:
    spec = {"id": "1", "kind": "preload_hook", "params": {"prefix": "/e"}, "summary": "s"}
    rows = [
        {"run": "1", "seq": 0, "action": "", "state": "begun", "time": "t", "before": {"format": "convfix-journal/1", "actions": [spec], "python": "/e"}, "after": {}},
        {"run": "1", "seq": 1, "action": "1", "state": "intent", "time": "t", "before": {"deed": "create", "path": "/e/x", "sha256": "0" * 64, "folders": []}, "after": {}},
        {"run": "1", "seq": 2, "action": "1", "state": "done", "time": "t", "before": {}, "after": {"of": 1}},
        {"run": "1", "seq": 3, "action": "", "state": "committed", "time": "t", "before": {}, "after": {}},
    ]  # fmt: skip
    return b"".join(_json(row) + b"\n" for row in rows)


def _logs() -> tuple[bytes, ...]:
    texts = [case["log"].encode("utf-8") for case in bench.read(bench.CASES) if 80 < len(case["log"]) < 1500]
    notebook = {"cells": [{"outputs": [{"text": ["a\n", "cuDNN failed\n"]}, {"data": {"text/plain": "x"}}, {"traceback": ["b"]}]}], "nbformat": 4}
    return (*texts[:60], _json(notebook))


def _hear(matcher: Matcher) -> Callable[[Data], object]:
    def read(data: Data) -> object:
        return hearing.hear(reading(data), matcher).facts

    return read


def make(folder: Path) -> tuple[Reader, ...]:
    """All readers; ``folder`` is for those that read real files."""

    def from_file(read: Callable[[str], object], name: str = "read", most: int | None = None) -> Callable[[Data], object]:
        path = str(folder / name)
        os.makedirs(os.path.dirname(path), exist_ok=True)

        def call(data: Data) -> object:
            write(path, data if most is None else data[:most])
            return read(path)

        return call

    def on_host(path: str, read: Callable[[RecordedHost], object], **how: Any) -> Callable[[Data], object]:
        return lambda data: read(_host({path: data}, **how))

    elf = elfmaker.shared_object("libx.so.1", ("libc.so.6", "libm.so.6"), runpath="$ORIGIN/../lib", version_needs={"libc.so.6": ("GLIBC_2.27",)})
    state = State(str(folder))
    (folder / "runs").mkdir()
    info = f"{SITE}/numpy-1.26.4.dist-info"
    numpy = next(one for one in packages.read_folder(_host(), SITE).distributions if one.name == "numpy")
    kernel = _json({"argv": [f"{PREFIX}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "x", "env": {"LD_LIBRARY_PATH": "/a"}})
    kernels = "/home/user/.local/share/jupyter/kernels"
    describe = next(ran.stdout for ran in _kept().runs if "describe_python" in str(ran.argv))
    unit = _file("/etc/systemd/system/dbus-org.freedesktop.timesync1.service") + b"ExecStart=/home/user/env/bin/python3 -m x\nEnvironment=\"LD_LIBRARY_PATH=/a b\" X=1\n"
    smi = b"NVIDIA GeForce RTX 3080, 0x220610DE, 00000000:01:00.0, 10240, 9800, 535.104.05\n"
    child_of = next(ran.stdout for ran in _kept().runs if "nvml_child" in str(ran.argv)).encode()
    loader_said = next(ran.stderr + ran.stdout for ran in _kept().runs if "--inhibit-cache" in ran.argv).encode()
    report = _json({"install": [{"metadata": {"name": "numpy", "version": "1.26.4"}, "download_info": {"url": "file:///x.whl", "archive_info": {"hashes": {"sha256": "0" * 64}}}}]})
    maps = b"7f0000000000-7f0000001000 r-xp 00000000 08:01 1234   /usr/lib/x86_64-linux-gnu/libcudnn.so.8\n7f0000002000-7f0000003000 r--p 00000000 08:01 99   /home/user/env/lib/python3.11/site-packages/x.so (deleted)\n"
    bundle = Path(DATA.files.folder.path)

    def verified(data: Data) -> object:
        marker: list[str] = []

        def ran(argv: tuple[str, ...], limit: int) -> Ran:
            marker[:] = [json.loads(argv[-1])["marker"]]
            return Ran(argv, 0, marker[0] + _text(data, limit) + marker[0], "")

        from fixer.verify.child import Surroundings

        told = child.ask(_answering(ran), "/p", "convolution", {}, Surroundings({}, ()), 1.0, "x")
        return dumps(Outcome("verify", 0, {"steps": told.steps, "loaded": told.loaded}))

    def described(data: Data) -> object:
        def ran(argv: tuple[str, ...], limit: int) -> Ran:
            return Ran(argv, 0, f"{argv[-1]}{_text(data, limit)}{argv[-1]}", "")

        return python.describe(_answering(ran), "/p")

    def process_(data: Data) -> object:
        at = {"/proc/7/maps": data, "/proc/7/environ": data, "/proc/7/cmdline": data}
        host = _host(at, {"/proc/7": ("maps",)})
        return process.observe(host, process.look(host, 7), DATA)

    def plan(path: str) -> object:
        return planned.as_data(planned.read(path))

    def journals(path: str) -> object:
        journal.history(state)
        with_open = journal.open_run(state)
        assert with_open is None or with_open.run
        return journal.read(path)

    def dataset(name: str) -> Callable[[Data], object]:
        kept = folder / "data"
        kept.mkdir(exist_ok=True)
        for other in bundle.iterdir():
            if other.is_file() and not (kept / other.name).exists():
                os.symlink(other, kept / other.name)

        def read(data: Data) -> object:
            (kept / name).unlink()
            write(str(kept / name), data)
            try:
                held = Dataset(Files(Folder(str(kept), False)))
                return held.version, damage(held.files) if name != "manifest.json" else held.gpu("10de:2206")
            finally:
                (kept / name).unlink()
                os.symlink(bundle / name, kept / name)

        return read

    kept_folder = folder / "kept"
    kept_folder.mkdir()
    heads = {
        "recording.json": {"schema": "convfix-recording/1", "unlisted": "unknown", "python": "/p", "environ": {"A": "b"}, "which": {"uv": None},
                           "vantage": {"uid": 0, "groups": [0], "machine": "x86_64", "release": "6", "libc": "glibc 2.36", "folder": "/", "python": "/p"}},
        "tree.json": {"/": {"status": [16877, 0, 0, 0, 0, 0, 0], "entries": ["etc"], "real": "/", "error": None, "writable": True, "free": 1}},
        "pieces.json": {"/lib/x.so": {"0": "f0VMRg=="}},
        "runs.json": [{"argv": ["a"], "status": 0, "stdout": "", "stderr": "", "timed_out": False}],
    }  # fmt: skip

    def recorded(name: str) -> Callable[[Data], object]:
        def read(data: Data) -> object:
            for other, value in heads.items():
                write(str(kept_folder / other), data if other == name else _json(value))
            host = RecordedHost(load(str(kept_folder)))
            return [host.stat(path) for path in ("/", "/lib/x.so")], host.run(["a"]), host.environ.get("A"), host.which("uv")

        return read

    def of_system(path: str) -> Callable[[Data], object]:
        return on_host(path, system_probe.observe)

    def at_places(data: Data, read: Callable[[Callable[[int, int], bytes], int], object]) -> object:
        """A file that is read at any place."""
        if isinstance(data, bytes):
            return read(lambda at, size: data[at : at + size], len(data))
        write(place := str(folder / "places"), data)
        with open(place, "rb") as file:
            return read(lambda at, size: os.pread(file.fileno(), size, at), os.path.getsize(place))

    made = [
        Reader("log", _logs(), _hear(Matcher(DATA.symptoms())), 800),
        Reader("nvidia-smi", (smi, smi * 3, b"No devices were found\n"), lambda data: nvml._ask_program(_answering(_said(data)), "/usr/bin/nvidia-smi"), 9000),
        Reader("nvml", (child_of,), lambda data: nvml._ask_library(_answering(_said(data))), 9000),
        Reader("version.json", (b'{"cuda": {"name": "CUDA SDK", "version": "11.8.20220929"}, "libcudnn": {"version": "8.6"}}',),
               on_host("/usr/local/cuda/version.json", lambda host: toolkits.version_of(host, "/usr/local/cuda")), 5000),
        Reader("version.txt", (b"CUDA Version 10.1.243\nCUDA Patch Version 10.1.1\n",),
               on_host("/usr/local/cuda/version.txt", lambda host: toolkits.version_of(host, "/usr/local/cuda")), 3000),
        Reader("elf", (elf, elf[:900]), lambda data: at_places(data, read_elf), 5000),
        Reader("elf, harvested", (elf,), lambda data: at_places(data, _harvested), 600),
        Reader("METADATA", (_file(f"{info}/METADATA"), _file(f"{SITE}/requests-2.34.2.dist-info/METADATA")),
               on_host("/s/numpy-1.26.4.dist-info/METADATA", lambda host: packages.read_folder(host, "/s"),
                       entries={"/s": ("numpy-1.26.4.dist-info", "~umpy", "~umpy-1.dist-info"), "/s/numpy-1.26.4.dist-info": ("METADATA",)}), 9000),
        Reader("RECORD", (_file(f"{info}/RECORD")[:1500],), on_host(f"{info}/RECORD", lambda host: wheel_record.check(host, [numpy])), 3000),
        Reader("RECORD of an installed environment", (b"numpy/__init__.py,sha256=abc,10\nnumpy-1.26.4.dist-info/METADATA,sha256=x,1\n../../../bin/f2py,,\n",),
               from_file(lambda path: [distributions.faults(one) for one in distributions.installed([str(folder / "site")])], "site/numpy-1.26.4.dist-info/RECORD"), 1500),
        Reader("the hook's module", (b"LIBRARIES = (b'/a/libcudnn.so.8', b'/b')\n", b"import os\nLIBRARIES = ()\n"),
               on_host(f"{SITE}/_convfix_preload.py", lambda host: loader._hooked(host, _patient()), entries={SITE: ("convfix_preload.pth",)}), 3000),
        Reader("build_info.py", (_file(f"{SITE}/tensorflow/python/platform/build_info.py"),),
               on_host(f"{SITE}/tensorflow/python/platform/build_info.py", lambda host: tensorflow.observe(host, (SITE,))), 2500),
        Reader("version.h", (b"#define TF_MAJOR_VERSION 2\n#define TF_MINOR_VERSION 15\n#define TF_PATCH_VERSION 1\n#define TF_VERSION_SUFFIX \"\"\n",),
               on_host(f"{SITE}/tensorflow/include/tensorflow/core/public/version.h", lambda host: tensorflow.observe(host, (SITE,))), 2000),
        Reader("manifest", ((bundle / "manifest.json").read_bytes()[:6000], b'{"format": 1, "version": "x", "files": {"gpus.json": {"sha256": "x", "sections": {"rows": [["a", 0, 10, "d"]]}}}}'),
               dataset("manifest.json"), 1500),
        Reader("dataset", ((bundle / "cuda.json").read_bytes()[:3000],), dataset("cuda.json"), 4),
        Reader("dataset pointer", (b"0" * 64 + b" " + b"1" * 64 + b"\n",), from_file(lambda path: Cache(str(folder)).current("manifest.json", lambda: b""), "current"), 3000),
        Reader("plan", (_plan(),), from_file(plan), 6000),
        Reader("journal", (_journal(),), from_file(journals, "runs/1.jsonl"), 4000),
        Reader("machine file", tuple(_machines())[:2], lambda data: machine.decode(machine_file.parse(data[: machine_file.LIMIT], "machine file 'x'"), "machine file 'x'"), 14000),
        Reader("observed machine file", tuple(_machines())[2:], lambda data: machine.encode(machine.decode(machine_file.parse(data[: machine_file.LIMIT], "f"), "f")), 400),
        Reader("fleet", (b"\n".join(tuple(_machines())[:2]) + b"\n",), from_file(lambda path: sum(1 for _ in machine_lines.read(path))), 5000),
        Reader("environment file", (b'{"gpu": "RTX 3080 10GB", "driver": "535.104", "cuda": "11.2", "cudnn": "8.1", "tensorflow": "2.15.1", "python": "3.9", "os": "Ubuntu 22.04"}',),
               from_file(environment_file.read), 8000),
        Reader("ld.so.cache", (_file("/etc/ld.so.cache"), _file("/etc/ld.so.cache")[:600]), _cache, 4000),
        Reader("ld.so's own words", (loader_said[:3000],), lambda data: system.parse(_text(data)), 3000),
        Reader("ELF memory", (_json({"/lib/x": {"key": [1, 2, 3], "elf": {"soname": "x"}}}),), from_file(_remembered, "cache/convfix/elf.json"), 3000),
        Reader("maps, environ, cmdline", (maps, b"A=b\0LD_LIBRARY_PATH=/x\0", b"/home/user/env/bin/python\0-m\0x\0"), process_, 2500),
        Reader("cpuinfo", (_file("/proc/cpuinfo")[:1500],), of_system("/proc/cpuinfo"), 1500),
        Reader("os-release", (_file("/etc/os-release"),), of_system("/etc/os-release"), 2500),
        Reader("/proc/version", (_file("/proc/version"),), of_system("/proc/version"), 1500),
        Reader("cgroup", (b"0::/docker/abc\n1:name=systemd:/kubepods\n",), of_system("/proc/1/cgroup"), 1000),
        Reader("driver version", (_file("/proc/driver/nvidia/version"),), on_host("/proc/driver/nvidia/version", lambda host: driver.observe(host, None, False)), 3000),
        Reader("modules", (b"nvidia 56823808 2 nvidia_uvm,nvidia_modeset, Live 0x0 (POE)\nnouveau 1 0 - Live 0x0\n",), on_host("/proc/modules", driver.modules), 3000),
        Reader("kernel log", (b"[   12.3] NVRM: API mismatch: the client has the version 535.104.05\n[  1.0] nvidia: module verification failed\n",),
               lambda data: kernel_log.observe(_answering(_said(data)), True), 3000),
        Reader("PCI bus", (b"0x10de\n", b"0x030000\n", b"suspended\n"), lambda data: gpu.bus(_host({f"/sys/bus/pci/devices/0000:01:00.0/{one}": data for one in ("vendor", "device")})), 2000),
        Reader("GPU profile", (b'{"mode": "Integrated"}', b"off\n"), lambda data: gpu._none_seen(_host({path: data for path, _, _ in gpu.PROFILES}), gpu.Bus((), True), None, False), 1500),
        Reader("kernelspec", (kernel,), on_host(f"{kernels}/k/kernel.json", launchers.observe, entries={kernels: ("k",)}), 2500),
        Reader("kernelspec to edit", (kernel, kernel.replace(b", ", b",\n  ")), from_file(lambda path: kernelspec._problem(path, f"{PREFIX}/bin/python", {"X": "1"})), 3000),
        Reader("unit", (unit,), on_host("/etc/systemd/system/a.service", launchers.observe, entries={"/etc/systemd/system": ("a.service",)}), 1500),
        Reader("crontab", (b"SHELL=/bin/sh\nPATH=/usr/bin\nLD_LIBRARY_PATH=/x\n* * * * * root /home/user/env/bin/python x.py\n",), on_host("/etc/crontab", launchers.observe), 1500),
        Reader("modulefile of Tcl", (b"#%Module1.0\nset root /opt/cuda\nsetenv CUDA_HOME $root\nprepend-path -d : LD_LIBRARY_PATH ${root}/lib64 \\\n  /x\nif { $env(A) } {\n}\n",),
               on_host("/m/cuda/1", lambda host: modulefiles.read(host, "cuda/1", "/m/cuda/1")), 2500),
        Reader("modulefile of Lua", (b'local root = pathJoin("/opt", "cuda")\nhelp([[x]])\nsetenv("CUDA_HOME", root .. "/x")\nprepend_path("LD_LIBRARY_PATH", root)\nif x then\nend\n',),
               on_host("/m/cuda/1.lua", lambda host: modulefiles.read(host, "cuda/1", "/m/cuda/1.lua")), 2500),
        Reader("VS Code", (b'{\n  "python.defaultInterpreterPath": "${workspaceFolder}/env/bin/python"\n}',), on_host("/home/user/.config/Code/User/settings.json", launchers.observe), 1500),
        Reader("PyCharm", (b'<jdk><homePath value="$USER_HOME$/env/bin/python" /></jdk>',),
               on_host("/home/user/.config/JetBrains/P/options/jdk.table.xml", launchers.observe, entries={"/home/user/.config/JetBrains": ("P",)}), 1500),
        Reader("pyvenv.cfg", (b"home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.7\nuv = 0.5\n",),
               on_host("/home/user/env/pyvenv.cfg", lambda host: python_as_data.read(host, "/home/user/env/bin/python"), entries={"/home/user/env/lib": ("python3.11",)}), 4000),
        Reader("patchlevel.h", (b'#define PY_VERSION "3.11.7"\n',),
               on_host("/q/include/python3.11/patchlevel.h", lambda host: python_as_data.read(host, "/q/bin/python3.11"), entries={"/q/lib/python3.11/site-packages": ()}), 1500),
        Reader("owner's markers", (b"/home/user/project\n", b'{"manifest_path": "/home/user/project/pixi.toml"}', b"/home/user/env/bin/python"), lambda data: owner.find(
            _host({f"{PREFIX}/.project": data, f"{PREFIX}/conda-meta/pixi": data, f"{PREFIX}/pyvenv.cfg": data, "/home/user/.pdm-python": data}), PREFIX, f"{PREFIX}/bin/python"), 3000),
        Reader("lock files", (b"[[package]]\nname = \"numpy\"\n",), lambda data: owner.find(
            _host({f"/w/{lock}": data for _, lock in owner.LOCKS} | {"/w/.venv/pyvenv.cfg": data}), "/w/.venv", "/w/.venv/bin/python"), 1500),
        Reader("keras.json", (b'{"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"}',),
               on_host("/home/user/.keras/keras.json", keras.observe, KERAS_HOME="/home/user/.keras"), 4000),
        Reader("conda-meta", (b'{"name": "numpy", "version": "1.26.4", "build": "py311h64a7726_0"}',), from_file(lambda path: conda_specs.installed(str(folder / "conda")), "conda/conda-meta/numpy-1.26.4-py311.json"), 2500),
        Reader("environments.txt", (b"/home/user/env\n/opt/conda\n",), on_host("/home/user/.conda/environments.txt", lambda host: list(environments._of_conda(host, "/home/user"))), 1500),
        Reader("pyenv", (b"3.11\nsystem # x\n",), lambda data: list(shims.without_shims(
            _host({"/home/user/.pyenv/shims/python3": b"#!/usr/bin/env bash\nexec pyenv", "/home/user/.pyenv/version": data},
                  {"/home/user/.pyenv/versions": ("3.11.7", "3.11.\xb2", "3.1\uff11", "x")}, PYENV_VERSION=_text(data)[:50].replace("\0", "")), ("/home/user/.pyenv/shims/python3",))), 2500),
        *(Reader(f"recording: {name}", (_json(heads[name]),), recorded(name), 1200) for name in heads),
        Reader("profile", (b"# .bashrc\nexport A=1\n# >>> convfix abc >>>\n. '/x'\n# <<< convfix abc <<<\n", b"deactivate () {\n x\n}\n"),
               lambda data: [outline(data[: files.LARGEST], shell) for shell in ("bash", "fish")], 16000),
        Reader("profile to edit", (b"# .bashrc\nexport A=1\n# >>> convfix abc >>>\n. '/x'\n",), from_file(lambda path: (files.edit_problem(path), files.look(path, "bash"))), 2000),
        Reader("an interpreter's description", (describe.replace("<marker>", "").strip().encode()[:4000],), described, 3000),
        Reader("a verification's record", (b'{"step": "convolution", "passed": true, "seconds": 1.5, "detail": "x", "loaded": {"cudnn": "/x"}}', b'{"begin": "x"}', b'{"winners": {"a": null}}'), verified, 3000),
        Reader("pip's dry run", (report,), lambda data: dry_run._pip(("python", "-m", "pip", "install", "x"), _answering(_said(data)), "/", False), 2500),
        Reader("uv's dry run", (b"Resolved 3 packages in 1ms\nWould install 2 packages\n + numpy==1.26.4\n - numpy==2.0.0\n",), lambda data: dry_run._uv(("uv", "pip", "install", "--python", "/p/bin/python", "x"), _answering(_said(data)), "/", False), 2500),
        Reader("listed hashes", (b"numpy==1.26.4 \\\n    --hash=sha256:" + b"0" * 64 + b"\n",), lambda data: dry_run._listed_hashes(_text(data, dry_run.LIMIT)), 9000),
        Reader("an installer's snapshot", (_json({"sites": ["/s"], "marks": {}, "kept": {}}),), from_file(snapshot._json, most=OF_AN_ENVIRONMENT), 2000),
        Reader("pip.conf", (b"[global]\nindex-url = https://u:p@example.invalid/simple\n[install]\nno-index = true\n",), on_host("/etc/pip.conf", _pip), 3000),
        Reader("uv.toml", (b'index-url = "https://example.invalid"\n[[index]]\nurl = "x"\n',), on_host("/etc/uv/uv.toml", _uv), 2000),
        Reader("index page, JSON", (_json({"files": [{"filename": "a-1-py3-none-any.whl", "url": "a.whl", "hashes": {"sha256": "0" * 64}, "size": 3}]}),), lambda data: pages.from_json(data[: index.LARGEST_PAGE], "https://example.invalid/simple/a/", "a"), 9000),
        Reader("what a recording hides", (b"token = abc\nexport API_KEY=x\nhttps://u:p@example.invalid/\n/home/ann/x\n",),
               lambda data: Scrub({"HOME": "/home/ann", "USER": "ann"}, ("box",))(data[:DEFAULT_LIMIT].decode("utf-8", "surrogateescape")), 3000),
        Reader("an installer's talk", (b"Looking in indexes: https://u:p@example.invalid/simple?token=1\n\x1b[31mERROR\x1b[0m\n",),
               lambda data: installer_world.cleaned(_text(data, dry_run.LIMIT)), 3000),
        Reader("index page, HTML", (b'<html><a href="a-1.whl#sha256=00" data-requires-python="&gt;=3">a-1.whl</a></html>',), lambda data: pages.from_html(_text(data, index.LARGEST_PAGE), "https://example.invalid/", "a"), 2500),
    ]  # fmt: skip
    return tuple(made)


ALLOWED = (HarvestError, Unforeseen, Unrecorded)


def _patient() -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(site_packages=SITE)


def _cache(data: Data) -> object:
    made = parse_cache(data[:DEFAULT_LIMIT])
    return None if made is None else (made.lookup("libcudnn.so.8", ("x86-64-v3",), ("tls",)), made.all("libc.so.6"))


def _remembered(path: str) -> object:
    memory = remember.Memory(os.path.dirname(path))
    return memory._all()


def _harvested(read: Callable[[int, int], bytes], size: int) -> object:
    try:
        return read_library(read)
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        return None


__all__ = ["ALLOWED", "FOLDER", "Reader", "make"]
