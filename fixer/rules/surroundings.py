"""What the surroundings alone suggest where a log says nothing that is known: candidates, never a verdict.

The unit is a group of candidates. It speaks only where a log was read and nothing in it was recognised.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case, is_reported
from fixer.rules.causes import CAUSES
from fixer.rules.events import CUT_OFF, heard, said
from fixer.rules.heard import candidates
from fixer.rules.likelihood import refuted
from fixer.rules.lost_libraries import lost
from fixer.rules.say import fact

# The group's name.
SURROUNDINGS = "surroundings"
_WITHOUT_SEARCH = ((2, 14), (2, 15), (2, 16))
_FIRST_WITHOUT_WINDOWS = (2, 11)
# From 2.6 on each TensorFlow asks for the Keras of its own minor version, from 2.16 on for Keras 3.
_FIRST_WITH_KERAS, _FIRST_WITH_KERAS_3 = (2, 6), (2, 16)


def silent_log(case: Case) -> Iterator[Finding]:
    """A log without a known line: what such surroundings most often suffer from."""
    if not is_silent(case):
        return
    weights: dict[str, float] = {}
    seen: list[Evidence] = []

    def add(evidence: Evidence, **causes: float) -> None:
        seen.append(evidence)
        for cause, weight in causes.items():
            name = cause.replace("_", "-")
            weights[name] = weights.get(name, 0.0) + weight

    toolkits = case.facts.toolkits.or_else(())
    if case.container:
        add(fact("container", case.container, case.facts.container), container_without_gpu=40, cuda_compat_lib=8)
    if case.wsl:
        add(fact("wsl", "true", case.facts.wsl), wsl_libcuda_path=40, cuda_libs_missing=14)
    if case.os == "windows" and case.facts.os.is_found and _modern(case):
        add(fact("os", "windows", case.facts.os), windows_native_no_gpu=36, windows_dll_missing=8)
    if case.os == "macos":
        add(fact("os", "macos", case.facts.os), apple_silicon=40, env_not_inherited=10)
    if len({one.version for one in toolkits}) > 1:
        versions = ", ".join(one.version or "?" for one in toolkits)
        add(fact("toolkits", f"CUDA {versions}", case.facts.toolkits), cuda_libs_wrong_version=40, ld_library_path_shadows_env=8)
    if case.tensorflow is not None and case.os == "linux" and not _only_listed(case):
        broken = {row.cause for row in ask.known_faults(case.dataset, "tensorflow", case.tensorflow)}
        for cause in broken & set(CAUSES):
            add(case.package(case.distribution or ""), **{cause.replace("-", "_"): 60})
        if compare.minor(case.tensorflow) in _WITHOUT_SEARCH:
            add(case.package(case.distribution or ""), pip_nvidia_libs_not_found=24, cuda_libs_missing=10)
    if _keras_of_another(case):
        add(case.package("keras"), keras_tf_mismatch=90)
    if case.os == "linux" and case.tensorflow is None and not case.container and (case.cards or case.driver_version):
        seen_as = case.facts.gpus if case.cards else case.facts.driver
        words = case.cards[0].name if case.cards else case.driver_version or ""
        add(fact("gpus" if case.cards else "driver", words, seen_as),
            driver_not_loaded=18, uvm_or_driver_state=16, driver_library_mismatch=8, driver_too_old=8)
    if case.kind == "conda" and case.tensorflow is None and not toolkits and case.environment is not None:
        add(fact("environment.kind", "conda", case.environment.kind), cpu_build_selected=14)
    refused = refuted(case)
    weights = {cause: weight for cause, weight in weights.items() if cause not in refused}
    if weights:
        title = "nothing in the log is known; this is what such surroundings most often suffer from"
        yield from candidates(SURROUNDINGS, weights, title, tuple(seen), ("convfix", "doctor"))


def _states(case: Case) -> bool:
    """Whether lines of the log state what commands print of a system: that alone tells of no trouble."""
    seen = (getattr(case.facts, name) for name in ("os", "wsl", "container", "gpus", "driver", "toolkits"))
    return "log" in case.facts.environment.via or any(" line " in via for one in seen for via in one.via)


def is_silent(case: Case) -> bool:
    """Whether a log was read and holds no line of a known failure, and no harmless one; what was cut off may have been one."""
    return not (lost(case) or said(case, CUT_OFF)) and (case.facts.events.is_absent and not _states(case) or _only_states(case))


def _only_states(case: Case) -> bool:
    """Whether the log states facts alone, and a report tells of trouble with them."""
    kinds = {one.row.kind for one in heard(case)}
    states = kinds == {"fact"} or not kinds and _states(case)
    return states and (is_reported(case.facts.os) or is_reported(case.facts.environment))


def _only_listed(case: Case) -> bool:
    """Whether all that is known of the packages is a list in the log: that alone tells of no trouble."""
    return bool(case.packages_seen.via) and all(" line " in via for via in case.packages_seen.via)


def _modern(case: Case) -> bool:
    return case.tensorflow is None or compare.minor(case.tensorflow) >= _FIRST_WITHOUT_WINDOWS


def _keras_of_another(case: Case) -> bool:
    """Whether the Keras that is told is of another generation than the TensorFlow, or, up to 2.15, of another minor version."""
    keras = case.packages.get("keras")
    if keras is None or case.tensorflow is None or compare.minor(case.tensorflow) < _FIRST_WITH_KERAS:
        return False
    theirs, minor = compare.minor(keras), compare.minor(case.tensorflow)
    return theirs != minor if minor < _FIRST_WITH_KERAS_3 else theirs < (3, 0)
