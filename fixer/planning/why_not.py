"""Why a stack is not chosen: the gates of planning asked about wished releases alone, with every reason kept.

The unit is ``why_not``. It judges each wheel that the wish admits in each place where it could go, with the same
functions that a plan uses, and stops at nothing: where a plan takes the first sound stack, this keeps all
reasons. It proposes no repair.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Iterable

from fixer import exit_codes
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model import compare
from fixer.model.facts import Facts
from fixer.model.finding import Finding
from fixer.model.plan import Reason, Rejected, Wish
from fixer.model.why_not import Argument, WhyNot
from fixer.planning import conda, metal, places
from fixer.planning.candidates import Option, Stack, fit
from fixer.planning.gates import RELEASE, Verdict, row_name, verdicts, wheels
from fixer.planning.order import words
from fixer.planning.packages import bounded
from fixer.planning.refusals import Refusals
from fixer.planning.search import Search
from fixer.planning.site import site
from fixer.planning.situation import Situation
from fixer.planning.target import Target, target
from fixer.planning.wishes import TENSORFLOWS

_RUNGS = ("patch", "minor")


def why_not(facts: Facts, findings: Iterable[Finding], dataset: Dataset, wish: Wish) -> WhyNot:
    """What stands against ``wish`` on this machine; raises UsageError for a wish that cannot be read."""
    told = tuple(findings)
    bare = Situation(facts, told, dataset, replace(wish, requirements=()))
    situation = Situation(facts, told, dataset, wish)
    notes = []
    if not situation.wishes.names_tensorflow and situation.tensorflow is not None:
        implied = f"{situation.distribution}=={situation.tensorflow}"
        if situation.distribution in TENSORFLOWS:
            situation = Situation(facts, told, dataset, replace(wish, requirements=(*wish.requirements, implied)))
            notes.append(f"No TensorFlow is named: the installed one is meant, {situation.tensorflow}.")
    case = _Case(situation, target(situation), notes=notes)
    case.judge_all()
    return _answer(case, bare, wish)


@dataclass
class _Case:
    """One wish on one machine while it is judged."""

    situation: Situation
    aim: Target
    refusals: Refusals = field(default_factory=Refusals)
    sound: list[Stack] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def gpu(self) -> bool:
        return self.aim.device == "gpu"

    @property
    def distribution(self) -> str:
        named = [name for name in TENSORFLOWS if name in self.situation.wishes.packages]
        return named[0] if named else "tensorflow"

    def judge_all(self) -> None:
        """Every wheel that the wish admits, newest first; without a range the newest final of each minor version."""
        situation = self.situation
        rows = wheels(situation.dataset, self.distribution, situation.platform)
        judged = verdicts(situation.dataset, self.distribution, situation.platform, situation.ground(self.gpu))
        admitted = [(verdict, row) for verdict, row in zip(judged, rows) if self._meant(row)]
        if not situation.wishes.tensorflow:
            newest: dict[tuple[int, ...], tuple[Verdict, TensorFlowRow]] = {}
            for verdict, row in admitted:
                newest.setdefault(compare.minor(row.version), (verdict, row))
            admitted = list(newest.values())
        for verdict, row in admitted:
            self._judge(verdict, row)
        self._missing({row.version for _, row in admitted})

    def _meant(self, row: TensorFlowRow) -> bool:
        wishes = self.situation.wishes
        if row.prerelease or not compare.is_final(row.version):
            return any(wishes.names_prerelease(name, row.version) for name in TENSORFLOWS)
        return not wishes.tensorflow or compare.within(wishes.tensorflow, row.version) is True

    def _missing(self, judged: set[str]) -> None:
        """Releases that the wish admits and that have no wheel for this platform; a range that admits none."""
        situation = self.situation
        released = situation.dataset.tensorflow_releases(self.distribution)
        elsewhere: dict[str, TensorFlowRow] = {}
        for row in released:
            if not row.build and self._meant(row) and row.version not in judged:
                known = elsewhere.setdefault(row.version, row)
                elsewhere[row.version] = row if known.platform == "source" else known
        if situation.wishes.tensorflow or not judged:
            for row in elsewhere.values():
                self.refusals.add(row, (_unpublished(situation, row),))
        if not judged and not elsewhere:
            newest = next((row.version for row in released if compare.is_final(row.version)), "")
            wanted = f"{self.distribution}{situation.wishes.tensorflow}"
            text = f"no published release is {wanted}" + (f"; the newest is {newest}" if newest else "")
            self.refusals.refuse({self.distribution: situation.wishes.tensorflow}, Reason(text, fact=RELEASE))

    def _judge(self, verdict: Verdict, row: TensorFlowRow) -> None:
        situation = self.situation
        here, new = places.here(situation, row), places.elsewhere(situation, row)
        # A wish for another Python does not ask about the present environment.
        if isinstance(here, Reason) and here.fact == "wish.python" and new is not None:
            here = None
        # Where the environment keeps this very TensorFlow, a new one is not in question.
        if isinstance(here, str) and situation.tensorflow is not None:
            if compare.key(row.version) == compare.key(situation.tensorflow) and situation.not_editable is None:
                new = None
        fetched = situation.shelf.fetched if isinstance(new, str) else None
        for python, rung in ((here, self._rung(row)), (new, "environment"), (places.on(situation, fetched, row), "environment")):
            reasons = [*self._about_gpu(row), *verdict.reasons]
            if isinstance(python, Reason):
                reasons.append(python)
            elif python is not None:
                reasons += self._fits(Option(row, python, rung, verdict, self.gpu, {}, self.gpu, False))
            else:
                continue
            named = python if isinstance(python, str) else situation.python if rung != "environment" else None
            if reasons:
                self.refusals.add(row, reasons, named, rung == "environment")
            elif rung == "environment":
                break

    def _fits(self, option: Option) -> tuple[Reason, ...]:
        """The reasons of the packages and libraries; a sound stack is noted, with the unknown facts it rests on."""
        refused = bool(option.verdict.reasons) or bool(self._about_gpu(option.row))
        asked = bounded(self.situation.dataset, (option.row,))
        place = site(self.situation, option.gpu, option.rung != "environment", asked, self.situation.metal)
        made = fit(place, replace(option, gpu=False, with_libraries=False) if refused else option)
        if isinstance(made, tuple):
            plain = fit(place, replace(option, gpu=False, with_libraries=False))
            return tuple(dict.fromkeys((*made, *(plain if isinstance(plain, tuple) else ()))))
        if not refused:
            self.sound.append(made)
            self.needs += [need for need in option.verdict.needs if need not in self.needs]
        return ()

    def _about_gpu(self, row: TensorFlowRow) -> tuple[Reason, ...]:
        """What a person must change before any wheel uses the GPU: there is none, or its driver is not one that serves it."""
        situation = self.situation
        told = self._about_mac(row)
        if told or not self.gpu or situation.os == "macos":
            return told
        if situation.facts.gpus.is_absent:
            where = "no GPU reaches this container" if situation.facts.container.value else "this machine has no NVIDIA GPU"
            return (Reason(where, row_name(situation.dataset, row), "gpus"),)
        return _unfit_driver(situation)

    def _about_mac(self, row: TensorFlowRow) -> tuple[Reason, ...]:
        """What keeps every TensorFlow off a Mac's GPU."""
        text = metal.unmet(self.situation) if self.aim.device == "metal" else None
        return (Reason(text, row_name(self.situation.dataset, row), "distro"),) if text else ()

    def _rung(self, row: TensorFlowRow) -> str:
        present = self.situation.tensorflow
        if present is None or compare.key(row.version) == compare.key(present):
            return "pin"
        return _RUNGS[compare.minor(row.version) != compare.minor(present)]


