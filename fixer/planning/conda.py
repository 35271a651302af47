"""What conda can bring: CUDA libraries for TensorFlow's older wheels, and conda-forge's own builds of TensorFlow.

The unit is a question about one situation. conda resolves what the plan does not pin, so a plan by conda is
best-effort: only what stands in its commands is promised. It is asked where the wish is conda, or where no wheel
serves the machine and conda is at hand.
"""

from __future__ import annotations

import posixpath
from dataclasses import field, replace
from functools import lru_cache
from typing import Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import CondaRow, TensorFlowRow
from fixer.model import compare
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning.gates import CONDA_FORGE, RELEASE, Verdict, row_name, verdicts, wheels, widest
from fixer.planning.ground import Ground
from fixer.planning.loading import Preload, in_folder
from fixer.planning.refusals import WISHED, Key, Refusal, weighed
from fixer.planning.situation import Situation
from fixer.planning.wishes import Wishes, read


@record(frozen=True)
class Build:
    """One of conda-forge's builds on a Python, and what the gates say of it."""

    row: TensorFlowRow
    python: str
    verdict: Verdict

    @property
    def requirements(self) -> tuple[str, ...]:
        """The specifications that choose this very build, and keep its CUDA where it was built."""
        named = f"{self.row.distribution}={self.row.version}={self.row.build}*"
        return (named, f"cuda-version={self.row.cuda}") if self.row.cuda else (named,)


@record(frozen=True)
class Found:
    """The best build, and the refusals of the others; they are told from those of the index's wheels."""

    build: Build | None = None
    refused: Mapping[Key, Refusal] = field(default_factory=dict)


def wished(situation: Situation) -> bool:
    """Whether the person asks for conda, and it is there."""
    return situation.wish.manager == "conda" and situation.conda is not None


def libraries(dataset: Dataset, row: TensorFlowRow) -> CondaRow | None:
    """conda's CUDA libraries for the wheel ``row``."""
    return next((one for one in _libraries(dataset) if _for(one, row)), None)


@lru_cache(maxsize=16)
def _libraries(dataset: Dataset) -> tuple[CondaRow, ...]:
    return dataset.conda_libraries()


def _for(one: CondaRow, row: TensorFlowRow) -> bool:
    return row.is_cuda_build is True and row.platform == one.platform and compare.within(one.tensorflow, row.version) is True


def preload(situation: Situation, row: TensorFlowRow, prefix: str) -> Preload:
    """The libraries in a conda environment that TensorFlow's own wheel would not find there by itself."""
    return in_folder(situation.dataset, row, posixpath.join(prefix, "lib"))


def override(situation: Situation, cuda: str | None) -> str | None:
    """For which CUDA conda must be told to choose: this machine shows no driver, so conda would take CPU builds."""
    return cuda if cuda is not None and situation.driver_version is None and situation.os != "windows" else None


def best_build(situation: Situation, gpu: bool) -> Found:
    """The newest of conda-forge's builds that serves this machine and the wish, machine code before compiled kernels."""
    ground = widest(situation.dataset, CONDA_FORGE, situation.platform, situation.ground(gpu))
    return _best_build(situation.dataset, situation.platform, ground, situation.wish.requirements)


@lru_cache(maxsize=256)
def _best_build(dataset: Dataset, platform: str, ground: Ground, wish: tuple[str, ...]) -> Found:
    refused, fitting, wishes = dict[Key, Refusal](), [], read(wish)
    others = [name for name, spec in wishes.beside.items() if name != "keras" or spec]
    judged = zip(wheels(dataset, CONDA_FORGE, platform), verdicts(dataset, CONDA_FORGE, platform, ground))
    without_cuda = ground.gpu and not _any_with_cuda(dataset, platform)
    for row, verdict in judged:
        if without_cuda:
            text = f"conda-forge builds it for {platform} without CUDA"
            key, told = _refusal(row.distribution, row.version, row.build, (Reason(text, row_name(dataset, row), "arch"),))
            refused[key] = told
            continue
        if row.is_cuda_build is not ground.gpu:
            continue
        reasons = [*verdict.reasons, *_against(dataset, wishes, row, others)]
        python = next((one for one in reversed(row.python) if wishes.admits_python(one)), None)
        if python is None:
            text = f"conda-forge has it for Python {', '.join(row.python)}; {WISHED}python{wishes.python}"
            reasons.append(Reason(text, row_name(dataset, row), "wish.python"))
        if reasons or python is None or verdict.needs:
            key, told = _refusal(row.distribution, row.version, row.build, tuple(reasons))
            refused[key] = told
            continue
        fitting.append(Build(row, python, verdict))
    return Found(min(fitting, key=lambda one: len(one.verdict.flaws), default=None), refused)


@lru_cache(maxsize=16)
def _any_with_cuda(dataset: Dataset, platform: str) -> bool:
    return any(row.is_cuda_build for row in wheels(dataset, CONDA_FORGE, platform))


@lru_cache(maxsize=1024)
def _refusal(distribution: str, version: str, build: str, reasons: tuple[Reason, ...]) -> tuple[Key, Refusal]:
    """Equal refusals are one, as those of wheels are."""
    return (version, build, False), weighed(version, {distribution: version, "build": f"conda-forge {build}"}, reasons)


def _against(dataset: Dataset, wishes: Wishes, row: TensorFlowRow, others: list[str]) -> list[Reason]:
    wish, name = wishes.tensorflow, row_name(dataset, row)
    found = [Reason(f"{WISHED}tensorflow{wish}", fact=RELEASE)] if wish and not compare.within(wish, row.version) else []
    if row.is_cuda_build and not (row.compute_capabilities or row.ptx):
        found.append(Reason("for which GPUs this build has code is not known", name, RELEASE))
    if others:
        text = f"what conda-forge has of {', '.join(others)} beside it is not known"
        found.append(Reason(text, name, f"wish.{others[0]}"))
    return found


def in_place(situation: Situation, build: Build) -> Build | None:
    """``build`` on the Python of the present environment, where conda itself put TensorFlow there; else None."""
    if situation.kind != "conda" or not situation.by_conda or situation.not_editable is not None:
        return None
    if situation.python not in build.row.python or not situation.wishes.admits_python(situation.python or ""):
        return None
    return replace(build, python=situation.python or build.python)


def versions(requirements: Mapping[str, str] | tuple[str, ...]) -> dict[str, str]:
    """Names to versions of conda's specifications: ``{"cudnn": "8.1.0"}`` for ``cudnn=8.1.0``."""
    found = {}
    for text in requirements:
        name, _, version = str(text).replace("==", "=", 1).partition("=")
        found[name] = version.partition("=")[0]
    return found
