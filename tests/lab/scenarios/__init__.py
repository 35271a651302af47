"""Every cause that Linux can show, staged: a real TensorFlow, a lab machine, one thing wrong.

The unit is a ``Scenario`` in one table, ``SCENARIOS``. ``cause`` is what doctor must name first, None for a machine
without a fault. The table is what ``tests/machines`` was recorded from, and what the long tests run.
"""

from __future__ import annotations

from tests.lab.scenarios import beside, between, by_hand, drivers, ground, libraries, loading, packages, several, sharing
from tests.lab.scenarios.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (*beside.SCENARIOS, *between.SCENARIOS, *by_hand.SCENARIOS, *drivers.SCENARIOS, *ground.SCENARIOS, *libraries.SCENARIOS, *loading.SCENARIOS, *packages.SCENARIOS, *several.SCENARIOS, *sharing.SCENARIOS)
__all__ = ["SCENARIOS", "Scenario"]
