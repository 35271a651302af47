"""What to do about each cause when a log names it: a sentence, and the command that would settle a doubt.

The unit is ``Advice``, one a slug. A rule that knows the machine gives its own, better advice; this is for
causes that a line names. Nothing here is a folk remedy: no link under another name, no foreign DLL, no sudo Python.
"""

from __future__ import annotations

from fixer.model.record import record

DOCTOR = ("convfix", "doctor")
VERIFY = ("convfix", "verify")
_SMI = ("nvidia-smi",)


@record(frozen=True)
class Advice:
    """``summary`` says what to do; ``decide_with`` is the one command that tells whether this is the cause."""

    summary: str
    decide_with: tuple[str, ...] = DOCTOR
    commands: tuple[tuple[str, ...], ...] | None = None


ADVICE: dict[str, Advice] = {
    "cudnn-too-old": Advice(
        "Provide cuDNN of the same major and at least the compiled minor version where the loader finds it "
        "first; in an image that a provider maintains, take the TensorFlow that fits the image.",
    ),
    "cudnn-too-new": Advice(
        "Provide the cuDNN major version that this TensorFlow was compiled with (before 1.13: the minor "
        "version too), or take a build for the newer cuDNN.",
    ),
    "cudnn-shadowed": Advice(
        "Find the copy that wins (the process's own maps show it) and let the right one win: another "
        "environment for the other framework, or the winner taken off the search path.",
    ),
    "cudnn-missing": Advice(
        "Install the complete cuDNN for this CUDA, sub-libraries included.",
    ),
    "cudnn-drops-gpu": Advice(
        "Pin the last cuDNN that serves this GPU (below 9.11 for compute capability below 7.5).",
    ),
    "zlibwapi-missing": Advice(
        "Put the zlib DLL that NVIDIA's cuDNN guide names beside cuDNN's own DLLs, from the place that the "
        "guide names.",
        ("where", "zlibwapi.dll"),
    ),
    "unresolved-cudnn-init": Advice(
        "Collect what stands above the error: the lines from the first E line after the device line on, free "
        "memory, the versions, which copy of cuDNN the process mapped.",
        VERIFY,
        (DOCTOR, VERIFY),
    ),
    "cuda-libs-wrong-version": Advice(
        "Put the CUDA that this TensorFlow was built with beside the other one, or take a TensorFlow built "
        "for the CUDA that is there. Never link a library under another soname.",
    ),
    "cuda-libs-missing": Advice(
        "Install the CUDA libraries: tensorflow[and-cuda] where the release has it, else the CUDA that this "
        "TensorFlow was built with.",
    ),
    "ld-library-path-missing": Advice(
        "The libraries are there and the loader does not look there: name their folder before Python starts "
        "(LD_LIBRARY_PATH, not PATH), or load them by a hook inside the environment.",
    ),
    "ld-library-path-shadows-env": Advice(
        "Take the other CUDA's folders off LD_LIBRARY_PATH (unload the modules), or put the environment's own"
        " folders first.",
    ),
    "pip-nvidia-libs-not-found": Advice(
        "The nvidia wheels are installed and TensorFlow does not search them: a release with the repaired "
        "search path, or a hook that loads them first.",
    ),
    "env-not-inherited": Advice(
        "Give the setting to the program that does not inherit it: the kernelspec's env, the service's unit, "
        "the IDE's run configuration; then restart the kernel.",
        ("jupyter", "kernelspec", "list"),
        (),
    ),
    "libdevice-missing": Advice(
        "Give XLA a folder that holds nvvm/libdevice: install the matching cuda-nvcc in the environment and "
        "set XLA_FLAGS=--xla_gpu_cuda_data_dir to it.",
    ),
    "ptxas-missing": Advice(
        "Put the ptxas of this TensorFlow's CUDA (cuda-nvcc) on PATH; where only a warning is printed, the "
        "driver compiles instead and it works, slower at first.",
    ),
    "gpu-memory-growth": Advice(
        "Set TF_FORCE_GPU_ALLOW_GROWTH=true in the program's environment, so that TensorFlow leaves cuDNN and"
        " cuBLAS memory.",
        VERIFY,
    ),
    "gpu-memory-setting-misused": Advice(
        "Set memory growth before anything touches the GPU, best by TF_FORCE_GPU_ALLOW_GROWTH=true in place "
        "of code, and one setting only: growth or a limit.",
    ),
    "gpu-memory-held": Advice(
        "See who holds the memory, and end that program yourself if it is yours; convfix ends nothing.",
        ("nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv"),
        (("nvidia-smi", "--query-compute-apps=pid,process_name,used_memory", "--format=csv"),),
    ),
    "gpu-too-small": Advice(
        "Use a smaller batch, smaller images or a smaller model, or mixed precision.",
        _SMI,
        (),
    ),
    "gpu-busy": Advice(
        "Look at the compute mode and at who uses the card; a vGPU needs its licence. Only the administrator "
        "changes the mode.",
        ("nvidia-smi", "-q", "-d", "COMPUTE"),
        (("nvidia-smi", "-q", "-d", "COMPUTE"),),
    ),
    "nv-compute-cache": Advice(
        "Give ~/.nv back to its user, or rename it so that CUDA makes a new one; a run with sudo often left "
        "it with root.",
        ("ls", "-ld", "~/.nv"),
    ),
    "driver-too-old": Advice(
        "Lower the CUDA of this environment (a TensorFlow built for an older CUDA), or have the driver "
        "updated.",
        _SMI,
        (("convfix", "plan"),),
    ),
    "driver-library-mismatch": Advice(
        "The driver's two halves differ: where the library is the newer one, reboot; where it is older, a "
        "stray libcuda is in front and must go.",
        _SMI,
        (),
    ),
    "driver-not-loaded": Advice(
        "Install the driver from the distribution's packages, or have its module built for the running "
        "kernel; then reboot.",
        _SMI,
        (),
    ),
    "secure-boot": Advice(
        "The kernel refuses the unsigned module: enrol the machine owner key (mokutil) or switch Secure Boot "
        "off in the firmware.",
        ("mokutil", "--sb-state"),
        (("mokutil", "--sb-state"),),
    ),
    "uvm-or-driver-state": Advice(
        "The driver is there and in a bad state: have nvidia_uvm loaded (nvidia-modprobe -u), the fabric "
        "manager started on NVSwitch machines, or reboot.",
        ("lsmod",),
        (("nvidia-modprobe", "-u", "-c=0"),),
    ),
    "device-permissions": Advice(
        "Have the administrator open /dev/nvidia* for your group; do not run Python with sudo, which leaves "
        "root's files behind.",
        ("ls", "-l", "/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"),
        (("ls", "-l", "/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"),),
    ),
    "cuda-compat-lib": Advice(
        "A forward-compatibility libcuda is used where it is not allowed: a newer driver on the host, or that"
        " folder taken off the loader's path.",
        _SMI,
        (),
    ),
    "libcuda-stub-loaded": Advice(
        "Take the toolkit's stubs folder off the loader's path: it is for linking only.",
    ),
    "gpu-arch-too-new": Advice(
        "Take a TensorFlow whose binaries know this GPU (a newer release, NVIDIA's container, a conda-forge "
        "build); no setting repairs it.",
        DOCTOR,
        (("convfix", "plan"),),
    ),
    "gpu-arch-too-old": Advice(
        "Take a TensorFlow whose binaries still hold code for this GPU, or one that you built for it.",
    ),
    "cpu-without-avx": Advice(
        "The processor lacks instructions that the binary uses: a build without them (conda's, or your own), "
        "another machine, or a virtual machine that passes them on.",
        ("lscpu",),
        (("lscpu",),),
    ),
    "no-nvidia-gpu": Advice(
        "Nothing to do: there is no NVIDIA GPU here, TensorFlow runs on the CPU, and what it prints about "
        "CUDA is harmless.",
        _SMI,
        (),
    ),
    "cuda-visible-devices": Advice(
        "Take CUDA_VISIBLE_DEVICES away or set it to 0 where it is set: a profile, a launcher, often the "
        "script itself.",
    ),
    "container-without-gpu": Advice(
        "Start the container with the GPU (docker run --gpus all, with the capabilities compute and utility) "
        "and the NVIDIA Container Toolkit on the host.",
        ("ls", "/dev/nvidia0"),
        (),
    ),
    "wsl-libcuda-path": Advice(
        "Put /usr/lib/wsl/lib on the loader's path inside WSL; the driver itself is installed in Windows "
        "alone.",
    ),
    "windows-native-no-gpu": Advice(
        "Use WSL2 with the same TensorFlow, or TensorFlow 2.10 with Python 3.10: from 2.11 on it has no CUDA "
        "on native Windows.",
    ),
    "windows-dll-search-path": Advice(
        "Python 3.8 and later does not search PATH for DLLs: os.add_dll_directory of CUDA's bin folder before"
        " the import, and python.org's Python in place of the Store's.",
        ("where", "cudart64_110.dll"),
        (),
    ),
    "windows-dll-missing": Advice(
        "Install the CUDA and cuDNN that this TensorFlow was built with, from NVIDIA; never a DLL from a "
        "collection site.",
        ("where", "cudart64_110.dll"),
        (),
    ),
    "windows-msvc-or-avx": Advice(
        "Install Microsoft's current Visual C++ redistributable; where it is current, the processor lacks "
        "AVX.",
        ("where", "msvcp140_1.dll"),
        (),
    ),
    "apple-silicon": Advice(
        "Use a Python built for arm64 with tensorflow and tensorflow-metal; an x86 wheel under Rosetta stops "
        "at its first AVX instruction.",
        ("python3", "-c", "import platform; print(platform.machine())"),
        (),
    ),
    "python-unsupported": Advice(
        "Use a Python that this TensorFlow has wheels for.",
    ),
    "tensorflow-gpu-removed": Advice(
        "Install tensorflow in place of the retired tensorflow-gpu, in requirement files too.",
    ),
    "and-cuda-extra-unsatisfiable": Advice(
        "Pin a release whose extra can be resolved (2.15.1 in place of 2.15.0), exactly, so that the "
        "installer cannot fall back.",
    ),
    "tf-torch-pin-conflict": Advice(
        "Keep the frameworks in separate environments, or take TensorFlow without the extra where it needs no"
        " GPU; loosen frozen lists.",
    ),
    "protobuf-too-new": Advice(
        "Take a protobuf within this TensorFlow's bounds (3.20.x for old releases).",
    ),
    "protobuf-too-old": Advice(
        "Take a newer protobuf within this TensorFlow's bounds.",
    ),
    "numpy-abi": Advice(
        "Take a numpy of the generation that this TensorFlow was compiled for.",
    ),
    "ml-dtypes-mismatch": Advice(
        "Pin ml_dtypes to what this TensorFlow (or jaxlib) asks for.",
    ),
    "keras-tf-mismatch": Advice(
        "Take the Keras of this TensorFlow's own minor version; for code written for Keras 2 under TensorFlow"
        " 2.16 and later: tf-keras of the same minor version and TF_USE_LEGACY_KERAS=1.",
    ),
    "keras-backend-setting": Advice(
        "Correct or remove the backend that KERAS_BACKEND or ~/.keras/keras.json names; the variable wins and"
        " must be set before the first import.",
    ),
    "plugin-built-for-other-tf": Advice(
        "Take the release of the plugin that was built for this TensorFlow.",
    ),
    "duplicate-tf-packages": Advice(
        "Uninstall every TensorFlow distribution of this environment and install one.",
    ),
    "cpu-build-selected": Advice(
        "Take a build with CUDA: pin the cuda build in conda, or tensorflow[and-cuda] by pip.",
    ),
    "glibc-too-old": Advice(
        "Use a container, conda or a newer system; never replace the system's glibc.",
        ("ldd", "--version"),
        (),
    ),
    "libstdcxx-too-old": Advice(
        "Let a newer libstdc++ come first: libstdcxx-ng in the conda environment, or the old one off "
        "LD_LIBRARY_PATH.",
    ),
    "gpu-powered-off": Advice(
        "Switch the laptop's graphics profile to the NVIDIA card, then log out and in.",
        ("lspci",),
        (),
    ),
    "driver-wrong-module-flavour": Advice(
        "Install the other flavour (open or proprietary) of the same driver branch.",
        DOCTOR,
        (),
    ),
    "nouveau-active": Advice(
        "Install NVIDIA's driver, which blacklists nouveau, and reboot.",
        ("lsmod",),
        (),
    ),
    "tensorflow-missing": Advice(
        "Install TensorFlow in the environment that runs the program, or run it with the environment that has"
        " it.",
    ),
    "environment-broken": Advice(
        "Reinstall the packages whose files are damaged.",
    ),
    "module-shadowed": Advice(
        "Rename your own file or folder that hides the package.",
    ),
    "user-site-leak": Advice(
        "Keep packages of ~/.local and PYTHONPATH out of the environment: PYTHONNOUSERSITE=1.",
    ),
    "nvidia-wheel-collision": Advice(
        "Keep one of the two nvidia wheels that own the same files; separate environments for the other "
        "framework.",
    ),
    "libc-musl": Advice(
        "Use an image with glibc: there are no TensorFlow wheels for musl.",
        ("ldd", "--version"),
        (),
    ),
    "interrupted-apply": Advice(
        "Finish the interrupted run.",
        DOCTOR,
        (("convfix", "undo"),),
    ),
    "benign-noise": Advice(
        "Nothing to do: these lines are harmless; if something fails, the cause stands elsewhere.",
        DOCTOR,
        (),
    ),
    "docs-command-broken": Advice(
        "The command was broken by a line break: write it on one line, with every quotation mark closed.",
        DOCTOR,
        (),
    ),
    "unresolved-other": Advice(
        "What was read does not tell the cause.",
        DOCTOR,
        (),
    ),
}
