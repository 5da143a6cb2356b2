"""Send the findings of an item and their cost from the process that runs it to the controlling process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from scenarios.initializers.base import CallResult


def send(
    report: pytest.TestReport,
    key: str,
    found: Mapping[str, Any],
    *,
    calls: Sequence[CallResult],
    secrets: Collection[str],
    **seconds: float,
) -> None:
    """Add an entry to `report.user_properties`, which pytest-xdist sends on. `Controller.add` reads it.

    found    JSON data without secrets.
    calls    the initializer's calls, of which the controlling process adds up the cost.
    secrets  the credentials that no file of the report may contain.
    seconds  further parts of the cost.
    """
    cost = {
        "calls": len(calls),
        "initializer_cpu_s": sum(one.cpu_s for one in calls),
        "peak_memory_bytes": max((one.peak_memory for one in calls), default=0),
        "secrets": sorted(secrets),
    }
    report.user_properties.append((key, {**found, **cost, **seconds}))
