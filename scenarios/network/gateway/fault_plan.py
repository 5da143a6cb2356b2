"""What tests have planned for their own requests: one JSON file a case, looked up by the name in host and path."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from scenarios.network.faults import Fault
from scenarios.network.gateway.renaming import Renaming

#: The names that the fixture `store` gives: `case-WORKER-NUMBER`.
CASE = re.compile(r"case-[a-z0-9]+-\d+")


class FaultPlan:
    """What is planned for one case, and what of it has happened.

    faults    each with the number of responses that have counted for it.
    renaming  how a key is rewritten in listings and in requests; None for not at all.
    entries   how many a page of a listing has at most; None for what the server takes.
    """

    def __init__(self, planned: dict[str, Any]) -> None:
        self.faults = [Fault(**fault) for fault in planned.get("faults", [])]
        self.renaming = Renaming(**planned["renaming"]) if planned.get("renaming") else None
        self.entries: int | None = planned.get("entries")
        self._counted = [0] * len(self.faults)

    def strikes(self, fault: Fault) -> bool:
        """Count one more response for `fault`; whether the fault hits it."""
        number = self.faults.index(fault)
        self._counted[number] += 1
        hit = self._counted[number] - fault.skip
        return hit > 0 and (fault.times is None or hit <= fault.times)


class FaultPlans:
    """The plans in a folder (`Gateway.plan_faults` writes them). A plan that is replaced starts to count anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[int, FaultPlan]] = {}

    def plan(self, place: str) -> FaultPlan | None:
        """What is planned for a request to `place`, its host and path; None for nothing."""
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