def _unfit_driver(situation: Situation) -> tuple[Reason, ...]:
    """Why the present driver serves none of the cards: its branch has left them, or its kernel module is the other one."""
    driver, present = situation.facts.driver.value, compare.driver(situation.driver_version)
    if driver is None or present is None or situation.wsl or situation.os != "linux":
        return ()
    is_open, found = driver.open_module.value, []
    for row in situation.families:
        name = row_name(situation.dataset, row)
        if row.last_driver_branch is not None and present.branch > row.last_driver_branch:
            text = f"driver {present} no longer serves {row.name}: branch {row.last_driver_branch} is the last that does"
            found.append(Reason(text, name, "driver.version"))
        elif is_open is not None and row.module not in ("either", "open" if is_open else "proprietary"):
            text = f"{row.name} needs the {row.module} kernel module, this machine has the other one"
            found.append(Reason(text, name, "driver.open_module"))
    return tuple(dict.fromkeys(found)) if len(found) == len(situation.cards) else ()


def _unpublished(situation: Situation, row: TensorFlowRow) -> Reason:
    """Why a release has no wheel for this platform."""
    name = row_name(situation.dataset, row)
    if row.platform != "source":
        return Reason(f"the index has no wheel of it for {situation.platform}", name, "os")
    if row.distribution == "tensorflow-gpu":
        return Reason("tensorflow-gpu was retired; this release is empty", name, RELEASE)
    return Reason("it was published without any wheel", name, RELEASE)


