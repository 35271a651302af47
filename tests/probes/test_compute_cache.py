"""The driver's cache of kernels: found where the driver looks for it, and closed only where something is really in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.probes import compute_cache
from tests.probes.trees import plant


class Kept(RealHost):
    """This machine, on which the paths of ``closed`` may not be written to, whoever runs the test."""

    def __init__(self, home: Path, closed: tuple[str, ...] = (), mounts: str = "", **variables: str) -> None:
        super().__init__(environ={"HOME": str(home), **variables}, timeout=5)
        self._home, self._closed, self._mounts = home, {str(home / one) for one in closed}, mounts

    def may_write(self, path: str) -> bool:
        return path not in self._closed

    def text(self, path: str, limit: int = 1 << 20) -> str | None:
        return self._mounts if path == compute_cache.MOUNTS else super().text(path, limit)


def test_a_cache_that_the_driver_may_use_or_make_is_closed_by_nothing(tmp_path: Path) -> None:
    (tmp_path / ".nv" / "ComputeCache").mkdir(parents=True)
    (tmp_path / "bare").mkdir()
    there, bare = compute_cache.observe(Kept(tmp_path)).value, compute_cache.observe(Kept(tmp_path / "bare")).value
    assert there is not None and (there.path, there.there, there.closed) == (str(tmp_path / ".nv/ComputeCache"), True, None)
    assert bare is not None and (bare.there, bare.closed) == (False, None) and bare.free_mib is not None


@pytest.mark.parametrize(("closed", "told"), [
    ((".nv",), ".nv"), ((".nv/ComputeCache",), ".nv/ComputeCache"), ((".nv/ComputeCache/index",), ".nv/ComputeCache/index"),
    ((".nv/ComputeCache", ".nv"), ".nv"), (("elsewhere",), None),
])  # fmt: skip
def test_the_first_thing_in_the_way_is_told(tmp_path: Path, closed: tuple[str, ...], told: str | None) -> None:
    plant(tmp_path, {".nv/ComputeCache/index": "x", "elsewhere": None})
    seen = compute_cache.observe(Kept(tmp_path, closed)).value
    assert seen is not None and seen.closed == (None if told is None else str(tmp_path / told))
    assert bool(seen.why) == (told is not None)


def test_a_home_without_a_cache_in_which_none_can_be_made(tmp_path: Path) -> None:
    seen = compute_cache.observe(Kept(tmp_path, (".",))).value
    assert seen is not None and (seen.there, seen.closed) == (False, str(tmp_path))


@pytest.mark.parametrize("files", [{".nv": "a file"}, {".nv/ComputeCache": "a file"}, {".nv/ComputeCache": "-> /nowhere/at/all"}])
def test_what_is_no_folder_is_in_the_way(tmp_path: Path, files: dict[str, str | None]) -> None:
    plant(tmp_path, files)
    seen = compute_cache.observe(Kept(tmp_path)).value
    assert seen is not None and seen.closed is not None and seen.closed.startswith(str(tmp_path / ".nv"))


def test_the_variables_of_the_cache(tmp_path: Path) -> None:
    plant(tmp_path, {".nv": "in the way", "own": None})
    own = compute_cache.observe(Kept(tmp_path, CUDA_CACHE_PATH=str(tmp_path / "own"))).value
    assert own is not None and (own.path, own.closed) == (str(tmp_path / "own"), None)
    assert compute_cache.observe(Kept(tmp_path, CUDA_CACHE_DISABLE="1")).is_absent
    assert compute_cache.observe(Kept(tmp_path, CUDA_CACHE_DISABLE="0")).is_found
    assert compute_cache.observe(Kept(tmp_path, CUDA_CACHE_PATH="relative")).is_unknown
    assert compute_cache.observe(Kept(tmp_path / "gone")).is_unknown


def test_a_disk_that_another_machine_serves_is_told_by_its_kind(tmp_path: Path) -> None:
    mounts = f"rootfs / ext4 rw 0 0\nhome:/export {tmp_path.parent} nfs4 rw 0 0\n"
    seen = compute_cache.observe(Kept(tmp_path, mounts=mounts)).value
    assert seen is not None and seen.remote == "nfs4"
    nearer = compute_cache.observe(Kept(tmp_path, mounts=mounts + f"/dev/sda1 {tmp_path} xfs rw 0 0\n")).value
    assert nearer is not None and nearer.remote == ""
    beside = compute_cache.observe(Kept(tmp_path, mounts=f"home:/export {tmp_path}x nfs4 rw 0 0\n")).value
    assert beside is not None and beside.remote == ""
