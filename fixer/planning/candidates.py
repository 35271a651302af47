"""Stacks over TensorFlow release, Python and place, in the order of preference; the first sound one wins.

The unit is ``Stack``. Every wheel is gated (``gates``), given its packages (``packages``) and, for the GPU,
its CUDA libraries (``libraries``); whatever is refused on the way is kept with its reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Iterator, Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason, Rejected
from fixer.planning import compare
from fixer.planning.frameworks import TORCH, Beside, torch_beside
from fixer.planning.gates import Verdict, judge, row_name, wheels
from fixer.planning.libraries import EXTRA, LibrarySet, Needs, library_set
from fixer.planning.packages import Resolved, Task, resolve
from fixer.planning.releases import releases
from fixer.planning.situation import Ground, Situation

_MOST_LISTED = 60
_MOST_REMEMBERED = 4096
# A refused stack: the release, the Python ("" for any), and whether it was to go into a new environment.
Refusal = tuple[str, str, bool]
_WISHED = "the wish is "
_YES = ("1", "true", "True")
_FIRST_LEGACY = (2, 15)
_OLD_API = ("0.", "1.")


@lru_cache(maxsize=4096)
def verdicts(dataset: Dataset, distribution: str, platform: str, ground: Ground) -> tuple[Verdict, ...]:
    """The gates' word on every wheel of a distribution."""
    count = len(wheels(dataset, distribution, platform))
    return tuple(judge(dataset, distribution, platform, place, ground) for place in range(count))


@dataclass(frozen=True)
class Stack:
    """One sound stack: the wheel, its Python and place, the packages that change, the nvidia wheels."""

    row: TensorFlowRow
    python: str
    rung: str
    packages: Mapping[str, str]
    libraries: LibrarySet
    verdict: Verdict
    fetched: bool = False

    @property
    def here(self) -> bool:
        return self.rung != "environment"


@dataclass(frozen=True)
class Answer:
    """What a search found, remembered for the machines that ask the same."""

    stack: Stack | None
    rejected: Mapping[Refusal, Rejected]
    needs: tuple[str, ...]
    refused: tuple[Rejected, ...]


_ANSWERS: dict[tuple[object, ...], Answer] = {}


