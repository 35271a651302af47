"""A plan by conda-forge's own builds of TensorFlow: where the wish is conda, or where no wheel serves the GPU.

The unit is ``instead``: whether a build takes the place of what the search over wheels found, with its actions.
"""

from __future__ import annotations

from fixer.model.record import altered
from fixer.planning import conda, explain, steps
from fixer.planning.candidates import Stack
from fixer.planning.draft import Draft
from fixer.planning.search import Search
from fixer.planning.situation import Situation


def instead(situation: Situation, draft: Draft, search: Search, stack: Stack | None, because: tuple[str, ...]) -> bool:
    """Let conda bring TensorFlow itself, where that is wished for or the only way; False where nothing was done."""
    if not search.gpu or search.needs or situation.conda is None or situation.owner is not None:
        return False
    replaces = situation.by_conda and search.renew
    if stack is not None and (stack.here and not replaces or not (conda.wished(situation) or replaces) or stack.libraries.conda):
        return False
    found = conda.best_build(situation, search.gpu)
    if found.build is None:
        search.refusals.take(found.refused)
        return False
    draft.rejected += search.refusals.listed()
    _install(situation, draft, found.build, because)
    return True


def _install(situation: Situation, draft: Draft, build: conda.Build, because: tuple[str, ...]) -> None:
    told = conda.override(situation, build.row.cuda)
    here = conda.in_place(situation, build)
    if here is not None:
        draft.actions.append(steps.conda_specs(situation, here.requirements, told, because))
    else:
        # The home's environment of wheels keeps its name; conda's own stands beside it.
        draft.actions.append(steps.new_environment(situation, build.python, {}, build.row, because, build.requirements, told))
        explain.entered(draft)
    draft.device, draft.driver_floor = "gpu", build.verdict.driver
    draft.note(
        f"conda-forge's build of TensorFlow {build.row.version} for CUDA {build.row.cuda} has code for "
        f"{situation.card_name}; conda itself chooses the packages beside it, so this plan is best-effort."
    )
    if told is not None:
        draft.note(f"CONDA_OVERRIDE_CUDA={told}: this machine shows no driver, and conda would choose a build for the CPU.")


def advice(situation: Situation, draft: Draft, stack: Stack) -> None:
    """A build with machine code where the wheel's kernels are compiled at the first run: named, not chosen."""
    if not any(kind == "compiled" for kind, _ in stack.verdict.flaws) or situation.os != "linux":
        return
    found = conda.best_build(_without_wish(situation), True).build
    if found is None or any(kind == "compiled" for kind, _ in found.verdict.flaws):
        return
    how = "convfix plan --manager conda" if situation.conda else "install conda or micromamba, then: convfix plan --manager conda"
    draft.note(
        f"conda-forge's build of TensorFlow {found.row.version} for CUDA {found.row.cuda} has machine code for "
        f"{situation.card_name}: {how}."
    )


def way_out(situation: Situation, draft: Draft) -> None:
    """Where nothing else serves the GPU and conda is not here: the build that would."""
    if situation.conda is not None or situation.os != "linux":
        return
    found = conda.best_build(situation, True).build
    if found is not None:
        draft.note(
            f"Way out: conda-forge's build of TensorFlow {found.row.version} for CUDA {found.row.cuda} serves "
            f"{situation.card_name}: install conda or micromamba, then: convfix plan --manager conda."
        )


def _without_wish(situation: Situation) -> Situation:
    """The same machine without a wish for a release: advice looks at what there is."""
    bare = altered(situation.wish, requirements=())
    return Situation(situation.facts, situation.findings, situation.dataset, bare)
