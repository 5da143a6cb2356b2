"""`--explore N`: its options, its items, and their results, which never count towards a verdict.

Hypothesis is imported only by the modules in conformance/explore, and pytest collects these only with `--explore`.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.harness.items import store_of
from conformance.harness.record import CaseRecord, record_of
from conformance.harness.run import RUN, Run
from conformance.harness.run_options import Options, supported
from conformance.harness.sending import send
from reports.exploration import Exploration
from reports.model import to_json
from reports.redact import redact

FOLDER = Path(__file__).parents[1] / "explore"
MARK = "explore"
#: The fewest cases of an item, if there are that many: the first examples of a strategy are its simplest.
FEWEST = 10
#: The key in `report.user_properties` under which a worker sends an exploration.
PROPERTY = "conformance-explored"


@dataclass(frozen=True)
class Share:
    """An item's part of the cases to explore, and the seed of the run.

    known  the value of `--known-failures`, because known failures decide which examples are drawn.
    """

    cases: int
    seed: int
    known: str = ""

    @property
    def options(self) -> list[str]:
        """The options that repeat the exploration of this item, if it runs alone."""
        known = [f"--known-failures={self.known}"] if self.known else []
        return [f"--explore={self.cases}", f"--explore-seed={self.seed}", *known]


_SHARE = pytest.StashKey[Share]()


def add(group: pytest.OptionGroup) -> None:
    """Declare the options."""
    group.addoption(
        "--explore",
        metavar="N",
        help="In addition to the cases, explore N random examples of the properties in docs/explore.md. Findings have "
        "their own section in the report, and count neither towards a verdict nor towards the exit status. Needs the "
        "extra explore.",
    )
    group.addoption(
        "--explore-seed",
        metavar="SEED",
        help="The seed of --explore, a whole number. The same seed gives the same examples. Default: another seed in "
        "each run.",
    )


def read(config: pytest.Config) -> tuple[int, int | None]:
    """Return the number of cases to explore (0 for none) and the seed. Raises pytest.UsageError."""
    cases, seed = config.getoption("--explore"), config.getoption("--explore-seed")
    if cases is None:
        if seed is not None:
            raise pytest.UsageError("--explore-seed works only with --explore; add --explore N")
        return 0, None
    if not (cases.isdecimal() and int(cases)):
        raise pytest.UsageError(f"--explore {cases}: not a number of cases; use a whole number from 1 on")
    if seed is not None and not seed.isdecimal():
        raise pytest.UsageError(f"--explore-seed {seed}: not a seed; use a whole number from 0 on")
    if config.getoption("--cluster") != "none":
        raise pytest.UsageError("--explore works only without a cluster; remove --cluster")
    if importlib.util.find_spec("hypothesis") is None:
        raise pytest.UsageError(
            "--explore needs Hypothesis; install it with: pip install 'storage-initializer-conformance[explore]'"
        )
    return int(cases), None if seed is None else int(seed)


def explores(item: pytest.Item) -> bool:
    """Return whether the item explores. All other items are cases of rules."""
    return item.get_closest_marker(MARK) is not None


def shared(items: Sequence[pytest.Item], asked: Options, run: Run | None, known: str | None) -> list[pytest.Item]:
    """Divide the cases among the items on supported stores, and return those with a share.

    Every worker divides alike. If there are too few cases for all items, the seed decides which items explore.

    known  the value of `--known-failures`.
    """
    seed = asked.explore_seed
    if seed is None:
        seed = int(run.id, 16) if run else 0
    items = [item for item in items if supported(store_of(item) or "", asked)]
    number = min(len(items), max(1, asked.explore // FEWEST))
    chosen = sorted(random.Random(seed).sample(range(len(items)), number))  # noqa: S311 - no secret
    for place, index in enumerate(chosen):
        cases = asked.explore // number + (place < asked.explore % number)
        items[index].stash[_SHARE] = Share(cases, seed, known or "")
    return [items[index] for index in chosen]


def share_of(item: pytest.Item) -> Share:
    """Return the share of an item that explores."""
    return item.stash[_SHARE]


def attach(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Attach the exploration to the report of the phase that ends it. The item itself never fails."""
    record, run = record_of(item), item.config.stash[RUN]
    if call.when != "call" and not report.skipped and not report.failed:
        return
    reason = ""
    if report.skipped:
        reason = record.skipped[1] if record.skipped else str(call.excinfo.value) if call.excinfo else ""
    elif report.failed:
        reason = f"the suite failed: {call.excinfo.exconly(tryshort=True).splitlines()[0] if call.excinfo else ''}"
        report.outcome, report.longrepr = "passed", None
    elif lost := run.lost(record.store):
        reason = lost.splitlines()[0]
    explorer = record.explorer
    exploration = explorer.result() if explorer else _nothing(run, record, share_of(item))
    secrets = explorer.secrets if explorer else set()
    data = to_json(exploration) | ({"reason": reason} if reason else {})
    calls = explorer.results if explorer else []
    send(report, PROPERTY, {"exploration": redact(data, secrets)}, calls=calls, secrets=secrets)


def _nothing(run: Run, record: CaseRecord, share: Share) -> Exploration:
    """Return the exploration of an item that did not start."""
    return Exploration(
        record.test.removeprefix("test_"), record.rule.id, record.store, run.server_of(record.store), share.seed
    )
