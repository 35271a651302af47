"""The environment variables that bear on Python, TensorFlow, CUDA, the loader, and a batch system.

The unit is ``observe(host)``: names to values, exactly as they are set, empty ones included. Names that
look like secrets are left out, whatever their prefix. Values may be hostile: nothing here interprets them.
"""

from __future__ import annotations

from typing import Mapping

from fixer.host.base import Host
from fixer.model.observed import Observed, absent, found

NAMES = frozenset(
    (
        "HOME", "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "LD_BIND_NOW", "CUDA_HOME", "CUDA_PATH", "CUDA_ROOT",
        "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_MODULE_LOADING", "CUDA_FORCE_PTX_JIT",
        "CUDA_DISABLE_PTX_JIT", "CUDA_LAUNCH_BLOCKING", "CUDNN_PATH", "XLA_FLAGS", "PYTHONPATH", "PYTHONHOME",
        "PYTHONNOUSERSITE", "PYTHONSAFEPATH", "PYTHONUSERBASE", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX",
        "CONDA_DEFAULT_ENV", "CONDA_OVERRIDE_CUDA", "UV_PROJECT_ENVIRONMENT", "SLURM_JOB_ID", "SLURM_JOBID",
        "PBS_JOBID", "LSB_JOBID", "SGE_TASK_ID", "SGE_ROOT", "COBALT_JOBID", "FLUX_JOB_ID", "OAR_JOB_ID",
        "_CONDOR_JOB_AD", "KUBERNETES_SERVICE_HOST", "JOB_ID", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL",
    )
)  # fmt: skip
PREFIXES = ("NVIDIA_", "TF_", "KERAS_", "CUDA_CACHE_", "CUDA_MPS_")
# Terraform's variables share TensorFlow's prefix and may hold anything.
_NOT_TENSORFLOW = ("TF_VAR_", "TF_CLI_", "TF_TOKEN_")
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL", "AUTH")


def observe(host: Host) -> Observed[Mapping[str, str]]:
    """The variables that matter; absent when none of them is set."""
    made = {name: value for name, value in sorted(host.environ.items()) if matters(name)}
    return found(made, "environment") if made else absent("environment")


def matters(name: str) -> bool:
    """Whether a variable is one that we look at and may show."""
    if name in NAMES:
        return True
    if name.startswith("SLURM_") and "GPU" in name or name.startswith(PREFIXES):
        return not name.startswith(_NOT_TENSORFLOW) and not any(word in name.upper() for word in _SECRET)
    return False
