"""Rules about packages beside TensorFlow: what breaks it, and what its metadata forbids though it works.

The dataset's measured pairs decide (``package_faults``: breaks-import, breaks-use, works). A version
outside TensorFlow's own bounds that no row calls broken is a risk, never a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from fixer.dataset import ask
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import PackageFaultRow, TensorFlowRow
from fixer.model import compare
from fixer.model.facts import DEVICE_PLUGIN
from fixer.model.finding import Certainty, Finding
from fixer.model.needed_packages import BY_KERAS, BY_TENSORFLOW
from fixer.model.pep440 import normal_name
from fixer.rules.case import Case
from fixer.rules.causes import CAUSES
from fixer.rules.keras import is_keras_3, legacy
from fixer.rules.say import APPLY, fact, finding, joined, sentence, weaker

# Spaces between two clauses belong to one of them alone: what fails then fails at once.
_REQUIREMENT = re.compile(r"(\s*(>=|<=|==|!=|~=|>|<)\s*[\w.*]+(\s*,)?)+\s*")
_WORST = ("breaks-import", "breaks-use", "works")
# The cause that a version outside the bounds points at, where no measured row names one.
_BY_PACKAGE = {
    "numpy": "numpy-abi",
    "ml-dtypes": "ml-dtypes-mismatch",
    "keras": "keras-tf-mismatch",
    "tf-keras": "keras-tf-mismatch",
}
# tf-keras matters only where a variable switches to it: the rules of keras know.
_SWITCHED = ("tf-keras",)
_PLUGINS = (
    "tensorflow-text", "tensorflow-addons", "tensorflow-decision-forests", "tensorflow-io", "tensorflow-io-gcs-filesystem",
)  # fmt: skip
_SAME_MINOR = ("tensorflow-text",)
# TensorFlow loads what lies in tensorflow-plugins when it is imported. From 2.13 on these are numbered like the one TensorFlow that
# each supports (releases of intel/intel-extension-for-tensorflow, v2.13.0.0); what is left of another broke the import
# (tensorflow/tensorflow#58545).
_LOADED_AT_IMPORT = ("intel-extension-for-tensorflow", "intel-extension-for-tensorflow-lib")
_FIRST_NUMBERED = (2, 13)
# Measured on 2.16.1 and 2.20.0 without keras: import tensorflow and tensors work, tf.keras raises an ImportError.
_KERAS_ALONE = (2, 16)


def package_pairs(case: Case) -> Iterator[Finding]:
    """Every installed package against the dataset's pairs and TensorFlow's bounds: one finding a package."""
    if case.tensorflow is None:
        return
    bounds = ask.working(case.dataset, case.row).bounds if case.row is not None else {}
    index = ask.fault_index(case.dataset)
    for name in case.packages:
        if name in _SWITCHED:
            continue
        rows = index.get(name, ())
        bound = bounds.get(name)
        if not rows and bound is None:
            continue
        if case.row_is_own and bound is not None and compare.within(bound, case.packages[name]) is True:
            # The rows were measured on published releases; of any other one its own metadata knows more.
            continue
        met = [row for row in _met(case.dataset, name, case.packages[name], case.tensorflow) if _holds_beside(case, row)]
        worst = min(met, key=lambda row: _WORST.index(row.effect), default=None)
        if worst is not None and worst.effect != "works":
            yield _broken(case, name, worst, bound)
        elif bound and compare.within(bound, case.packages[name]) is False:
            yield from _forbidden(case, name, bound, worst)


@lru_cache(maxsize=4096)
def _met(dataset: Dataset, name: str, version: str, tensorflow: str) -> tuple[PackageFaultRow, ...]:
    """The measured pairs of this release of a package with this TensorFlow, on whichever Python and beside whatever."""
    rows = (row for row in ask.fault_index(dataset).get(name, ()) if row.cause in CAUSES)
    return tuple(row for row in rows if _holds_of(row, version, tensorflow))


def _holds_of(row: PackageFaultRow, version: str, tensorflow: str) -> bool:
    return compare.within(row.versions, version) is True and compare.within(row.tensorflow, tensorflow) is True


def _holds(case: Case, row: PackageFaultRow, version: str) -> bool:
    return _holds_of(row, version, case.tensorflow or "") and _holds_beside(case, row)


def _holds_beside(case: Case, row: PackageFaultRow) -> bool:
    if row.python and (case.python is None or compare.within(row.python, case.python) is not True):
        return False
    return all(compare.within(spec, case.packages.get(name, "")) is True for name, spec in row.beside.items())


def _trust(case: Case, row: PackageFaultRow) -> Certainty:
    """Measured pairs prove; an inference is likely; another builder's TensorFlow may differ from what was measured."""
    measured = row.measured and row.confidence == "primary"
    return weaker("proven" if measured else "likely", "likely" if case.by_conda or case.is_foreign_build else "proven")


