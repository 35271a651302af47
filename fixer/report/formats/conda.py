"""An environment.yml for conda, mamba and micromamba: Python and conda's packages, the rest by pip.

Values are written as JSON strings, which YAML reads as they stand.
"""

from __future__ import annotations

import json

from fixer.model.plan import Plan
from fixer.report.formats.common import comments, conda_packages, headline, left, whole

NAME = "convfix-env"


def write(plan: Plan) -> str:
    """The whole environment that the plan leaves."""
    python = plan.outcome.python if plan.outcome is not None else None
    wanted = conda_packages(plan)
    named = {text.partition("=")[0].replace("_", "-") for text in wanted}
    pins = [pin for pin in whole(plan) if pin.partition("==")[0] not in named]
    lines = comments(headline(plan))
    lines += comments([f"Create it with: conda env create --file environment.yml   (its name: {NAME})"])
    if any("cuda" in text or text.startswith("cudnn") for text in wanted):
        lines += comments([f"On a machine without a GPU: CONDA_OVERRIDE_CUDA={_cuda(plan)} conda env create ..."])
    lines += comments([f"Not in this file: {text}" for text in left(plan)])
    lines += [f"name: {NAME}", "channels:", "  - conda-forge", "dependencies:"]
    lines += [f"  - {_text(text)}" for text in ([f"python={python}"] if python else []) + wanted]
    if pins:
        lines += ["  - pip", "  - pip:", *(f"      - {_text(pin)}" for pin in pins)]
    return "\n".join(lines) + "\n"


def _cuda(plan: Plan) -> str:
    return (plan.outcome.cuda if plan.outcome is not None else None) or "12.0"


def _text(value: str) -> str:
    return json.dumps(value)
