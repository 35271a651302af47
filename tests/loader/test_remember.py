"""What was read of a file counts until its size or time changes, and a second look needs neither the file nor pyelftools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.loader.elf import Elf
from fixer.loader.files import HostFiles
from fixer.loader.remember import Memory
from fixer.probes import loader
from tests import patients

ROOT = Path(__file__).resolve().parents[2]


def library(path: Path, soname: str, runpath: str = "/one") -> Path:
    source = path.with_suffix(".c")
    source.write_text("int one(void) { return 1; }\n")
    flags = [f"-Wl,-soname,{soname}", "-Wl,--enable-new-dtags", f"-Wl,-rpath,{runpath}"]
    subprocess.run([patients.need("cc"), "-shared", "-fPIC", "-o", str(path), str(source), *flags], check=True)
    return path


class Counting(RealHost):
    """A host that counts what is read beyond the loader's own first look."""

    reads = 0

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        self.reads += 1
        return super().read_at(path, offset, size)


def look(path: Path, folder: Path) -> tuple[Elf, int]:
    host, memory = Counting({}), Memory(str(folder))
    seen = HostFiles(host, memory).look(str(path))
    memory.save()
    assert isinstance(seen, Elf)
    return seen, host.reads


def test_a_second_run_reads_no_more_than_the_head(tmp_path: Path) -> None:
    path = library(tmp_path / "libx.so.1", "libx.so.1")
    first, reads = look(path, tmp_path / "cache")
    again, fewer = look(path, tmp_path / "cache")
    assert again == first and first.soname == "libx.so.1" and first.runpath == "/one"
    # The head, and the table that the header's check asks for; not the dynamic section.
    assert fewer == 2 < reads


def test_a_second_run_does_not_import_pyelftools(tmp_path: Path) -> None:
    path = library(tmp_path / "libx.so.1", "libx.so.1")
    body = (
        "import sys; from fixer.host.real import RealHost; from fixer.loader.files import HostFiles;"
        "from fixer.loader.remember import Memory; memory = Memory(sys.argv[2]);"
        "HostFiles(RealHost({}), memory).look(sys.argv[1]); memory.save(); print('elftools' in sys.modules)"
    )
    argv = [sys.executable, "-c", body, str(path), str(tmp_path / "cache")]
    told = [subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)]
    assert told == ["True", "False"]


@pytest.mark.parametrize("change", ["time", "size", "other file"])
def test_a_changed_file_is_read_anew(tmp_path: Path, change: str) -> None:
    path = library(tmp_path / "libx.so.1", "libx.so.1")
    look(path, tmp_path / "cache")
    times = os.stat(path)
    other = library(tmp_path / "other.so", "liby.so.1" if change != "size" else "libx-longer-name.so.1", "/two")
    if change == "size":
        other.write_bytes(other.read_bytes() + b"\0")
    os.replace(other, path)
    if change == "size":
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert look(path, tmp_path / "cache")[0].runpath == "/two"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1, "answers": {"x": 1}}', b'{"format": 99}', b"\xff" * 100])
def test_a_damaged_cache_costs_time_alone(tmp_path: Path, content: bytes) -> None:
    path = library(tmp_path / "libx.so.1", "libx.so.1")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "elf.json").write_bytes(content)
    assert look(path, tmp_path / "cache")[0].soname == "libx.so.1"
    assert json.loads((tmp_path / "cache" / "elf.json").read_text())["answers"]


def test_the_memory_lies_in_the_users_own_cache_and_nowhere_else(tmp_path: Path) -> None:
    def place(**environ: str) -> str | None:
        return loader._memory(RealHost(environ))._file

    home = str(tmp_path)
    assert place(HOME=home) == f"{home}/.cache/convfix/elf.json"
    assert place(HOME=home, XDG_CACHE_HOME=f"{home}/c") == f"{home}/c/convfix/elf.json"
    assert place(HOME=home, XDG_CACHE_HOME="c") == f"{home}/.cache/convfix/elf.json"
    assert place() is None and place(HOME="relative") is None
    assert loader._memory(RealHost({"HOME": home}, sys_root=home))._file is None
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, -1)
        assert place(HOME=home) is None
