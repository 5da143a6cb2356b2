"""Explore one property of an initializer on one store, and collect what was found."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from conformance.api.fetch import Expectation, Fetch
from conformance.api.fetcher import Fetcher, Way
from conformance.api.tree import difference
from conformance.explore.examples import Example, Play
from conformance.explore.hunt import Hunt
from conformance.explore.scope import Feature, Scope
from conformance.explore.strategies import Strategy
from conformance.harness import failure
from conformance.harness.controls import Controls
from conformance.harness.exploring import Share
from conformance.harness.fixtures import remove
from conformance.harness.outcome import case_in
from conformance.harness.partition import partition
from conformance.harness.record import CaseRecord
from conformance.harness.run import Run
from reports.exploration import Exploration, Finding
from reports.writer import ReportUnwritable, save_evidence
from scenarios.initializers.base import CallResult
from scenarios.reasons import NotOffered

#: An exploration of one property on one store ends after this many findings.
MOST_FINDINGS = 4


class Explorer:
    """Explores for one pytest item.

    share        the item's number of cases, and the seed of the run.
    before_call  see `Fetcher`.
    again        returns the command that repeats this item's exploration.
    """

    def __init__(
        self, run: Run, record: CaseRecord, share: Share, folder: Path, before_call: Callable[[float], None]
    ) -> None:
        self._run = run
        self._record = record
        self._share = share
        self._folder = folder
        self._before_call = before_call
        self._began = time.monotonic()
        self._scope = Scope(run.spec, case_in(run, record), run.options.known)
        self._hunts: list[Hunt] = []
        self._findings: list[Finding] = []
        self._reason = ""
        self.results: list[CallResult] = []
        self.secrets: set[str] = set()

    def explore(self, strategy: Callable[[Scope], Strategy], *, way: Way = "plain") -> None:
        """Judge this item's share of cases.

        After a finding, the search goes on with examples that lack the feature which the finding is about.
        """
        controls = Controls(self._run, self._record.rule, self._before_call)
        if flaw := controls.flaw(self._record.store, way):
            self._reason = f"the initializer does not deliver a plain model, so there is nothing to explore: {flaw}"
            return
        while (left := self._share.cases - self._cases) > 0 and len(self._findings) < MOST_FINDINGS:
            hunt = Hunt(self._judge)
            self._hunts.append(hunt)
            hunt.run(strategy(self._scope), examples=left, seeded_with=f"{self._seed}/{len(self._hunts)}")
            if hunt.found is None:
                break
            feature = self._blamed(hunt.found)
            self._findings.append(self._finding(hunt.found, feature))
            self._scope.exclude(feature)
            if feature not in hunt.found.features():
                break

    def result(self) -> Exploration:
        """Return what the exploration has found so far. The text may contain secrets of `secrets`."""
        return Exploration(
            name=self._record.test.removeprefix("test_"),
            rule=self._record.rule.id,
            store=self._record.store,
            server=self._run.server_of(self._record.store),
            seed=self._share.seed,
            cases=self._cases,
            calls=len(self.results),
            rejected=sum(hunt.rejected for hunt in self._hunts),
            duration_s=round(time.monotonic() - self._began, 3),
            left_out=tuple(f"{feature}: {why}" for feature, why in self._scope.left.items() if why != "found"),
            reason=self._reason,
            findings=tuple(self._findings),
        )

    @property
    def _cases(self) -> int:
        return sum(hunt.cases for hunt in self._hunts)

    @property
    def _seed(self) -> str:
        return f"{self._share.seed}/{self._record.test}/{self._record.store}"

    def _judge(self, example: Example) -> str:
        """Put the example into a new part of the store, call the initializer, and return the problem."""
        with tempfile.TemporaryDirectory(prefix="example-", dir=self._folder, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            store = partition(self._run, self._record.store, folder / "store")
            play = example.play(store)
            expected = Expectation(self._record.rule, self._run.spec, None, store.name, "")
            calls = folder / "calls"
            calls.mkdir()
            fetcher = Fetcher(
                self._run.initializer, expected, store, self._run.fleet.gateway, calls, before_call=self._before_call
            )
            environment = {}
            if play.faults:
                store.gateway.plan_faults(store.case, *play.faults)
                environment = dict(store.impatience)
            try:
                fetch = fetcher.fetch(*play.uris, dest=play.dest, environment=environment, timeout_s=play.timeout_s)
            finally:
                self._record.fetcher = fetcher
                self.results += fetcher.outcomes
                self.secrets |= self._record.secrets
                self._run.initializer.clean_up(keep=False)
                remove(calls)
        return problem(fetch, play)

    def _blamed(self, example: Example) -> Feature:
        """Return the feature that the finding is about: the most specific one that shrinking left in the example."""
        return next(iter(example.features()), Feature(self._record.rule.id))

    def _finding(self, example: Example, feature: Feature) -> Finding:
        """Judge the example once more, and describe what happened."""
        wrong = ""
        with suppress(NotOffered):
            wrong = self._judge(example)
        repeated = bool(wrong)
        reproduce = failure.reproduce(self._run, self._record, *self._share.options)
        fetch = self._record.fetches[-1]
        text = "\n".join([wrong or "the second call had no problem", f"example: {example}", "", *fetch.describe()])
        evidence: tuple[str, ...] = ()
        with suppress(ReportUnwritable):
            full = failure.evidence(self._record, text)
            evidence = (save_evidence(self._run.options.report_dir, self._record.name, full, self.secrets),)
        return Finding(
            rule=feature.rule or self._record.rule.id,
            feature=feature.case,
            problem=wrong or "the first call had a problem, and a second one did not",
            example=str(example),
            call="\n".join(fetch.describe()),
            repeated=repeated,
            reproduce=reproduce,
            evidence=evidence,
        )


def problem(fetch: Fetch, play: Play) -> str:
    """Return the problem of a finished call. "" if its outcome is acceptable."""
    result = fetch.outcome
    if result.ended != "exit":
        return f"the call did not end by itself; the suite stopped it ({result.ended}) after {result.duration_s:.0f} s"
    if result.exit_code != 0:
        if not play.refusable:
            return f"exit code {result.exit_code} for an ordinary source"
        return "" if fetch.output.strip() else f"exit code {result.exit_code} without any output"
    for (uri, dest), accepted in zip(fetch.pairs, play.accepted, strict=True):
        tree = fetch.tree_at(dest)
        if not accepted:
            return f"exit code 0, but {uri} names nothing; delivered: {', '.join(map(repr, tree)) or 'nothing'}"
        if tree not in accepted:
            return "\n".join([f"exit code 0, but {dest} differs:", *difference(tree, accepted[0])])
    return ""
