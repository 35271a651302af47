"""``make_plan``: facts, findings and the wish to the smallest plan that works, or the honest reason why there is none.

The unit is one plan. The way: what is wished and what blocks; the device; settings; the stack that meets it
with the least change; the loader; a person's steps. Each is a short function over one ``Situation`` and one
``Draft``. The plan depends on nothing but its arguments.
"""

from __future__ import annotations

from typing import Iterable

from fixer.dataset.driver_floor import of_major
from fixer.dataset.own_build import with_patient
from fixer.dataset.questions import Dataset
from fixer.model import compare
from fixer.model.facts import Facts
from fixer.model.finding import Finding
from fixer.model.plan import FORMAT, Plan, Wish
from fixer.planning import ahead, causes, container, explain, metal, outcome, people, remedies
from fixer.planning.draft import Draft
from fixer.planning.fingerprint import fingerprint
from fixer.planning.install import carry_out
from fixer.planning.loader_repair import repair_loader
from fixer.planning.search import Search
from fixer.planning.situation import Situation
from fixer.planning.target import Target, target


def make_plan(facts: Facts, findings: Iterable[Finding], dataset: Dataset, wish: Wish, version: str) -> Plan:
    """The plan for ``facts`` under ``wish``; raises UsageError for a wish that cannot be read."""
    dataset = with_patient(dataset, facts)
    situation = Situation(facts, findings, dataset, wish)
    draft = Draft()
    aim = target(situation)
    _work(situation, draft, aim)
    explain.closing(situation, draft)
    if not draft.decided:
        draft.actions.clear()
        draft.human_steps.clear()
    actions = draft.numbered()
    device = aim.device or "cpu"
    if draft.device is not None:
        device = draft.device
    # The oldest driver for the CUDA is no driver for a card that came later.
    floor = people.limits(situation, draft.driver_floor)[0]
    state = outcome.derive(situation, actions, device, draft.driver, floor) if draft.decided else None
    return Plan(
        format=FORMAT,
        version=version,
        dataset=dataset.version,
        python=situation.patient.interpreter if situation.patient is not None else None,
        wish=wish,
        findings=situation.findings,
        outcome=state,
        rejected=tuple(draft.rejected),
        actions=actions,
        human_steps=tuple(draft.human_steps),
        fingerprint=fingerprint(facts),
        exit_code=draft.exit_code,
        notes=tuple(draft.notes),
    )


def _work(situation: Situation, draft: Draft, aim: Target) -> None:
    blocking = tuple(one for one in situation.findings if one.severity == "blocks")
    explain.opening(situation, draft, aim)
    primary = next((one for one in blocking if one.primary), blocking[0] if blocking else None)
    if primary is not None and primary.certainty == "cannot-tell":
        draft.need(*(primary.needs or ("the facts that decide",)))
        explain.unknown(draft, primary)
        return
    blocking = tuple(one for one in blocking if one.certainty != "cannot-tell")
    if _impossible_gpu(situation, draft, blocking):
        return
    wanting = _unmet(situation)
    if not blocking and not wanting:
        return
    _packages(situation, draft, aim, blocking, wanting)
    if not draft.decided:
        return
    if draft.driver_floor is None:
        draft.driver_floor = _present_floor(situation)
    _settings(situation, draft, blocking)
    ahead.keras_backend(situation, draft)
    _people(situation, draft, blocking)
    _space(situation, draft)
    explain.fetching(draft)
    container.mark(situation, draft)


