"""The loader's repair: the right libraries first, by the way that the wish names, and XLA's compiler where it matters.

The unit is ``repair_loader``, for the case in which every library is there and only the loader errs;
``load_first`` is the same step beside an installation. Which libraries, and in which order, ``loading`` says.
"""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import Iterable, Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model import architectures, compare
from fixer.model.action import ActionSpec, HumanStep
from fixer.model.finding import Finding
from fixer.planning import causes, explain, steps
from fixer.planning.candidates import Stack
from fixer.planning.draft import Draft
from fixer.planning.gates import wheels
from fixer.planning.libraries import cudnn_serves
from fixer.planning.loading import Preload, outside, preload
from fixer.planning.remedies import wrong_sonames
from fixer.planning.situation import Situation

# Another file order mends neither a file that is broken nor one that another wheel has overwritten.
_NEEDS_FILES = ("cuda-libs-broken",)
_NEEDS_WHEELS = ("nvidia-wheel-collision", "cudnn-drops-gpu", "libdevice-missing", "ptxas-missing")


def repair_loader(situation: Situation, draft: Draft, findings: tuple[Finding, ...]) -> bool:
    """Every library is there and only the loader errs: load the right copies first; False where none can be named."""
    row = installed_row(situation)
    if row is None or situation.not_editable is not None:
        return False
    wrong = wrong_sonames(findings)
    if not wrong or any(one.code in _NEEDS_FILES or one.cause in _NEEDS_WHEELS or "reinstall" in one.subject for one in findings):
        return False
    nvidia = {name: version for name, version in situation.packages.items() if name.startswith("nvidia-")}
    first = preload(situation, row, nvidia, situation.site_packages, wrong)
    covered = {posixpath.basename(path) for path in first.paths}
    left = [soname for soname in wrong if soname not in covered]
    if any("cudnn" in soname for soname in covered) and not _right_cudnn(situation, row, nvidia):
        return False
    if left and not all(one.cause in causes.LOADER_ONLY for one in findings):
        return False
    if left:
        folders = _folders(findings, left)
        more = outside(situation, row, left, folders)
        if not folders or not all(any(_answers(path, soname) for path in more.paths) for soname in left):
            return False
        first = Preload((*first.paths, *(path for path in more.paths if not any(_answers(path, soname) for soname in covered))))
    if not first.paths:
        return False
    because = tuple(one.code for one in findings)
    if situation.owner is not None:
        draft.step(_by_hand(situation, first))
        return True
    place = (situation.interpreter, situation.prefix, situation.site_packages)
    harmful = _harmful(situation, findings, first)
    load_first(situation, draft, first, place, because, conda=situation.kind == "conda", harmful=harmful)
    too_old = next((one for one in situation.findings if one.code == "ptxas-too-old"), None)
    if too_old is not None and compare.within(too_old.subject["wanted"], nvidia.get(too_old.subject["package"], "0")):
        _name_compiler(situation, draft, place, because, f"{too_old.title}.", conda=situation.kind == "conda")
    explain.setting_left(situation, draft)
    return True


def _right_cudnn(situation: Situation, row: TensorFlowRow, nvidia: Mapping[str, str]) -> bool:
    """Whether the environment's own cuDNN is one that TensorFlow and the cards accept."""
    built = compare.cuda(row.cuda)
    version = nvidia.get(f"nvidia-cudnn-cu{built.major}") if built is not None else None
    served = ("machine code", "ptx")
    known = [one for one in situation.capabilities if one is not None]
    cards = [one for one in known if architectures.coverage(row.compute_capabilities, row.ptx, one) in served]
    compiled = compare.cudnn(row.cudnn_compiled)
    return version is not None and cudnn_serves(situation.dataset, version, compiled, row.cudnn_major, cards)


def installed_row(situation: Situation) -> TensorFlowRow | None:
    """The dataset's row of the installed TensorFlow, or the nearest of its minor release."""
    name, version = situation.distribution, situation.tensorflow
    if name is None or version is None:
        return None
    return _installed_row(situation.dataset, situation.platform, name, version)


@lru_cache(maxsize=512)
def _installed_row(dataset: Dataset, platform: str, name: str, version: str) -> TensorFlowRow | None:
    for distribution in (name, "tensorflow"):
        rows = wheels(dataset, distribution, platform)
        exact = next((row for row in rows if compare.key(row.version) == compare.key(version)), None)
        if exact is not None:
            return exact
    rows = wheels(dataset, "tensorflow", platform)
    return next((row for row in rows if compare.minor(row.version) == compare.minor(version)), None)


def _folders(findings: Iterable[Finding], left: Iterable[str]) -> tuple[str, ...]:
    """Where the right copies lie, as the findings say."""
    found: list[str] = []
    for finding in findings:
        named = finding.subject.get("sonames", "").split(",")
        if not set(named) & set(left):
            continue
        if finding.subject.get("right"):
            found.append(posixpath.dirname(finding.subject["right"]))
        elif finding.cause == "ld-library-path-missing":
            found += finding.subject.get("folders", "").split(":")
    return tuple(dict.fromkeys(folder for folder in found if folder))


