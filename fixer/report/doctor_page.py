"""The doctor's page: the facts in a table, the one cause, what else is wrong, one next command.

The unit is ``show(view, exit_code, paper)``. It states what the findings state and
judges nothing itself: a row's mark comes from the findings that belong to it.
"""

from __future__ import annotations

from typing import Callable

from fixer.model.facts import Driver, Environment, Facts, Gpu
from fixer.model.finding import Finding
from fixer.model.record import record
from fixer.report.paper import Paper, shown_argv, tilde

# Which row of the table a finding belongs to: the first whose words begin the evidence's fact or the cause.
_ROW_WORDS = {
    "GPU": ("gpus", "gpu-", "no-nvidia-gpu", "container", "wsl-", "CUDA_VISIBLE", "variables.CUDA_VISIBLE", "cuda-visible"),
    "Driver": ("driver", "nouveau", "secure-boot", "uvm-", "device-", "cuda-compat", "libcuda"),
    "Python": ("python-", "environment.python"),
    "TensorFlow": (
        "tensorflow", "cpu-build", "duplicate-tf", "environment-broken", "module-shadowed", "glibc", "cpu-without", "libc-musl",
        "windows-native", "windows-msvc", "apple-silicon",
    ),
    "cuDNN": ("cudnn", "zlibwapi"),
    "CUDA": ("windows-dll", "cuda-libs", "ld-library", "pip-nvidia", "libdevice", "ptxas", "nvidia-wheel", "env-not"),
    "Keras": ("keras",),
}
_OTHER_ROW = "Packages"
_FAMILY = ("numpy", "protobuf", "ml-dtypes", "h5py", "tf-keras", "torch", "jax")


@record(frozen=True)
class DoctorView:
    """What the page shows: the facts and the ranked findings. ``described`` is the file that they were read from, if any."""

    facts: Facts
    findings: tuple[Finding, ...]
    described: str | None = None


def show(view: DoctorView, exit_code: int, paper: Paper) -> None:
    """The whole page."""
    table(view.facts, view.findings, paper)
    primary = next((finding for finding in view.findings if finding.primary), None)
    if primary is not None:
        paper.line()
        _cause(primary, view.described, paper)
    others = [finding for finding in view.findings if not finding.primary and (finding.severity != "note" or paper.verbose)]
    if others:
        paper.line()
        paper.line("Also seen:" if primary else "Seen:")
        for finding in others:
            _also(finding, paper)
    for finding in view.findings:
        if finding.severity == "note" and not paper.verbose and not finding.primary:
            paper.line()
            paper.line(f"Note: {finding.title}.")
    paper.line()
    paper.line(_last_line(exit_code, primary, view))


def table(facts: Facts, findings: tuple[Finding, ...], paper: Paper) -> None:
    """The facts, one row a subject, each with its mark."""
    marks = _marks(findings)
    rows, styles = [], []
    for subject, describe in _ROWS.items():
        said = describe(facts)
        if said is None and subject not in marks:
            continue
        mark, style = marks.get(subject, ("ok", "green"))
        if subject not in marks and said is not None and said.startswith("unknown"):
            mark, style = "?", "yellow"
        rows.append((subject, said or "", mark))
        styles.append(style)
    paper.columns(rows, styles)


def row_of(finding: Finding) -> str:
    """The table row that a finding is marked in: what the loader does to cuDNN alone stands in cuDNN's."""
    sonames = (finding.subject.get("sonames") or "").split()
    if sonames and all(name.startswith("libcudnn") for name in sonames):
        return "cuDNN"
    if finding.code == "requirement-missing" and finding.subject.get("packages") == "keras":
        return "Keras"
    for subject, words in _ROW_WORDS.items():
        if finding.cause.startswith(words):
            return subject
    return _OTHER_ROW


