"""Rules about the ground under TensorFlow: the C library and that of C++, the processor, the Python.

Each is met at import, before any GPU. An unsaid processor or C library is presumed ordinary; a
distribution whose release is known answers for its C library.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.finding import Evidence, Finding, RowRef
from fixer.rules.case import Case
from fixer.rules.say import fact, finding, joined, weaker
from fixer.rules.wishes import installable

_FIRST_WITH_AVX = (1, 6)


def libc_musl(case: Case) -> Iterator[Finding]:
    """A system without glibc (Alpine): no published TensorFlow runs there."""
    distro = case.facts.distro.value
    named = distro is not None and "alpine" in (distro.id, *distro.like)
    if case.os != "linux" or case.kind == "conda" or case.facts.glibc.is_found:
        return
    if not named and not case.facts.glibc.is_absent:
        return
    seen = (
        fact("distro", f"{distro.id} {distro.version or ''}".strip(), case.facts.distro)
        if named and distro is not None
        else fact("glibc", "none: another C library", case.facts.glibc)
    )
    yield finding(
        "libc-musl",
        "blocks",
        "proven",
        "this system has no glibc, and every TensorFlow wheel needs it",
        (seen,),
        "Use a container with glibc (python:3.12-slim, ubuntu) instead of Alpine; a glibc layer beside musl does not help.",
    )


def cpu_without_avx(case: Case) -> Iterator[Finding]:
    """A processor without AVX: the published wheels stop with an illegal instruction at import."""
    if case.facts.cpu_flags.is_unknown or case.arch != "x86_64" or "avx" in case.facts.cpu_flags.or_else(()):
        return
    if case.tensorflow and compare.minor(case.tensorflow) < _FIRST_WITH_AVX:
        return
    if case.os == "macos":
        yield _rosetta(case)
        return
    # conda builds some without it, and TensorFlow 1.5 needs none: both may be there where nobody could look.
    unsure = case.by_conda or case.kind == "conda" or case.packages_seen.is_unknown
    yield finding(
        "cpu-without-avx",
        "blocks",
        "likely" if unsure else "proven",
        "this processor has no AVX, which every TensorFlow wheel since 1.6 uses",
        (fact("cpu_flags", "avx is not among them", case.facts.cpu_flags), *case.tensorflow_evidence()),
        "Run TensorFlow on another machine, or use a build made without AVX; in a virtual machine, pass the host's "
        "processor through (CPU type host).",
    )


def _rosetta(case: Case) -> Finding:
    """Every Intel Mac of the last years has AVX; Apple's Rosetta, which runs x86_64 programs on Apple silicon, hides it."""
    return finding(
        "apple-silicon",
        "blocks",
        "likely",
        "this Python is built for x86_64 and sees no AVX: on Apple silicon it runs under Rosetta, where TensorFlow stops",
        (
            fact("os", "macos", case.facts.os),
            fact("arch", case.arch, case.facts.arch),
            fact("cpu_flags", "avx is not among them", case.facts.cpu_flags),
            *case.tensorflow_evidence(),
        ),
        "Use a Python built for arm64 (python3 -c 'import platform; print(platform.machine())' says arm64), and install "
        "TensorFlow there; an Intel Mac so old that it has no AVX runs no TensorFlow wheel since 1.6.",
        code="apple-silicon-rosetta",
        stage="import",
    )


def glibc_too_old(case: Case) -> Iterator[Finding]:
    """A C library older than the installed TensorFlow was linked with."""
    row = case.row
    if case.os != "linux" or row is None or row.glibc is None or case.by_conda:
        return
    needed = compare.glibc(row.glibc)
    known = None if case.facts.glibc.is_unknown else compare.glibc(case.facts.glibc.value)
    if needed is None or known is not None and not known < needed:
        return
    text, seen, refs = _glibc(case)
    present = compare.glibc(text)
    if present is None or not present < needed:
        return
    yield finding(
        "glibc-too-old",
        "blocks",
        weaker(case.metadata_trust, "proven" if case.facts.glibc.is_found else "likely"),
        f"glibc {text} is older than {case.tensorflow_name} needs ({row.glibc})",
        (seen, *case.tensorflow_evidence()),
        "Use a container or a newer release of the operating system, or an older TensorFlow. Never replace the "
        "system's glibc: everything on the machine is linked to it.",
        rows=(*case.row_refs, *refs),
        subject={"wanted": f">={row.glibc}"},
    )