def _harmful(situation: Situation, findings: Iterable[Finding], first: Preload) -> tuple[str, ...]:
    """The folders of LD_LIBRARY_PATH whose copies hide the right ones; an activation takes them off before it adds any."""
    hiding = [one for one in findings if one.cause in ("ld-library-path-shadows-env", "cudnn-shadowed")]
    named = [part for one in hiding for part in one.subject.get("folders", "").split(":")]
    named += [posixpath.dirname(one.subject.get("winner", "")) for one in hiding]
    entries = [part.rstrip("/") for part in situation.variables.get("LD_LIBRARY_PATH", "").split(":") if part.startswith("/")]
    bad = {part.rstrip("/") for part in named} - set(first.folders)
    return tuple(dict.fromkeys(part for part in entries if part in bad and posixpath.normpath(part) == part))


def _answers(path: str, soname: str) -> bool:
    """Whether a file of this name answers to ``soname``. A soname may hold two numbers: libcudart.so.11.0."""
    name = posixpath.basename(path)
    return name == soname or name.startswith(f"{soname}.")


def load_first(
    situation: Situation,
    draft: Draft,
    first: Preload,
    place: tuple[str, str, str],
    because: tuple[str, ...],
    *,
    conda: bool,
    harmful: tuple[str, ...] = (),
) -> None:
    """The way that ``--paths`` asks for; the hook unless another is named, because it reaches every launcher."""
    if not first.paths:
        return
    interpreter, prefix, site = place
    made: list[ActionSpec]
    if situation.wish.paths == "activation":
        made = steps.activations(
            situation,
            prefix,
            interpreter,
            because,
            conda_environment=conda,
            prepend={"LD_LIBRARY_PATH": first.folders},
            drop={"LD_LIBRARY_PATH": harmful},
        )
        # A kernel's env is no place for a folder with a dollar: Jupyter would replace it.
        here = prefix == situation.prefix and not any("$" in folder for folder in first.folders)
        kernels = steps.kernels(situation, prefix, interpreter, because, first.folders) if here else []
        made += kernels
        reached = "terminals and the notebooks of its kernel" if kernels else "terminals alone; notebooks"
        draft.note(f"The activation reaches {reached}{'; ' if kernels else ', '}IDEs and cron jobs started elsewhere do not see it.")
    elif situation.wish.paths == "profile":
        made = steps.profile(situation, prefix, interpreter, because, first.folders, harmful)
        draft.note("A profile changes LD_LIBRARY_PATH for every program started from such a shell.")
    else:
        made = [steps.hook(interpreter, prefix, site, first.paths, because)]
    draft.actions += made


def compiler_of_wheels(
    situation: Situation,
    draft: Draft,
    stack: Stack,
    place: tuple[str, str, str],
    because: tuple[str, ...],
    *,
    conda: bool,
) -> None:
    """XLA takes a toolkit's ptxas before the wheel's; one that is older than the GPU stops it: the wheel's is named."""
    first = max((row.first_cuda or "" for row in situation.families), key=compare.release, default="")
    older = [
        toolkit.version
        for toolkit in situation.facts.toolkits.or_else(())
        if toolkit.version and first and compare.release(toolkit.version)[:2] < compare.release(first)[:2]
    ]
    if older and any(kind == "compiled" for kind, _ in stack.verdict.flaws):
        why = f"The toolkit {older[0]} holds a ptxas that does not know this GPU, and XLA would take it first."
        _name_compiler(situation, draft, place, because, why, conda=conda)


def _name_compiler(
    situation: Situation, draft: Draft, place: tuple[str, str, str], because: tuple[str, ...], why: str, *, conda: bool
) -> None:
    """XLA_FLAGS names the compiler of the wheels when the environment is activated, unless the person named another."""
    interpreter, prefix, site = place
    flag = f"--xla_gpu_cuda_data_dir={posixpath.join(site, 'nvidia', 'cuda_nvcc')}"
    given = situation.variables.get("XLA_FLAGS", "")
    if "xla_gpu_cuda_data_dir" in given:
        return
    draft.actions += steps.activations(
        situation,
        prefix,
        interpreter,
        because,
        conda_environment=conda,
        setting={"XLA_FLAGS": f"{given} {flag}".strip()},
    )
    draft.note(
        f"{why[:1].upper()}{why[1:]} XLA_FLAGS names the wheel's when the environment is activated. Convolutions of Keras do "
        "not need it; jit_compile does."
    )


def _by_hand(situation: Situation, first: Preload) -> HumanStep:
    text = f"Start Python with LD_LIBRARY_PATH led by {':'.join(first.folders)}"
    why = f"{situation.owner} owns this environment, so convfix puts nothing into it; activate prints the lines for a shell."
    return HumanStep(text, (("convfix", "activate", "--shell", "bash"),), why, "person")
