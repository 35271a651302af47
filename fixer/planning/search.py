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
from fixer.model import compare
from fixer.model.once import once
from fixer.model.plan import Reason
from fixer.model.record import altered, record
from fixer.planning.candidates import Option, Stack, fit, keeps_tensorflow
from fixer.planning.gates import RELEASE, Verdict, row_name, versions, wheels, widest
from fixer.planning.ground import Ground, Shelf
from fixer.planning.loading import unsearched
from fixer.planning.order import place as rung_place
from fixer.planning.order import steps
from fixer.planning.packages import bounded
from fixer.planning.places import Places, all_elsewhere, all_here
from fixer.planning.refusals import MOST_LISTED, Key, Refusal, Refusals, refusal
from fixer.planning.remedies import twin
from fixer.planning.shortlist import Fitting, Shortlist, shortlist
from fixer.planning.site import Site, site
from fixer.planning.situation import Situation

_NEW = rung_place("environment")


@record(frozen=True, eq=False)
class Options:
    """Wheels that may go to one place, best first: the place in ``rows``, Python, rung and verdict of each.

    ``bounded`` are the packages that one of them bounds. Equal ones are one object (``_options``) and compared as such.
    """

    ordered: tuple[tuple[int, str, str, Verdict], ...]
    bounded: frozenset[str]


@record(frozen=True)
class Offer:
    """What one place offers, and what may not go there, which is refused in the machine's own words."""

    options: Options
    refused: Mapping[Key, Refusal]


@record(frozen=True)
class Answer:
    """The first sound stack in one place, if any, what was refused before it, and the unknown facts that decide."""

    refused: Mapping[Key, Refusal]
    stack: Stack | None = None
    place: int = -1
    needs: tuple[str, ...] = ()


@dataclass
class Search:
    """What is looked for (see ``Option``), and what was found and refused.

    ``any_driver``: a person will install another driver. ``metal``: Apple's plugin is to serve a Mac's GPU.
    ``needs`` names the unknown facts that decide.
    """

    situation: Situation
    gpu: bool
    forced: Mapping[str, str] = field(default_factory=dict)
    with_libraries: bool = False
    renew: bool = False
    any_driver: bool = False
    metal: bool = False
    refusals: Refusals = field(default_factory=Refusals)
    needs: tuple[str, ...] = ()

    def first(self) -> Stack | None:
        """The first sound stack; None when there is none or an unknown fact decides (``needs`` names it).

        A new environment is the biggest change: it is looked at only where nothing serves in the present one; on a Python
        that must be fetched where one that is at hand would do for TensorFlow, but not for what it needs.
        """
        if not self.rows:
            self._refuse_platform()
        self.refusals.take(self._shortlist.refused)
        found = self._take(self._here()) or (None if self.needs else self._take(self._elsewhere(self.situation.shelf)))
        fetched = self.situation.shelf.fetched
        return found or (None if self.needs or fetched is None else self._take(self._elsewhere(fetched)))

    def _take(self, answer: Answer) -> Stack | None:
        self.refusals.join(answer.refused)
        self.needs = answer.needs
        if answer.stack is not None:
            self._explain_newer(answer.place)
        return answer.stack

    def refuse_all(self, text: str, fact: str = "gpus") -> None:
        """Refuse the newest final release of every minor version with one reason."""
        seen: set[tuple[int, ...]] = set()
        if not self.rows:
            self._refuse_platform()
        for row in self.rows:
            if not row.prerelease and compare.minor(row.version) not in seen:
                seen.add(compare.minor(row.version))
                self.refusals.add(row, (Reason(text, fact=fact),))

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
        return "tensorflow-gpu" if self.gpu and twin(situation.findings) else "tensorflow"

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

    def _here(self) -> Answer:
        """What the present environment offers."""
        situation = self.situation
        options = self._offered(all_here(*self._among, situation.seat), True)
        place = site(situation, self.gpu, True, options.bounded.union(self.forced), self.metal)
        forced = tuple(sorted(self.forced.items()))
        return _best(*self._among[1:], options, place, self.gpu, forced, self.with_libraries, self.renew)

    def _elsewhere(self, shelf: Shelf) -> Answer:
        """What a new environment offers; there everything is put in anew, and no finding demands anything."""
        options = self._offered(all_elsewhere(*self._among, shelf), False)
        return _best(*self._among[1:], options, site(self.situation, self.gpu, False, (), self.metal), self.gpu)

    def _offered(self, places: Places, here: bool) -> Options:
        offer = _offer(*self._among, self._shortlist.fitting, places, self.situation.tensorflow, here)
        self.refusals.join(offer.refused)
        return offer.options

    @property
    def _among(self) -> tuple[Dataset, str, str]:
        return self.situation.dataset, self.distribution, self.situation.platform

    def _refuse_platform(self) -> None:
        situation = self.situation
        for row in wheels(situation.dataset, self.distribution, "linux_x86_64")[:MOST_LISTED]:
            if not row.prerelease:
                text = f"the index has no wheel of it for {situation.platform}"
                self.refusals.add(row, (Reason(text, row_name(situation.dataset, row), "os"),))

    def _explain_newer(self, chosen: int) -> None:
        """Why the newest release of each minor version that is later than the one at ``chosen`` was passed over."""
        named, minors = self.refusals.versions, set[tuple[int, ...]]()
        for place, version, minor in _finals(*self._among):
            if place >= chosen:
                break
            if version not in named and minor not in minors:
                minors.add(minor)
                self.refusals.put(*_passed_over(*self._among, place, self._shortlist.fitting.verdicts[place].flaws, self.gpu))


