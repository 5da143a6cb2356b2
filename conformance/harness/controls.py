"""Control calls: plain calls that show whether the initializer works on a store at all. Each is made once per run.

An initializer that always fails seems to pass every test of an error, and one that cannot download fails every test.
Neither result says anything about the rule under test. Therefore a failed call passes such a test only if the control
call on the same store succeeds. A failed download counts against the rule about downloads, not against rules that
depend on downloads.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from conformance.api.exceptions import NotApplicable, RuleViolation, Unproven
from conformance.api.fetch import Expectation, Fetch
from conformance.api.fetcher import Fetcher, Way
from conformance.api.samples import Sample, deposit
from conformance.api.tree import difference
from conformance.harness.eligibility import why_not
from conformance.harness.partition import partition
from conformance.harness.run import Run
from conformance.harness.run_options import stores_for
from conformance.spec import Rule
from reports.redact import redact
from scenarios.content.models import MODEL, tar
from scenarios.initializers.base import CallResult
from scenarios.locks import Slot
from scenarios.stores import STORES

#: For each way, the rules that the control call itself checks. Their own failures are never excused by a control.
FOUNDATIONS: dict[Way, tuple[str, ...]] = {
    "plain": ("PLACE-001", "PLACE-004", "FAULT-018", "SEC-025"),
    "private": ("CRED-001",),
    "tls": ("CRED-007",),
    "unsigned": ("CRED-002", "CRED-001"),
    "archive": ("ARCH-001", "MR-013"),
}
#: File name of the archive that the control call fetches.
ARCHIVE = "m.tar.gz"
#: A reason shows this many characters of the last line of output.
SHOWN = 120
#: Shell exit codes for a program that cannot be executed (126) or is not found (127).
NOT_STARTED = {126, 127}
#: Time limit of a control call, in seconds.
WITHIN_S = 150.0


@dataclass(frozen=True)
class Control:
    """The result of a control call.

    flaw    why the control call failed. "" if it succeeded.
    packed  whether the initializer delivered the archive without unpacking it.
    """

    flaw: str = ""
    packed: bool = False


class Controls:
    """Makes control calls for one test. All processes of the run share the results.

    rule         the rule under test.
    before_call  see `Fetcher`.
    """

    def __init__(self, run: Run, rule: Rule, before_call: Callable[[float], None]) -> None:
        self._run = run
        self._rule = rule
        self._before_call = before_call
        self.made: list[CallResult] = []

    def require(self, store: str | None, way: Way) -> None:
        """Return if the initializer works on `store`, or, if `store` is None, on any selected store.

        Does nothing for the rules in FOUNDATIONS, which have no control. Otherwise raises Unproven, which names the
        rule that the initializer breaks, or NotApplicable if it leaves archives packed.
        """
        failed: dict[str, tuple[Way, Control]] = {}
        for name in [store] if store else self._selected():
            controls = ((one, self._control(name, one)) for one in self._ways(name, way))
            flawed = next((pair for pair in controls if pair[1].flaw), None)
            if flawed is None:
                return
            failed[name] = flawed
        for name, (one, control) in failed.items():
            broken = self._foundation(name, one)
            text = f"the initializer breaks {broken} on {name}, so the suite cannot judge this rule: {control.flaw}"
            raise NotApplicable(text) if control.packed else Unproven(text)

    def flaw(self, store: str, way: Way) -> str:
        """Return why a control call on `store` failed. "" if the initializer works there."""
        return self._control(store, way).flaw

    def _ways(self, store: str, way: Way) -> list[Way]:
        """Return the control calls to make: "plain", then `way` if it differs. Empty for a rule in FOUNDATIONS."""
        ways: list[Way] = ["plain"]
        kind = STORES[store]
        as_plain = {"plain": True, "tls": not kind.without_tls, "unsigned": kind.unsigned_kind == "valid"}
        if not as_plain.get(way, False):
            ways.append(way)
        return [] if any(self._rule.id in rules for rules in FOUNDATIONS.values()) else ways

    def _selected(self) -> Iterator[str]:
        """The stores that this run judges and whose servers run."""
        judged = stores_for(self._run.options, self._run.spec)
        return (store for store in STORES if store in judged and why_not(self._run, store) is None)

    def _foundation(self, store: str, way: Way) -> str:
        """Return the rule that reports this failure, from the profile of the rule under test if possible."""
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
                sample = Sample(store.put_archive(ARCHIVE, tar(MODEL, mode="w:gz")), MODEL)
            accesses = {"private": store.private, "tls": store.over_tls, "unsigned": store.unsigned}
            access = accesses.get(way, store.access)()
            expected = Expectation(self._rule, run.spec, None, name, "")
            calls = Path(folder, "calls")
            calls.mkdir()
            made = run.initializer.made()  # --keep-failed may keep these
            fetcher = Fetcher(run.initializer, expected, store, run.fleet.gateway, calls, before_call=self._before_call)
            fetch = fetcher.fetch(sample.uri, access=access, timeout_s=WITHIN_S)
            self.made.append(fetch.outcome)
            run.initializer.clean_up(keep=False, since=made)
        return _judged(fetch, sample)


def _judged(fetch: Fetch, sample: Sample) -> Control:
    """Judge a control call."""
    if fetch.left_packed(ARCHIVE):
        return Control(f"the initializer does not unpack {ARCHIVE}", packed=True)
    try:
        wrong = difference(fetch.tree, sample.tree)
    except RuleViolation as broken:
        wrong = [str(broken)]
    if fetch.outcome.exit_code in NOT_STARTED:
        wrong = [f"the initializer cannot start a tool that it needs, exit code {fetch.outcome.exit_code}"]
    last = [line.strip() for line in fetch.output.splitlines() if line.strip()][-1:] or ["no output"]
    return Control(redact(f"{wrong[0].strip()}; {last[0][-SHOWN:]}", fetch.access.secrets)) if wrong else Control()
