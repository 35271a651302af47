"""One file per kind of action: check, preview, perform, satisfied, undo. Nothing else of convfix touches anything."""

from __future__ import annotations

from fixer.actions.activation_script import ActivationScript
from fixer.actions.base import Handler
from fixer.actions.conda_packages import CondaPackages
from fixer.actions.kernelspec import Kernelspec
from fixer.actions.new_environment import NewEnvironment
from fixer.actions.pip_requirements import PipRequirements
from fixer.actions.preload_hook import PreloadHook
from fixer.actions.profile_block import ProfileBlock

HANDLERS: dict[str, Handler] = {
    "pip_requirements": PipRequirements(),
    "conda_packages": CondaPackages(),
    "new_environment": NewEnvironment(),
    "preload_hook": PreloadHook(),
    "activation_script": ActivationScript(),
    "kernelspec": Kernelspec(),
    "profile_block": ProfileBlock(),
}