def _answer(case: _Case, bare: Situation, wish: Wish) -> WhyNot:
    situation = case.situation
    if case.aim.device is None and case.sound:
        case.needs.append(case.aim.need)
    firm = [stack for stack in case.sound if not stack.verdict.needs and case.aim.device is not None]
    usual = Search(bare, case.gpu, metal=bare.metal).first()
    taken = next((stack for stack in firm if usual is not None and _same(usual, stack)), None)
    nearest = sorted(firm or case.sound, key=lambda stack: not stack.here)
    best, chosen = taken or next(iter(nearest), None), taken is not None
    possible = True if firm else None if case.sound else False
    build = _by_conda(case) if possible is False else None
    if build is not None:
        case.notes.append(_CONDA.format(build.row.version, build.row.cuda))
        possible = True
    preferred = [] if chosen or best is None or usual is None else _preferred(situation, best, usual)
    rejected = case.refusals.listed()
    code = exit_codes.HEALTHY if possible else exit_codes.CANNOT_TELL if possible is None else exit_codes.NO_STACK
    return WhyNot(
        wish=wish,
        device=case.aim.device,
        possible=possible,
        chosen=chosen,
        exit_code=code,
        stack=_named(best) if build is None else _built(build),
        instead={} if chosen else _named(usual),
        reasons=_arguments(situation, _against(rejected, best if possible else None), preferred),
        rejected=rejected,
        needs=tuple(case.needs) if possible is None else (),
        notes=(*case.notes, *_hints(case, possible, rejected)),
    )


_CONDA = "No wheel serves it; conda-forge's build of TensorFlow {} for CUDA {} does, and a plan takes it."


def _by_conda(case: _Case) -> conda.Build | None:
    """conda-forge's build that a plan would take where no wheel serves the GPU."""
    situation = case.situation
    if not case.gpu or situation.conda is None or situation.owner is not None:
        return None
    return conda.best_build(situation, True).build


def _built(build: conda.Build) -> dict[str, str]:
    return {build.row.distribution: build.row.version, "python": build.python, "build": f"conda-forge {build.row.build}"}


def _same(one: Stack, other: Stack) -> bool:
    """Whether two stacks are one, for somebody who asks why it was not chosen."""
    return (one.row.version, one.python, one.here) == (other.row.version, other.python, other.here)


def _named(stack: Stack | None) -> dict[str, str]:
    if stack is None:
        return {}
    place = {} if stack.here else {"environment": "new"}
    return {stack.row.distribution: stack.row.version, "python": stack.python, **place}


