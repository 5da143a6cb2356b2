"""Controls: a call without any defect, by which a program is known to work on a store. Made once a run.

A program that always fails refuses everything, and one that cannot download at all breaks every rule. Neither is what
a rule is about. A refusal therefore counts only where the control of the same store succeeds, and a failed download
counts against the rule that is about downloads, not against those that build on one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from conformance.api.fetch import Expectation, Fetch, Fetcher, NotApplicable, RuleViolation, Unproven, Way, difference
from conformance.api.samples import Sample, deposit, partition
from conformance.harness.asked import stores_for
from conformance.harness.eligibility import why_not
from conformance.harness.run import Run
from conformance.spec import Rule
from reports.redact import redact
from scenarios.content.models import MODEL, tar
from scenarios.initializers.base import CallResult
from scenarios.locks import Slot
from scenarios.stores import STORES

#: The rules whose own tests are the controls: what they find is never put down to a control.
FOUNDATIONS: dict[Way, tuple[str, ...]] = {
    "plain": ("PLACE-001", "PLACE-004", "FAULT-018", "SEC-025"),
    "private": ("CRED-001",),
    "tls": ("CRED-007",),
    "unsigned": ("CRED-002", "CRED-001"),
    "archive": ("ARCH-001",),
}
#: The name of the archive of a control.
ARCHIVE = "m.tar"
#: Characters at the end of the output that a reason shows.
SHOWN = 120
#: Exit codes by which shells tell that a program cannot be started or is not there.
NOT_STARTED = {126, 127}
#: Seconds that a control may take.
WITHIN_S = 150.0


@dataclass(frozen=True)
class Control:
    """What a control found out.

    flaw    why the program is not known to work; "" where it works.
    packed  whether it delivered an archive as it was.
    """

    flaw: str = ""
    packed: bool = False


class Controls:
    """The controls of a run, in the hands of one test; all processes of the run share what they found.

    rule         the rule under test.
    before_call  see `Fetcher`.
    """

    def __init__(self, run: Run, rule: Rule, before_call: Callable[[float], None]) -> None:
        self._run = run
        self._rule = rule
        self._before_call = before_call
        self.made: list[CallResult] = []

    def require(self, store: str | None, way: Way) -> None:
        """Go on where the program is known to work on `store`, or without one on any store of the selection.

        What a control finds is never held against the rule under test, unless that is a foundation itself: it has none.
        Raises Unproven, which names the rule that is broken instead, and NotApplicable where archives stay packed.
        """
        failed: dict[str, tuple[Way, Control]] = {}
        for name in [store] if store else self._selected():
            controls = ((one, self._control(name, one)) for one in self._ways(name, way))
            flawed = next((pair for pair in controls if pair[1].flaw), None)
            if flawed is None:
                return
            failed[name] = flawed
        for name, (one, control) in failed.items():
            text = f"{self._foundation(name, one)} is broken on {name}, and this builds on it: {control.flaw}"
            raise NotApplicable(text) if control.packed else Unproven(text)

    def _ways(self, store: str, way: Way) -> list[Way]:
        """The controls that count: what does not work at all does not unpack either."""
        ways: list[Way] = ["plain"]
        kind = STORES[store]
        as_plain = {"plain": True, "tls": not kind.without_tls, "unsigned": kind.unsigned_kind == "valid"}
        if not as_plain.get(way, False):
            ways.append(way)
        return [] if any(self._rule.id in rules for rules in FOUNDATIONS.values()) else ways

    def _selected(self) -> Iterator[str]:
        """Stores that this run judges, and whose servers run."""
        judged = stores_for(self._run.options, self._run.spec)
        return (store for store in STORES if store in judged and why_not(self._run, store) is None)

    def _foundation(self, store: str, way: Way) -> str:
        """The rule that reports it: of this rule's profile, else of another."""
        rules = [self._run.spec[rule] for rule in FOUNDATIONS[way] if store in self._run.spec[rule].stores]
        return min(rules, key=lambda rule: rule.profile != self._rule.profile).id

    def _control(self, store: str, way: Way) -> Control:
        known = self._run.fleet.folder / "controls" / f"{store}-{way}.json"
        known.parent.mkdir(exist_ok=True)
        with Slot(known.with_suffix(""), 1):
            if not known.exists():
                known.write_text(json.dumps(asdict(self._make(store, way))))
            return Control(**json.loads(known.read_text()))

    def _make(self, name: str, way: Way) -> Control:
        run = self._run
        with tempfile.TemporaryDirectory(prefix="control-", dir=run.fleet.folder) as folder:
            store = partition(run, name, Path(folder, "store"))
            sample = deposit(store, MODEL, "config.json")
            if way == "archive":
                store.put({f"archive/{ARCHIVE}": tar(MODEL)})
                sample = Sample(store.uri(f"archive/{ARCHIVE}"), MODEL)
            accesses = {"private": store.private, "tls": store.over_tls, "unsigned": store.unsigned}
            access = accesses.get(way, store.access)()
            expected = Expectation(self._rule, run.spec, None, name, "")
            calls = Path(folder, "calls")
            calls.mkdir()
            fetcher = Fetcher(run.initializer, expected, store, run.fleet.gateway, calls, before_call=self._before_call)
            fetch = fetcher.fetch(sample.uri, access=access, timeout_s=WITHIN_S)
            self.made.append(fetch.outcome)
            run.initializer.clean_up(keep=False)
        return _judged(fetch, sample)


def _judged(fetch: Fetch, sample: Sample) -> Control:
    """What a control shows."""
    if fetch.left_packed(ARCHIVE):
        return Control(f"{ARCHIVE} arrives as it is", packed=True)
    try:
        wrong = difference(fetch.tree, sample.tree)
    except RuleViolation as broken:
        wrong = [str(broken)]
    if fetch.outcome.exit_code in NOT_STARTED:
        wrong = [f"a tool of its own cannot be started, exit code {fetch.outcome.exit_code}"]
    last = [line.strip() for line in fetch.output.splitlines() if line.strip()][-1:] or ["no output"]
    return Control(redact(f"{wrong[0].strip()}; {last[0][-SHOWN:]}", fetch.access.secrets)) if wrong else Control()
