"""Rules about the environment's files: half installs, files that hide packages, packages from outside.

All of it is seen on a live machine only (or in its own machine file): a described machine that says
nothing of its files is presumed whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.facts import StrayPackage
from fixer.model.finding import Certainty, Finding, Severity
from fixer.model.needed_packages import BY_KERAS, BY_TENSORFLOW
from fixer.model.pep440 import normal_name
from fixer.model.subject import DISTRIBUTIONS
from fixer.rules.case import Case
from fixer.rules.loading import openings
from fixer.rules.say import fact, finding, joined

_VITAL = frozenset((*BY_TENSORFLOW, *BY_KERAS, "tf-keras"))
_IN_WORDS = {
    "record-missing-files": "files are missing that its RECORD lists",
    "metadata-missing": "its metadata is gone",
    "truncated": "a file of it is cut short",
    "leftover": "an interrupted installation left pieces of it behind",
    "two-versions": "two versions of its metadata are there",
    "replaced": "a library of it is not the one that was installed",
    "mixed": "its libraries are of two releases",
    "unreadable": "this user may not read a part of it",
}

_ADVICE = {
    "leftover": "Remove the leftover folder; pip only warns of it.",
    # No installer can replace what it may not look into.
    "unreadable": "Let this user read {path}: its owner changes its mode (never TensorFlow as root).",
}


# A library of another size may have been patched by hand and fit.
_CERTAINTIES: dict[str, Certainty] = {"two-versions": "likely", "replaced": "possible"}


def _vital(name: str) -> bool:
    return name in DISTRIBUTIONS or name in _VITAL


def environment_broken(case: Case) -> Iterator[Finding]:
    """Files and metadata disagree: an installation was cut short."""
    patient = case.patient
    for one in patient.broken if patient is not None else ():
        name = normal_name(one.name.lstrip("~"))
        severity = _severity(case, name, one.problem)
        yield finding(
            "environment-broken",
            severity,
            _CERTAINTIES.get(one.problem, "proven"),
            f"{name} is broken: {_IN_WORDS.get(one.problem, one.problem)}",
            (fact("patient.broken", f"{one.path}: {one.detail}" if one.detail else one.path, case.facts.patient),),
            _ADVICE.get(one.problem, "Reinstall {name} in the version that its metadata names.").format(name=name, path=one.path),
            commands=(("chmod", "u+rwX", one.path),) if one.problem == "unreadable" else None,
            plan="advise" if one.problem == "unreadable" else None,
            code=f"environment-broken/{one.problem}",
            subject={"package": name, "version": one.version or "", "path": one.path, "problem": one.problem},
        )


def _severity(case: Case, name: str, problem: str) -> Severity:
    """A package that TensorFlow imports stops everything; one whose libraries it loads stops the GPU."""
    if problem in ("leftover", "replaced"):
        return "risks"
    if problem == "metadata-missing" and name in case.packages:
        # It is imported all the same; installers are at a loss with it.
        return "risks"
    if _vital(name):
        return "blocks"
    for one in openings(case) if name.startswith("nvidia-") else ():
        row = ask.library(case.dataset, one.soname)
        if row is not None and name in row.wheels and (one.winner is None or one.winner.in_environment):
            return case.gpu_severity
    return "risks"


def installed_over(case: Case) -> Iterator[Finding]:
    """The library carries another version than the metadata: one distribution was installed over another."""
    build = case.facts.tensorflow_build
    carried = build.value.version if build.value is not None else None
    if carried is None or case.tensorflow is None or len(case.distributions) > 1:
        return
    if compare.release(carried)[:3] == compare.release(case.tensorflow)[:3]:
        return
    yield finding(
        "environment-broken",
        "blocks",
        "likely",
        f"the metadata says TensorFlow {case.tensorflow}, the files are those of {carried}",
        (*case.tensorflow_evidence(), fact("tensorflow_build.version", carried, build)),
        f"Reinstall {case.distribution} {case.tensorflow}.",
        code="installed-over",
        subject={"package": case.distribution or "", "version": case.tensorflow},
    )


def module_shadowed(case: Case) -> Iterator[Finding]:
    """A file or folder of the user's is imported in place of a package."""
    patient = case.patient
    shadows = patient.shadows if patient is not None else ()
    if not shadows:
        return
    paths = tuple(dict.fromkeys(one.path for one in shadows))
    yield finding(
        "module-shadowed",
        "blocks",
        "proven",
        f"{joined(paths)} {'hides' if len(paths) == 1 else 'hide'} {joined(sorted({one.module for one in shadows}))}",
        tuple(fact("patient.shadows", f"{one.path} is imported as {one.module}", case.facts.patient) for one in shadows),
        "Rename it (and remove its __pycache__), or start Python from another folder.",
        subject={"paths": "\n".join(paths), "modules": ",".join(sorted({one.module for one in shadows}))},
    )


def user_site_leak(case: Case) -> Iterator[Finding]:
    """Packages of the user site, of PYTHONPATH or of a folder that start-up puts first reach into the environment."""
    patient = case.patient
    strays = [one for one in patient.strays if _vital(normal_name(one.name))] if patient is not None else []
    if not strays:
        return
    index = ask.fault_index(case.dataset)
    bad = [
        one
        for one in strays
        for row in index.get(normal_name(one.name), ())
        if row.effect != "works"
        and case.tensorflow
        and compare.within(row.versions, one.version)
        and compare.within(row.tensorflow, case.tensorflow)
    ]
    shown = joined(f"{one.name} {one.version}" for one in (bad or strays))
    yield finding(
        "user-site-leak",
        "blocks" if bad else "risks",
        "likely",
        f"{shown} from outside the environment {'breaks' if bad else 'can hide'} its own packages",
        tuple(
            fact("patient.strays", f"{one.name} {one.version} in {one.path} (by {one.via})", case.facts.patient)
            for one in strays
        ),
        _way_out(bad or strays),
        subject={"packages": ",".join(normal_name(one.name) for one in strays), "via": strays[0].via},
    )


def _way_out(strays: list[StrayPackage]) -> str:
    """What a person does, by what lets the packages in."""
    files = dict.fromkeys(one.via for one in strays if one.via not in ("user site", "PYTHONPATH"))
    if not files:
        return "Set PYTHONNOUSERSITE=1 and clean PYTHONPATH, or remove these copies."
    folders = joined(dict.fromkeys(one.path.rpartition("/")[0] for one in strays if one.via in files))
    who = joined(path if path.startswith("/") else "a .pth file or a sitecustomize" for path in files)
    return f"{who} puts {folders} before the environment's own packages whenever this Python starts: take that line away there."
