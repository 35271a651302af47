"""Machines and wishes that nobody thought of, drawn by hypothesis: what properties of planning are held against.

The unit is a strategy. ``machines`` draws machine files in which anything may be missing; ``wishes`` what a person may ask for.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

_versions = st.sampled_from(["1.15.5", "2.4.4", "2.10.1", "2.13.1", "2.15.1", "2.16.1", "2.18.1", "2.20.0", "2.21.0", "2.99.0", "3.0"])
_packages = st.dictionaries(
    st.sampled_from(
        ["tensorflow", "tensorflow-cpu", "tensorflow-gpu", "keras", "tf-keras", "numpy", "protobuf", "ml-dtypes", "h5py",
         "pandas", "scipy", "torch", "jax", "nvidia-cudnn-cu12", "nvidia-cudnn-cu11", "nvidia-cublas-cu12", "tensorflow-text",
         "wrapt", "unheard-of"]
    ),
    st.sampled_from(["1.24.3", "1.26.4", "2.0.2", "2.15.0", "2.15.1", "2.20.0", "3.11.3", "3.19.6", "4.25.3", "5.29.0", "6.31.1",
                     "0.3.2", "0.5.3", "8.9.4.25", "9.10.2.21", "12.2.5.6", "1!2.0+local", "0"]),
    max_size=8,
)  # fmt: skip


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    packages = dict(draw(_packages))
    if draw(st.booleans()):
        packages["tensorflow"] = draw(_versions)
    python = draw(st.sampled_from(["3.6.8", "3.8.10", "3.9.2", "3.11.7", "3.12.3", "3.13.1", "3.14.0"]))
    capabilities = st.sampled_from(["3.0", "3.5", "5.2", "6.1", "7.0", "7.5", "8.6", "8.9", "9.0", "10.0", "12.0", "13.0", None])
    gpu = st.builds(lambda c: {"name": f"card {c}", **({"compute_capability": c} if c else {})}, capabilities)
    release = st.sampled_from(["340.108", "390.157", "450.80.02", "470.256.02", "525.60.13", "535.104.05", "550.54.14", "580.65.06", "700.1"])
    driver = st.one_of(st.none(), st.builds(lambda a, b: {"version": a, "kernel_module": b}, release, st.one_of(st.none(), release)))
    whole = {
        "os": draw(st.sampled_from(["linux", "linux", "linux", "windows", "macos", "plan9"])),
        "distro": draw(st.sampled_from([None, {"id": "ubuntu", "version": "18.04"}, {"id": "ubuntu", "version": "24.04"},
                                        {"id": "fedora", "version": "42"}, {"id": "alpine", "version": "3.20"}, {"id": "nixos"}])),
        "arch": draw(st.sampled_from(["x86_64", "x86_64", "aarch64", "riscv64"])),
        "glibc": draw(st.sampled_from(["2.35", "2.17", "2.5", None])),
        "wsl": draw(st.booleans()),
        "container": draw(st.sampled_from([None, "docker"])),
        "cpu_flags": draw(st.sampled_from([["avx", "avx2"], ["sse4_2"], []])),
        "gpus": draw(st.lists(gpu, max_size=2)),
        "driver": draw(driver),
        "pythons": draw(st.lists(st.sampled_from(["3.6", "3.8", "3.11", "3.12", "3.14"]), max_size=3, unique=True)),
        "environment": draw(st.one_of(st.none(), st.just({
            "kind": draw(st.sampled_from(["venv", "conda", "system", "project", None])), "python": python,
            "owner": draw(st.sampled_from([None, None, "uv", "poetry", "conda-lock"])), "packages": packages}))),
        "toolkits": draw(st.sampled_from([[], [{"version": "11.2", "path": "/usr/local/cuda-11.2"}], [{"version": "13.0", "path": "/opt/cuda"}]])),
        "libraries": draw(st.sampled_from([[], [{"name": "cudnn", "version": "8.1.0", "path": "/usr/local/cuda/lib64/libcudnn.so.8"}]])),
        "variables": draw(st.dictionaries(
            st.sampled_from(["LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "SLURM_JOB_ID"]),
            st.sampled_from(["", ":", "/usr/local/cuda/lib64", "-1", "0", "jax", "1", "\u0000", "ü" * 50]), max_size=3)),
        "managers": draw(st.lists(st.sampled_from(["pip", "uv", "conda", "mamba"]), max_size=3, unique=True)),
        "root": draw(st.booleans()),
        "disk_free_mib": draw(st.sampled_from([0, 500, 60000])),
    }  # fmt: skip
    missing = draw(st.sets(st.sampled_from(sorted(whole)), max_size=4))
    return {key: value for key, value in whole.items() if key not in missing}


wishes = st.builds(
    lambda requirements, device, paths, manager: {"requirements": requirements, "device": device, "paths": paths, "manager": manager},
    st.lists(st.sampled_from(["tensorflow", "tensorflow==2.15.*", "keras<3", "python>=3.11", "torch", "numpy<2", "nothing-known"]), max_size=2),
    st.sampled_from(["any", "gpu", "cpu"]), st.sampled_from(["auto", "hook", "activation", "profile"]),
    st.sampled_from(["auto", "pip", "uv", "conda"]),
)  # fmt: skip
