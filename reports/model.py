"""The conformance report: what a run found, as plain frozen data. `schema.json` states its shape for other programs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from reports.measurement import Measurement
from reports.metrics import Metrics

API_VERSION = "storage-initializer-conformance/v1alpha4"
KIND = "ConformanceReport"

T = TypeVar("T")


class Outcome(StrEnum):
    """What became of one case. The order is that of urgency: a group of cases is shown as the first one it has."""

    FAILED = "failed"
    ERROR = "error"
    FIXED = "fixed"
    KNOWN_FAILURE = "known-failure"
    NOT_RUN = "not-run"
    PASSED = "passed"
    UNSUPPORTED = "unsupported"


class Verdict(StrEnum):
    """What a profile's results amount to."""

    NONCONFORMANT = "nonconformant"
    INCOMPLETE = "incomplete"
    KNOWN_FAILURES = "conformant-with-known-failures"
    CONFORMANT = "conformant"


class Level(StrEnum):
    """How binding a rule is, in the words of RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


@dataclass(frozen=True)
class Suite:
    """The program that made the report."""

    name: str
    version: str


@dataclass(frozen=True)
class Spec:
    """The rules that were applied; `digest` is `sha256:` and hex."""

    version: str
    digest: str


@dataclass(frozen=True)
class Initializer:
    """The program under test.

    spec       as given to --initializer.
    digest     of what ran.
    isolation  bubblewrap, unshare, container, cluster or none.
    python     the release of the interpreter that the suite ran it on; "" where the program brings its own.
    """

    spec: str
    name: str
    version: str
    digest: str
    route: str
    isolation: str
    notes: tuple[str, ...] = ()
    python: str = ""


@dataclass(frozen=True)
class Server:
    """A program that played `store`."""

    name: str
    version: str
    fidelity: Literal["real", "emulator", "stand-in"]
    store: str


@dataclass(frozen=True)
class Cluster:
    """Where pods ran, and the KServe that ran there; all "" for a run without a cluster.

    provider    kind, pytest-kind or existing.
    kubernetes  its version.
    images      published or assembled; `why` says who decided that.
    install     how KServe came there: manifests, helm, or found.
    notes       what was changed in the release's own manifests, and what is peculiar about the installation.
    """

    provider: str = ""
    kubernetes: str = ""
    images: str = ""
    why: str = ""
    install: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Environment:
    """Where and when the run took place; `started` is RFC 3339 in UTC (`2026-01-31T12:00:00Z`)."""

    platform: str
    python: str
    cpus: int
    servers_mode: str
    started: str
    servers: tuple[Server, ...] = ()
    cluster: Cluster = field(default_factory=Cluster)


@dataclass(frozen=True)
class LeftOut:
    """A required (MUST) rule on a store of which the operator's selection left out at least one case."""

    profile: str
    rule: str
    store: str


@dataclass(frozen=True)
class Selection:
    """What the operator asked for: empty lists mean everything.

    pytest          pytest's own options and paths that chose among the tests, as they are given on a command line.
    cases_left_out  how many cases a whole run adds, and `rules_left_out` of how many rules; 0 where nobody counted.
    """

    profiles: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    smoke: bool = False
    left_out: tuple[LeftOut, ...] = ()
    pytest: tuple[str, ...] = ()
    cases_left_out: int = 0
    rules_left_out: int = 0


@dataclass(frozen=True)
class Rule:
    """A rule of the spec as the report shows it; breaking a `core` rule is nonconformant, listed or not."""

    id: str
    title: str
    statement: str
    level: Level
    area: str
    core: bool = False


@dataclass(frozen=True)
class Result:
    """One case of one test.

    profile    `download/s3`; without a store (`download`) the result counts in every store's profile of that name.
    case       the id of the test's row, without store and route; "" for a test of one row.
    store      "" for a rule that needs none; `server` "" where none plays it.
    message    the failure in full (failed, known-failure, error).
    reason     one line: why it did not run, is unsupported, or is listed as a known failure.
    reference  where the known failure is tracked.
    reproduce  a shell command that runs this case alone.
    evidence   paths of files below the report's directory.
    measurements  what was measured, for a rule with a budget.
    core       whether the rule is a core rule.
    """

    rule: str
    level: Level
    profile: str
    test: str
    case: str
    store: str
    server: str
    route: str
    outcome: Outcome
    duration_s: float
    message: str = ""
    reason: str = ""
    reference: str = ""
    reproduce: str = ""
    evidence: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    core: bool = False

    @property
    def name(self) -> str:
        """The test with its row, as pytest writes it."""
        return f"{self.test}[{self.case}]" if self.case else self.test

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this result from all others of a run."""
        return (self.rule, self.test, self.case, self.store, self.server, self.route)


@dataclass(frozen=True)
class Profile:
    """The verdict of one profile; `counts` has every outcome.

    required, kept  how many cases of MUST rules there are, those that are `unsupported` left out, and how many passed.
    broken_core     how many cases of core rules are listed as known failures.
    """

    name: str
    verdict: Verdict
    counts: Mapping[str, int]
    required: int = 0
    kept: int = 0
    broken_core: int = 0


@dataclass(frozen=True)
class Footer:
    """The last thing written. `complete` is False for a run that was cut off; `digest` covers all but the footer."""

    complete: bool = False
    results: int = 0
    digest: str = ""


@dataclass(frozen=True)
class Report:
    """A run. Before its end it is a draft: its first parts and all rules of the spec, before any result.

    stale  entries of the list of known failures that cover no case, where the run left nothing out.
    """

    suite: Suite
    spec: Spec
    initializer: Initializer
    kserve: str
    environment: Environment
    selection: Selection
    rules: tuple[Rule, ...] = ()
    profiles: tuple[Profile, ...] = ()
    results: tuple[Result, ...] = ()
    stale: tuple[str, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    footer: Footer = field(default_factory=Footer)
    apiVersion: str = API_VERSION  # noqa: N815 - its name in the JSON, after the habit of Kubernetes
    kind: str = KIND

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id; one without a title where the report does not describe it."""
        found = (rule for rule in self.rules if rule.id == rule_id)
        return next(found, Rule(rule_id, "", "", Level.MUST, rule_id.partition("-")[0]))

    def servers_of(self, store: str) -> list[Server]:
        """The servers that played a store."""
        return [server for server in self.environment.servers if server.store == store]


def to_json(value: Report | Result) -> dict[str, Any]:
    """A report or a result as JSON data: dicts, lists, strings, numbers."""
    return cast("dict[str, Any]", json.loads(json.dumps(asdict(value))))


def from_json(cls: type[T], data: Mapping[str, Any]) -> T:
    """The dataclass `cls` from what `to_json` gave. Raises TypeError, KeyError or ValueError for another shape."""
    hints = get_type_hints(cls)
    names = [f.name for f in fields(cls) if f.name in data]  # type: ignore[arg-type]
    return cls(**{name: _value(hints[name], data[name]) for name in names})


def _value(hint: object, value: Any) -> object:  # noqa: ANN401 - JSON data
    if is_dataclass(hint):
        return from_json(cast("type[object]", hint), value)
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    return value


def digest(report: Mapping[str, Any]) -> str:
    """`sha256:` and hex over a report's JSON data without its footer, with sorted keys and no spaces."""
    data = {name: value for name, value in report.items() if name != "footer"}
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def seal(report: Report) -> Report:
    """The report with a footer that fits what it says now; whether it is complete stays."""
    footer = Footer(report.footer.complete, len(report.results), digest(to_json(report)))
    return replace(report, footer=footer)
