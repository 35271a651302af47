"""A cuDNN wheel one of whose files was replaced: its own parts decide whether that harms."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.model.facts import BrokenPackage
from fixer.probes.cudnn_files import judged
from tests.lab.build import Builder, cudnn
from tests.probes.trees import live


@pytest.mark.parametrize(("own", "other", "part"), [
    (("8.9.4.25", "12.2"), ("8.7.0.84", "12.2"), "libcudnn_cnn_infer.so.8"), (("9.3.0.75", "12.5"), ("9.1.0.70", "12.5"), "libcudnn_graph.so.9"),
    (("8.9.4.25", "12.2"), ("8.7.0.84", "12.2"), "libcudnn.so.8"),
])  # fmt: skip
def test_a_part_of_another_release_is_told_from_one_that_was_patched(
    builder: Builder, tmp_path: Path, own: tuple[str, str], other: tuple[str, str], part: str
) -> None:
    folder = tmp_path / "nvidia" / "cudnn" / "lib"
    for library in cudnn(*own):
        builder.install(library, folder)
    told = BrokenPackage("nvidia-cudnn-cu12", own[0], "replaced", "1 byte more", str(tmp_path / "x.dist-info"))
    assert judged(live(), (told,)) == (), "all of one release: somebody patched it"
    builder.install(next(one for one in cudnn(*other) if one.soname == part), folder)
    assert [one.problem for one in judged(live(), (told,))] == ["mixed"]
    foreign = BrokenPackage("nvidia-cublas-cu12", "1", "replaced", "", str(tmp_path / "y.dist-info"))
    assert judged(live(), (foreign,)) == (foreign,), "only cuDNN can be asked"