def _marks(findings: tuple[Finding, ...]) -> dict[str, tuple[str, str]]:
    marks: dict[str, tuple[str, str]] = {}
    strength = {"<- here": 4, "x": 3, "?": 2, "!": 1}
    for finding in findings:
        if finding.severity == "note":
            continue
        if finding.primary:
            mark = ("<- here", "bold red")
        elif finding.certainty == "cannot-tell":
            mark = ("?", "yellow")
        elif finding.severity == "blocks":
            mark = ("x", "red")
        else:
            mark = ("!", "yellow")
        held = marks.get(row_of(finding))
        if held is None or strength[mark[0]] > strength[held[0]]:
            marks[row_of(finding)] = mark
    return marks


def _cause(finding: Finding, described: str | None, paper: Paper) -> None:
    paper.line(f"Cause: {finding.title} ({finding.certainty}).", "bold")
    for item in finding.evidence:
        paper.line(f"{item.fact}: {item.value}" + (f"   [{item.source}]" if paper.verbose else ""), indent=2)
    if finding.remedy.summary:
        paper.line(finding.remedy.summary, indent=2)
    for argv in finding.remedy.commands:
        paper.line(_there(argv, described), indent=4)
    if finding.needs:
        paper.line("Not known: " + ", ".join(finding.needs), indent=2)
    if paper.verbose:
        _behind(finding, paper)


def _there(argv: tuple[str, ...], described: str | None) -> str:
    """A command; of a described machine, the plan is made from its file, and what changes it is run on it."""
    if described is not None and argv == ("convfix", "plan"):
        return shown_argv((*argv, "--machine", described))
    return shown_argv(argv) + ("        (on that machine)" if described is not None and argv == ("convfix", "apply") else "")


def _also(finding: Finding, paper: Paper) -> None:
    paper.line(f"{finding.severity}: {finding.title} ({finding.certainty}).", indent=2)
    if paper.verbose:
        for item in finding.evidence:
            paper.line(f"{item.fact}: {item.value}   [{item.source}]", indent=4)
        if finding.remedy.summary:
            paper.line(finding.remedy.summary, indent=4)
        _behind(finding, paper)


def _behind(finding: Finding, paper: Paper) -> None:
    paper.line(f"rule {finding.code}, cause {finding.cause}", indent=4)
    for row in finding.rows:
        paper.line(f"{row.table} {row.key}: {row.source}", indent=4)


def _last_line(code: int, primary: Finding | None, view: DoctorView) -> str:
    doctor = "convfix doctor -v" + (f" --machine {shown_argv((view.described,))}" if view.described is not None else "")
    if code == 0:
        return "All is well: nothing here stops TensorFlow."
    if code == 6:
        needs = sorted({need for finding in view.findings for need in finding.needs})
        return "Cannot tell yet: not known is " + ", ".join(needs or ["what decides"]) + "."
    if primary is not None and primary.remedy.plan == "none":
        return f"Nothing to change here; why it thinks so: {doctor}"
    return f"Next: {_there(('convfix', 'plan'), view.described)}        why it thinks so: {doctor}"


def _gpu(facts: Facts) -> str | None:
    if facts.gpus.is_absent:
        return "no NVIDIA GPU"
    if facts.gpus.value is None:
        return "unknown: " + facts.gpus.detail
    return "; ".join(_one_gpu(gpu) for gpu in facts.gpus.value)


def _one_gpu(gpu: Gpu) -> str:
    parts = [gpu.name or gpu.pci_id or "an NVIDIA GPU"]
    if gpu.compute_capability:
        parts[0] += f" ({gpu.compute_capability})"
    if gpu.memory_mib:
        parts.append(f"{gpu.memory_mib / 1024:.0f} GB")
    if gpu.free_mib is not None:
        parts.append(f"{gpu.free_mib / 1024:.1f} GB free")
    if gpu.powered is False:
        parts.append("asleep or off")
    return ", ".join(parts)


