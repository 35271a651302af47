"""The GPU of a Mac: Apple's plugin beside TensorFlow, what is known of the pair, and the ways out where it does not serve.

The unit is a function that adds notes to a draft, or says why no pair can stand. Which release of the plugin stands
beside which TensorFlow is the dataset's (``package_faults``: tensorflow-metal).
"""

from __future__ import annotations

from fixer.model import compare
from fixer.planning.candidates import Stack
from fixer.planning.draft import Draft
from fixer.planning.situation import METAL, Situation

# Apple's own table, on the project page of tensorflow-metal.
_FIRST_MACOS = (12, 1)
_LAST_PYTHON = "3.12"


def too_old(situation: Situation) -> bool:
    """Whether this Mac's system is known to be older than the plugin's first."""
    present = compare.release(situation.macos or "")
    return bool(present) and present < _FIRST_MACOS


def unmet(situation: Situation) -> str | None:
    """Why no TensorFlow can use this Mac's GPU whatever is installed; None where one may."""
    if situation.metal and too_old(situation):
        return f"{METAL} is for macOS 12.1 and later, this Mac has {situation.macos}"
    return None


def chosen(situation: Situation, draft: Draft, stack: Stack) -> None:
    """What is known of the pair, and what is reported of its results."""
    plugin = stack.packages.get(METAL) or situation.packages.get(METAL)
    draft.note(
        f"TensorFlow {stack.row.version} uses this Mac's GPU through Apple's plugin {METAL} {plugin}: its library finds all that "
        "it imports in this TensorFlow, as read in both; it was run on no Mac here: likely."
    )
    if situation.tensorflow is not None and stack.row.version != situation.tensorflow:
        draft.note(f"To keep TensorFlow {situation.tensorflow}, on the CPU: convfix plan --device cpu.")
    draft.note(
        "The plugin's last release is of January 2025, and wrong results are reported of it (github.com/tensorflow/tensorflow/"
        "issues/71577, github.com/keras-team/tf-keras/issues/140, developer.apple.com/forums/thread/778640): compare a training "
        f"with one on the CPU; without {METAL} this TensorFlow uses the CPU."
    )


def dropped(draft: Draft) -> None:
    """The wish is for a TensorFlow beside which no release of the plugin stands."""
    draft.note(f"No release of {METAL} works beside the TensorFlow that is wished for: it is taken out, and this plan is for the CPU.")


def way_out(situation: Situation, draft: Draft) -> None:
    """The nearest ways to a Mac's GPU."""
    if too_old(situation):
        draft.note("Way out: macOS 12.1 or later, which TensorFlow's wheels for Apple silicon and Apple's plugin for its GPU need.")
    elif situation.platform == "macosx_arm64":
        draft.note(
            f"Way out: TensorFlow 2.18 or 2.19 with {METAL} 1.2.0, on Python 3.9 to {_LAST_PYTHON} and macOS 12.1 or later: "
            "convfix plan --device gpu --want 'tensorflow<2.20'."
        )
    else:
        draft.note(
            "Way out: on Apple silicon, a Python built for arm64 (python3 -c 'import platform; print(platform.machine())' says "
            f"arm64). For an Intel Mac with an AMD GPU {METAL} 1.0.0 was the last, on Python 3.8 to 3.11; Apple's table pairs it "
            "with TensorFlow 2.13."
        )
