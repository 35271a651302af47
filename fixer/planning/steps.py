"""Actions, each built in one place from what planning decided: ids, words, commands, reach.

The unit is a function that returns one ``ActionSpec``. Commands come from
``model.installers`` and parameters alone. Nothing here chooses.
"""

from __future__ import annotations

import posixpath
from typing import Iterable, Mapping

from fixer.dataset.rows import TensorFlowRow
from fixer.model import installers
from fixer.model.action import ActionSpec
from fixer.planning.releases import archive_bytes
from fixer.planning.situation import Situation

# Wheels are compressed archives. Measured by RECORD: TensorFlow 2.4 to 2.21 takes 2.3 to 3.3 times its wheel, small
# packages more, and byte code comes on top; nvidia's machine code hardly shrinks.
_UNPACKED, _UNPACKED_NVIDIA = 3.5, 2.0
_SHOWN = 6
EVERYWHERE = ("terminal", "jupyter", "ide", "cron")
_CONDA_NAMES = {"ml-dtypes": "ml_dtypes", "opt-einsum": "opt_einsum", "typing-extensions": "typing_extensions"}


def pins(packages: Mapping[str, str]) -> list[str]:
    """``name==version``, TensorFlow first."""
    ordered = sorted((not name.startswith("tensorflow"), name.startswith("nvidia-"), name) for name in packages)
    return [f"{name}=={packages[name]}" for _, _, name in ordered]


def size(situation: Situation, packages: Mapping[str, str], row: TensorFlowRow | None) -> tuple[int | None, int | None]:
    """Bytes to fetch for ``packages``, and bytes that they take on disk; None when a size is unknown."""
    fetched, taken = 0, 0.0
    for name, version in packages.items():
        mine = row is not None and name == row.distribution
        found = row.size_bytes if row is not None and mine else archive_bytes(situation.dataset, name, version)
        if found is None:
            return None, None
        fetched += found
        taken += found * (_UNPACKED_NVIDIA if name.startswith("nvidia-") else _UNPACKED)
    return fetched, int(taken)


def pip(
    situation: Situation, packages: Mapping[str, str], row: TensorFlowRow | None, because: Iterable[str],
    remove: Iterable[str] = (), reinstall: Iterable[str] = (),
) -> ActionSpec:  # fmt: skip
    """One installer call for everything that changes in the environment."""
    requirements = pins(packages)
    params: dict[str, object] = {
        "interpreter": situation.interpreter, "prefix": situation.prefix, "manager": situation.manager,
        "requirements": requirements, "remove": sorted(remove),
    }  # fmt: skip
    if reinstall:
        params["reinstall"] = sorted(reinstall)
    fetched, taken = size(situation, packages, row)
    return ActionSpec(
        id="packages", kind="pip_requirements", params=params,
        summary=_change(requirements, sorted(remove), situation.prefix),
        because=tuple(because), commands=installers.pip_requirements(params), reversible="exact", reaches=EVERYWHERE,
        download_bytes=fetched, disk_bytes=taken,
    )  # fmt: skip


def conda(situation: Situation, packages: Mapping[str, str], because: Iterable[str]) -> ActionSpec:
    """Packages that conda installed and conda must change."""
    params = {
        "prefix": situation.prefix, "manager": situation.conda or "conda",
        "requirements": [f"{_CONDA_NAMES.get(name, name)}=={version}" for name, version in sorted(packages.items())],
    }  # fmt: skip
    return ActionSpec(
        id="conda-packages", kind="conda_packages", params=params, summary=f"Install {_named(pins(packages))} with conda",
        because=tuple(because), commands=installers.conda_packages(params), reversible="best-effort",
        reaches=EVERYWHERE,
    )  # fmt: skip


def conda_specs(situation: Situation, specs: tuple[str, ...], cuda: str | None, because: Iterable[str]) -> ActionSpec:
    """What conda-forge brings into the conda environment; ``cuda`` for a machine that shows no driver."""
    params = {
        "prefix": situation.prefix, "manager": situation.conda or "conda", "requirements": list(specs),
        "channels": ["conda-forge"], **({"cuda": cuda} if cuda else {}),
    }  # fmt: skip
    return ActionSpec(
        id="conda-packages", kind="conda_packages", params=params, because=tuple(because),
        summary=f"Install {', '.join(specs)} from conda-forge into {situation.prefix}",
        commands=installers.conda_packages(params), reversible="best-effort", reaches=EVERYWHERE,
    )  # fmt: skip


def new_environment(
    situation: Situation, python: str, packages: Mapping[str, str], row: TensorFlowRow, because: Iterable[str],
    specs: tuple[str, ...] = (), cuda: str | None = None,
) -> ActionSpec:  # fmt: skip
    """A new environment with everything pinned; ``specs`` are conda's part of it."""
    patch = situation.wishes.python_patch(python)
    at_hand = situation.interpreter_of(python) if patch is None else None
    manager = situation.manager
    if manager == "pip" and at_hand is None and python not in situation.pythons and situation.conda is not None:
        manager = situation.conda
    if (specs or situation.wish.manager == "conda") and situation.conda is not None:
        manager = situation.conda
    requirements = pins(packages)
    params = {
        "path": situation.new_path, "python": patch or python,
        "interpreter": None if manager in installers.CONDA_MANAGERS else at_hand,
        "manager": manager, "requirements": requirements, **({"conda": list(specs)} if specs else {}),
        **({"cuda": cuda} if cuda else {}),
    }  # fmt: skip
    # Nobody knows what else conda takes.
    fetched, taken = size(situation, packages, row) if not specs else (None, None)
    named = ", ".join(part for part in (", ".join(specs), _named(requirements)) if part)
    return ActionSpec(
        id="environment", kind="new_environment", params=params,
        summary=f"Make the environment {situation.new_path} with Python {python} and install {named}",
        because=tuple(because), commands=installers.new_environment(params), reversible="exact", reaches=EVERYWHERE,
        download_bytes=fetched, disk_bytes=taken,
    )  # fmt: skip


