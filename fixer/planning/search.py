"""The search for a stack over TensorFlow release, Python and place, least change first; the first sound one wins.

The unit is ``Search``. It lists the options, gates them, orders them by how much they change, and asks
``candidates`` for a stack; whatever is refused on the way is kept with its reasons. Equal questions are
answered once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Iterator, Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.planning import compare, places
from fixer.planning.candidates import Option, Stack, fit, keeps_tensorflow
from fixer.planning.gates import RELEASE, Verdict, judge, row_name, wheels
from fixer.planning.loading import unsearched
from fixer.planning.order import place as rung_place
from fixer.planning.refusals import MOST_LISTED, WISHED, Refusals
from fixer.planning.situation import Ground, Situation

_MOST_REMEMBERED = 4096
_OLD_API = ("0.", "1.")


@lru_cache(maxsize=4096)
def verdicts(dataset: Dataset, distribution: str, platform: str, ground: Ground) -> tuple[Verdict, ...]:
    """The gates' word on every wheel of a distribution."""
    count = len(wheels(dataset, distribution, platform))
    return tuple(judge(dataset, distribution, platform, place, ground) for place in range(count))


@record(frozen=True)
class Answer:
    """What a search found, remembered for the machines that ask the same."""

    stack: Stack | None
    refusals: Refusals
    needs: tuple[str, ...]


_ANSWERS: dict[tuple[object, ...], Answer] = {}


