"""From facts to findings: pure functions, one a cause, run in any order; none reads another's result.

The unit is a rule: ``def rule(case: Case) -> Iterable[Finding]``. It says what it concludes, how sure
it is, what that rests on, and which fact is missing where it cannot tell. ``judge`` runs the table and
``ranking`` chooses. Nothing here looks at the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
    heard,
    heard_cards,
    heard_cudnn,
    heard_driver,
    heard_imports,
    heard_installers,
    heard_libraries,
    heard_memory,
    heard_xla,
    keras,
    launchers,
    libcuda,
    memory,
    neighbours,
    process,
    search_paths,
    sharing,
    state,
    surroundings,
    system,
    tensorflow_itself,
    visibility,
    xla,
)
from fixer.rules.case import Case, Target
from fixer.rules.ranking import rank

Rule = Callable[[Case], Iterable[Finding]]

OF_MACHINES: tuple[Rule, ...] = (
    system.libc_musl,
    system.cpu_without_avx,
    system.glibc_too_old,
    system.libstdcxx_too_old,
    system.python_unsupported,
    tensorflow_itself.tensorflow_missing,
    tensorflow_itself.tensorflow_gpu_removed,
    tensorflow_itself.duplicate_tf_packages,
    tensorflow_itself.cpu_build_selected,
    tensorflow_itself.and_cuda_extra_unsatisfiable,
    environment.environment_broken,
    environment.installed_over,
    environment.module_shadowed,
    environment.user_site_leak,
    neighbours.package_pairs,
    neighbours.missing_requirement,
    neighbours.missing_keras_requirement,
    neighbours.plugin_built_for_other_tf,
    keras.keras_backend_setting,
    keras.legacy_keras,
    keras.image_layout,
    visibility.no_nvidia_gpu,
    visibility.cuda_visible_devices,
    visibility.container_without_gpu,
    visibility.wsl_libcuda_path,
    visibility.windows_native_no_gpu,
    visibility.apple_silicon,
    hardware.gpu_powered_off,
    hardware.gpu_arch_too_old,
    hardware.gpu_arch_too_new,
    hardware.gpu_compiled_first,
    hardware.gpu_arch_unknown,
    driver_loading.nouveau_active,
    driver_loading.secure_boot,
    driver_loading.driver_not_loaded,
    driver_loading.libcuda_not_searched,
    driver_loading.driver_drops_gpu,
    driver_loading.driver_wrong_module_flavour,
    libcuda.driver_library_mismatch,
    libcuda.mismatch_by_nvml,
    libcuda.cuda_compat_lib,
    libcuda.libcuda_stub_loaded,
    driver_versions.driver_too_old,
    driver_versions.driver_cannot_compile,
    driver_state.device_permissions,
    driver_state.uvm_or_driver_state,
    sharing.gpu_busy,
    sharing.mig_without_instance,
    sharing.unfit_card_picked,
    launchers.not_for_every_launcher,
    process.env_not_inherited,
    process.process_is_older,
    process.mapped_instead,
    search_paths.ld_library_path_shadows_env,
    search_paths.pip_nvidia_libs_not_found,
    search_paths.ld_library_path_missing,
    search_paths.empty_path_element,
    cudnn.cudnn_shadowed,
    cudnn_parts.cudnn_parts_mixed,
    cudnn.cudnn_version,
    cudnn.cudnn_missing,
    cudnn.cudnn_drops_gpu,
    cuda_libraries.cuda_libs_wrong_version,
    cuda_libraries.cuda_libs_missing,
    cuda_libraries.cuda_libs_unknown,
    cuda_libraries.cuda_older_minor,
    cuda_libraries.nvidia_wheel_collision,
    cuda_libraries.tf_torch_pin_conflict,
    xla.libdevice_missing,
    xla.ptxas_too_old,
    memory.gpu_memory_held,
    memory.gpu_too_small,
    memory.growth_setting,
    state.interrupted_apply,
    heard_driver.halves_in_a_container,
)

# They judge lines of a log, or that a log says nothing: where none was read they have nothing to say.
OF_A_LOG: tuple[Rule, ...] = (
    heard.said_outright,
    heard.said_among_several,
    heard_cudnn.cudnn_as_loaded,
    heard_cudnn.cudnn_before_one,
    heard_cudnn.cudnn_dropped_the_card,
    heard_cards.not_built_for,
    heard_cards.torch_not_compatible,
    heard_driver.insufficient_by_number,
    heard_driver.container_wants_another_release,
    heard_driver.stub_answers,
    heard_memory.memory_limit,
    heard_memory.ladder_without_an_end,
    heard_memory.memory_by_numbers,
    heard_xla.ptxas_missing,
    heard_libraries.loader_trace,
    surroundings.silent_log,
    heard_libraries.driver_library_not_loaded,
    heard_libraries.cudnn_not_loaded,
    heard_libraries.cuda_not_loaded,
    heard_libraries.library_symbol,
    heard_libraries.library_unusable,
    heard_libraries.library_wrong_class,
    heard_imports.module_missing,
    heard_imports.attribute_missing,
    heard_imports.name_missing,
    heard_imports.half_imported,
    heard_imports.not_a_package,
    heard_imports.own_file_in_the_way,
    heard_imports.windows_runtime,
    heard_imports.protobuf_majors,
    heard_imports.user_site_in_traceback,
    heard_installers.requirement_unmet,
    heard_installers.left_incompatible,
)
RULES: tuple[Rule, ...] = (*OF_MACHINES, *OF_A_LOG)


def judge(facts: Facts, dataset: Dataset, wish: Wish) -> tuple[Finding, ...]:
    """Every finding for ``facts`` under ``wish``, weightiest first, at most one of them primary."""
    case = Case(facts, dataset.with_patient(facts), wish)
    rules = OF_MACHINES if facts.events.is_unknown else RULES
    return rank(found for rule in rules for found in rule(case))


def target(facts: Facts, dataset: Dataset, wish: Wish) -> Target:
    """The device that ``wish`` means on this machine; unknown where nobody could look for a GPU."""
    return Case(facts, dataset, wish).target
