"""Stand-ins of a patient: a tensorflow package that computes with NumPy, rightly or as told, and interpreters that misbehave."""

from __future__ import annotations

from pathlib import Path

# What a test can choose: BEND changes the numbers, PLACE is where the result lies, GPUS how many are listed.
FAKE_TENSORFLOW = '''
import contextlib, os, mmap
import numpy as np
__version__ = "2.99.0"
CASE = os.environ.get("CASE", "right")
GROWTH = []

class Tensor:
    def __init__(self, value, place):
        self.value, self.backing_device = value, place
    device = property(lambda self: self.backing_device)
    def numpy(self):
        return self.value

def constant(value):
    return Tensor(value, "/device:CPU:0")

class _Nn:
    def conv2d(self, pictures, kernel, strides, padding):
        x, w, step = pictures.value, kernel.value, strides[1]
        if CASE == "needs growth" and not GROWTH:
            raise RuntimeError("CUDNN_STATUS_ALLOC_FAILED")
        if CASE == "dies":
            os.abort()
        if CASE == "tf32":
            x, w = (np.asarray((a.view(np.uint32) + 0x1000) & 0xFFFFE000, np.uint32).view(np.float32) for a in (x, w))
        if CASE == "half":
            x, w = x.astype(np.float16).astype(np.float32), w.astype(np.float16).astype(np.float32)
        out = (x.shape[1] - w.shape[0]) // step + 1
        total = np.zeros((x.shape[0], out, out, w.shape[3]), np.float32)
        # One product at a time, backwards: an unkind order of summation, in float32 throughout.
        for i in reversed(range(w.shape[0])):
            for j in reversed(range(w.shape[1])):
                for c in range(w.shape[2]):
                    window = x[:, i : i + step * out : step, j : j + step * out : step, c]
                    total += window[..., None] * w[i, j, c]
        if CASE == "one percent": total *= np.float32(1.01)
        if CASE == "one in ten thousand": total *= np.float32(1.0001)
        if CASE == "zeros": total *= 0
        if CASE == "channels": total = total[..., ::-1].copy()
        if CASE == "one number": total[1, 3, 5, 7] += np.float32(0.01)
        if CASE == "nan": total[0, 0, 0, 0] = np.nan
        if CASE == "shape": total = total[:, :-1]
        gpu = GPU_LISTED and CASE != "moved"
        if gpu and CASE != "no cudnn":
            self.held = mmap.mmap(os.open(os.environ["CUDNN_FILE"], os.O_RDONLY), 0, prot=mmap.PROT_READ)
        return Tensor(total, "/device:GPU:0" if gpu else "/device:CPU:0")

nn = _Nn()
GPU_LISTED = os.environ.get("GPUS", "0") != "0"

class _Gpu:
    name = "/physical_device:GPU:0"

class _Experimental:
    def set_memory_growth(self, gpu, on):
        GROWTH.append(on)

class _Config:
    experimental = _Experimental()
    def list_physical_devices(self, kind):
        return [_Gpu()] if GPU_LISTED else []
    def set_visible_devices(self, devices, kind):
        pass
    def set_soft_device_placement(self, on):
        pass

config = _Config()
class test:
    is_built_with_cuda = staticmethod(lambda: True)
class sysconfig:
    get_build_info = staticmethod(lambda: {"cuda_version": "12.2", "cudnn_version": "8"})
def executing_eagerly():
    return True
@contextlib.contextmanager
def device(name):
    yield
'''


def fake_tensorflow(folder: Path) -> Path:
    """A folder for PYTHONPATH with the stand-in tensorflow."""
    (folder / "tensorflow").mkdir(parents=True)
    (folder / "tensorflow" / "__init__.py").write_text(FAKE_TENSORFLOW)
    return folder


def interpreter(path: Path, body: str) -> str:
    """An executable that stands where the patient's Python should be."""
    path.write_text("#!/bin/sh\n" + body + "\n")
    path.chmod(0o755)
    return str(path)
