"""What TensorFlow stands on besides the GPU: a processor, and one TensorFlow rather than two."""

from __future__ import annotations

from tests.lab.scenarios.packages import over
from tests.lab.scenarios.scenario import Scenario

_CPU = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: {}\nflags\t\t: fpu sse sse2 ssse3 sse4_1 sse4_2 popcnt{}\n\n"
_ATOM = {"file:/proc/cpuinfo": _CPU.format("Intel(R) Pentium(R) CPU G4560", "")}
_CORE = {"file:/proc/cpuinfo": _CPU.format("Intel(R) Core(TM) i5-6500", " avx avx2 fma")}

SCENARIOS = (
    Scenario("pentium", "cpu-without-avx", said=_ATOM, flip="core"),
    Scenario("core", None, said=_CORE),
    Scenario("cpu-build-over-it", "duplicate-tf-packages", change=over("tensorflow-cpu==2.15.1"), flip="healthy"),
)
