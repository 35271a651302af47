"""An independent judge of plans, written from the dataset's rows: it shares no code with the planner.

It looks at what the actions say, resolves nothing, and asks of the result only what must be true of any
sound plan: exact pins, final releases, ranges kept, wheels for the Python and the C library, the driver's
floor and branch, code for every card that the driver serves, cuDNN's load rule, no sudo.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model.plan import Plan


def problems(plan: Plan, described: dict[str, Any], dataset: Dataset) -> list[str]:
    """Everything that is unsound in ``plan``."""
    found = list(_commands(plan, described))
    if plan.outcome is None:
        return found + (["actions without an outcome"] if plan.actions or plan.human_steps else [])
    found += _outcome(plan, described)
    pinned = _pins(plan)
    if pinned:
        found += _sound(plan, pinned, described, dataset)
    return found


def _pins(plan: Plan) -> dict[str, str]:
    pins = {}
    for action in plan.actions:
        for text in action.params.get("requirements", ()):
            requirement = Requirement(text)
            spec = list(requirement.specifier)
            assert len(spec) == 1 and spec[0].operator == "==" and "*" not in spec[0].version, text
            pins[requirement.name.lower().replace("_", "-")] = spec[0].version
    return pins


def _commands(plan: Plan, described: dict[str, Any]) -> Iterator[str]:
    for action in plan.actions:
        if action.privilege != "user":
            yield f"{action.id} is no user's action"
        for argv in action.commands:
            if "sudo" in argv or "--break-system-packages" in argv or any(word in argv for word in ("sh", "bash", "-c")):
                yield f"a command that must not be: {argv}"
    inside = described.get("container") or described.get("wsl")
    for step in plan.human_steps:
        for argv in step.commands:
            if argv[:1] == ("ln",) or "--break-system-packages" in argv or any("glibc" in word or word == "libc6" for word in argv):
                yield f"advice that must not be: {argv}"
            if inside and any(word.startswith(("nvidia-driver", "akmod-nvidia")) for word in argv):
                yield f"a driver inside a container or WSL2: {argv}"


def _outcome(plan: Plan, described: dict[str, Any]) -> Iterator[str]:
    """What the plan says will be, against what its own commands do."""
    installed = ((described.get("environment") or {}).get("packages")) or {}
    state = {canonicalize_name(name): version for name, version in installed.items()}
    for action in plan.actions:
        for argv in action.commands:
            words = list(argv)
            if "venv" in words or "create" in words:
                state = {}
            if "uninstall" in words:
                for name in words:
                    state.pop(name, None)
            if "install" in words:
                for word in words:
                    if "==" in word:
                        name, _, version = word.partition("==")
                        state[name.replace("_", "-")] = version
            if "conda-forge" in words:
                # conda writes name=version, or name=version=build; its CUDA libraries are no Python packages.
                specs = (word.split("=") for word in words if "=" in word and "==" not in word and not word.startswith("CONDA_"))
                state |= {one[0]: one[1] for one in specs if one[0] not in ("python", "cudatoolkit", "cudnn", "cuda-version")}
    outcome = plan.outcome
    assert outcome is not None
    if dict(outcome.packages) != state:
        yield f"outcome.packages differ from the commands: {sorted(set(outcome.packages.items()) ^ set(state.items()))}"
    if outcome.tensorflow != (state.get(outcome.distribution) if outcome.distribution else None):
        yield "outcome.tensorflow is not what the commands install"
    if outcome.keras != state.get("keras"):
        yield "outcome.keras is not what the commands install"
    if outcome.device != "gpu" and (outcome.cuda, outcome.cudnn) != (None, None):
        yield "CUDA in an outcome that is not for the GPU"


def _sound(plan: Plan, pins: dict[str, str], described: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    outcome = plan.outcome
    assert outcome is not None
    wished = " ".join(plan.wish.requirements)
    for name, version in pins.items():
        if Version(version).is_prerelease and version not in wished:
            yield f"{name} {version} is a pre-release nobody wished for"
    python = outcome.python or ""
    row = row_of(outcome.distribution or "", outcome.tensorflow or "", described, dataset)
    if row is None:
        # A local version is somebody's own build, which no row can know: it may stay, and never be installed.
        if "+" not in (outcome.tensorflow or "") or outcome.distribution in pins:
            yield f"no row for {outcome.distribution} {outcome.tensorflow}"
        return
    if python not in row.python:
        yield f"TensorFlow {row.version} has no wheel for Python {python}"
    glibc = described.get("glibc")
    if outcome.distribution in pins and glibc and row.glibc and Version(glibc) < Version(row.glibc):
        yield f"TensorFlow {row.version} needs glibc {row.glibc}"
    if outcome.distribution in pins and row.glibcxx and _system_libstdcxx_wins(described):
        known = dataset.distro(described["distro"]["id"], described["distro"].get("version") or "")
        own = known.glibcxx if known is not None and glibc in (None, known.glibc) else None
        if own is not None and Version(own) < Version(row.glibcxx):
            yield f"TensorFlow {row.version} needs GLIBCXX {row.glibcxx}"
    if outcome.distribution in pins and described.get("cpu_flags") and "avx" not in described["cpu_flags"] and _x86(described):
        yield f"TensorFlow {row.version} needs AVX"
    bounds = {**row.bounds, **row.python_bounds.get(python, {})}
    for name, version in pins.items():
        if name in bounds and bounds[name] and Version(version) not in SpecifierSet(bounds[name], prereleases=True):
            yield f"{name} {version} is outside {bounds[name]} of TensorFlow {row.version}"
        for fault in dataset.package_faults(name):
            met = Version(version) in SpecifierSet(fault.versions, prereleases=True)
            if fault.effect != "works" and met and Version(row.version) in SpecifierSet(fault.tensorflow, prereleases=True):
                if not fault.python or Version(python) in SpecifierSet(fault.python):
                    yield f"{name} {version} breaks TensorFlow {row.version}: {fault.id}"
    yield from _metal(plan, row, described, dataset)
    yield from _together(outcome.packages, pins, python, glibc, row.platform, dataset)
    if outcome.device == "gpu":
        yield from _gpu(plan, row, described, dataset)


def _metal(plan: Plan, row: TensorFlowRow, described: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    """A Mac's GPU: on Apple silicon, by a plugin that loads beside this TensorFlow on this macOS."""
    outcome = plan.outcome
    assert outcome is not None
    plugin = outcome.packages.get("tensorflow-metal")
    if (outcome.device == "metal") != (plugin is not None and row.platform == "macosx_arm64"):
        yield f"device {outcome.device} with tensorflow-metal {plugin} on {row.platform}"
    if plugin is None:
        return
    for fault in dataset.package_faults("tensorflow-metal"):
        pair = Version(plugin) in SpecifierSet(fault.versions) and Version(row.version) in SpecifierSet(fault.tensorflow)
        if pair and fault.effect != "works" and not plan.human_steps:
            yield f"tensorflow-metal {plugin} does not load beside TensorFlow {row.version}"
    version = (described.get("distro") or {}).get("version")
    if version and Version(version) < Version("12.1"):
        yield f"tensorflow-metal on macOS {version}"