def _preferred(situation: Situation, stack: Stack, usual: Stack) -> list[Reason]:
    """What speaks for another stack although nothing stands against this one."""
    found = [Reason(text, row_name(situation.dataset, stack.row), RELEASE) for _, text in stack.verdict.flaws if text]
    other = f"TensorFlow {usual.row.version} on Python {usual.python}"
    if usual.rung == "pin" and situation.tensorflow is not None:
        text = f"TensorFlow {usual.row.version} is there already and can stay"
        found.append(Reason(text, row_name(situation.dataset, usual.row), RELEASE))
    elif stack.rung != usual.rung:
        text = f"it is {words(stack.rung)}, and {other} is less of a change: {words(usual.rung)}"
        found.append(Reason(text, row_name(situation.dataset, usual.row), RELEASE))
    elif not found and compare.key(usual.row.version) > compare.key(stack.row.version):
        text = f"{other} is newer and fits as well"
        found.append(Reason(text, row_name(situation.dataset, usual.row), RELEASE))
    elif not found:
        text = f"{other} is nearer to what is there"
        found.append(Reason(text, row_name(situation.dataset, usual.row), RELEASE))
    return found


def _against(rejected: Iterable[Rejected], best: Stack | None) -> list[Reason]:
    """The reasons against the wish; where it can be met, only those against the same release in another place."""
    return [
        reason
        for one in rejected
        for reason in one.reasons
        if best is None or one.stack.get(best.row.distribution) == best.row.version
    ]


def _arguments(situation: Situation, against: Iterable[Reason], more: Iterable[Reason]) -> tuple[Argument, ...]:
    """Each reason once, with its row's source and the present value of its fact."""
    return tuple(_argument(situation, reason) for reason in dict.fromkeys((*against, *more)))


def _argument(situation: Situation, reason: Reason) -> Argument:
    source = situation.dataset.source_of(reason.row) if reason.row else ""
    return Argument(reason.text, reason.row, source, reason.fact, _value(situation, reason.fact))


def _value(situation: Situation, fact: str) -> str:
    """What a fact is now, in words."""
    kind, _, name = fact.rpartition(".")
    if kind == "wish":
        spec = situation.wishes.python if name == "python" else situation.wishes.packages.get(name, "")
        return f"{name}{spec}"
    if kind == "environment.packages":
        return situation.packages.get(name, situation.tensorflow or "" if name == "tensorflow" else "")
    distro = situation.facts.distro.value
    cards = (f"{card.name or card.pci_id or 'GPU'} ({card.compute_capability or 'unknown'})" for card in situation.cards)
    known = {
        "driver.version": situation.driver_version or "",
        "driver.open_module": _flavour(situation),
        "glibc": situation.glibc or "",
        "gpus": ", ".join(cards) or "none",
        "os": situation.platform,
        "distro": " ".join(filter(None, (distro.id, distro.version))) if distro is not None else "",
        "cpu_flags": " ".join(situation.facts.cpu_flags.or_else(())),
        "environment.python": situation.full_python,
        "pythons": ", ".join(situation.pythons),
    }
    return known.get(fact, "")


def _flavour(situation: Situation) -> str:
    driver = situation.facts.driver.value
    is_open = driver.open_module.value if driver is not None else None
    return "" if is_open is None else "open" if is_open else "proprietary"


def _hints(case: _Case, possible: bool | None, rejected: tuple[Rejected, ...]) -> list[str]:
    """What else a reader must know, and where a reason can be got round."""
    situation = case.situation
    found = [f"{case.aim.why}: it is judged for the CPU."] if case.aim.why and case.aim.device == "cpu" else []
    if situation.environment is not None and situation.not_editable and situation.owner is None:
        found.append(f"It would go into a new environment: the present one is left alone, {situation.not_editable}.")
    if possible is not False:
        return found
    if any(all(reason.fact.startswith("driver.") for reason in one.reasons) for one in rejected):
        found.append("Only the driver stands in the way; convfix plan names what a person does about it.")
    if case.gpu and _on_cpu(case):
        found.append("On the CPU nothing stands against it: --device cpu.")
    return found


def _on_cpu(case: _Case) -> bool:
    plain = _Case(case.situation, Target("cpu"))
    plain.judge_all()
    return bool(plain.sound)