def _impossible_gpu(situation: Situation, draft: Draft, blocking: tuple[Finding, ...]) -> bool:
    """A GPU is wished for where none is: the host's step in a container, else there is no stack."""
    if situation.wish.device != "gpu":
        return False
    if situation.wishes.for_the_cpu:
        search = Search(situation, gpu=True)
        search.refuse_all("tensorflow-cpu is wished for, and is built without CUDA", "wish.tensorflow-cpu")
        draft.rejected += search.refusals.listed()
        draft.no_stack = True
        draft.note("Way out: wish for tensorflow, which is the build with CUDA.")
        explain.ways_out(situation, draft, gpu_absent=True)
        return True
    too_old = metal.unmet(situation)
    if situation.metal and too_old is None or situation.os != "macos" and not situation.facts.gpus.is_absent:
        return False
    boxed = next((one for one in blocking if one.cause == "container-without-gpu"), None)
    if boxed is not None or situation.facts.container.value:
        draft.step(container.start_step(situation, boxed))
        draft.device = "gpu" if situation.tensorflow else None
        return True
    off = next((one for one in blocking if one.cause == "gpu-powered-off"), None)
    if off is not None:
        draft.step(people.from_finding(off))
        return True
    search = Search(situation, gpu=True)
    if situation.os == "macos":
        search.refuse_all(too_old or "CUDA does not exist on macOS", "distro" if too_old else "os")
    else:
        search.refuse_all("this machine has no NVIDIA GPU")
    draft.rejected += search.refusals.listed()
    draft.no_stack = True
    explain.ways_out(situation, draft, gpu_absent=True)
    return True


def _unmet(situation: Situation) -> tuple[str, ...]:
    """What the wish asks for and the environment does not have."""
    wishes, missing = situation.wishes, []
    if situation.tensorflow is None or not (
        not wishes.tensorflow or compare.within(wishes.tensorflow, situation.tensorflow)
    ):
        if situation.facts.packages.is_unknown and not wishes.names_tensorflow:
            return ()
        missing.append("tensorflow")
    for name in wishes.others:
        installed = situation.packages.get(name)
        if installed is None or not wishes.admits(name, installed):
            missing.append(name)
    environment = situation.environment
    python = environment.python.value if environment is not None else None
    if wishes.python and (python is None or not compare.within(wishes.python, python)):
        missing.append("python")
    return tuple(missing)


def _packages(
    situation: Situation, draft: Draft, aim: Target, blocking: tuple[Finding, ...], wanting: tuple[str, ...]
) -> None:
    """Whatever a change of packages or of the loader settles."""
    gpu = aim.device == "gpu"
    about_packages = tuple(one for one in blocking if one.cause in causes.PACKAGES or one.code in causes.BY_PACKAGE)
    about_packages += _doubled(situation, blocking) if gpu else ()
    about_stack = tuple(one for one in blocking if one.cause in causes.STACK)
    about_libraries = tuple(one for one in blocking if one.cause in causes.LIBRARIES and not _by_person(situation, one))
    if not (about_packages or about_stack or about_libraries or wanting):
        return
    closed = [one for one in about_packages if one.code == "environment-broken/unreadable"]
    if closed:
        # No installer gets into such a folder; what else there is to do shows when its owner has opened it.
        for one in closed:
            draft.step(people.from_finding(one))
        return
    demanded = remedies.demands(situation, (*about_packages, *about_stack, *about_libraries))
    only_loader = about_libraries and not (about_packages or about_stack or wanting)
    if only_loader and not _compiler_too_old(situation) and repair_loader(situation, draft, about_libraries):
        return
    if situation.facts.environment.is_unknown:
        draft.need("environment")
        draft.note(
            "Which environment there is, and what is in it, is not known (environment): it decides what is installed."
        )
        return
    changes_tensorflow = (
        bool(about_stack) or situation.tensorflow is None or "tensorflow" in wanting or "python" in wanting
    )
    if aim.device is None and changes_tensorflow:
        draft.need(aim.need)
        explain.unknown_device(draft)
        return
    carry_out(situation, draft, gpu, demanded, (*about_packages, *about_stack, *about_libraries), wanting)