def _glibc(case: Case) -> tuple[str | None, Evidence, tuple[RowRef, ...]]:
    """The C library's version, from the fact or from what the distribution's release brings."""
    if not case.facts.glibc.is_unknown:
        return case.facts.glibc.value, fact("glibc", str(case.facts.glibc.value), case.facts.glibc), ()
    distro = case.facts.distro.value
    row = ask.distro(case.dataset, distro.id, distro.version or "") if distro is not None else None
    if distro is None or row is None or row.glibc is None:
        return None, fact("glibc", "unknown", case.facts.glibc), ()
    words = f"{distro.id} {distro.version or ''} brings glibc {row.glibc}"
    return row.glibc, fact("distro", words, case.facts.distro), (case.dataset.ref(row),)


def libstdcxx_too_old(case: Case) -> Iterator[Finding]:
    """Another libstdc++ wins over the system's and lacks a version that TensorFlow's own library was linked with."""
    for one in case.facts.resolutions.or_else(()):
        if one.library != "libstdc++" or one.path is None or one.problem is None:
            continue
        folder = one.path.rpartition("/")[0]
        by_variable = "LD_LIBRARY_PATH" in one.why
        yield finding(
            "libstdcxx-too-old",
            "blocks",
            "proven",
            f"{one.path} is older than {case.tensorflow_name} was linked with, and the loader takes it",
            (fact(f"loader.{one.soname}", f"{one.why}: {one.problem}", case.facts.resolutions), *case.tensorflow_evidence()),
            f"Take {folder} out of LD_LIBRARY_PATH, or put the folder of a newer libstdc++ before it."
            if by_variable
            else "Put the folder of a newer libstdc++ first (conda: libstdcxx-ng in the environment). Never replace the system's.",
            plan="advise",
            commands=(),
            subject={"winner": one.path, "sonames": one.soname},
        )


def python_unsupported(case: Case) -> Iterator[Finding]:
    """No wheel for this Python: of the installed TensorFlow, or of any that could be installed."""
    if case.python is None or case.environment is None or case.packages_seen.is_unknown:
        return
    seen = fact("environment.python", str(case.environment.python.value), case.environment.python)
    if case.tensorflow is None:
        yield from _nothing_to_install(case, seen)
        return
    row = case.row
    if row is None or not row.python or case.python in row.python or case.by_conda:
        return
    builds = ask.tensorflow_rows(case.dataset, row.distribution, row.version)
    elsewhere = any(case.python in other.python for other in builds)
    yield finding(
        "python-unsupported",
        "blocks",
        "likely" if elsewhere or case.kind == "conda" else case.metadata_trust,
        f"{case.tensorflow_name} has no wheel for Python {case.python}",
        (seen, *case.tensorflow_evidence()),
        f"Use Python {joined(row.python, 'or')} for this TensorFlow, or a TensorFlow that is published for Python "
        f"{case.python}.",
        rows=case.row_refs,
        subject={"python": case.python, "wanted": ",".join(row.python)},
    )


def _nothing_to_install(case: Case, seen: Evidence) -> Iterator[Finding]:
    python = case.python or ""
    if case.os != "linux" or installable(case.wish, case.dataset, python, case.platform):
        return
    wished = [text for text in case.wish.requirements if text.lower().startswith("tensorflow")]
    what = joined(wished) if wished else "TensorFlow"
    yield finding(
        "python-unsupported",
        "blocks",
        "likely" if case.kind == "conda" else "proven",
        f"no release of {what} has a wheel for Python {python}",
        (seen,),
        "Make an environment with another Python; convfix plan names one that is at hand or can be had.",
        subject={"python": python},
    )
