"""What TensorFlow stands on besides the GPU: a processor, the library of C++, and one TensorFlow rather than two."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.lab.scenarios.packages import over
from tests.lab.scenarios.scenario import Scenario, Stage

_CPU = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: {}\nflags\t\t: fpu sse sse2 ssse3 sse4_1 sse4_2 popcnt{}\n\n"
_ATOM = {"file:/proc/cpuinfo": _CPU.format("Intel(R) Pentium(R) CPU G4560", "")}
_CORE = {"file:/proc/cpuinfo": _CPU.format("Intel(R) Core(TM) i5-6500", " avx avx2 fma")}
_CXX = {"LD_LIBRARY_PATH": "/usr/local/gcc/lib64"}


def old_cxx(stage: Stage) -> None:
    """A libstdc++ that ends where GCC 4.4's does. It is empty: the loader compares versions before it looks for a symbol."""
    folder = stage.local / "gcc" / "lib64"
    folder.mkdir(parents=True)
    names = [*(f"GLIBCXX_3.4{minor}" for minor in ("", *(f".{number}" for number in range(1, 14)))), "CXXABI_1.3", "CXXABI_1.3.1", "CXXABI_1.3.2", "CXXABI_1.3.3"]
    script = folder / "versions"
    script.write_text("".join(f"{name} {{}};\n" for name in names))
    argv = [str(stage.builder.compiler), "-shared", f"-Wl,--version-script={script}", "-Wl,-soname,libstdc++.so.6", "-o", str(folder / "libstdc++.so.6")]
    subprocess.run([*argv, "-x", "c", "/dev/null"], check=True, capture_output=True)
    script.unlink()


def systems_cxx(stage: Stage) -> None:
    """The same folder with a copy of the system's own."""
    folder = stage.local / "gcc" / "lib64"
    folder.mkdir(parents=True)
    listed = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    own = next(line.rpartition(" => ")[2] for line in listed.splitlines() if line.lstrip().startswith("libstdc++.so.6 (libc6,x86-64)"))
    shutil.copy(Path(own).resolve(), folder / "libstdc++.so.6")


SCENARIOS = (
    Scenario("pentium", "cpu-without-avx", said=_ATOM, flip="core"),
    Scenario("core", None, said=_CORE),
    Scenario("old-cxx-first", "libstdcxx-too-old", change=old_cxx, variables=_CXX, flip="systems-cxx-first"),
    Scenario("systems-cxx-first", None, change=systems_cxx, variables=_CXX),
    Scenario("old-cxx-first", "libstdcxx-too-old", "2.20.0", change=old_cxx, variables=_CXX, flip="healthy"),
    Scenario("cpu-build-over-it", "duplicate-tf-packages", change=over("tensorflow-cpu==2.15.1"), flip="healthy"),
)
