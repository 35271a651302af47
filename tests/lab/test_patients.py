"""The staged patients: the genuine failure by the real TensorFlow, and with the one cause removed by hand it works.

CI stages 2.4.4 and 2.15.1, which need 2.3 GB on disk; the other eras are long.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.lab.machine import Lab, Machine
from tests.lab.patients import STAGES, Staged
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.lab.scenarios.scenario import Stage
from tests.patients import ROOT

IN_CI = "2.4.4"
RELEASES = [pytest.param(one, marks=pytest.mark.slow if one == IN_CI else pytest.mark.long) for one in STAGES]

VERIFY = """
import dataclasses, json, sys
sys.path.insert(0, sys.argv[1])
from fixer.host.real import RealHost
from fixer.verify import bare, verify, winners
host = RealHost()
level, where, sonames = sys.argv[3], sys.argv[4], sys.argv[5:]
seen = dataclasses.asdict(verify(host, sys.argv[2], level, "gpu", surroundings=bare(host) if where == "bare" else None))
seen["winners"] = winners(host, sys.argv[2], sonames) if sonames else None
print(json.dumps(seen))
"""


def verify_in(
    lab: Lab, python: str, level: str, machine: Machine, variables: Mapping[str, str], where: str = "own", sonames: tuple[str, ...] = ()
) -> dict[str, Any]:
    """``fixer.verify.verify`` inside the machine; its result as plain data, its steps by name."""
    argv = [sys.executable, "-I", "-c", VERIFY, str(ROOT), python, level, where, *sonames]
    done = lab.run(argv, machine=machine, variables=variables, timeout=600)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    seen["steps"] = {step["name"]: step for step in seen["steps"]}
    return seen


def failed(seen: dict[str, Any]) -> list[str]:
    return [name for name, step in seen["steps"].items() if not step["passed"]]


@pytest.mark.parametrize("release", RELEASES)
def test_the_genuine_failure_and_the_cure_by_hand(lab: Lab, staged: Callable[[str], Staged], release: str) -> None:
    patient = staged(release)
    sick = verify_in(lab, patient.patient.python, "convolution", patient.machine, patient.variables)
    assert not sick["passed"]
    first = failed(sick)[0]
    assert first == {"loader": "library-check", "convolution": "convolution"}[patient.level]
    assert patient.says in sick["steps"][first]["detail"]
    well = verify_in(lab, patient.patient.python, "convolution", patient.machine, patient.cured)
    assert failed(well) == []
    assert well["loaded"]["cudnn"].startswith((str(patient.patient.site_packages), "/usr/local/cuda-11.0/"))


@pytest.mark.slow
def test_the_graph_interface_of_cudnn_8_computes_the_right_numbers(lab: Lab, staged_at: Callable[[Scenario], Stage]) -> None:
    healthy = next(one for one in SCENARIOS if one.id == "2.15.1-healthy")
    one = healthy.on(staged_at(healthy))
    seen = verify_in(lab, one.patient.python, "convolution", one.machine, one.variables)
    assert failed(seen) == [] and seen["loaded"]["cudnn"].startswith(str(one.patient.site_packages))


@pytest.mark.long
def test_only_cusolver_fails_in_2_21_and_everything_before_2_13(lab: Lab, staged: Callable[[str], Staged]) -> None:
    one = verify_in(lab, staged("2.21.0").patient.python, "loader", Machine(), {})
    assert one["steps"]["library-check"]["detail"].endswith("it cannot open libcusolver.so.11")
    many = verify_in(lab, staged("2.13.1").patient.python, "loader", Machine(), {})
    names = {"libcudart.so.11.0", "libcublas.so.11", "libcublasLt.so.11", "libcufft.so.10", "libcurand.so.10"}
    assert all(name in many["steps"]["library-check"]["detail"] for name in names | {"libcusolver.so.11", "libcusparse.so.11"})


@pytest.mark.slow
def test_the_loaders_own_word_on_who_wins(lab: Lab, staged: Callable[[str], Staged]) -> None:
    patient = staged("2.4.4")
    asked = ("libcudnn.so.8", "libcublas.so.11", "libcudnn.so.9")
    seen = verify_in(lab, patient.patient.python, "loader", patient.machine, patient.variables, sonames=asked)["winners"]
    assert seen["libcudnn.so.8"] == patient.winner
    assert seen["libcublas.so.11"] == "/usr/local/cuda-11.0/lib64/libcublas.so.11"
    assert seen["libcudnn.so.9"] is None


@pytest.mark.slow
def test_densenet_runs_on_the_labs_gpu_and_a_bare_environment_lacks_the_variable(
    lab: Lab, staged: Callable[[str], Staged]
) -> None:
    patient = staged("2.4.4")
    well = verify_in(lab, patient.patient.python, "densenet", patient.machine, patient.cured)
    assert failed(well) == [] and list(well["steps"])[-1] == "densenet121"
    # What LD_LIBRARY_PATH cures, cron does not see.
    lost = verify_in(lab, patient.patient.python, "loader", patient.machine, patient.cured, where="bare")
    assert failed(lost) == ["library-check"]


@pytest.mark.parametrize("release", [pytest.param(IN_CI, marks=pytest.mark.slow), pytest.param("2.21.0", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"FAKEGPU_NUMBERS": "wrong"}, "wrong numbers"),
        ({"FAKEGPU_NUMBERS": "zero"}, "wrong numbers"),
        ({"FAKEGPU_FAIL": "cudnnCreate={}"}, "CUDNN_STATUS_INTERNAL_ERROR"),
        ({"FAKEGPU_CUINIT": "803"}, "lists no GPU"),
    ],
    ids=["one percent off", "zeros", "cuDNN does not start", "driver halves differ"],
)
def test_a_gpu_that_computes_wrongly_or_not_at_all_does_not_pass(
    lab: Lab, staged: Callable[[str], Staged], settings: dict[str, str], says: str, release: str
) -> None:
    patient = staged(release)
    # The number of that status, in cuDNN 8 and in 9.
    number = 4 if release == IN_CI else 4000
    machine = replace(patient.machine, settings={name: value.format(number) for name, value in settings.items()})
    seen = verify_in(lab, patient.patient.python, "convolution", machine, patient.cured)
    assert not seen["passed"]
    assert says in " ".join(step["detail"] for step in seen["steps"].values())


@pytest.mark.slow
def test_memory_growth_is_proved_by_the_pair(lab: Lab, staged: Callable[[str], Staged]) -> None:
    """TensorFlow takes nearly all memory at once; cuDNN then has too little, and enough when TensorFlow takes what it needs."""
    patient = staged("2.4.4")
    machine = Machine(gpu="GTX 1050 Ti", used_mib=100, over=patient.machine.over, settings={"FAKEGPU_CUDNN_NEEDS_MIB": "900"})
    seen = verify_in(lab, patient.patient.python, "convolution", machine, patient.cured)
    assert not seen["passed"] and failed(seen) == ["convolution"]
    assert "Failed to get convolution algorithm" in seen["steps"]["convolution"]["detail"]
    assert seen["steps"]["convolution-with-memory-growth"]["detail"].startswith("it works with memory growth")
