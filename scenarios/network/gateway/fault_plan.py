"""The fault plans of tests: one JSON file per case. The case name in a request's host and path selects the plan."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from scenarios.network.faults import Fault
from scenarios.network.gateway.renaming import Renaming
from scenarios.network.paging import Paging

#: The case names of the fixture `store`: `case-WORKER-NUMBER`.
CASE = re.compile(r"case-[a-z0-9]+-\d+")


class FaultPlan:
    """The plan of one case, and its progress.

    faults    each with the number of responses counted for it so far.
    renaming  how to rewrite a key in listings and requests; None for not at all.
    paging    how to cut listings into pages; None for the server's own pages.
    """

    def __init__(self, planned: dict[str, Any]) -> None:
        self.faults = [Fault(**fault) for fault in planned.get("faults", [])]
        self.renaming = Renaming(**planned["renaming"]) if planned.get("renaming") else None
        self.paging = Paging(**planned["paging"]) if planned.get("paging") else None
        self._counted = [0] * len(self.faults)

    def hits(self, fault: Fault) -> bool:
        """Count one more response for `fault`. Returns whether to inject the fault into it."""
        number = self.faults.index(fault)
        self._counted[number] += 1
        hit = self._counted[number] - fault.skip
        return hit > 0 and (fault.times is None or hit <= fault.times)


class FaultPlans:
    """The plans in the folder that `Gateway.plan_faults` writes. A replaced plan restarts its counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[int, FaultPlan]] = {}

    def plan(self, place: str) -> FaultPlan | None:
        """The plan for a request to `place` (host and path); None for none."""
        found = CASE.search(place)
        if found is None:
            return None
        file = self._folder / f"{found[0]}.json"
        try:
            version = file.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        known = self._read.get(file.name)
        if known is None or known[0] != version:
            known = self._read[file.name] = (version, FaultPlan(json.loads(file.read_bytes())))
        return known[1]