@lru_cache(maxsize=1024)
def _offer(
    dataset: Dataset, distribution: str, platform: str, fitting: Fitting, places: Places, present: str | None, here: bool
) -> Offer:
    """The wheels ``fitting`` that may go to ``places``: least change, then flaws, then nearness to what is there, then newness.

    ``present`` is the installed TensorFlow; in a new environment that one comes first.
    """
    known = steps(versions(dataset, distribution, platform), present)
    found: list[tuple[int, int, int, int, bool, int, str, str]] = []
    for place, drawbacks in fitting.drawbacks.items():
        python = places.python.get(place)
        if python is None:
            continue
        rung, rank, far, older = known[place]
        if here:
            found.append((rank, 0, drawbacks, far, older, place, python, rung))
        else:
            found.append((_NEW, int(rung != "pin"), drawbacks, 0, False, place, python, "environment"))
    ordered = tuple([(place, python, rung, fitting.verdicts[place]) for *_, place, python, rung in sorted(found)])
    refused = dict([places.refused[one] for one in fitting.verdicts if one in places.refused])
    return Offer(_options(dataset, distribution, platform, ordered), refused)


@lru_cache(maxsize=1024)
def _options(dataset: Dataset, distribution: str, platform: str, ordered: tuple[tuple[int, str, str, Verdict], ...]) -> Options:
    rows = wheels(dataset, distribution, platform)
    return Options(ordered, bounded(dataset, [rows[place] for place, *_ in ordered]))


@lru_cache(maxsize=1024)
def _best(
    distribution: str, platform: str, options: Options, site: Site, gpu: bool, forced: tuple[tuple[str, str], ...] = (),
    with_libraries: bool = False, renew: bool = False,
) -> Answer:  # fmt: skip
    """The first of the options that makes a sound stack at one site."""
    rows, refusals = wheels(site.dataset, distribution, platform), Refusals()
    for place, python, rung, verdict in options.ordered:
        option = Option(rows[place], python, rung, verdict, gpu, dict(forced), with_libraries, renew)
        made = fit(site, option)
        if isinstance(made, tuple):
            refusals.add(option.row, made, python, not site.here)
        elif verdict.needs and (with_libraries or not keeps_tensorflow(site, option)):
            return Answer(refusals.stacks, needs=verdict.needs)
        else:
            return Answer(refusals.stacks, made, place)
    return Answer(refusals.stacks)


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
