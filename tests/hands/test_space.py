"""Room is asked of the filesystems that an installer really writes to, and never of one that may hold it already."""

from __future__ import annotations

from pathlib import Path

from fixer.actions.space import Share, lacking, short
from tests.hands.bodies import Home

MIB = 1 << 20


def test_uvs_cache_on_the_same_filesystem_costs_nothing_more() -> None:
    shares = [Share("/data/env", 1000 * MIB, "the packages"), Share("/data/cache", 1000 * MIB, "uv's cache")]
    one = lacking(shares, lambda folder: 1, lambda folder: 1100 * MIB)
    assert one == []
    two = lacking(shares, lambda folder: 1 if "env" in folder else 2, lambda folder: 1100 * MIB)
    assert two == []
    assert len(lacking(shares, lambda folder: 1 if "env" in folder else 2, lambda folder: 900 * MIB)) == 2


def test_pips_temporary_folder_is_asked_apart() -> None:
    shares = [Share("/data/env", 3000 * MIB, "the packages"), Share("/tmp", 1000 * MIB, "temporary files")]
    assert lacking(shares, lambda folder: 2 if folder == "/tmp" else 1, lambda folder: 4000 * MIB) == []
    apart = lacking(shares, lambda folder: 2 if folder == "/tmp" else 1, lambda folder: 500 * MIB)
    assert len(apart) == 2 and "temporary files in /tmp" in apart[1]
    together = lacking(shares, lambda folder: 1, lambda folder: 4000 * MIB)
    assert len(together) == 1 and "the packages in /data/env and temporary files in /tmp" in together[0]


def test_what_is_not_known_is_no_problem() -> None:
    shares = [Share("/gone/env", 1 << 60, "the packages")]
    assert lacking(shares, lambda folder: None, lambda folder: 0) == []
    assert lacking(shares, lambda folder: 1, lambda folder: None) == []


def test_a_cache_that_was_used_may_hold_it_already(tmp_path: Path) -> None:
    cache = tmp_path / "kept"
    home = Home(tmp_path / "home", {"PIP_CACHE_DIR": str(cache), "TMPDIR": str(tmp_path / "nowhere")})
    huge = 1 << 60
    assert any("pip's cache" in text for text in short("pip", str(tmp_path), huge, 1, home.host))
    assert short("pip", str(tmp_path), 1, 1, home.host) == []
    cache.mkdir()
    (cache / "something").write_text("")
    told = short("pip", str(tmp_path), huge, 1, home.host)
    assert told and not any("pip's cache" in text for text in told)


def test_uv_unpacks_where_it_links_from(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", {"UV_CACHE_DIR": str(tmp_path / "kept")})
    assert short("uv", str(tmp_path), 1 << 60, 1, home.host) == []
    assert short("uv", str(tmp_path), 1, 1 << 60, home.host)