def _system_libstdcxx_wins(described: dict[str, Any]) -> bool:
    """Nothing is known to bring another C++ library: no folder on the loader's path, no conda."""
    conda = (described.get("environment") or {}).get("kind") == "conda" or {"conda", "mamba", "micromamba"} & set(described.get("managers") or ())
    return bool(described.get("distro")) and not conda and not {"LD_LIBRARY_PATH", "LD_PRELOAD"} & set(described.get("variables") or {})


def _x86(described: dict[str, Any]) -> bool:
    return str(described.get("arch", "x86_64")).lower() in ("x86_64", "amd64", "x64")


def _together(packages: Any, pins: dict[str, str], python: str, glibc: str | None, platform: str, dataset: Dataset) -> Iterator[str]:
    """Every release that is known, against the pins."""
    for name, version in packages.items():
        release = next((r for r in dataset.releases(name) if r.version == version), None)
        if release is None:
            continue
        if name in pins and python not in release.elsewhere.get(platform, release.python):
            yield f"{name} {version} has no wheel for Python {python}"
        if name in pins and release.yanked:
            yield f"{name} {version} was withdrawn"
        if name in pins and glibc and release.glibc and Version(glibc) < Version(release.glibc):
            yield f"{name} {version} needs glibc {release.glibc}"
        for other, spec in {**release.bounds, **release.python_bounds.get(python, {})}.items():
            if spec and other in packages and (name in pins or other in pins):
                if Version(packages[other]) not in SpecifierSet(spec, prereleases=True):
                    yield f"{name} {version} needs {other}{spec}, the outcome has {packages[other]}"
    for name in pins:
        stem, _, cuda = name.rpartition("-cu")
        for other in packages:
            if stem and other != name and other.rpartition("-cu")[0] == stem and cuda.isdigit():
                yield f"{name} and {other} own the same files"