def _broken(case: Case, name: str, row: PackageFaultRow, bound: str | None) -> Finding:
    version = case.packages[name]
    verb = "breaks the import of" if row.effect == "breaks-import" else "breaks the use of"
    wanted = _wanted(name, version, row, bound)
    evidence = [case.package(name), *case.tensorflow_evidence()]
    if row.message:
        evidence.append(fact("TensorFlow then says", row.message, case.packages_seen))
    return finding(
        row.cause,
        "blocks",
        _trust(case, row),
        f"{_shown(name)} {version} {verb} {case.tensorflow_name}",
        evidence,
        _advice(name, row, wanted),
        code=f"{row.cause}/{row.id}",
        rows=(case.dataset.ref(row), *case.row_refs),
        plan=CAUSES[row.cause].plan,
        subject={"package": name, "installed": version, "wanted": wanted},
    )


def _forbidden(case: Case, name: str, bound: str, works: PackageFaultRow | None) -> Iterator[Finding]:
    version = case.packages[name]
    cause = works.cause if works is not None else _cause(name, version, bound)
    if cause is None:
        return
    tail = "although it is known to work" if works is not None else "though nothing is known to break"
    rows = ((case.dataset.ref(works),) if works is not None else ()) + case.row_refs
    certainty: Certainty = _trust(case, works) if works is not None else "likely"
    yield finding(
        cause,
        "risks",
        certainty,
        f"{_shown(name)} {version} is outside what {case.tensorflow_name} allows, {tail}",
        (case.package(name), fact("tensorflow's bound", f"{name}{bound}", case.packages_seen)),
        f"Install {name}{bound} when something misbehaves; pip check reports the conflict until then.",
        code=f"{cause}/outside-bounds",
        rows=rows,
        commands=() if works is not None else APPLY,
        plan="none" if works is not None else None,
        subject={"package": name, "installed": version, "wanted": bound},
    )


def _cause(name: str, version: str, bound: str) -> str | None:
    if name == "protobuf":
        lowest = re.search(r"(?:>=|~=|==)\s*([\d.]+)", bound)
        old = lowest is not None and compare.release(version) < compare.release(lowest.group(1))
        return "protobuf-too-old" if old else "protobuf-too-new"
    return _BY_PACKAGE.get(name)


def _wanted(name: str, version: str, row: PackageFaultRow, bound: str | None) -> str:
    """The specifier to install: TensorFlow's bound where it already excludes what is installed, else the row's too."""
    if bound and compare.within(bound, version) is False:
        return bound
    own = _REQUIREMENT.fullmatch(row.remedy.removeprefix(name))
    return ",".join(part for part in (bound, own.group(0).strip() if own else None) if part)


def _advice(name: str, row: PackageFaultRow, wanted: str) -> str:
    """The row's own words, or what to install where they are but a requirement."""
    if row.remedy and not _REQUIREMENT.fullmatch(row.remedy.removeprefix(name)):
        return sentence(row.remedy)
    return f"Install {row.remedy or name + wanted}."


def _shown(name: str) -> str:
    return {"numpy": "NumPy", "keras": "Keras"}.get(name, name)


def missing_requirement(case: Case) -> Iterator[Finding]:
    """A package that TensorFlow imports is not installed."""
    row = case.row
    if case.tensorflow is None or row is None or case.by_conda:
        return
    gone = [name for name in case.lacking(BY_TENSORFLOW) if name in row.bounds and not _supplied(case, name, row.bounds[name])]
    # A file that names no other package of TensorFlow's was hardly made with Keras in mind: a risk, below.
    listed = case.complete or any(name in case.packages for name in BY_TENSORFLOW)
    if "keras" in gone and listed and compare.minor(case.tensorflow) >= _KERAS_ALONE and not legacy(case):
        gone.remove("keras")
        if "keras-nightly" not in case.packages:
            yield _without_keras(case, row)
    if not gone:
        return
    # A machine file that a person wrote seldom names Keras: its silence is no proof of a broken environment.
    yield finding(
        "environment-broken",
        "blocks" if case.complete else "risks",
        "proven" if case.complete and {"numpy", "protobuf"} & set(gone) else "likely",
        f"{joined(gone)} {'is' if len(gone) == 1 else 'are'} missing, and {case.tensorflow_name} imports "
        f"{'it' if len(gone) == 1 else 'them'}",
        (fact("environment.packages", f"without {joined(gone)}", case.packages_seen), *case.tensorflow_evidence()),
        "Install what TensorFlow's metadata names.",
        code="requirement-missing",
        rows=case.row_refs,
        subject={
            "packages": ",".join(gone),
            "wanted": ";".join(name + row.bounds[name] for name in gone),
            "asked_by": case.distribution or "",
        },
    )


def _without_keras(case: Case, row: TensorFlowRow) -> Finding:
    """TensorFlow itself is imported and computes, so what stops a GPU comes first; tf.keras ends at its first use."""
    return finding(
        "environment-broken",
        "blocks",
        # A machine file that a person wrote may have left Keras out.
        "proven" if case.complete else "likely",
        f"keras is missing: {case.tensorflow_name} is imported without it, and tf.keras then ends in an error",
        (
            fact("environment.packages", "without keras", case.packages_seen),
            *case.tensorflow_evidence(),
            fact("tf.keras then says", "Keras cannot be imported. Check that it is installed.", case.packages_seen),
        ),
        f"Install keras{row.bounds['keras']}.",
        code="requirement-missing",
        rows=case.row_refs,
        stage="missing",
        subject={"packages": "keras", "wanted": f"keras{row.bounds['keras']}", "asked_by": case.distribution or ""},
    )