@dataclass
class Search:
    """What is looked for, and what was found and refused. ``forced`` are ranges that the present TensorFlow demands.

    ``with_libraries``: the CUDA libraries are looked at even where TensorFlow stays; ``renew``: TensorFlow is
    put in anew though its version may stay; ``any_driver``: a person will install another driver.
    """

    situation: Situation
    gpu: bool
    forced: Mapping[str, str] = field(default_factory=dict)
    with_libraries: bool = False
    renew: bool = False
    any_driver: bool = False
    rejected: dict[Refusal, Rejected] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    _refused: tuple[Rejected, ...] | None = None

    def first(self) -> Stack | None:
        """The first sound stack; None when there is none or an unknown fact decides (``needs`` names it).

        Machines that ask the same question get the same answer without a second search.
        """
        key = self._question()
        known = _ANSWERS.get(key)
        if known is None:
            stack = self._first()
            known = Answer(stack, dict(self.rejected), tuple(self.needs), _ordered(self.rejected))
            if len(_ANSWERS) >= _MOST_REMEMBERED:
                _ANSWERS.clear()
            _ANSWERS[key] = known
        self.rejected, self.needs, self._refused = dict(known.rejected), list(known.needs), known.refused
        return known.stack

    def adopt(self, other: Search) -> None:
        """Take over what another search refused: it is part of why this one was made."""
        self.rejected.update(other.rejected)
        self._refused = None

    def _question(self) -> tuple[object, ...]:
        """Everything that the answer depends on."""
        one = self.situation
        return (
            one.dataset, self.distribution, self._ground, one.wish.requirements, one.environment is None, one.python,
            _full(one, one.python or ""), one.not_editable is None, one.owner, one.pythons, one.can_fetch_python, one.capabilities,
            frozenset(one.packages.items()), one.by_conda, self.gpu, frozenset(self.forced.items()), self.with_libraries, self.renew,
            one.variables.get("TF_USE_LEGACY_KERAS"),
        )  # fmt: skip

    def _first(self) -> Stack | None:
        options = list(self._options())
        for place, python, rung in sorted(options, key=self._preference):
            stack = self._try(place, python, rung)
            if stack is not None:
                self._explain_newer(stack)
                return stack
            if self.needs:
                return None
        return None

    @cached_property
    def rows(self) -> tuple[TensorFlowRow, ...]:
        return wheels(self.situation.dataset, self.distribution, self.situation.platform)

    @cached_property
    def distribution(self) -> str:
        """The distribution to install: tensorflow, unless the CPU build is wished for or is what is there."""
        situation = self.situation
        if not self.gpu and (
            "tensorflow-cpu" in situation.wishes.packages or situation.distributions == ("tensorflow-cpu",)
        ):
            return "tensorflow-cpu"
        if not situation.wishes.names_tensorflow and situation.distribution == "tensorflow-gpu":
            minor = compare.minor(situation.tensorflow or "")
            return "tensorflow-gpu" if minor < (2, 1) else "tensorflow"
        return "tensorflow"

    def verdict(self, place: int) -> Verdict:
        """The gates' word on a wheel."""
        return self._verdicts[place]

    @cached_property
    def _verdicts(self) -> tuple[Verdict, ...]:
        return verdicts(self.situation.dataset, self.distribution, self.situation.platform, self._ground)

    @cached_property
    def _ground(self) -> Ground:
        ground = self.situation.ground(self.gpu)
        return replace(ground, driver=None, driver_unknown=False) if self.any_driver else ground

    def refuse_all(self, text: str) -> None:
        """Refuse the newest final release of every minor version with one reason."""
        seen: set[tuple[int, ...]] = set()
        if not self.rows:
            self._refuse_platform()
        for row in self.rows:
            if not row.prerelease and compare.minor(row.version) not in seen:
                seen.add(compare.minor(row.version))
                self._refuse(row, None, False, (Reason(text),))

    def _options(self) -> Iterator[tuple[int, str, str]]:
        """Each wheel on the Pythons and in the places where it could go."""
        if not self.rows:
            self._refuse_platform()
        for place, row in enumerate(self.rows):
            if not self._wished(row):
                continue
            verdict = self.verdict(place)
            if verdict.reasons:
                self._refuse(row, None, False, verdict.reasons)
                continue
            here = self._python_here(row)
            if here is not None:
                yield place, here, self._rung(row)
            python = self._python_elsewhere(row)
            if python is not None:
                yield place, python, "environment"

    def _refuse_platform(self) -> None:
        situation = self.situation
        for row in wheels(situation.dataset, self.distribution, "linux_x86_64")[:_MOST_LISTED]:
            if not row.prerelease:
                text = f"the index has no wheel of it for {situation.platform}"
                self._refuse(row, None, False, (Reason(text, row_name(situation.dataset, row)),))

    def _wished(self, row: TensorFlowRow) -> bool:
        """Whether the wish admits this release; a refusal is noted only for finals."""
        wishes = self.situation.wishes
        spec = wishes.tensorflow
        if row.prerelease or not compare.is_final(row.version):
            named = wishes.names_prerelease("tensorflow", row.version)
            kept = row.version == self.situation.tensorflow
            if not named and not kept:
                return False
        if not spec and row.version.startswith(_OLD_API) and not (self.situation.tensorflow or "").startswith(_OLD_API):
            self._refuse(row, None, False, (Reason("TensorFlow 1 is another program: only where it is wished for"),))
            return False
        if spec and not compare.within(spec, row.version):
            self._refuse(row, None, False, (Reason(f"the wish is tensorflow{spec}"),))
            return False
        return True

    def _python_here(self, row: TensorFlowRow) -> str | None:
        situation = self.situation
        python = situation.python
        if situation.environment is None or python is None:
            return None
        if situation.not_editable is not None and situation.owner is None:
            return None
        if python not in row.python:
            words = f"it has no wheel for Python {python} (it has them for {', '.join(row.python) or 'none'})"
            self._refuse(row, python, False, (Reason(words, row_name(situation.dataset, row)),))
            return None
        if situation.wishes.python and not compare.within(situation.wishes.python, _full(situation, python)):
            self._refuse(row, python, False, (Reason(f"the wish is python{situation.wishes.python}"),))
            return None
        return python

    def _python_elsewhere(self, row: TensorFlowRow) -> str | None:
        """The newest Python for a new environment: one at hand, else one that can be fetched."""
        situation = self.situation
        wished = situation.wishes.python
        if situation.owner is not None:
            # The owner pins another Python for its project; where the present one fits there is nothing to gain.
            changed = [p for p in row.python if not wished or compare.within(wished, f"{p}.99")]
            return max(changed, key=compare.release, default=None) if situation.python not in row.python else None
        fitting = [
            p for p in row.python if not wished or compare.within(wished, p) or compare.within(wished, f"{p}.99")
        ]
        for python in situation.pythons:
            if python in fitting:
                return python
        if not situation.can_fetch_python:
            at_hand = ", ".join(situation.pythons) or "none"
            words = f"it has wheels for Python {', '.join(row.python) or 'none'}; at hand: {at_hand}"
            if wished:
                words += f"; the wish is python{wished}"
            self._refuse(row, None, True, (Reason(words, row_name(situation.dataset, row)),))
            return None
        if not fitting:
            words = f"it has wheels for Python {', '.join(row.python)}; the wish is python{wished}"
            self._refuse(row, None, True, (Reason(words, row_name(situation.dataset, row)),))
            return None
        return max(fitting, key=compare.release)

    def _rung(self, row: TensorFlowRow) -> str:
        present = self.situation.tensorflow
        if present is None:
            return "pin"
        if compare.key(row.version) == compare.key(present):
            return "pin"
        return "patch" if compare.minor(row.version) == compare.minor(present) else "minor"

    def _preference(self, option: tuple[int, str, str]) -> tuple[int, int, int, int, int, int]:
        """Rung, then flaws, then nearness to what is there, then the newest release, then a Python at hand."""
        place, python, rung = option
        row = self.rows[place]
        present = self.situation.tensorflow
        flaws = len(self.verdict(place).flaws) + (1 if self.gpu and self._needs_hook(row) else 0)
        far, newer = 0, 0
        if rung == "minor" and present is not None:
            mine, theirs = compare.minor(row.version), compare.minor(present)
            far = abs(mine[0] - theirs[0]) * 100 + abs(mine[1] - theirs[1])
            newer = 0 if mine > theirs else 1
        same = 0
        if rung == "environment" and present is not None:
            same = 0 if compare.key(row.version) == compare.key(present) else 1
        steps = {"pin": 0, "patch": 1, "minor": 2, "environment": 3}
        return steps[rung], same, flaws, far, newer, place

    def _needs_hook(self, row: TensorFlowRow) -> bool:
        from fixer.planning.loading import unsearched

        return bool(unsearched(self.situation.dataset, row))

    def _try(self, place: int, python: str, rung: str) -> Stack | None:
        situation = self.situation
        row = self.rows[place]
        verdict = self.verdict(place)
        here = rung != "environment"
        same = here and situation.tensorflow is not None and rung == "pin"
        reasons: list[Reason] = []
        if verdict.needs and not (same and not self.with_libraries):
            self.needs.extend(need for need in verdict.needs if need not in self.needs)
        libraries, wished = LibrarySet(), self._wished_beside()
        joint = self._joint(row, python, here, wished)
        if joint is not None:
            libraries, wished = joint.libraries, {**wished, TORCH: f"=={joint.version}"}
            reasons += joint.reasons
        elif self.gpu and (self.with_libraries or not same):
            libraries = library_set(situation.dataset, row, self._library_needs(python, here))
            reasons += libraries.reasons
        packages = self._packages(row, python, here, same, wished) if not reasons else Resolved()
        reasons += packages.reasons
        if reasons:
            self._refuse(row, python, not here, tuple(reasons))
            self.needs.clear()
            return None
        if self.needs:
            return None
        fetched = not here and python not in situation.pythons
        return Stack(row, python, rung, packages.changed, libraries, verdict, fetched)

    def _wished_beside(self) -> dict[str, str]:
        """The wished packages other than TensorFlow, with their ranges."""
        wishes = self.situation.wishes
        return {name: spec for name, spec in wishes.packages.items() if name in wishes.others}

    def _joint(self, row: TensorFlowRow, python: str, here: bool, wished: Mapping[str, str]) -> Beside | None:
        """PyTorch beside TensorFlow, where it is wished for and not there already."""
        situation = self.situation
        spec = wished.get(TORCH)
        present = situation.packages.get(TORCH) if here else None
        if (
            spec is None
            or not releases(situation.dataset, TORCH)
            or (present is not None and compare.within(spec, present))
        ):
            return None
        return torch_beside(situation.dataset, row, spec, self._library_needs(python, here), self.gpu)

    def _library_needs(self, python: str, here: bool) -> Needs:
        situation = self.situation
        present = (
            {name: version for name, version in situation.packages.items() if name.startswith("nvidia-")}
            if here
            else {}
        )
        holder = next(
            (
                f"{n} {situation.packages[n]}"
                for n in ("torch", "jax-cuda12-plugin", "jax-cuda13-plugin")
                if n in situation.packages
            ),
            "",
        )
        cards = tuple(one for one in situation.capabilities if one is not None)
        served = tuple(one for one in cards if self._served(one)) or cards
        return Needs(python, situation.glibc, served, tuple(sorted(present.items())), holder if here else "")

    def _served(self, capability: str) -> bool:
        return any(
            compare.coverage(row.compute_capabilities, row.ptx, capability) in ("machine code", "ptx")
            for row in self.rows[:40]
        )

    def _packages(self, row: TensorFlowRow, python: str, here: bool, same: bool, wished: Mapping[str, str]) -> Resolved:
        situation = self.situation
        unknown = tuple(_unknown_wishes(situation, wished, here))
        if unknown:
            return Resolved(reasons=unknown)
        wished = {name: spec for name, spec in wished.items() if releases(situation.dataset, name)}
        if (
            not same
            and situation.variables.get("TF_USE_LEGACY_KERAS") in _YES
            and compare.minor(row.version) >= _FIRST_LEGACY
        ):
            # Without it the new TensorFlow would have no Keras at all under this setting.
            wished.setdefault("tf-keras", "")
        installed = dict(situation.packages) if here else {}
        # What a finding demands is about the TensorFlow that is there; another one has demands of its own.
        forced = self.forced if same else {}
        fresh = not same or self.renew
        task = Task(situation.dataset, row, python, situation.glibc, installed, wished, forced, fresh)
        return resolve(task)

    def _refuse(self, row: TensorFlowRow, python: str | None, new: bool, reasons: tuple[Reason, ...]) -> None:
        key = (row.version, python or "", new)
        stack = {row.distribution: row.version, **({"python": python} if python else {})}
        if new:
            stack["environment"] = "new"
        old = self.rejected.get(key)
        told = tuple(dict.fromkeys((*(old.reasons if old else ()), *reasons)))
        self.rejected[key] = Rejected(stack, told)

    def _explain_newer(self, chosen: Stack) -> None:
        """Why a newer final release was passed over although nothing stands against it: the newest of each minor version."""
        named = {key[0] for key in self.rejected}
        minors: set[tuple[int, ...]] = set()
        for place, row in enumerate(self.rows):
            if compare.key(row.version) <= compare.key(chosen.row.version):
                break
            if row.prerelease or row.version in named or not compare.is_final(row.version):
                continue
            if compare.minor(row.version) in minors:
                continue
            minors.add(compare.minor(row.version))
            flaws = [words for _, words in self.verdict(place).flaws if words]
            if self.gpu and self._needs_hook(row):
                flaws.append("as published it does not find all of its CUDA libraries and would need a hook")
            if not flaws:
                flaws = ["it is a bigger change than what was chosen"]
            self._refuse(row, None, False, tuple(Reason(text, row_name(self.situation.dataset, row)) for text in flaws))

    def refused(self) -> tuple[Rejected, ...]:
        """What was refused, newest release first; what only the wish rules out comes last."""
        if self._refused is None:
            self._refused = _ordered(self.rejected)
        return self._refused


def _ordered(rejected: Mapping[Refusal, Rejected]) -> tuple[Rejected, ...]:
    newest = sorted(rejected.items(), key=lambda item: compare.key(item[0][0]), reverse=True)
    ordered = sorted(newest, key=lambda item: all(reason.text.startswith(_WISHED) for reason in item[1].reasons))
    return tuple(one for _, one in ordered[:_MOST_LISTED])


def _full(situation: Situation, python: str) -> str:
    environment = situation.environment
    return (environment.python.value if environment is not None else None) or python


def _unknown_wishes(situation: Situation, wished: Mapping[str, str], here: bool) -> Iterator[Reason]:
    """Wishes for packages whose releases the dataset does not hold: only what is installed already can meet them."""
    for name, spec in wished.items():
        if releases(situation.dataset, name):
            continue
        installed = situation.packages.get(name) if here else None
        if installed is not None and (not spec or compare.within(spec, installed)):
            continue
        yield Reason(f"the dataset holds no releases of {name}, so {name}{spec} cannot be planned beside it")


def uses_extra(row: TensorFlowRow) -> bool:
    """Whether the wheel itself names its CUDA libraries."""
    return EXTRA in row.extras
