"""From facts to findings: pure functions, one a cause, run in any order; none reads another's result.

The unit is a rule: ``def rule(case: Case) -> Iterable[Finding]``. It says what it concludes, how sure
it is, what that rests on, and which fact is missing where it cannot tell. ``judge`` runs the tables whose subject
is there, and ``ranking`` chooses. Nothing here looks at the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fixer.dataset.own_build import with_patient
from fixer.dataset.questions import Dataset
from fixer.model.facts import Facts
from fixer.model.finding import Finding
from fixer.model.plan import Wish
from fixer.rules import (
    cuda_libraries,
    cudnn,
    cudnn_parts,
    driver_loading,
    driver_state,
    driver_versions,
    environment,
    hardware,
    keras,
    launchers,
    libcuda,
    memory,
    neighbours,
    process,
    search_paths,
    sharing,
    state,
    system,
    tensorflow_itself,
    visibility,
    windows,
    xla,
)
from fixer.rules.case import Case, Target
from fixer.rules.elsewhere import carried_out_by_hand
from fixer.rules.loading import openings
from fixer.rules.ranking import rank

Rule = Callable[[Case], Iterable[Finding]]

# They may have something to say of any machine.
OF_MACHINES: tuple[Rule, ...] = (
    system.libc_musl,
    system.cpu_without_avx,
    system.glibc_too_old,
    system.libstdcxx_too_old,
    system.python_unsupported,
    tensorflow_itself.tensorflow_missing,
    tensorflow_itself.tensorflow_gpu_removed,
    tensorflow_itself.duplicate_tf_packages,
    tensorflow_itself.part_of_another_release,
    tensorflow_itself.cpu_build_selected,
    tensorflow_itself.and_cuda_extra_unsatisfiable,
    environment.installed_over,
    neighbours.package_pairs,
    neighbours.missing_requirement,
    neighbours.missing_keras_requirement,
    neighbours.plugin_built_for_other_tf,
    neighbours.device_plugin_of_another_tf,
    keras.keras_backend_setting,
    keras.legacy_keras,
    keras.image_layout,
    keras.refused_value,
    visibility.no_nvidia_gpu,
    visibility.cuda_visible_devices,
    visibility.container_without_gpu,
    visibility.wsl_libcuda_path,
    visibility.windows_native_no_gpu,
    visibility.apple_silicon,
    hardware.gpu_powered_off,
    libcuda.driver_library_mismatch,
    libcuda.mismatch_by_nvml,
    libcuda.driver_witnesses_disagree,
    libcuda.libcuda_stub_loaded,
    libcuda.libcuda_without_release,
    driver_state.device_permissions,
    search_paths.empty_path_element,
    cuda_libraries.nvidia_wheel_collision,
    cuda_libraries.tf_torch_pin_conflict,
    memory.growth_setting,
    state.interrupted_apply,
)
# Of a machine without a GPU they have nothing to say.
OF_CARDS: tuple[Rule, ...] = (
    hardware.gpu_arch_too_old,
    hardware.gpu_arch_too_new,
    hardware.gpu_compiled_first,
    hardware.gpu_arch_unknown,
    driver_loading.nouveau_active,
    driver_loading.secure_boot,
    driver_loading.driver_not_loaded,
    driver_loading.driver_handed_over,
    driver_loading.libcuda_not_searched,
    driver_loading.driver_drops_gpu,
    driver_loading.driver_wrong_module_flavour,
    libcuda.cuda_compat_lib,
    libcuda.cdi_of_another_driver,
    driver_versions.driver_too_old,
    driver_versions.driver_cannot_compile,
    driver_state.uvm_or_driver_state,
    driver_state.fabric_not_ready,
    sharing.gpu_busy,
    sharing.mig_without_instance,
    sharing.vgpu_without_licence,
    sharing.unfit_card_picked,
    sharing.unfit_card_first,
    cuda_libraries.cuda_libs_unknown,
    xla.ptxas_too_old,
    driver_state.nv_compute_cache,
    driver_state.cache_needed,
    memory.gpu_memory_held,
    memory.gpu_too_small,
    windows.dll_missing,
    windows.dll_search_path,
    windows.windows_cudnn,
    windows.zlibwapi_missing,
)
# Nor these where TensorFlow opens no library of CUDA's, or nobody knows which.
OF_LIBRARIES: tuple[Rule, ...] = (
    search_paths.ld_library_path_shadows_env,
    search_paths.pip_nvidia_libs_not_found,
    search_paths.ld_library_path_missing,
    cudnn.cudnn_shadowed,
    cudnn_parts.cudnn_parts_mixed,
    cudnn.cudnn_version,
    cudnn.cudnn_missing,
    cudnn.cudnn_drops_gpu,
    cuda_libraries.cuda_libs_wrong_version,
    cuda_libraries.cuda_libs_missing,
    cuda_libraries.cuda_older_minor,
    cuda_libraries.named_as_another,
    xla.libdevice_missing,
)
# These look at what only the patient's own interpreter tells.
OF_A_PATIENT: tuple[Rule, ...] = (
    environment.environment_broken,
    environment.module_shadowed,
    environment.user_site_leak,
    launchers.not_for_every_launcher,
    launchers.hidden_in_a_launcher,
)
# These compare a running process with what is there now.
OF_A_PROCESS: tuple[Rule, ...] = (
    process.env_not_inherited,
    process.process_is_older,
    process.mapped_instead,
)


def judge(facts: Facts, dataset: Dataset, wish: Wish) -> tuple[Finding, ...]:
    """Every finding for ``facts`` under ``wish``, weightiest first, at most one of them primary."""
    case = Case(facts, with_patient(dataset, facts), wish)
    findings = as_advised(case, (found for rules in _asked(case) for rule in rules for found in rule(case)))
    if not facts.modules.value:
        return rank(findings)
    from fixer.rules.modulefiles import traced

    return rank(traced(case, found) for found in findings)


def as_advised(case: Case, findings: Iterable[Finding]) -> Iterable[Finding]:
    """The findings with the commands that the case's system can run."""
    return findings if case.os == "linux" else map(carried_out_by_hand, findings)


def _asked(case: Case) -> Iterator[tuple[Rule, ...]]:
    """The rules whose subject is there; the others would say nothing."""
    facts = case.facts
    yield OF_MACHINES
    if case.cards:
        yield OF_CARDS
    if openings(case):
        yield OF_LIBRARIES
    if case.patient is not None:
        yield OF_A_PATIENT
    if facts.process.is_found:
        yield OF_A_PROCESS
    if not facts.events.is_unknown:
        yield of_a_log()


def of_a_log() -> tuple[Rule, ...]:
    """The rules that judge lines of a log, loaded only where one was read."""
    from fixer.rules.log_rules import OF_A_LOG

    return OF_A_LOG


def every_rule() -> tuple[Rule, ...]:
    """All rules that there are, whatever their subject."""
    return (*OF_MACHINES, *OF_CARDS, *OF_LIBRARIES, *OF_A_PATIENT, *OF_A_PROCESS, *of_a_log())


def target(facts: Facts, dataset: Dataset, wish: Wish) -> Target:
    """The device that ``wish`` means on this machine; unknown where nobody could look for a GPU."""
    return Case(facts, dataset, wish).target
