"""The plan's notes: what was assumed, what was left aside, and the nearest ways out where nothing works.

The unit is a function that adds notes to a draft. Nothing is decided here.
"""

from __future__ import annotations

import ntpath
import posixpath
import shlex

from fixer.model import compare, installers, powershell
from fixer.model.finding import Finding
from fixer.planning import metal, people, windows_dlls
from fixer.planning.candidates import Stack
from fixer.planning.draft import Draft
from fixer.planning.gates import IDLE
from fixer.planning.order import words
from fixer.planning.search import Search
from fixer.planning.situation import Situation
from fixer.planning.target import Target

_JETSON = (
    "NVIDIA's own wheels of TensorFlow for Jetson, one for each JetPack: "
    "https://docs.nvidia.com/deeplearning/frameworks/install-tf-jetson-platform/"
)
ENTER = "Enter it with: "
_LONG_DOWNLOAD = 1_000_000_000
_FOR_THE_CPU = ": this plan is for the CPU."


def opening(situation: Situation, draft: Draft, aim: Target) -> None:
    """What a reader must know before the steps."""
    run = situation.facts.open_run.value
    if run is not None:
        draft.note(f"Run {run.run} of convfix was cut short; finish it with: convfix undo {run.run}")
    if (
        situation.tensorflow is None
        and situation.facts.packages.value is not None
        and not situation.wishes.names_tensorflow
    ):
        draft.note("TensorFlow is not installed: --want tensorflow is assumed.")
    elif situation.facts.environment.is_absent and not situation.wishes.names_tensorflow:
        draft.note("There is no environment: --want tensorflow is assumed.")
    _manager(situation, draft)
    if "tensorflow-gpu" in situation.wishes.packages:
        draft.note("tensorflow-gpu was retired: tensorflow is the package with the GPU build.")
    if aim.device == "cpu" and aim.why:
        draft.note(aim.why + _FOR_THE_CPU)
        if situation.facts.on_jetson:
            draft.note(f"For the GPU: {_JETSON}.")
    if aim.device == "cpu" and situation.platform == "macosx_arm64" and situation.wish.device == "any" and not metal.too_old(situation):
        draft.note("This Mac's GPU is used through Apple's plugin tensorflow-metal: convfix plan --device gpu.")


def _manager(situation: Situation, draft: Draft) -> None:
    """The manager that is wished for is not here."""
    wished = situation.wish.manager
    if situation.facts.managers.is_unknown or situation.owner is not None:
        return
    if wished == "conda" and situation.conda is None:
        draft.note(f"No conda, mamba or micromamba is at hand: the commands are {situation.manager}'s.")
    elif wished == "uv" and wished not in situation.managers:
        draft.note("uv is not at hand: install it first (pip install uv), or take --manager pip.")


def unknown(draft: Draft, finding: Finding) -> None:
    """Why there is no plan yet."""
    needs = ", ".join(draft.needs)
    draft.note(f"{finding.title}: not known is {needs}. {finding.remedy.summary}".strip())


def unknown_device(draft: Draft) -> None:
    """Nobody knows whether there is a GPU."""
    draft.note(
        "Whether this machine has an NVIDIA GPU is not known (gpus): it decides what is installed. "
        "--device cpu needs no answer."
    )


def chosen(situation: Situation, draft: Draft, stack: Stack, search: Search, *, by_wish: bool) -> None:
    """Why this stack, and how it is entered."""
    _cards(situation, draft, search)
    for kind, flaw in stack.verdict.flaws:
        if kind == IDLE:
            draft.note(
                f"TensorFlow {stack.row.version} cannot use every card: {flaw}. Keep that one away from it with "
                "CUDA_VISIBLE_DEVICES, or TensorFlow fails on it."
            )
        elif flaw:
            draft.note(
                f"TensorFlow {stack.row.version} on {situation.card_name}: {flaw}; keep "
                "CUDA_CACHE_PATH on a writable disk. Its code was read in the wheel and not run on such a card: likely."
            )
    if (situation.distribution or "").startswith("tf-nightly"):
        draft.note(
            f"{situation.distribution} {situation.tensorflow} gives way to a release: which libraries a nightly build opens is not "
            "known here, and none is chosen unasked. convfix on the machine itself reads it in the build's own files."
        )
    if not stack.here:
        why = situation.not_editable
        if why and situation.environment is not None:
            draft.note(f"The present environment stays as it is: {why}.")
        elif situation.environment is not None and situation.owner is None:
            draft.note(f"The present environment stays as it is: nothing smaller than {words('environment')} fits.")
            _bystanders(draft, stack, search)
        if stack.python not in situation.pythons:
            draft.note(f"Python {stack.python} is not at hand; the installer fetches it.")
        if situation.owner is None:
            entered(draft)
    elif stack.rung in ("patch", "minor") and not by_wish:
        draft.note(
            f"Chosen: {words(stack.rung)}, since what is there cannot be repaired beside "
            f"TensorFlow {situation.tensorflow}."
        )
    if stack.libraries.borrowed_from:
        draft.note(
            f"TensorFlow {stack.row.version} names no CUDA wheels of its own; these are the ones of "
            f"{stack.libraries.borrowed_from}, "
            "for the same major versions of CUDA and cuDNN."
        )
    if search.gpu and "jax" in stack.packages and not any(name.endswith("-plugin") for name in stack.packages):
        draft.note("jax is its build for the CPU: none of its GPU plugins can share this environment's CUDA libraries.")
    _driver_advice(situation, draft, stack, search)


