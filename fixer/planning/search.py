"""The search for a stack over TensorFlow release, Python and place, least change first; the first sound one wins.

The unit is ``Search``. It lists the options, gates them, orders them by how much they change, and asks
``candidates`` for a stack; whatever is refused on the way is kept with its reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Mapping

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.once import once
from fixer.model.plan import Reason
from fixer.model.record import altered
from fixer.planning import compare
from fixer.planning.candidates import Option, Stack, fit, keeps_tensorflow
from fixer.planning.gates import RELEASE, row_name, versions, wheels, widest
from fixer.planning.loading import unsearched
from fixer.planning.order import place as rung_place
from fixer.planning.order import steps
from fixer.planning.places import Places, all_elsewhere, all_here
from fixer.planning.refusals import MOST_LISTED, Key, Refusal, Refusals, refusal
from fixer.planning.shortlist import Shortlist, shortlist
from fixer.planning.situation import Ground, Situation

_NEW = rung_place("environment")
# What an option is sorted by, its place in ``rows`` last, and beside that its Python and rung.
Place = tuple[int, int, int, int, bool, int, str, str]


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

        A new environment is the biggest change: it is looked at only where nothing serves in the present one.
        """
        if not self.rows:
            self._refuse_platform()
        self.refusals.take(self._shortlist.refused)
        return self._try(self._here()) or (None if self.needs else self._try(self._elsewhere()))

    def _try(self, options: list[Place]) -> Stack | None:
        for *_, place, python, rung in sorted(options):
            option = Option(
                self.rows[place], python, rung, self._shortlist.verdicts[place], self.gpu, self.forced,
                self.with_libraries, self.renew,
            )  # fmt: skip
            made = fit(self.situation, option)
            if isinstance(made, tuple):
                self.refusals.add(option.row, made, python, not option.here)
                continue
            if option.verdict.needs and (self.with_libraries or not keeps_tensorflow(self.situation, option)):
                self.needs = option.verdict.needs
                return None
            self._explain_newer(place)
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

    @once
    def rows(self) -> tuple[TensorFlowRow, ...]:
        """The wheels of the distribution for this platform, newest first."""
        return wheels(self.situation.dataset, self.distribution, self.situation.platform)

    @once
    def distribution(self) -> str:
        """The distribution to install: tensorflow, unless the CPU build is wished for or is what is there."""
        situation = self.situation
        cpu = "tensorflow-cpu" in situation.wishes.packages or situation.distributions == ("tensorflow-cpu",)
        if cpu and not self.gpu:
            return "tensorflow-cpu"
        if not situation.wishes.names_tensorflow and situation.distribution == "tensorflow-gpu":
            return "tensorflow-gpu" if compare.minor(situation.tensorflow or "") < (2, 1) else "tensorflow"
        return "tensorflow"

    @once
    def _ground(self) -> Ground:
        ground = self.situation.ground(self.gpu)
        if self.any_driver:
            ground = altered(ground, driver=None, driver_unknown=False)
        return widest(self.situation.dataset, self.distribution, self.situation.platform, ground)

    @once
    def _shortlist(self) -> Shortlist:
        situation = self.situation
        return shortlist(*self._among, situation.wish.requirements, situation.tensorflow or "", self._ground)

    def _here(self) -> list[Place]:
        """Each wheel that could go into the present environment: least change, then flaws, then nearness to what is there, then newness."""
        places, known = all_here(*self._among, self.situation.seat), self._steps
        self._put_aside(places)
        found = []
        for place, drawbacks in self._shortlist.drawbacks.items():
            python = places.python.get(place)
            if python is not None:
                rung, rank, far, older = known[place]
                found.append((rank, 0, drawbacks, far, older, place, python, rung))
        return found

    def _elsewhere(self) -> list[Place]:
        """The same for a new environment, where the TensorFlow that is there comes first."""
        places, known = all_elsewhere(*self._among, self.situation.shelf), self._steps
        self._put_aside(places)
        found = []
        for place, drawbacks in self._shortlist.drawbacks.items():
            python = places.python.get(place)
            if python is not None:
                found.append((_NEW, int(known[place][0] != "pin"), drawbacks, 0, False, place, python, "environment"))
        return found

    def _put_aside(self, places: Places) -> None:
        if places.refused:
            self.refusals.join(dict([places.refused[one] for one in self._shortlist.verdicts if one in places.refused]))

    @property
    def _among(self) -> tuple[Dataset, str, str]:
        return self.situation.dataset, self.distribution, self.situation.platform

    def _refuse_platform(self) -> None:
        situation = self.situation
        for row in wheels(situation.dataset, self.distribution, "linux_x86_64")[:MOST_LISTED]:
            if not row.prerelease:
                text = f"the index has no wheel of it for {situation.platform}"
                self.refusals.add(row, (Reason(text, row_name(situation.dataset, row), "os"),))

    @once
    def _steps(self) -> tuple[tuple[str, int, int, bool], ...]:
        """The step to each wheel from what is installed."""
        return steps(versions(*self._among), self.situation.tensorflow)

    def _explain_newer(self, chosen: int) -> None:
        """Why the newest release of each minor version that is later than the one at ``chosen`` was passed over."""
        named, minors = self.refusals.versions, set[tuple[int, ...]]()
        for place, version, minor in _finals(*self._among):
            if place >= chosen:
                break
            if version not in named and minor not in minors:
                minors.add(minor)
                self.refusals.put(*_passed_over(*self._among, place, self._shortlist.verdicts[place].flaws, self.gpu))


@lru_cache(maxsize=64)
def _finals(dataset: Dataset, distribution: str, platform: str) -> tuple[tuple[int, str, tuple[int, ...]], ...]:
    """The places of the final releases, newest first, each with its version and minor version."""
    rows = enumerate(wheels(dataset, distribution, platform))
    finals = ((place, row.version) for place, row in rows if not row.prerelease and compare.is_final(row.version))
    return tuple((place, version, compare.minor(version)) for place, version in finals)


@lru_cache(maxsize=2048)
def _passed_over(
    dataset: Dataset, distribution: str, platform: str, place: int, flaws: tuple[tuple[str, str], ...], gpu: bool
) -> tuple[Key, Refusal]:
    """The wheel at ``place`` refused although it works: what speaks against it, or that it is a bigger change."""
    row = wheels(dataset, distribution, platform)[place]
    words = [words for _, words in flaws if words]
    if gpu and unsearched(dataset, row):
        words.append("as published it does not find all of its CUDA libraries and would need a hook")
    name = row_name(dataset, row)
    return refusal(row, [Reason(one, name, RELEASE) for one in words or ["it is a bigger change than what was chosen"]])