def _doubled(situation: Situation, blocking: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """A build without CUDA over the one with it: where the GPU does not work, CUDA's libraries alone may mend nothing."""
    if not any(one.cause in causes.LIBRARIES for one in blocking):
        return ()
    doubled = (one for one in situation.findings if one.cause == "duplicate-tf-packages" and one.severity == "risks")
    return tuple(one for one in doubled if one.subject.get("cpu"))


def _compiler_too_old(situation: Situation) -> bool:
    """Whether no ptxas here knows the card, the wheel's included: that stops XLA as surely as a library that is not found."""
    for one in situation.findings:
        wheel = situation.packages.get(one.subject.get("package", ""), "")
        if one.code == "ptxas-too-old" and not compare.within(one.subject["wanted"], wheel):
            return True
    return False


def _by_person(situation: Situation, finding: Finding) -> bool:
    """Whether a library is no package's: the driver's own, and all of CUDA's on Windows, where no wheel brings them."""
    return finding.code in causes.BY_SETTING or situation.os == "windows"


def _settings(situation: Situation, draft: Draft, blocking: tuple[Finding, ...]) -> None:
    for finding in blocking:
        if finding.cause in causes.SETTINGS or finding.code in causes.BY_SETTING:
            remedies.setting(situation, finding, draft)


def _people(situation: Situation, draft: Draft, blocking: tuple[Finding, ...]) -> None:
    """What is left: the driver by the distribution's commands, the rest by the finding's own remedy."""
    settled = causes.PACKAGES | causes.STACK | causes.LIBRARIES | causes.SETTINGS
    anew = any(one.code in ("driver-drops-gpu", "driver-wrong-module-flavour", "nouveau-active") for one in blocking)
    for finding in blocking:
        if finding.code in causes.BY_PACKAGE:
            continue
        if anew and finding.code == "driver-not-loaded":
            continue  # The module that is there cannot be loaded for this card; the one that is installed will be.
        if finding.cause in causes.DRIVER and finding.cause not in causes.STACK:
            _driver(situation, draft, finding)
        elif finding.cause == "container-without-gpu":
            draft.step(container.start_step(situation, finding))
        elif finding.cause not in settled or situation.os == "windows" and finding.cause in causes.LIBRARIES:
            if finding.remedy.plan == "none":
                draft.note(finding.remedy.summary)
            else:
                draft.step(people.from_finding(finding))
    if draft.device == "gpu" and draft.driver == "keep" and situation.facts.driver.is_absent and not draft.human_steps:
        step, draft.driver = people.driver_step(situation, draft.driver_floor, "There is no NVIDIA driver.")
        draft.step(step)


def _present_floor(situation: Situation) -> str | None:
    """The oldest driver for the CUDA of the TensorFlow that stays; None where its build is not known."""
    if situation.distribution is None or situation.tensorflow is None:
        return None
    row = situation.dataset.tensorflow_row(situation.distribution, situation.tensorflow)
    if row is None or not row.is_cuda_build or row.cuda is None:
        return None
    oldest = of_major(situation.dataset, row.cuda, situation.os == "windows", situation.wsl)
    return str(oldest.driver) if oldest is not None else None


def _driver(situation: Situation, draft: Draft, finding: Finding) -> None:
    own = people.from_finding(finding)
    if finding.cause == "secure-boot":
        draft.step(people.secure_boot_step(situation, finding))
        return
    installs = finding.code in ("driver-not-installed", "nouveau-active", "driver-drops-gpu") or (
        finding.cause == "driver-not-loaded" and not own.commands and finding.code != "driver-handed-over"
    )
    if installs or situation.wsl:
        step, driver = people.driver_step(situation, draft.driver_floor, f"{finding.title}.")
        draft.driver = driver
        # The finding's own commands know nothing of the CUDA that the plan needs: in WSL alone they say more.
        draft.step(own if situation.wsl and own.commands and not step.commands else step)
        return
    if finding.cause == "driver-wrong-module-flavour":
        step, draft.driver = people.driver_step(situation, draft.driver_floor, f"{finding.title}.")
        draft.step(step if step.commands else own)
        return
    draft.step(own)


def _space(situation: Situation, draft: Draft) -> None:
    """A plan that does not fit on the disk waits for a person."""
    free = situation.facts.disk_free_mib.value
    needed = sum(action.disk_bytes or 0 for action in draft.actions)
    if free is None or needed <= free << 20:
        return
    draft.actions.clear()
    draft.notes = [text for text in draft.notes if not text.startswith(explain.ENTER)]
    draft.step(people.space_step(situation, needed, free))
    draft.note(f"The plan needs {needed >> 20} MiB of disk and {free} MiB are free, so nothing is installed.")
    if draft.device == "gpu" and situation.wish.device == "any":
        draft.note("For the CPU alone much less is installed: convfix plan --device cpu.")
    draft.device = "cpu" if situation.tensorflow is None else draft.device