def _driver(facts: Facts) -> str | None:
    if facts.driver.is_absent:
        return None if facts.gpus.is_absent else "no NVIDIA driver"
    if facts.driver.value is None:
        return None if facts.gpus.is_absent else "unknown: " + facts.driver.detail
    driver: Driver = facts.driver.value
    library, module = driver.version.or_else("unknown"), driver.kernel_module
    halves = (
        "kernel module the same" if module.value == driver.version.value else f"kernel module {module.or_else('not loaded')}"
    )
    ceiling = f"; runs CUDA up to {driver.cuda.value}" if driver.cuda.is_found else ""
    return f"{library}, {'kernel module unknown' if module.is_unknown else halves}{ceiling}"


def _python(facts: Facts) -> str | None:
    environment = facts.environment.value
    if environment is None:
        return "no Python environment" if facts.environment.is_absent else "unknown: " + facts.environment.detail
    version = environment.python.or_else("unknown version")
    return version + _where(environment, facts)


def _where(environment: Environment, facts: Facts) -> str:
    kind = environment.kind.or_else("")
    if facts.patient.value is not None:
        return f", environment {tilde(facts.patient.value.prefix)}" + (f" ({kind})" if kind else "")
    return f", {kind} environment" if kind else ""


def _tensorflow(facts: Facts) -> str | None:
    packages = facts.packages.value
    if packages is None:
        return "none" if facts.packages.is_absent else "unknown: " + facts.packages.detail
    held = [
        (name, packages[name]) for name in packages if name in ("tensorflow", "tf-nightly") or name.startswith("tensorflow-gpu")
    ]
    held += [(name, packages[name]) for name in ("tensorflow-cpu", "tensorflow-rocm", "tensorflow-macos") if name in packages]
    if not held:
        return "not installed"
    said = "; ".join(version if name == "tensorflow" else f"{name} {version}" for name, version in held)
    build = facts.tensorflow_build.value
    if build is not None and build.is_cuda_build:
        said += f", built for CUDA {build.cuda or '?'} and cuDNN {build.cudnn or '?'}"
    elif build is not None and build.is_cuda_build is False:
        said += ", a CPU build"
    return said


def _library(facts: Facts, library: str) -> str | None:
    for resolution in facts.resolutions.or_else(()):
        if resolution.library == library:
            if resolution.path is None:
                return f"{resolution.soname} is not found by the loader"
            return f"{resolution.version or 'unknown version'} from {tilde(resolution.path)}"
    return None


def _process(facts: Facts) -> str | None:
    process = facts.process.value
    if process is None:
        return None
    loaded = any(one.soname.startswith("libtensorflow") for one in process.mapped)
    libraries = sum(not one.soname.startswith("libtensorflow") for one in process.mapped)
    return f"{process.pid}, TensorFlow is {'loaded' if loaded else 'not loaded'}, {libraries} CUDA libraries mapped"


def _cuda(facts: Facts) -> str | None:
    return _library(facts, "cudart")


def _cudnn(facts: Facts) -> str | None:
    return _library(facts, "cudnn")


def _keras(facts: Facts) -> str | None:
    packages = facts.packages.or_else({})
    if "keras" not in packages and "tf-keras" not in packages:
        return None
    said = packages.get("keras") or f"tf-keras {packages['tf-keras']}"
    setting = facts.keras_setting.value
    return said + (f", backend {setting.backend}" if setting is not None else "")


def _family(facts: Facts) -> str | None:
    packages = facts.packages.or_else({})
    held = [f"{name} {packages[name]}" for name in _FAMILY if name in packages]
    return ", ".join(held) or None


_ROWS: dict[str, Callable[[Facts], str | None]] = {
    "GPU": _gpu,
    "Driver": _driver,
    "Python": _python,
    "TensorFlow": _tensorflow,
    "Process": _process,
    "CUDA": _cuda,
    "cuDNN": _cudnn,
    "Keras": _keras,
    _OTHER_ROW: _family,
}