def fetching(draft: Draft) -> None:
    """That a big download need not begin anew where the line breaks."""
    total = sum(action.download_bytes or 0 for action in draft.actions)
    if total >= _LONG_DOWNLOAD:
        draft.note(
            f"It fetches {total / 1e9:.1f} GB. Where the line breaks, start it again: each wheel that is whole is in the "
            "installer's cache. On a slow line: UV_HTTP_TIMEOUT=600 for uv, --timeout and --retries for pip."
        )


def entered(draft: Draft) -> None:
    """How a person enters the environment that the plan makes."""
    for action in draft.actions:
        if action.kind == "new_environment":
            words = installers.enter(str(action.params["manager"]), str(action.params["path"]))
            shown = powershell.line if installers.of_windows(words[-1]) else shlex.join
            draft.note(f"{ENTER}{shown(words)}")
            if not posixpath.isabs(str(action.params["path"])) and not ntpath.isabs(str(action.params["path"])):
                draft.note("Which home folder this machine has is not known: the environment is made where the commands are run.")


def _bystanders(draft: Draft, stack: Stack, search: Search) -> None:
    """The installed packages that the pins would have broken: they are why there is a second environment."""
    told: dict[str, None] = {}
    for one in (each.told for each in search.refusals.stacks.values()):
        here = one.stack.get(stack.row.distribution) == stack.row.version and "environment" not in one.stack
        told.update(dict.fromkeys(reason.text for reason in one.reasons if here and reason.fact.startswith("environment.packages.")))
    if told:
        draft.note(f"In the present environment TensorFlow {stack.row.version} would break something: {'; '.join(told)}.")


def _cards(situation: Situation, draft: Draft, search: Search) -> None:
    """Cards that no one driver serves beside the others."""
    served = frozenset(situation.cards)
    idle = [card for card in situation.all_cards if card not in served] if search.gpu else []
    if idle:
        names = ", ".join(card.name or card.pci_id or "a card" for card in idle)
        driver = f"driver {situation.driver_version}" if situation.driver_version else "the same driver"
        draft.note(f"{names} is left out: {driver} does not serve it beside {situation.card_name}.")


def _driver_advice(situation: Situation, draft: Draft, stack: Stack, search: Search) -> None:
    """A newer driver would allow a newer TensorFlow: advice, no step."""
    if not search.gpu or situation.driver_version is None or draft.driver != "keep":
        return
    chosen = compare.order(stack.row.version)
    for one in search.refusals.listed():
        version = next(iter(one.stack.values()))
        if compare.order(version) <= chosen:
            continue
        for reason in one.reasons:
            if "needs driver" in reason.text:
                draft.note(f"A newer driver would allow TensorFlow {version}: {reason.text}.")
                return


def setting_left(situation: Situation, draft: Draft) -> None:
    """The setting that misleads the loader stays: it may serve others."""
    value = situation.variables.get("LD_LIBRARY_PATH")
    if value and situation.wish.paths in ("auto", "hook"):
        draft.note(
            "Not chosen: taking folders off LD_LIBRARY_PATH, since other programs may need them; "
            "the hook makes it harmless here."
        )