def _change(requirements: list[str], remove: list[str], prefix: str) -> str:
    if not requirements:
        return f"Remove {', '.join(remove)} from {prefix}"
    return f"Install {_named(requirements)} into {prefix}"


def _named(requirements: list[str]) -> str:
    more = len(requirements) - _SHOWN
    return ", ".join(requirements[:_SHOWN]).replace("==", " ") + (f" and {more} more" if more > 0 else "")


def hook(
    interpreter: str, prefix: str, site_packages: str, libraries: tuple[str, ...], because: Iterable[str]
) -> ActionSpec:
    """Load ``libraries`` before TensorFlow is imported, for every launcher of this environment."""
    params = {
        "interpreter": interpreter,
        "prefix": prefix,
        "site_packages": site_packages,
        "libraries": list(libraries),
    }
    return ActionSpec(
        id="preload", kind="preload_hook", params=params, because=tuple(because), reversible="exact",
        reaches=EVERYWHERE, summary=f"Load TensorFlow's own CUDA libraries first, inside {prefix} only ({len(libraries)} libraries)",
        download_bytes=0, disk_bytes=4096,
    )  # fmt: skip


def activations(
    situation: Situation, prefix: str, interpreter: str, because: Iterable[str], *, conda_environment: bool,
    prepend: Mapping[str, tuple[str, ...]] | None = None, setting: Mapping[str, str] | None = None,
    unset: tuple[str, ...] = (), drop: Mapping[str, tuple[str, ...]] | None = None,
) -> list[ActionSpec]:  # fmt: skip
    """Values that hold while the environment is activated: one script for sh-like shells, one for fish."""
    made = []
    for shell, name in (("bash", "activate"), ("fish", "activate.fish")):
        path = posixpath.join(prefix, "bin", name)
        if conda_environment:
            path = posixpath.join(
                prefix, "etc", "conda", "activate.d", "convfix.fish" if shell == "fish" else "convfix.sh"
            )
        params = {
            "interpreter": interpreter, "prefix": prefix, "shell": shell, "path": path,
            "prepend": {key: list(value) for key, value in (prepend or {}).items()},
            "set": dict(setting or {}), "unset": list(unset), **_dropped(drop),
        }  # fmt: skip
        said = [f"{key} without {', '.join(value)}" for key, value in (drop or {}).items() if value]
        said += [*(f"{key} led by {len(value)} folders" for key, value in (prepend or {}).items())]
        said += [f"{key}={value}" for key, value in (setting or {}).items()] + [f"without {key}" for key in unset]
        made.append(
            ActionSpec(
                id=f"activation-{shell}",
                kind="activation_script",
                params=params,
                because=tuple(because),
                summary=f"When {prefix} is activated ({shell}): {', '.join(said)}",
                reversible="exact",
                reaches=("terminal",),
                download_bytes=0,
                disk_bytes=4096,
            )  # fmt: skip
        )
    return made


def _dropped(drop: Mapping[str, tuple[str, ...]] | None) -> dict[str, object]:
    held = {key: list(value) for key, value in (drop or {}).items() if value}
    return {"drop": held} if held else {}


def profile(
    situation: Situation, prefix: str, interpreter: str, because: Iterable[str], folders: tuple[str, ...],
    harmful: tuple[str, ...] = (),
) -> list[ActionSpec]:  # fmt: skip
    """A script of ours and one guarded block in each profile of the user's shell that sources it; twice is once."""
    shell = situation.profiles[0][0]
    script = posixpath.join(prefix, "share", "convfix", "activate.fish" if shell == "fish" else "activate.sh")
    values = {
        "interpreter": interpreter, "prefix": prefix, "shell": shell, "path": script,
        "prepend": {"LD_LIBRARY_PATH": list(folders)}, "set": {}, "unset": [], **_dropped({"LD_LIBRARY_PATH": harmful}),
    }  # fmt: skip
    common = tuple(because)
    return [
        ActionSpec(
            id="activation-profile", kind="activation_script", params=values, because=common, reversible="exact",
            summary=f"Write {script}: LD_LIBRARY_PATH led by {len(folders)} folders", reaches=("terminal",),
            download_bytes=0, disk_bytes=4096,
        ),
        *(
            ActionSpec(
                id="profile" if number == 0 else "profile-login", kind="profile_block",
                params={"shell": shell, "path": target, "source": script}, because=common, reversible="exact",
                summary=f"Source it from {target}: every program started from such a shell is affected",
                reaches=("terminal",), download_bytes=0, disk_bytes=4096,
            )
            for number, (shell, target) in enumerate(situation.profiles)
        ),
    ]  # fmt: skip


def kernels(
    situation: Situation, prefix: str, interpreter: str, because: Iterable[str], folders: tuple[str, ...]
) -> list[ActionSpec]:
    """The folders for the notebooks of each kernel that starts this environment."""
    return [
        ActionSpec(
            id=f"kernel-{number}" if number else "kernel", kind="kernelspec", because=tuple(because), reversible="exact",
            params={
                "interpreter": interpreter, "prefix": prefix, "path": path, "prepend": {"LD_LIBRARY_PATH": list(folders)}, "set": {},
            },
            summary=f"Notebooks of {posixpath.basename(posixpath.dirname(path))}: LD_LIBRARY_PATH is {len(folders)} folders",
            reaches=("jupyter",), download_bytes=0, disk_bytes=4096,
        )
        for number, path in enumerate(situation.kernels)
    ]  # fmt: skip
