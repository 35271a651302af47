"""Random machine files for property tests: real values, odd ones, and every key present or not."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

odd = st.sampled_from(
    ["", " ", "?", "0", "latest", "8", "99.99.99", "1e9", "é", "12.2\n", "-1", "/", "a:b", "../..", "$ORIGIN"]
)
drivers = st.sampled_from(
    ["470.256.02", "525.60.13", "535.183.01", "550.54.15", "560.35.05", "580.95.05", "590.48.01", "999.99"]
)
capabilities = st.sampled_from(
    ["2.0", "3.0", "3.7", "5.0", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0", "99.9"]
)
names = st.sampled_from(
    ["NVIDIA GeForce RTX 3080", "Tesla V100-SXM2-16GB", "NVIDIA H100 80GB HBM3", "NVIDIA GeForce GTX 750 Ti", "GT 710", "?", ""]
)
pci_ids = st.sampled_from(["10de:2206", "10de:1db1", "10de:2b85", "10de:ffff", "", "10DE:2206", "nonsense"])
folders = st.sampled_from(
    [
        "/usr/local/cuda", "/usr/local/cuda-11.2", "/usr/local/cuda-12.2", "/usr/local/cuda-12", "/usr/lib/cuda", "/usr", "",
        "/opt/old", "relative", "/home/ada/miniforge3/envs/tf",
    ]
)  # fmt: skip
library_folders = st.sampled_from(
    [
        "/usr/local/cuda/lib64", "/usr/local/cuda-11.2/lib64", "/usr/local/cuda-12.2/targets/x86_64-linux/lib", "/opt/old/",
        "/usr/lib/x86_64-linux-gnu", "/home/ada/miniforge3/envs/tf/lib", "/usr/local/cuda/lib64/stubs", "", ".", "rel",
        "/home/ada/tf/lib/python3.11/site-packages/nvidia/cudnn/lib", "/tf/site-packages/nvidia/cusolver/lib",
    ]
)  # fmt: skip
files = st.sampled_from(
    [
        "libcudnn.so.8", "libcudnn.so.9", "libcudnn.so.8.1.0", "libcudnn.so", "libcudart.so.12", "libcusolver.so.11", "libcuda.so.1",
        "libcudnn_ops_infer.so.8", "", "x", "libcublas.so.11",
    ]
)  # fmt: skip
packages = {
    "tensorflow": [
        "2.3.4",
        "2.4.4",
        "2.10.1",
        "2.15.0.post1",
        "2.15.1",
        "2.16.1",
        "2.20.0",
        "2.21.0",
        "2.99.0",
        "0.1",
        "2.22.0.dev1",
    ],
    "tensorflow-gpu": ["1.15.5", "2.10.1", "2.12.0"],
    "tensorflow-cpu": ["2.15.1"],
    "tf-nightly": ["2.22.0.dev20261101"],
    "numpy": ["1.19.5", "1.26.4", "2.0.2", "2.4.6", "99!1.0"],
    "Keras": ["2.10.0", "2.15.0", "3.3.3", "3.15.1"],
    "tf_keras": ["2.15.0", "2.20.1"],
    "protobuf": ["3.19.6", "3.20.3", "4.25.8", "5.29.5", "7.36.2"],
    "ml-dtypes": ["0.1.0", "0.3.2", "0.5.4"],
    "nvidia-cudnn-cu12": ["8.9.4.25", "9.3.0.75", "9.28.0.42", "1"],
    "nvidia-cudnn-cu11": ["8.6.0.163"],
    "nvidia-cudnn-cu13": ["9.12.0.46"],
    "nvidia-cublas-cu12": ["12.2.5.6", "12.9.1.4"],
    "nvidia-cuda-runtime-cu12": ["12.2.140"],
    "nvidia-cufft-cu12": ["11.0.8.103"],
    "nvidia-cusolver-cu12": ["11.5.2.141"],
    "nvidia-cusparse-cu12": ["12.1.2.141"],
    "torch": ["2.8.0"],
    "jax": ["0.7.1"],
    "tensorflow-text": ["2.8.2"],
    "cudatoolkit": ["11.2.2"],
    "cudnn": ["8.1.0.77"],
}


def mixed(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*parts, st.none())


def record(required: dict[str, Any] | None = None, /, **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required or {}, optional=optional)


installed = st.fixed_dictionaries({}, optional={name: st.sampled_from(found) for name, found in packages.items()})
path_lists = st.lists(library_folders, max_size=4).map(":".join)
variables = record(
    LD_LIBRARY_PATH=path_lists,
    PATH=path_lists,
    CUDA_VISIBLE_DEVICES=st.sampled_from(["", "-1", "0", "1", "0,7", "GPU-1", "$0", "all", ",", "99999999999"]),
    KERAS_BACKEND=st.sampled_from(["jax", "torch", "tensorflow", "theano", ""]),
    TF_USE_LEGACY_KERAS=st.sampled_from(["1", "yes", ""]),
    TF_FORCE_GPU_ALLOW_GROWTH=st.sampled_from(["true", "1"]),
    SLURM_JOB_ID=st.just("4711"),
    CUDA_DISABLE_PTX_JIT=st.just("1"),
    XLA_FLAGS=odd,
)
gpus = st.lists(
    record(
        name=mixed(names), pci_id=mixed(pci_ids), compute_capability=mixed(capabilities), memory_mib=mixed(st.integers(0, 99999)),
        free_mib=mixed(st.integers(0, 99999)), powered=mixed(st.booleans()), kernel_driver=mixed(st.sampled_from(["nvidia", "nouveau", ""])),
    ),
    max_size=3,
)  # fmt: skip
driver = record(
    version=mixed(drivers), kernel_module=mixed(drivers), open_module=mixed(st.booleans()),
    libcuda_path=mixed(library_folders.map(lambda base: base + "/libcuda.so.1")),
    cuda=mixed(st.sampled_from(["11.4", "12.2", "12.7", "13.4"])),
)  # fmt: skip
environment = record(
    kind=mixed(st.sampled_from(["venv", "conda", "system", "project"])),
    python=mixed(st.sampled_from(["3.8", "3.11.7", "3.13.1", "3.14"])),
    owner=mixed(st.just("uv")),
    packages=installed,
)
libraries = st.lists(
    st.builds(
        lambda name, version, base, file: {"name": name, "version": version, "path": f"{base}/{file}"},
        st.sampled_from(["cudnn", "libcudnn", "cudart", "cuda", "", "cudnn_ops_infer"]),
        mixed(st.sampled_from(["8.1.0", "8.9.7", "9.3.0", "12.2"]), odd),
        library_folders,
        files,
    ),
    max_size=4,
)
toolkits = st.lists(
    st.builds(
        lambda version, path: {"version": version, "path": path},
        mixed(st.sampled_from(["10.1", "11.0", "11.2", "12.2"]), odd),
        folders,
    ),
    max_size=3,
)
resolutions = st.lists(
    st.builds(
        lambda soname, path, version, why, passed, problem: {
            "soname": soname, "library": soname[3:].split(".")[0], "opened_by": "/tf/x.so", "path": path, "version": version, "why": why,
            "passed_over": passed, "problem": problem,
        },
        files,
        mixed(library_folders),
        mixed(st.sampled_from(["8.1.0", "8.9.4"]), odd),
        st.sampled_from(["LD_LIBRARY_PATH", "RUNPATH", "ld.so.cache", "not found", ""]),
        st.lists(st.tuples(library_folders, mixed(odd)).map(list), max_size=3),
        mixed(st.just("needs libnvJitLink.so.12")),
    ),
    max_size=5,
)  # fmt: skip
beside = record(
    resolutions=resolutions,
    kernel_modules=st.lists(st.sampled_from(["nvidia", "nvidia_uvm", "nouveau"]), max_size=3),
    device_nodes=record({}, **{"/dev/nvidia0": st.booleans(), "/dev/nvidiactl": st.booleans()}),
    nvidia_smi=mixed(st.just({"status": 18, "line": "Failed to initialize NVML: Driver/library version mismatch"})),
    kernel_log=st.lists(st.just({"text": "NVRM: GPU has fallen off the bus", "source": "dmesg"}), max_size=1),
    compute_cache=mixed(st.builds(
        lambda closed, free, remote: {"path": "/home/ada/.nv/ComputeCache", "closed": closed, "why": "it belongs to root", "free_mib": free, "remote": remote},
        mixed(st.just("/home/ada/.nv")), mixed(st.sampled_from([0, 5000])), st.sampled_from(["", "nfs4"]),
    )),
    fabric=mixed(st.builds(lambda managed: {"switches": ["0000:c4:00.0"], "managed": managed}, mixed(st.booleans()))),
    open_run=mixed(st.just({"run": "7", "journal": "/j"})),
    tensorflow_build=mixed(
        record(version=mixed(odd), is_cuda_build=mixed(st.booleans()), cuda=mixed(odd), cudnn=mixed(odd))
    ),
    keras_setting=mixed(record({"backend": odd, "source": odd})),
)  # fmt: skip
machines = record(
    os=mixed(st.sampled_from(["linux", "windows", "macos", "darwin", "plan9"])),
    distro=mixed(
        record(
            {"id": st.sampled_from(["ubuntu", "alpine", "centos", "fedora", "?"])},
            version=mixed(st.sampled_from(["22.04", "7", ""])),
        )
    ),
    arch=mixed(st.sampled_from(["x86_64", "aarch64", "arm64", "riscv"])),
    glibc=mixed(st.sampled_from(["2.12", "2.17", "2.35"])),
    wsl=mixed(st.booleans()),
    container=mixed(st.sampled_from(["docker", "podman"])),
    secure_boot=mixed(st.booleans()),
    cpu_flags=st.lists(st.sampled_from(["avx", "avx2", "sse4_2"]), max_size=3),
    gpus=gpus,
    driver=st.one_of(driver, st.none()),
    environment=st.one_of(environment, st.none()),
    toolkits=toolkits,
    libraries=libraries,
    variables=variables,
    **{"x-convfix": beside},
)
wishes = st.builds(
    lambda requirements, device: (tuple(requirements), device),
    st.lists(
        st.sampled_from(["tensorflow", "tensorflow==2.15.*", "tensorflow[and-cuda]==2.15.0", "tensorflow-gpu", "torch"]),
        max_size=2,
    ),
    st.sampled_from(["any", "gpu", "cpu"]),
)
