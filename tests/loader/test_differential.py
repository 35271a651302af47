"""The model of the loader against the real one, over thousands of generated layouts: no difference is allowed.

A layout is a random tree of shared objects with RPATH, RUNPATH or none, $ORIGIN and its relatives, odd
elements in LD_LIBRARY_PATH, LD_PRELOAD, hwcaps folders, links, needs of needs, version needs, spoilt
files. ``driver.c`` makes the calls of dlopen, on behalf of the object that the layout names.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.loader import layouts

PLAIN, PRIVATE = 2000, 60
CHECKOUT = str(Path(__file__).resolve().parents[2])

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.uname().machine != "x86_64" or not shutil.which("cc"),
    reason="needs Linux on x86_64 and a C compiler",
)


def _worker(folder: Path, first: int, count: int, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "tests.loader.worker", str(folder), str(first), str(count)]
    environ = {**os.environ, "PYTHONPATH": CHECKOUT}
    return subprocess.Popen(command, cwd=CHECKOUT, env=environ, stdout=subprocess.PIPE, text=True)


def _result(worker: subprocess.Popen[str]) -> Any:
    out, _ = worker.communicate()
    assert worker.returncode == 0
    result = json.loads(out)
    assert result["learnt"], "the real loader could not be asked for its folders"
    assert result["differences"] == []
    return result


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loader")
    template = layouts.build_driver(str(folder / "build"))
    (folder / "driver").write_bytes(template)
    return folder


@pytest.mark.slow
def test_the_model_agrees_with_the_real_loader_on_2000_layouts(driver: Path) -> None:
    halves = [_worker(driver, start, PLAIN // 2) for start in (0, PLAIN // 2)]
    results = [_result(worker) for worker in halves]
    total = sum(result["count"] for result in results)
    print(f"{total} layouts, no difference")
    assert total >= 2000
    for rule in ("RPATH", "RUNPATH", "LD_LIBRARY_PATH", "ld.so.cache", "already loaded", "path", "none"):
        assert sum(result["rules"].get(rule, 0) for result in results) >= 10, rule
    for outcome in ("OK", "ERR", "start", "killed"):
        assert sum(result["seen"].get(outcome, 0) for result in results) >= 10, outcome


def _private_cache(folder: Path, seed: int, style: str) -> Path:
    """An ld.so.cache of ldconfig's making that covers a random tree; ``style`` is new, or both: old and new format."""
    root = folder / f"covered-{seed}"
    layouts.Maker(str(folder), b"").fill(seed, str(root), subfolders=style == "new")
    conf, cache = folder / f"conf-{seed}", folder / f"cache-{seed}"
    lines = [f"{root}/{name}" for name in layouts.FOLDERS]
    conf.write_text("\n".join([*lines, "include /etc/ld.so.conf", ""]))
    subprocess.run(["ldconfig", "-X", "-f", str(conf), "-C", str(cache)], check=True, capture_output=True)
    if style == "both":
        cache.write_bytes(behind_old_table(cache.read_bytes()))
    return cache


def behind_old_table(new: bytes) -> bytes:
    """``new`` behind a table of the old format (ldconfig 2.36 itself dies of a double free when it makes one)."""
    old = b"ld.so-1.7.0\0" + struct.pack("<I", 3) + bytes(3 * 12)
    old += bytes(-len(old) % 8)
    data = bytearray(new)
    extension = struct.unpack_from("<I", data, 32)[0]
    if extension:
        struct.pack_into("<I", data, 32, extension + len(old))
        for number in range(struct.unpack_from("<I", data, extension + 4)[0]):
            at = extension + 8 + number * 16 + 8
            struct.pack_into("<I", data, at, struct.unpack_from("<I", data, at)[0] + len(old))
    return old + bytes(data)


def _can_bind() -> bool:
    if not shutil.which("unshare") or not shutil.which("ldconfig"):
        return False
    command = ["unshare", "-m", "mount", "--bind", "/etc/hostname", "/etc/hostname"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("style, seed", [("new", 500_000), ("new", 510_000), ("both", 520_000), ("both", 530_000)])
def test_the_model_agrees_where_the_cache_decides(driver: Path, style: str, seed: int) -> None:
    if not _can_bind():
        pytest.skip("a private ld.so.cache needs a mount namespace (root, unshare, ldconfig)")
    cache = _private_cache(driver, seed, style)
    bind = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/ld.so.cache && exec "$@"', str(cache))
    result = _result(_worker(driver, seed, PRIVATE, bind))
    assert result["rules"].get("ld.so.cache", 0) >= 10
