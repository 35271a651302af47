"""Puts findings in the order of how probable they are behind a log, one entry a cause: pure, judges no fact anew.

The doctor asks what stands in the way; a log asks what was behind its lines. So a line that names its cause comes
first. Where lines share several causes, each line is a distribution over them (``subject``: group and weight), and
the distributions, the hints of ``likelihood`` and the findings that known facts give are multiplied. A shared line
that a sure finding explains is explained away. Facts alone name causes only where the log shows a failure that
nothing else explains, or says nothing at all, or, beside a report, nothing but harmless things. No fact is proof of
what happened in a run unless a line agrees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from fixer.model.finding import Certainty, Evidence, Finding, Remedy
from fixer.model.heard import Aside, Explanation, NamedCause, Quote
from fixer.rules.advice import ADVICE
from fixer.rules.bearing import bearing
from fixer.rules.case import Case, is_reported
from fixer.rules.causes import CAUSES, ORDER, STAGES
from fixer.rules.circumstances import runs
from fixer.rules.elsewhere import deciding, runnable
from fixer.rules.events import CUT_OFF, Heard, heard
from fixer.rules.folk import tried
from fixer.rules.heard_unloaded import TENSORRT
from fixer.rules.hearsay import AN_ERROR, is_past, weakened
from fixer.rules.likelihood import hints
from fixer.rules.ranking import rank
from fixer.rules.surroundings import SURROUNDINGS
from fixer.rules.unfamiliar import REPORTS

SAID, SAID_FACT = "said-", "said"
_TRUST: dict[Certainty, int] = {"proven": 3, "likely": 2, "possible": 1, "cannot-tell": 0}
# Where nobody wishes for the GPU these are notes; whoever shows a log of a missing GPU wishes for it.
_NAMED_AS_NOTES = ("apple-silicon", "no-nvidia-gpu", "gpu-arch-too-old")
# Facts that a TensorFlow which is being imported belies.
_BEFORE_INSTALLED = ("python-unsupported", "tensorflow-missing", "tensorflow-gpu-removed")
_BY_FACT = {3: 10.0, 2: 8.0, 1: 3.0, 0: 1.0}
_RAISES, _RAISED = 6.0, 0.12
_FLOOR = 0.012
_HEADLINE = 0.25
_LIKELY = 0.85
# A line of this group says at once why cuDNN did not start: the headline beside it adds no cause of its own.
_DECIDES = {"cudnn-as-loaded"}
# Two versions of one library: only one of the two can stop a run.
_OPPOSITES = (("protobuf-too-old", "protobuf-too-new"), ("cudnn-too-old", "cudnn-too-new"))
# That TensorFlow lists no GPU follows from whatever else the log tells, and adds nothing to it.
_CONSEQUENCES = {"gpu-list-empty", "cpu-only-list"}
_LEAST = 0.01
# Groups that rest on no known wording: what surroundings suffer from, and what reports about the same things turned out to be.
_COUNTED = {SURROUNDINGS, REPORTS}
_FLOOR_OF_SURROUNDINGS = 0.02
_SURE = 2
_MOST_CAUSES, _MOST_NOW = 12, 6
_MOST_LINES = 6


def explain(case: Case, findings: Iterable[Finding], lines: int = 0) -> Explanation:
    """What ``findings`` say about the log whose events ``case`` holds."""
    every = heard(case)
    ranked = rank(findings)
    causes = _Reading(case, ranked).causes()
    return Explanation(
        causes,
        tuple(_aside(one) for one in every if one.row.kind == "noise"),
        tuple(_aside(one) for one in tried(case)),
        () if causes else tuple(_aside(one) for one in _unexplained(every)),
        (),
        lines,
        sum(one.event.times for one in every if one.row.id != CUT_OFF),
    )


def _unexplained(every: Sequence[Heard]) -> Iterator[Heard]:
    """What failed by a known wording, and errors of which nothing else is known than that they are some."""
    shown: set[tuple[int, str]] = set()
    for one in _told(every):
        place = (one.event.line, one.event.text)
        # Several wordings may hold for one line, which is shown once.
        if (one.row.fails or one.row.id == AN_ERROR) and place not in shown:
            shown.add(place)
            yield one


def _told(every: Sequence[Heard]) -> tuple[Heard, ...]:
    """``every`` without the word that a line is an error, where the line says which."""
    known = {one.event.line for one in every if one.row.id not in (AN_ERROR, CUT_OFF)}
    return tuple(one for one in every if one.row.id != AN_ERROR or one.event.line not in known)


def _aside(one: Heard) -> Aside:
    event, row = one.event, one.row
    return Aside(row.id, row.about, event.line, event.text, event.times)


class _Reading:
    """One log's findings, sorted by what they rest on."""

    def __init__(self, case: Case, findings: Sequence[Finding]) -> None:
        self.case = case
        self.events = heard(case)
        self.failing = {one.event.source for one in self.events if one.row.fails}
        telling = [one for one in self.events if one.row.kind == "error" and one.row.causes]
        headlines = [one for one in self.events if one.row.kind == "headline"]
        # A headline names the step that failed: beside a line that tells more, what it could mean is no sign.
        self.could_be = {cause for one in telling or headlines for cause in one.row.causes}
        self.texts = {one.event.line: one.event.text for one in self.events if one.row.id != CUT_OFF}
        self.past = self._past(findings)
        self.past += _contradicted([found for found in findings if found not in self.past and self._speaks(found)])
        standing = [found for found in findings if found not in self.past]
        shared = [found for found in standing if "group" in found.subject]
        alone = [found for found in standing if "group" not in found.subject]
        self.said = [found for found in alone if self._speaks(found) and not _is_weak(found)]
        # What surroundings suggest is for a log that says nothing: beside lines that name causes, or share them, it is silent.
        spoken = [found for found in shared if found.subject["group"] not in _COUNTED]
        self.shared = spoken if spoken or self.said else shared
        self.raised = [found for found in alone if self._speaks(found) and _is_weak(found)]
        self.facts = [
            found
            for found in alone
            if not self._speaks(found)
            and found.certainty != "cannot-tell"
            and not (found.cause in _BEFORE_INSTALLED and runs(case))
            and (found.severity == "blocks" or found.cause in _NAMED_AS_NOTES)
        ]

    def _past(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings that rest on lines which a later run got past; none where nothing else failed."""
        units: dict[str, list[Finding]] = {}
        for at, found in enumerate(findings):
            if "group" in found.subject or self._speaks(found):
                units.setdefault(found.subject.get("group", str(at)), []).append(found)
        past = [found for unit in units.values() if is_past(self.case, unit) for found in unit]
        return past if len(past) < sum(map(len, units.values())) else []

    def _speaks(self, found: Finding) -> bool:
        """Whether lines carry the finding: one of its own, or no other evidence than lines."""
        if found.code.startswith(SAID) or any(item.fact == SAID_FACT for item in found.evidence):
            return any(item.source in self.failing for item in found.evidence) or found.severity == "blocks"
        return bool(found.evidence) and found.severity == "blocks" and self._only_lines(found) and self._fits_the_failure(found)

    def _fits_the_failure(self, found: Finding) -> bool:
        """Whether a line that failed says it, or one could; what else a log shows beside a failure is a fact and no cause."""
        if not self.failing or found.cause in self.could_be:
            return True
        return any(item.source in self.failing for item in found.evidence)

    def causes(self) -> tuple[NamedCause, ...]:
        """Every cause worth naming, most probable first."""
        ordered: list[tuple[str, float | None]] = [(found.cause, None) for found in sorted(self.said, key=_said_key)]
        shares = self._shares()
        told = {cause for cause, _ in ordered}
        if not self.failing and not self.shared and self._is_well():
            known = tuple(told) or self._reported()
            return tuple(self._named(cause, None) for cause in known) if known else self._harmless()
        ordered += [(cause, share) for cause, share in shares.items() if cause not in told and share >= _LEAST]
        names = list(dict.fromkeys(cause for cause, _ in ordered))
        # Beside a line that names its cause, what is also wrong with the machine is the doctor's affair.
        alone = [] if self.said else [found.cause for found in self.facts if found.cause not in names]
        # What the facts say by themselves comes before what such surroundings most often suffer from.
        names = list(dict.fromkeys((*alone, *names) if self._only_surroundings() else (*names, *alone)))
        # What a later run got past stopped an earlier one: it follows what stops the run now.
        names = list(dict.fromkeys((*names[:_MOST_NOW], *(found.cause for found in sorted(self.past, key=_said_key)), *names)))
        best = dict(ordered)
        return tuple(self._named(cause, best.get(cause)) for cause in names[:_MOST_CAUSES])

    def _only_surroundings(self) -> bool:
        """Whether no line was known that tells of a fault, and all candidates are those of the surroundings."""
        groups = {found.subject["group"] for found in self.shared}
        return bool(groups) and groups <= {*_COUNTED, TENSORRT}

    def _is_well(self) -> bool:
        """Whether the log shows a run that got somewhere, or nothing but harmless lines."""
        # What a report says beside its log has no line. Where a warning stands is a part of it, and no fact beside it.
        harmless = {one.event.line for one in self.events if one.row.kind == "noise"}
        seen = [one for one in _told(self.events) if one.event.line and one.row.id != CUT_OFF]
        kinds = {one.row.kind for one in seen if one.row.kind != "fact" or one.event.line not in harmless}
        return "success" in kinds or bool(kinds) and "fact" not in kinds

    def _reported(self) -> tuple[str, ...]:
        """What a report's own words decide, where the log got nowhere: nobody reports harmless lines alone."""
        reported = is_reported(self.case.facts.os) or is_reported(self.case.facts.environment)
        if not reported or any(one.row.kind == "success" for one in self.events):
            return ()
        return tuple(dict.fromkeys(found.cause for found in self.facts if _TRUST[found.certainty] >= _SURE))

    def _harmless(self) -> tuple[NamedCause, ...]:
        """The one entry for a log of harmless lines alone."""
        noise = [one for one in self.events if one.row.kind == "noise"]
        if not noise:
            return ()
        advice, cause = ADVICE["benign-noise"], CAUSES["benign-noise"]
        quotes = tuple(Quote(one.event.line, one.event.text) for one in noise[:_MOST_LINES])
        remedy = Remedy(advice.summary, (), cause.plan)
        # Where lines were cut off, one that would have said more may be among them.
        cut = any(one.event.part or one.row.id == CUT_OFF for one in self.events)
        certainty: Certainty = "cannot-tell" if cut else "likely"
        decide = deciding(self.case, advice.decide_with) if cut else ()
        return (NamedCause("benign-noise", certainty, "only harmless lines were recognised", quotes, (), remedy, decide, "benign-noise"),)

    def _shares(self) -> dict[str, float]:
        """How probable each cause of the lines that nothing explained is, the most probable first.

        A run whose import failed and one that reached the GPU are two: what stops the import comes before the other's causes.
        """
        sure = {found.cause for found in self.said}
        groups: dict[str, dict[str, float]] = {}
        for found in self.shared:
            groups.setdefault(found.subject["group"], {})[found.cause] = float(found.subject["weight"])
        groups = {name: weights for name, weights in groups.items() if not sure & set(weights)}
        headlines = {one.row.id for one in self.events if one.row.kind == "headline"}
        if _DECIDES & set(groups):
            groups = {name: weights for name, weights in groups.items() if name not in headlines}
        if set(groups) - _CONSEQUENCES:
            groups = {name: weights for name, weights in groups.items() if name not in _CONSEQUENCES}
        raised = {found.cause for found in self.raised}
        if not groups:
            return _sorted({cause: 1.0 / len(raised) for cause in raised})
        early = {name: weights for name, weights in groups.items() if _stops_the_import(weights)}
        late = {name: weights for name, weights in groups.items() if name not in early}
        if early and late and not _causes(early) & (_causes(late) | raised):
            return {**_sorted(self._weighed(early, set(), headlines)), **_sorted(self._weighed(late, raised, headlines))}
        return _sorted(self._weighed(groups, raised, headlines))

    def _weighed(self, groups: Mapping[str, Mapping[str, float]], raised: Set[str], headlines: Set[str]) -> dict[str, float]:
        """The shares of the causes of ``groups``, and of what other lines only ``raised``; the sum is 1."""
        names = _causes(groups)
        shares = dict.fromkeys(names | raised, 1.0)
        telling = set(groups) - headlines
        for name, weights in groups.items():
            whole = sum(weights.values())
            # A headline names the step that failed: beside a line that tells more, it says little and excludes nothing.
            power, floor = (_HEADLINE, 0.25) if telling and name in headlines else (1.0, _FLOOR)
            if name == SURROUNDINGS and REPORTS in groups:
                floor = _FLOOR_OF_SURROUNDINGS
            for cause in shares:
                least = max(floor, _RAISED) if cause in raised else floor
                shares[cause] *= max(weights.get(cause, 0.0) / whole, least) ** power
        for cause in raised:
            shares[cause] *= _RAISES
        for hint in hints(self.case):
            for cause, factor in hint.factors.items():
                if cause in shares:
                    shares[cause] *= factor
        for cause in shares:
            trust = max((_TRUST[found.certainty] for found in self.facts if found.cause == cause), default=0)
            shares[cause] *= _BY_FACT[trust]
        whole = sum(shares.values())
        return {cause: share / whole for cause, share in shares.items()}

    def _named(self, cause: str, share: float | None) -> NamedCause:
        said = [found for found in self.said if found.cause == cause]
        others = [found for found in (*self.shared, *self.raised, *self.past) if found.cause == cause]
        facts = [found for found in self.facts if found.cause == cause]
        headlines = {SAID + one.row.id for one in self.events if one.row.kind == "headline"}
        best = max((*said, *facts, *others), key=lambda found: (found in said, _TRUST[found.certainty], found.code not in headlines))
        certainty = self._certainty(said, share)
        advice = ADVICE[cause]
        summary, commands = (best.remedy.summary, best.remedy.commands) if best.remedy.summary else (advice.summary, advice.commands or ())
        # Who can repair it is the vocabulary's word: what this machine would allow, a log does not show.
        remedy = Remedy(summary, runnable(self.case, commands), CAUSES[cause].plan)
        decide: tuple[str, ...] = ()
        if certainty in ("cannot-tell", "possible"):
            wanted = next((found.subject["decide"] for found in others if found.subject.get("decide")), "")
            decide = deciding(self.case, tuple(wanted.split("\n")) if wanted else advice.decide_with)
        quotes, evidence = self._quoted([*said, *others, *facts], bearing(self.case, cause))
        return NamedCause(cause, certainty, best.title, quotes, evidence, remedy, decide, best.code)

    def _certainty(self, said: list[Finding], share: float | None) -> Certainty:
        if said:
            if all(found.certainty == "cannot-tell" for found in said):
                return "cannot-tell"
            known = {weakened(self.case, found) if self._only_lines(found) else "likely" for found in said}
            return next((certainty for certainty in ("proven", "likely") if certainty in known), "possible")
        if share is None:
            # No line agrees: beside a cause that lines name it is possible, alone the log cannot tell.
            return "possible" if self.said or self.shared or self.raised else "cannot-tell"
        if not self.shared:
            # A line that only raises a cause makes it no surer where nothing else was heard.
            return "possible"
        if self._only_surroundings():
            return "cannot-tell"
        # What told the causes of a shared line apart may have been cut off.
        cut = any(one.row.id == CUT_OFF for one in self.events)
        return "likely" if share >= _LIKELY and self.failing and not cut else "cannot-tell"

    def _only_lines(self, found: Finding) -> bool:
        return all(" line " in item.source for item in found.evidence)

    def _quoted(self, group: list[Finding], beside: Sequence[Evidence]) -> tuple[tuple[Quote, ...], tuple[Evidence, ...]]:
        quotes: dict[int, Quote] = {}
        evidence: list[Evidence] = []
        for item in (*(item for found in group for item in found.evidence), *beside):
            number = item.source.rpartition(" line ")[2]
            if " line " in item.source and number.isdigit():
                quotes.setdefault(int(number), Quote(int(number), self.texts.get(int(number), item.value)))
            else:
                evidence.append(item)
        shown = sorted(quotes.values(), key=lambda quote: quote.line)[:_MOST_LINES]
        return tuple(shown), tuple(dict.fromkeys(evidence))


def _sorted(shares: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda item: (-item[1], ORDER[item[0]])))


