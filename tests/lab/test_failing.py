"""Any call of any stand-in can be made to fail, by one variable; every function that a library exports is called here and must."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.lab.build import Builder, Library, cudnn, driver_libraries, mathematics, runtime
from tests.lab.machine import Lab

# Their answer is a text, an address or nothing: when they fail it is 0.
NO_STATUS = {
    "cudaGetErrorString", "cudaGetErrorName", "cublasGetStatusString", "cusparseGetErrorString", "cudnnGetErrorString", "nvmlErrorString",
    "cudnnGetLastErrorString", "__cudaRegisterFatBinary", "__cudaRegisterFatBinaryEnd", "__cudaUnregisterFatBinary", "__cudaRegisterFunction",
    "__cudaRegisterVar", "__cudaRegisterManagedVar",
}  # fmt: skip
LIBRARIES = [
    *driver_libraries(), runtime("10.1"), runtime("11.2"), runtime("12.5"),
    *(one for version, cuda in (("7.6.5", "10.1"), ("8.9.4.25", "12.2"), ("9.3.0.75", "12.5")) for one in cudnn(version, cuda)),
    *(mathematics(soname, "12.5.3.2") for soname in ("libcublas.so.12", "libcublasLt.so.12", "libcufft.so.11", "libcusolver.so.11", "libcusparse.so.12",
                                                     "libcurand.so.10", "libnvJitLink.so.12", "libnvrtc.so.12", "libcupti.so.12", "libnccl.so.2")),
]  # fmt: skip
CALL = """
import ctypes, json, sys
library, names = ctypes.CDLL(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps({name: library[name](*[None] * 12) for name in names}))
"""


def exported(path: Path) -> list[str]:
    """The functions in the library's dynamic symbol table."""
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        return sorted(one.name for one in table.iter_symbols() if one["st_info"]["type"] == "STT_FUNC" and one["st_shndx"] != "SHN_UNDEF")


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: f"{one.soname}-{one.version}")
def test_each_exported_function_gives_the_code_that_is_set_for_it(builder: Builder, tmp_path: Path, library: Library) -> None:
    # Where a library needs another, an empty one stands in for it: nothing of it is called.
    placed = builder.install(library, tmp_path)
    for need in library.needed:
        subprocess.run([str(builder.compiler), "-shared", f"-Wl,-soname,{need}", "-x", "c", "/dev/null", "-o", str(tmp_path / need)], check=True)
    names = exported(placed)
    codes = {name: 1000 + place for place, name in enumerate(names)}
    given = {"FAKEGPU_FAIL": " ".join(f"{name}={code}" for name, code in codes.items()), "LD_LIBRARY_PATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-I", "-c", CALL, str(placed), json.dumps(names)], capture_output=True, text=True, env=given)
    assert names and done.returncode == 0, (done.returncode, done.stderr)
    assert json.loads(done.stdout) == {name: 0 if name in NO_STATUS else code for name, code in codes.items()}


def test_a_call_that_is_not_named_goes_through_and_a_negative_code_comes_back(builder: Builder) -> None:
    ask = "import ctypes, sys; l = ctypes.CDLL(sys.argv[1]); n = ctypes.c_int(); print(l.cuInit(0), l.cuDeviceGetCount(ctypes.byref(n)), n.value)"
    libcuda = str(builder.file(driver_libraries()[0]))

    def told(fail: str) -> str:
        return subprocess.run([sys.executable, "-I", "-c", ask, libcuda], capture_output=True, text=True, env={"FAKEGPU_FAIL": fail}).stdout.strip()

    assert told("cuDeviceGet=5 cuInitialise=6") == "0 0 1"
    assert told("cuDeviceGetCount=-1") == "0 -1 0"
    assert told("cuInit=0x3,cuDeviceGetCount=999") == "3 999 0"


def test_the_machines_own_file_holds_for_a_bare_environment_and_a_library_fails_by_the_one_below_it(lab: Lab, builder: Builder) -> None:
    cudart = builder.file(runtime("12.2"))
    ask = "import ctypes, sys; p = ctypes.c_void_p(); l = ctypes.CDLL(sys.argv[1]); print(l.cudaMalloc(ctypes.byref(p), 64), l.cudaMallocHost(ctypes.byref(p), 64))"
    argv = [sys.executable, "-I", "-c", ask, cudart]
    assert lab.run(argv, environ={}, settings={"FAKEGPU_FAIL": "cuMemAlloc_v2=2"}).stdout.split() == ["2", "0"]
    assert lab.run(argv, environ={}).stdout.split() == ["0", "0"]
