"""Wheels that share a file: what one takes with it when it is uninstalled is no fault of the others."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import patients


def broken(python: str, convfix) -> list[str]:  # type: ignore[no-untyped-def]
    told = convfix("facts", "--python", python, "--json")
    return [one["name"] for one in told.data["machine"]["x-convfix"]["patient"]["broken"]]


def test_uninstalling_one_nvidia_wheel_breaks_no_other(tmp_path: Path, wheelhouse: patients.Wheelhouse, convfix) -> None:  # type: ignore[no-untyped-def]
    for name in ("cublas", "cudnn"):
        files = {"nvidia/__init__.py": "", f"nvidia/{name}/__init__.py": "", f"nvidia/{name}/lib/lib{name}.so.1": b"\x7fELF" + bytes(2000)}
        wheelhouse.add(f"nvidia-{name}-cu12", "12.0", files)
    made = patients.make_patient(
        tmp_path / "env", "3.11", ["nvidia-cublas-cu12", "nvidia-cudnn-cu12"], options=["--no-index", "--find-links", str(wheelhouse.folder)]
    )
    argv = [patients.need("uv"), "pip", "uninstall", "--quiet", "--python", made.python, "nvidia-cudnn-cu12"]
    subprocess.run(argv, check=True)
    assert not (made.site_packages / "nvidia" / "__init__.py").exists()
    assert broken(made.python, convfix) == []
    (made.site_packages / "nvidia" / "cublas" / "lib" / "libcublas.so.1").unlink()
    assert broken(made.python, convfix) == ["nvidia-cublas-cu12"]
