"""The search for a stack over TensorFlow release, Python and place, least change first; the first sound one wins.

The unit is ``Search``. It lists the options, gates them, orders them by how much they change, and asks
``candidates`` for a stack; whatever is refused on the way is kept with its reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Iterator, Mapping

from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Reason
from fixer.planning import compare, places
from fixer.planning.candidates import Option, Stack, fit, keeps_tensorflow
from fixer.planning.gates import RELEASE, Verdict, row_name, verdicts, wheels, widest
from fixer.planning.loading import unsearched
from fixer.planning.order import place as rung_place
from fixer.planning.order import step
from fixer.planning.refusals import MOST_LISTED, Refusals
from fixer.planning.shortlist import admitted, barred, drawbacks
from fixer.planning.situation import Ground, Situation


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
    _pythons: dict[tuple[str, ...], str] = field(default_factory=dict)

    def first(self) -> Stack | None:
        """The first sound stack; None when there is none or an unknown fact decides (``needs`` names it)."""
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
        if self.any_driver:
            ground = replace(ground, driver=None, driver_unknown=False)
        return widest(self.situation.dataset, self.distribution, self.situation.platform, ground)

    @cached_property
    def _verdicts(self) -> tuple[Verdict, ...]:
        return verdicts(self.situation.dataset, self.distribution, self.situation.platform, self._ground)

    def _options(self) -> Iterator[tuple[int, str, str]]:
        """Each wheel on the Pythons and in the places where it could go: its place in ``rows``, Python, rung."""
        if not self.rows:
            self._refuse_platform()
        for place in self._shortlist():
            row = self.rows[place]
            here = places.here(self.situation, row)
            if isinstance(here, str):
                yield place, here, self._rung(row)
            elif here is not None:
                self.refusals.add(row, (here,), self.situation.python)
            new = self._elsewhere(row)
            if isinstance(new, str):
                yield place, new, "environment"
            elif new is not None:
                self.refusals.add(row, (new,), new=True)

    def _elsewhere(self, row: TensorFlowRow) -> str | Reason | None:
        """``places.elsewhere``; wheels for the same Pythons go to the same one."""
        known = self._pythons.get(row.python)
        if known is not None:
            return known
        found = places.elsewhere(self.situation, row)
        if isinstance(found, str):
            self._pythons[row.python] = found
        return found

    def _shortlist(self) -> Iterator[int]:
        """The places of the wheels that the wish and the gates admit; the others are refused."""
        one = self.situation
        known = (one.dataset, self.distribution, one.platform)
        fitting = admitted(*known, one.wish.requirements, one.tensorflow or "")
        refused = barred(*known, self._ground)
        self.refusals.take(fitting.refused)
        self.refusals.take(dict(refused[place] for place in fitting.places if place in refused))
        return (place for place in fitting.places if place not in refused)

    def _refuse_platform(self) -> None:
        situation = self.situation
        for row in wheels(situation.dataset, self.distribution, "linux_x86_64")[:MOST_LISTED]:
            if not row.prerelease:
                text = f"the index has no wheel of it for {situation.platform}"
                self.refusals.add(row, (Reason(text, row_name(situation.dataset, row), "os"),))

    def _rung(self, row: TensorFlowRow) -> str:
        return step(row.version, self.situation.tensorflow).rung

    def _preference(self, option: tuple[int, str, str]) -> tuple[int, int, int, int, int, int]:
        """Rung, then flaws, then nearness to what is there, then the newest release."""
        place, _, rung = option
        taken = step(self.rows[place].version, self.situation.tensorflow)
        if rung == "environment":
            return rung_place(rung), taken.rung != "pin", self._drawbacks[place], 0, 0, place
        return rung_place(rung), 0, self._drawbacks[place], taken.far, taken.older, place

    @cached_property
    def _drawbacks(self) -> tuple[int, ...]:
        return drawbacks(self.situation.dataset, self.distribution, self.situation.platform, self._ground)

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
