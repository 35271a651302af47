"""A TensorFlow that the dataset does not know is read from its own files: the verdict on a renamed release is the release's own."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import START
from tests.lab.machine import Lab
from tests.lab.patients import Staged
from tests.patients import ROOT

NEW = "2.99.0.dev0"
# Where a wheel carries its version beside its metadata; releases from 2.20 on have it in the second alone.
CARRIED = ("include/tensorflow/core/public/version.h", "tools/pip_package/setup.py")


def rewritten(path: Path, change: Callable[[str], str]) -> Callable[[], None]:
    """Change a file that may be a link into a cache; what is returned puts the old one back."""
    kept = path.with_name(path.name + ".kept")
    os.rename(path, kept)
    path.write_text(change(kept.read_text()))
    return lambda: os.replace(kept, path)


@contextlib.contextmanager
def renamed(site: Path, release: str) -> Iterator[None]:
    """The same files under a version that nobody has published."""
    numbers = zip(("MAJOR", "MINOR", "PATCH"), release.split("."), ("2", "99", "0"))
    lines = {f"#define TF_{word}_VERSION {was}\n": f"#define TF_{word}_VERSION {now}\n" for word, was, now in numbers}
    lines[f"_VERSION = '{release}'"] = f"_VERSION = '{NEW}'"

    def change(text: str) -> str:
        for was, now in lines.items():
            text = text.replace(was, now)
        return text

    old, new = (site / f"tensorflow-{version}.dist-info" for version in (release, NEW))
    back = [rewritten(old / "METADATA", lambda text: text.replace(f"\nVersion: {release}\n", f"\nVersion: {NEW}\n", 1))]
    back += [rewritten(site / "tensorflow" / name, change) for name in CARRIED if (site / "tensorflow" / name).is_file()]
    os.rename(old, new)
    try:
        yield
    finally:
        os.rename(new, old)
        for put_back in back:
            put_back()


@pytest.mark.slow
@pytest.mark.parametrize("release", ["2.16.1", "2.21.0", "2.4.4"])
def test_the_verdict_is_the_releases_own(lab: Lab, staged: Callable[[str], Staged], tmp_path: Path, release: str) -> None:
    sick = staged(release)
    site = sick.patient.site_packages

    def ask(verb: str) -> Any:
        argv = [sys.executable, "-I", "-c", START, str(ROOT), verb, "--python", str(sick.patient.python), "--json"]
        held = {**sick.variables, "HOME": str(tmp_path), "CONVFIX_STATE_DIR": str(tmp_path / "state")}
        return json.loads(lab.run(argv, machine=sick.machine, variables=held, cwd=str(ROOT)).stdout)

    def verdict(answer: Any) -> list[tuple[Any, ...]]:
        keys = ("code", "cause", "severity", "certainty", "primary")
        return sorted(tuple(one[key] for key in keys) for one in answer["data"]["findings"])

    def steps(answer: Any) -> list[tuple[Any, ...]]:
        return [(one["kind"], one["commands"], [file["path"] for file in one["files"]]) for one in answer["data"]["actions"]]

    known = ask("doctor"), ask("plan")
    with renamed(site, release):
        unknown = ask("doctor"), ask("plan")
        build = ask("facts")["data"]["machine"]["x-convfix"]["tensorflow_build"]
    assert known[0]["data"]["findings"] and any(one["primary"] for one in known[0]["data"]["findings"])
    assert verdict(unknown[0]) == verdict(known[0])
    assert unknown[0]["exit_code"] == known[0]["exit_code"]
    assert steps(unknown[1]) == steps(known[1]) and steps(known[1])
    assert build["opener"].startswith("libtensorflow_framework.so.2") and build["sonames"] and build["bounds"]["numpy"]