@dataclass
class Search:
    """What is looked for (see ``Option``), and what was found and refused.

    ``any_driver``: a person will install another driver. ``needs`` names the unknown facts that decide.
    """

    situation: Situation
    gpu: bool
    forced: Mapping[str, str] = field(default_factory=dict)
    with_libraries: bool = False
    renew: bool = False
    any_driver: bool = False
    refusals: Refusals = field(default_factory=Refusals)
    needs: tuple[str, ...] = ()

    def first(self) -> Stack | None:
        """The first sound stack; None when there is none or an unknown fact decides (``needs`` names it).

        Machines that ask the same question get the same answer without a second search.
        """
        key = self._question()
        known = _ANSWERS.get(key)
        if known is None:
            known = Answer(self._first(), self.refusals.copy(), self.needs)
            if len(_ANSWERS) >= _MOST_REMEMBERED:
                _ANSWERS.clear()
            _ANSWERS[key] = known
        self.refusals, self.needs = known.refusals.copy(), known.needs
        return known.stack

    def refuse_all(self, text: str) -> None:
        """Refuse the newest final release of every minor version with one reason."""
        seen: set[tuple[int, ...]] = set()
        if not self.rows:
            self._refuse_platform()
        for row in self.rows:
            if not row.prerelease and compare.minor(row.version) not in seen:
                seen.add(compare.minor(row.version))
                self.refusals.add(row, (Reason(text, fact="gpus"),))

    @cached_property
    def rows(self) -> tuple[TensorFlowRow, ...]:
        """The wheels of the distribution for this platform, newest first."""
        return wheels(self.situation.dataset, self.distribution, self.situation.platform)

    @cached_property
    def distribution(self) -> str:
        """The distribution to install: tensorflow, unless the CPU build is wished for or is what is there."""
        situation = self.situation
        cpu = "tensorflow-cpu" in situation.wishes.packages or situation.distributions == ("tensorflow-cpu",)
        if cpu and not self.gpu:
            return "tensorflow-cpu"
        if not situation.wishes.names_tensorflow and situation.distribution == "tensorflow-gpu":
            return "tensorflow-gpu" if compare.minor(situation.tensorflow or "") < (2, 1) else "tensorflow"
        return "tensorflow"

    @cached_property
    def _ground(self) -> Ground:
        ground = self.situation.ground(self.gpu)
        return replace(ground, driver=None, driver_unknown=False) if self.any_driver else ground

    @cached_property
    def _verdicts(self) -> tuple[Verdict, ...]:
        return verdicts(self.situation.dataset, self.distribution, self.situation.platform, self._ground)

    def _question(self) -> tuple[object, ...]:
        """Everything that the answer depends on."""
        one = self.situation
        return (
            one.dataset, self.distribution, self._ground, one.wish.requirements, one.environment is None, one.python,
            one.full_python, one.not_editable is None, one.owner, one.pythons, one.can_fetch_python, one.capabilities,
            frozenset(one.packages.items()), one.by_conda, self.gpu, frozenset(self.forced.items()),
            self.with_libraries, self.renew, one.variables.get("TF_USE_LEGACY_KERAS"),
        )  # fmt: skip

    def _first(self) -> Stack | None:
        for place, python, rung in sorted(self._options(), key=self._preference):
            option = Option(
                self.rows[place], python, rung, self._verdicts[place], self.gpu, self.forced,
                self.with_libraries, self.renew,
            )  # fmt: skip
            made = fit(self.situation, option)
            if isinstance(made, tuple):
                self.refusals.add(option.row, made, python, not option.here)
                continue
            if option.verdict.needs and (self.with_libraries or not keeps_tensorflow(self.situation, option)):
                self.needs = option.verdict.needs
                return None
            self._explain_newer(made)
            return made
        return None

    def _options(self) -> Iterator[tuple[int, str, str]]:
        """Each wheel on the Pythons and in the places where it could go: its place in ``rows``, Python, rung."""
        if not self.rows:
            self._refuse_platform()
        for place, row in enumerate(self.rows):
            if not self._wished(row):
                continue
            verdict = self._verdicts[place]
            if verdict.reasons:
                self.refusals.add(row, verdict.reasons)
                continue
            here = places.here(self.situation, row)
            if isinstance(here, Reason):
                self.refusals.add(row, (here,), self.situation.python)
            elif here is not None:
                yield place, here, self._rung(row)
            new = places.elsewhere(self.situation, row)
            if isinstance(new, Reason):
                self.refusals.add(row, (new,), new=True)
            elif new is not None:
                yield place, new, "environment"

    def _refuse_platform(self) -> None:
        situation = self.situation
        for row in wheels(situation.dataset, self.distribution, "linux_x86_64")[:MOST_LISTED]:
            if not row.prerelease:
                text = f"the index has no wheel of it for {situation.platform}"
                self.refusals.add(row, (Reason(text, row_name(situation.dataset, row), "os"),))

    def _wished(self, row: TensorFlowRow) -> bool:
        """Whether the wish admits this release; a refusal is noted only for finals."""
        wishes, present = self.situation.wishes, self.situation.tensorflow or ""
        if row.prerelease or not compare.is_final(row.version):
            if not wishes.names_prerelease("tensorflow", row.version) and row.version != present:
                return False
        spec = wishes.tensorflow
        if not spec and row.version.startswith(_OLD_API) and not present.startswith(_OLD_API):
            self.refusals.add(row, (Reason("TensorFlow 1 is another program: only where it is wished for", fact=RELEASE),))
            return False
        if spec and not compare.within(spec, row.version):
            self.refusals.add(row, (Reason(f"{WISHED}tensorflow{spec}", fact=RELEASE),))
            return False
        return True

    def _rung(self, row: TensorFlowRow) -> str:
        present = self.situation.tensorflow
        if present is None or compare.key(row.version) == compare.key(present):
            return "pin"
        return "patch" if compare.minor(row.version) == compare.minor(present) else "minor"

    def _preference(self, option: tuple[int, str, str]) -> tuple[int, int, int, int, int, int]:
        """Rung, then flaws, then nearness to what is there, then the newest release."""
        place, _, rung = option
        row, present = self.rows[place], self.situation.tensorflow
        flaws = len(self._verdicts[place].flaws) + self._needs_hook(row)
        far, older, changed = 0, 0, 0
        if rung == "minor" and present is not None:
            mine, theirs = compare.minor(row.version), compare.minor(present)
            far = abs(mine[0] - theirs[0]) * 100 + abs(mine[1] - theirs[1])
            older = int(mine < theirs)
        if rung == "environment" and present is not None:
            changed = int(compare.key(row.version) != compare.key(present))
        return rung_place(rung), changed, flaws, far, older, place

    def _needs_hook(self, row: TensorFlowRow) -> bool:
        return self.gpu and bool(unsearched(self.situation.dataset, row))

    def _explain_newer(self, chosen: Stack) -> None:
        """Why the newest release of each later minor version was passed over although nothing stands against it."""
        named, minors = self.refusals.versions, set[tuple[int, ...]]()
        for place, row in enumerate(self.rows):
            if compare.key(row.version) <= compare.key(chosen.row.version):
                break
            minor = compare.minor(row.version)
            if row.prerelease or row.version in named or not compare.is_final(row.version) or minor in minors:
                continue
            minors.add(minor)
            flaws = [words for _, words in self._verdicts[place].flaws if words]
            if self._needs_hook(row):
                flaws.append("as published it does not find all of its CUDA libraries and would need a hook")
            name = row_name(self.situation.dataset, row)
            words = flaws or ["it is a bigger change than what was chosen"]
            self.refusals.add(row, [Reason(text, name, RELEASE) for text in words])