def _causes(groups: Mapping[str, Mapping[str, float]]) -> set[str]:
    return {cause for weights in groups.values() for cause in weights}


def _stops_the_import(weights: Mapping[str, float]) -> bool:
    """Whether nearly all that a line could mean stops the import."""
    early = sum(weight for cause, weight in weights.items() if CAUSES[cause].stage == "import")
    return early >= _LIKELY * sum(weights.values())


def _contradicted(findings: Sequence[Finding]) -> list[Finding]:
    """Of two findings that exclude each other the one that stands back.

    A line that names its cause outweighs what follows from two facts, and of two runs the later one is asked about.
    """
    sure = [found for found in findings if "group" not in found.subject and _TRUST[found.certainty] >= _SURE]
    lost = []
    for pair in _OPPOSITES:
        sides = [[found for found in sure if found.cause == cause] for cause in pair]
        if all(sides):
            lost += min(sides, key=lambda side: max((found.code.startswith(SAID), _last_line(found)) for found in side))
    return lost


def _last_line(found: Finding) -> int:
    numbers = [item.source.rpartition(" line ")[2] for item in found.evidence if " line " in item.source]
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def _is_weak(found: Finding) -> bool:
    """Whether the finding only raises a cause among others: a line that is compatible with it and no more."""
    return found.certainty == "possible" or found.certainty == "cannot-tell" and found.code.startswith(SAID)


def _said_key(found: Finding) -> tuple[int, int, int]:
    """An earlier stage hides the later ones; inside one, the surer."""
    return (STAGES.index(found.stage), -_TRUST[found.certainty], ORDER[found.cause])