def _supplied(case: Case, name: str, bound: str) -> bool:
    """Whether a folder outside the environment gives the package, in a version that fits."""
    strays = case.patient.strays if case.patient is not None else ()
    return any(normal_name(one.name) == name and (not bound or compare.within(bound, one.version) is not False) for one in strays)


def missing_keras_requirement(case: Case) -> Iterator[Finding]:
    """Keras 3 without the package that it imports itself: TensorFlow imports, and tf.keras fails at its first use."""
    version = case.packages.get("keras")
    if case.tensorflow is None or version is None or not case.complete or case.by_conda or not is_keras_3(case) or legacy(case):
        return
    row = next((one for one in ask.package_releases(case.dataset, "keras") if one.version == version), None)
    bounds = row.bounds if row is not None else {}
    gone = [name for name in BY_KERAS if name in bounds and case.lacks(name) and not _supplied(case, name, bounds[name])]
    if row is None or not gone:
        return
    yield finding(
        "environment-broken",
        "blocks",
        "proven",
        f"{joined(gone)} {'is' if len(gone) == 1 else 'are'} missing, and Keras {version} imports {'it' if len(gone) == 1 else 'them'}",
        (fact("environment.packages", f"without {joined(gone)}", case.packages_seen), case.package("keras")),
        "Install what Keras' metadata names.",
        code="requirement-missing",
        rows=(case.dataset.ref(row),),
        stage="missing",
        subject={"packages": ",".join(gone), "wanted": ";".join(name + row.bounds[name] for name in gone), "asked_by": "keras"},
    )


def plugin_built_for_other_tf(case: Case) -> Iterator[Finding]:
    """A plugin with compiled operations for another TensorFlow: its own import fails, TensorFlow's does not."""
    if case.tensorflow is None:
        return
    index = ask.fault_index(case.dataset)
    for name in _PLUGINS:
        version = case.packages.get(name)
        if version is None or any(_holds(case, row, version) for row in index.get(name, ())):
            continue
        rows = [row for row in ask.package_releases(case.dataset, name) if row.version == version]
        bound = rows[0].bounds.get("tensorflow") if rows else None
        other = bool(bound) and compare.within(bound or "", case.tensorflow) is False
        if not other and not (name in _SAME_MINOR and compare.minor(version) != compare.minor(case.tensorflow)):
            continue
        wanted = ".".join(map(str, compare.minor(case.tensorflow))) + ".*"
        yield finding(
            "plugin-built-for-other-tf",
            "risks",
            "likely",
            f"{name} {version} was built for another TensorFlow than {case.tensorflow}",
            (case.package(name), *case.tensorflow_evidence()),
            f"Install the {name} that belongs to this TensorFlow, or remove it.",
            rows=[case.dataset.ref(row) for row in rows],
            subject={"package": name, "installed": version, "wanted": f"=={wanted}" if name in _SAME_MINOR else ""},
        )


def device_plugin_of_another_tf(case: Case) -> Iterator[Finding]:
    """A device plugin that TensorFlow loads at its import, made for another TensorFlow or unable to be loaded."""
    held = {name: case.packages[name] for name in _LOADED_AT_IMPORT if name in case.packages}
    files = [one for one in case.facts.resolutions.or_else(()) if one.library == DEVICE_PLUGIN]
    broken = [one for one in files if one.problem is not None]
    other = [name for name, version in held.items() if _is_of_another(version, case.tensorflow)]
    if case.tensorflow is None or not held or not (other or broken):
        return
    names = joined(f"{name} {held[name]}" for name in other or held)
    series = joined(dict.fromkeys(".".join(map(str, compare.minor(held[name]))) for name in other or held))
    seen = tuple(fact(f"loader.{one.soname}", one.problem or one.path or "", case.facts.resolutions) for one in broken or files)
    yield finding(
        "plugin-built-for-other-tf",
        "blocks" if files else "risks",
        "proven" if broken else "likely",
        f"{broken[0].soname} of {names}, which TensorFlow loads at its import, cannot be loaded"
        if broken
        else f"{names} is for TensorFlow {series}{', and TensorFlow loads it at its import' if files else ''}",
        (*seen, *(case.package(name) for name in other or held), *case.tensorflow_evidence()),
        f"Remove it (it serves Intel's devices alone), or use it in an environment with TensorFlow {series}.",
        code="device-plugin-of-another-tf",
        plan="ask",
        subject={"remove": ",".join(held)},
    )


def _is_of_another(version: str, tensorflow: str | None) -> bool:
    minor = compare.minor(version)
    return tensorflow is not None and minor >= _FIRST_NUMBERED and minor != compare.minor(tensorflow)