def _gpu(plan: Plan, row: TensorFlowRow, described: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    outcome = plan.outcome
    assert outcome is not None
    if row.is_cuda_build is not True or row.cuda is None:
        yield f"TensorFlow {row.version} is no CUDA build"
        return
    major = int(row.cuda.split(".")[0])
    cudnn = outcome.packages.get(f"nvidia-cudnn-cu{major}")
    if cudnn is not None and row.cudnn_compiled:
        loaded, built = Version(cudnn), Version(row.cudnn_compiled)
        if loaded.major != built.major or loaded.minor < built.minor:
            yield f"cuDNN {loaded} does not pass TensorFlow's check against {built}"
    driver = _driver(plan, described)
    cards = served_cards(described, driver, dataset)
    judged = [list(_card(row, capability, cudnn, outcome.packages, major, dataset)) for capability in cards]
    if judged and all(judged):
        yield from judged[0]
    floor = dataset.cuda_major(major)
    lowest = floor and (floor.windows_driver if described.get("wsl") else floor.linux_driver)
    if driver and lowest and outcome.driver == "keep" and Version(driver) < Version(lowest):
        yield f"driver {driver} is below {lowest}"
    if driver and cards and not described.get("wsl"):
        lacking = [list(_compiler(row, capability, driver, dataset)) for capability in cards]
        if all(lacking) and outcome.distribution in _pins(plan):
            yield from lacking[0]


def _driver(plan: Plan, described: dict[str, Any]) -> str | None:
    """The driver that the outcome rests on, where its release is known: a step for another one is a person's."""
    present = described.get("driver") or {}
    kept = plan.outcome is not None and plan.outcome.driver == "keep"
    return (present.get("version") or present.get("kernel_module") or None) if kept else None


def served_cards(described: dict[str, Any], driver: str | None, dataset: Dataset) -> list[str]:
    """The capabilities of the cards that the driver serves; all that are given where it serves none or is unknown."""
    given = [gpu["compute_capability"] for gpu in described.get("gpus") or () if gpu.get("compute_capability")]
    if len(given) < 2 or described.get("wsl"):
        return given
    open_module = (described.get("driver") or {}).get("open_module")
    served = []
    for capability in given:
        row = next((one for one in dataset.families() if capability in one.compute_capabilities), None)
        branch = Version(driver).major if driver else None
        old = row and branch and row.last_driver_branch and branch > row.last_driver_branch
        new = row and branch and row.first_driver_branch and branch < row.first_driver_branch
        flavour = row and open_module is not None and row.module == ("proprietary" if open_module else "open")
        if not (old or new or flavour):
            served.append(capability)
    return served or given


def _card(
    row: TensorFlowRow, capability: str, cudnn: str | None, packages: Any, cuda: int, dataset: Dataset
) -> Iterator[str]:
    """What a card lacks: code in TensorFlow, in cuDNN, in cuBLAS and the compiler of its CUDA."""
    if code_for(row, capability) == "none":
        yield f"TensorFlow {row.version} has no code for {capability}"
    known = dataset.cudnn(cudnn) if cudnn else None
    if known and known.compute_capabilities and capability not in known.compute_capabilities:
        yield f"cuDNN {cudnn} has no code for {capability}"
    family = next((one for one in dataset.families() if capability in one.compute_capabilities), None)
    first = Version(family.first_cuda) if family and family.first_cuda else None
    if first and first.major > cuda:
        yield f"CUDA {cuda} does not know {family.name if family else capability}"
    for name in ("cublas", "cuda-runtime", "cuda-nvcc"):
        version = packages.get(f"nvidia-{name}-cu{cuda}")
        if version and family and first and first.major == cuda and Version(version) < first:
            yield f"nvidia-{name}-cu{cuda} {version} does not know {family.name}"
    if family and family.last_cuda and Version(family.last_cuda).major < cuda:
        yield f"CUDA {cuda} no longer serves {family.name}"


def code_for(row: TensorFlowRow, capability: str) -> str:
    """machine, ptx, or none: what the wheel's own code does for a card."""
    card = Version(capability)
    if not row.compute_capabilities and not row.ptx:
        return "machine"
    for one in row.compute_capabilities:
        if not one[-1].isalpha() and Version(one).major == card.major and Version(one) <= card:
            return "machine"
    if any(one[-1].isalpha() and one[:-1] != capability for one in row.ptx):
        return "none"
    return "ptx" if any(not one[-1].isalpha() and Version(one) <= card for one in row.ptx) else "none"


def _compiler(row: TensorFlowRow, capability: str, driver: str, dataset: Dataset) -> Iterator[str]:
    """Whether the driver knows the PTX that it must compile for this card."""
    if not row.ptx_versions:
        return
    hand, generated = row.ptx_versions
    wanted = []
    if code_for(row, capability) == "ptx":
        wanted = [hand, generated]
    elif capability == "9.0" and "9.0" in row.compute_capabilities:
        wanted = [generated]
    compiles = [
        one.ptx_isa for one in dataset.cuda_releases()
        if one.ptx_isa and one.linux_driver and Version(one.linux_driver).major <= Version(driver).major
    ]  # fmt: skip
    newest = max(map(Version, compiles), default=None)
    for isa in wanted:
        if newest is not None and Version(isa) > newest:
            yield f"driver {driver} compiles PTX {newest}, TensorFlow {row.version} has {isa} for {capability}"


def row_of(distribution: str, version: str, described: dict[str, Any], dataset: Dataset) -> TensorFlowRow | None:
    """The row of the wheel that the described machine would take."""
    system = str(described.get("os", "linux")).lower()
    arch = str(described.get("arch", "x86_64")).lower()
    machine = "aarch64" if arch in ("arm64", "aarch64") else "x86_64"
    platform = {"windows": "win_amd64", "macos": f"macosx_{'arm64' if machine == 'aarch64' else machine}"}.get(system, f"linux_{machine}")
    return dataset.tensorflow_row(distribution, version, platform)
