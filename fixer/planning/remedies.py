"""From blocking findings to steps: what each cause asks of the environment, one small builder a family.

The unit is a function of the situation that returns what must move (``Demands``), or adds a setting's repair
to the draft. Which stack meets the demands is chosen elsewhere.
"""

from __future__ import annotations

from dataclasses import field
from typing import Iterable, Mapping

from fixer.model.finding import Finding
from fixer.model.record import record
from fixer.planning import causes, people, steps
from fixer.planning.draft import Draft
from fixer.planning.releases import releases
from fixer.planning.situation import METAL, Situation

_OPERATORS = ("<", ">", "=", "!", "~")


@record(frozen=True)
class Demands:
    """What the findings ask of the packages.

    ``forced`` maps a package to the range that it must have ("" where any will do); ``remove`` is to be
    uninstalled; ``reinstall`` to be laid down again in the version that it has; ``replace`` means that
    TensorFlow itself is put in anew. ``complete`` is named in the version that it has, for the installer to add what its
    metadata asks for: a package that is missing and of which the dataset knows no release.
    """

    forced: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    reinstall: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False
    complete: Mapping[str, str] = field(default_factory=dict)


def demands(situation: Situation, findings: Iterable[Finding]) -> Demands:
    """What ``findings`` (the blocking ones) ask of the packages."""
    forced: dict[str, str] = {}
    remove: list[str] = []
    again: dict[str, str] = {}
    complete: dict[str, str] = {}
    replace = False
    for finding in findings:
        subject = finding.subject
        name, wanted = subject.get("package", ""), subject.get("wanted", "")
        if finding.cause == "duplicate-tf-packages":
            remove += [one for one in situation.distributions if one != "tensorflow-base"]
            replace = True
        elif finding.cause == "tensorflow-gpu-removed":
            remove += ["tensorflow-gpu"] if "tensorflow-gpu" in situation.packages else []
            replace = True
        elif finding.cause == "cpu-build-selected":
            remove += [one for one in situation.distributions if one != (wanted or "tensorflow")]
            replace = True
        elif finding.cause == "nvidia-wheel-collision":
            both = tuple(one for one in subject.get("packages", "").split(",") if one in situation.packages)
            remove += both
        elif finding.code == "requirement-missing":
            missing = _named(subject.get("packages", ""), subject.get("wanted", ""))
            forced.update(missing)
            asking = subject.get("asked_by", "")
            if asking in situation.packages and any(not releases(situation.dataset, one) for one in missing):
                complete[asking] = situation.packages[asking]
        elif subject.get("reinstall") in situation.packages:
            again[subject["reinstall"]] = situation.packages[subject["reinstall"]]
        elif subject.get("remove"):
            remove += [one for one in subject["remove"].split(",") if one in situation.packages]
        elif name == METAL and not situation.metal:
            # The CPU is meant: the plugin that breaks the import only has to go.
            remove.append(METAL)
        elif finding.cause == "environment-broken":
            version = subject.get("version") or situation.packages.get(name, "")
            if name and version:
                again[name] = version
            elif name:
                forced[name] = ""
        elif finding.cause in causes.PACKAGES and name and name not in situation.distributions:
            forced[name] = _joined(forced.get(name), wanted if wanted.startswith(_OPERATORS) else "")
    return Demands(forced, tuple(dict.fromkeys(remove)), again, replace, complete)


def twin(findings: Iterable[Finding]) -> bool:
    """Whether the same release under the name tensorflow-gpu is what a build without CUDA lacks: its libraries are there."""
    return any(one.cause == "cpu-build-selected" and one.subject.get("wanted") == "tensorflow-gpu" for one in findings)


def _named(packages: str, wanted: str) -> dict[str, str]:
    """Missing packages with their ranges; the ranges hold commas, so they are split at semicolons."""
    ranges = {}
    for text in wanted.split(";"):
        place = min((text.find(sign) for sign in _OPERATORS if sign in text), default=len(text))
        ranges[text[:place]] = text[place:]
    return {name: ranges.get(name, "") for name in packages.split(",") if name}


def _joined(*parts: str | None) -> str:
    return ",".join(part for part in parts if part)


def wrong_sonames(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The sonames that blocking library findings name."""
    found: dict[str, None] = {}
    for finding in findings:
        if finding.cause in causes.LIBRARIES:
            for soname in finding.subject.get("sonames", "").split(","):
                found.update({soname: None} if soname.startswith("lib") else {})
    return tuple(found)


def setting(situation: Situation, finding: Finding, draft: Draft) -> None:
    """A variable that hides the GPU or Keras: changed where the environment is activated, if that is ours to edit."""
    if finding.cause == "wsl-libcuda-path" and situation.facts.driver.is_absent and finding.certainty != "proven":
        folder = finding.subject.get("folder", "")
        why = f"{finding.title}. Where {folder}/libcuda.so.1 is there, only LD_LIBRARY_PATH lacks {folder}."
        step, draft.driver = people.driver_step(situation, draft.driver_floor, why)
        draft.step(step)
        return
    unset, values, prepend = _change(situation, finding)
    drop = _harmful(finding)
    mine = (
        situation.not_editable is None
        and situation.owner is None
        and finding.remedy.plan in ("auto", "ask")
        and (unset or values or prepend or drop)
    )
    if not mine:
        draft.step(people.from_finding(finding))
        return
    made = steps.activations(
        situation, situation.prefix, situation.interpreter, (finding.code,),
        conda_environment=situation.kind == "conda", prepend=prepend, setting=values, unset=unset, drop=drop,
    )  # fmt: skip
    draft.actions += made
    words = ", ".join((*unset, *values, *prepend, *drop))
    draft.note(
        f"{words}: changed when the environment is activated, which reaches terminals. A notebook server, an IDE or a "
        "job that sets it itself must be told there; what is running must be restarted."
    )


def _harmful(finding: Finding) -> dict[str, tuple[str, ...]]:
    """Folders to take off LD_LIBRARY_PATH: those of stubs, which no program needs to run."""
    if finding.cause != "libcuda-stub-loaded":
        return {}
    named = finding.subject.get("folders", "").split(":")
    folders = tuple(dict.fromkeys(one.rstrip("/") for one in named if one.startswith("/")))
    return {"LD_LIBRARY_PATH": folders} if folders else {}


def _change(
    situation: Situation, finding: Finding
) -> tuple[tuple[str, ...], dict[str, str], dict[str, tuple[str, ...]]]:
    subject = finding.subject
    if finding.cause == "cuda-visible-devices":
        return ("CUDA_VISIBLE_DEVICES",), {}, {}
    if finding.cause == "gpu-memory-growth":
        return (), {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}, {}
    if finding.cause == "keras-backend-setting" and "KERAS_BACKEND" in situation.variables:
        return (), {"KERAS_BACKEND": "tensorflow"}, {}
    if finding.cause == "wsl-libcuda-path" or finding.code == "libcuda-not-searched":
        return (), {}, {"LD_LIBRARY_PATH": (subject.get("folder") or "/usr/lib/wsl/lib",)}
    return (), {}, {}
