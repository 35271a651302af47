"""Run by the patient: does TensorFlow import, and do the GPU libraries open for it?

The unit is a step, reported as one JSON line between two copies of the wish's marker: first
``{"begin": name}``, then ``{"step": name, "passed", "seconds", "detail", "loaded"}``; so what was done
before a crash is known. Steps: tensorflow-imports, library-check (TensorFlow's own C++ function, the one that
decides whether it registers GPUs), gpu-listed. Python 3.6 syntax, standard library only.
It repairs nothing and reads no file but /proc/self/maps.
"""
import ctypes
import json
import os
import re
import sys
import time

LONGEST_DETAIL = 1200
NVIDIA_FILE = re.compile(
    r"^lib(cuda|cudart|cublas|cublasLt|cufft|cufftw|curand|cusolver|cusolverMg|cusparse|cudnn\w*|nccl|nvJitLink"
    r"|nvrtc[\w-]*|cupti|nvinfer\w*|nvshmem\w*|nvidia-[\w-]+)\.so[.0-9]*$"
)
# DsoLoader::MaybeTryDlopenGPULibraries(), in tsl from TensorFlow 2.11 on and in stream_executor before.
OWN_CHECK = (
    "_ZN3tsl8internal9DsoLoader26MaybeTryDlopenGPULibrariesEv",
    "_ZN15stream_executor8internal9DsoLoader26MaybeTryDlopenGPULibrariesEv",
)


class Failed(Exception):
    """A step that ran and did not pass; the text is its detail."""


class Report(object):
    """Prints the steps. ``wish`` is the harness's request: marker, device, level, growth."""

    def __init__(self, wish):
        self.wish = wish
        self.failed = False

    def put(self, record):
        text = json.dumps(record)
        sys.stdout.write("\n" + self.wish["marker"] + text + self.wish["marker"] + "\n")
        sys.stdout.flush()

    def step(self, name, work, *given):
        """Run ``work(*given)``, which returns ``(detail, result)``; returns the result, or None when it failed."""
        if self.failed:
            return None
        self.put({"begin": name})
        started = time.time()
        result = None
        try:
            detail, result = work(*given)
            passed = True
        except Failed as error:
            passed, detail = False, str(error)
        except (Exception, SystemExit) as error:  # the patient may raise anything, and the harness must hear it
            passed, detail = False, type(error).__name__ + ": " + str(error)
        self.failed = not passed
        self.put(
            {
                "step": name,
                "passed": passed,
                "seconds": round(time.time() - started, 3),
                "detail": detail[:LONGEST_DETAIL],
                "loaded": mapped(),
            }
        )
        return result


def mapped():
    """The NVIDIA libraries that this process has mapped: ``{"cudnn": path}``; a second copy is ``cudnn#2``."""
    try:
        with open("/proc/self/maps", "rb") as file:
            lines = file.read().decode("utf-8", "surrogateescape").splitlines()
    except (IOError, OSError):
        return {}
    held = {}
    for line in lines:
        parts = line.split(None, 5)
        path = parts[5] if len(parts) == 6 else ""
        if path.endswith(" (deleted)"):
            path = path[: -len(" (deleted)")]
        known = NVIDIA_FILE.match(os.path.basename(path))
        if known and path not in held.values():
            name, copies = known.group(1), 1
            while name in held:
                copies += 1
                name = known.group(1) + "#" + str(copies)
            held[name] = path
    return {name: path.encode("utf-8", "replace").decode("utf-8") for name, path in held.items()}


def build_of(tf):
    """What this TensorFlow says of its own build: ``(is_cuda, text)``."""
    is_cuda = bool(tf.test.is_built_with_cuda())
    told = getattr(tf.sysconfig, "get_build_info", dict)()
    parts = [label + " " + str(told[key]) for label, key in (("CUDA", "cuda_version"), ("cuDNN", "cudnn_version")) if told.get(key)]
    return is_cuda, "built for " + " and ".join(parts) if is_cuda and parts else "a CUDA build" if is_cuda else "a build without CUDA"


def import_tensorflow():
    """The module, after it showed that it is TensorFlow."""
    import tensorflow as tf

    version, place = getattr(tf, "__version__", None), getattr(tf, "__file__", None)
    if not version or not place or not hasattr(tf, "config"):
        places = list(getattr(tf, "__path__", [])) or [str(place)]
        raise Failed("the module named tensorflow is not TensorFlow: " + ", ".join(map(str, places))[:300])
    return "TensorFlow " + version + ", " + build_of(tf)[1] + ", " + os.path.dirname(place), tf


def own_check():
    """TensorFlow's library check, called as its device registration calls it: True, False, or None where it is not exported.

    It returns an absl::Status or an older Status, both through a hidden pointer; OK is the word 0 or, since Abseil
    of 2023, 1; any other word is a pointer to the error.
    """
    with open("/proc/self/maps", "rb") as file:
        places = {line.split(None, 5)[-1] for line in file.read().decode("utf-8", "replace").splitlines() if "tensorflow" in line}
    for place in sorted(place for place in places if "libtensorflow_framework.so" in place):
        library = ctypes.CDLL(place)
        for name in OWN_CHECK:
            function = getattr(library, name, None)
            if function is not None:
                status = (ctypes.c_uint64 * 8)()
                function.restype = ctypes.c_void_p
                function.argtypes = [ctypes.c_void_p]
                function(ctypes.byref(status))
                return status[0] in (0, 1)
    return None


def library_check(tf):
    """Passes when every library of TensorFlow's own list opens. The harness adds the names from the log."""
    if not build_of(tf)[0]:
        raise Failed("this TensorFlow is " + build_of(tf)[1])
    answer = own_check()
    if answer is False:
        raise Failed("TensorFlow's own library check fails")
    if answer is None:
        return "this TensorFlow does not export its library check; the list of GPUs decides", None
    return "every library that TensorFlow asks for opens", None


def list_gpus(tf):
    """TensorFlow's physical GPUs, under the name of either era."""
    listed = getattr(tf.config, "list_physical_devices", None) or tf.config.experimental.list_physical_devices
    return listed("GPU")


def gpu_listed(tf):
    """Passes when TensorFlow registered at least one GPU."""
    gpus = list_gpus(tf)
    if not gpus:
        raise Failed("TensorFlow lists no GPU")
    shown = []
    for gpu in gpus:
        describe = getattr(tf.config.experimental, "get_device_details", None)
        details = describe(gpu) if describe else {}
        capability = ".".join(str(part) for part in details.get("compute_capability") or ())
        shown.append(details.get("device_name", gpu.name) + (" (" + capability + ")" if capability else ""))
    return ", ".join(shown), gpus


def look(report):
    """The steps of the loader level; returns the TensorFlow module, or None when one failed.

    For the device ``any`` the GPU is taken when TensorFlow lists one; ``report.wish["device"]`` then says which.
    """
    tf = report.step("tensorflow-imports", import_tensorflow)
    if tf is None:
        return None
    if report.wish["device"] == "any":
        report.wish["device"] = "gpu" if list_gpus(tf) else "cpu"
    report.put({"device": report.wish["device"]})
    if report.wish["device"] == "gpu":
        report.step("library-check", library_check, tf)
        report.step("gpu-listed", gpu_listed, tf)
    return None if report.failed else tf