def closing(situation: Situation, draft: Draft) -> None:
    """No answer without a word: the unknown facts are named, and a no says where to look next."""
    if draft.needs and not any(name in text for name in draft.needs for text in draft.notes):
        draft.note(f"What decides is not known: {', '.join(draft.needs)}.")
    if draft.actions and situation.os in ("windows", "macos"):
        draft.note("convfix carries plans out on Linux alone: here the commands are for you to run.")
    if draft.no_stack:
        draft.notes = [text.replace(_FOR_THE_CPU, ".") for text in draft.notes]
    if draft.no_stack and not draft.notes:
        draft.note(
            f"Way out: another machine or system: the index has nothing that runs on "
            f"{situation.platform} like this one."
        )


def ways_out(situation: Situation, draft: Draft, *, gpu_absent: bool) -> None:
    """The nearest ways out of an honest no."""
    wishes = situation.wishes
    if situation.wish.requirements:
        draft.note(f"Way out: loosen the wish ({', '.join(situation.wish.requirements)}).")
    if gpu_absent and situation.in_wsl_1:
        draft.note("Way out: WSL 2, since WSL 1 gives no program the GPU: in Windows, wsl --set-version DISTRIBUTION 2.")
    if gpu_absent or situation.wish.device == "gpu":
        draft.note("Way out: run on the CPU: --device cpu.")
    if not _wheels_can_run(situation, draft):
        return
    if not gpu_absent and _nothing_published(situation, draft):
        return
    if situation.of_old_api and not wishes.tensorflow:
        draft.note(people.port_step(situation).summary.replace("For the GPU", "Way out", 1) + ".")
    if situation.owner is not None and not gpu_absent:
        draft.note("Way out: an environment of its own outside the project, which its lock file does not bind.")
    for_windows = situation.os == "windows" and situation.wish.device == "gpu"
    by_hand = windows_dlls.way_out(situation) if for_windows and not gpu_absent else ""
    draft.note(by_hand)
    if not situation.can_fetch_python and not gpu_absent and not by_hand and _for_another_python(draft):
        draft.note("Way out: another Python: install uv, which fetches one, or name one with --python.")
    if situation.os == "macos" and situation.wish.device != "cpu":
        metal.way_out(situation, draft)
    if situation.os == "windows":
        draft.note("Way out: WSL2, where TensorFlow uses the GPU through the Windows driver.")
    if situation.facts.on_jetson and not gpu_absent:
        draft.note(f"Way out: {_JETSON}.")
    elif situation.os == "linux" and not gpu_absent:
        # The images of tensorflow/tensorflow hold the index's own wheels, which have no CUDA outside x86_64.
        ours = "tensorflow/tensorflow, or " if situation.arch == "x86_64" else ""
        draft.note(f"Way out: a container image that carries the whole stack ({ours}NVIDIA's nvcr.io/nvidia/tensorflow).")
    if {"torch", "jax"} & set(wishes.others):
        draft.note("Way out: an environment of its own for each framework; their exact pins then cannot meet.")


def _nothing_published(situation: Situation, draft: Draft) -> bool:
    """Whether no release at all is what is wished for; says which is the newest."""
    wished = situation.wishes.tensorflow
    if not wished:
        return False
    released = [row.version for row in situation.dataset.tensorflow_releases("tensorflow") if compare.is_final(row.version)]
    if any(compare.within(wished, version) for version in released):
        return False
    draft.note(f"No published release is tensorflow{wished}; the newest is {max(released, key=compare.order)}.")
    return True


def _for_another_python(draft: Draft) -> bool:
    """Whether some stack was refused for the Python alone."""
    return any(all("python" in reason.fact for reason in one.reasons) for one in draft.rejected)


def _wheels_can_run(situation: Situation, draft: Draft) -> bool:
    """Whether another Python or image could help; says what helps where no wheel can run here at all."""
    if not situation.ground(False).avx:
        if situation.os == "macos":
            draft.note("Way out: on Apple silicon, a Python built for arm64.")
        else:
            draft.note("Way out: another machine; in a virtual machine, pass the host's processor through; or a build made without AVX.")
        return False
    if situation.os not in ("linux", "windows", "macos"):
        draft.note(f"Way out: Linux, as a machine or a virtual machine: no TensorFlow is published for {situation.os}.")
        return False
    if situation.glibc == "" and situation.os == "linux":
        draft.note("Way out: a container image with glibc (python:3.12-slim, ubuntu, tensorflow/tensorflow) in place of this system.")
        return False
    return True
