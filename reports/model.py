"""The conformance report as frozen dataclasses. `schema.json` defines its JSON form for other programs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from reports.claims import Claims, Feature
from reports.exploration import Exploration
from reports.measurement import Measurement
from reports.metrics import Metrics

API_VERSION = "storage-initializer-conformance/v1alpha4"
KIND = "ConformanceReport"

T = TypeVar("T")
Fidelity = Literal["real", "emulator", "stand-in"]


class Outcome(StrEnum):
    """The outcome of one case, the most urgent first. A group of cases shows the most urgent outcome in it."""

    FAILED = "failed"
    ERROR = "error"
    FIXED = "fixed"
    KNOWN_FAILURE = "known-failure"
    NOT_RUN = "not-run"
    PASSED = "passed"
    UNSUPPORTED = "unsupported"


class Verdict(StrEnum):
    """The conclusion from a profile's results."""

    NONCONFORMANT = "nonconformant"
    INCOMPLETE = "incomplete"
    KNOWN_FAILURES = "conformant-with-known-failures"
    CONFORMANT = "conformant"


class Level(StrEnum):
    """The requirement level of a rule, as defined in RFC 2119."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


@dataclass(frozen=True)
class Suite:
    """The program that wrote the report. `build` is the digest of its files, `commit` that of its checkout."""

    name: str
    version: str
    build: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Spec:
    """The rules that the run applied. `digest` is `sha256:` followed by hexadecimal digits."""

    version: str
    digest: str


@dataclass(frozen=True)
class Initializer:
    """The program under test.

    spec       the value of --initializer.
    digest     the digest of the program that ran.
    isolation  bubblewrap, unshare, container, cluster or none.
    python     the release of the Python interpreter that the suite used; "" if the program brings its own.
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
    """A server program that acted as `store`."""

    name: str
    version: str
    fidelity: Fidelity
    store: str


@dataclass(frozen=True)
class Plugin:
    """A module that added `stores`. `digest` is that of its file."""

    name: str
    digest: str
    stores: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """The cluster that ran the pods, and its KServe; all fields are "" for a run without a cluster.

    provider    kind, pytest-kind or existing.
    kubernetes  the version of Kubernetes.
    images      published or assembled; `why` gives the reason for this choice.
    install     how KServe was installed: manifests, helm, or found.
    notes       changes to the manifests of the release, and peculiarities of the installation.
    deployment_mode  the mode of an InferenceService that asks for none, in the words of the release; "" if unknown.
    """

    provider: str = ""
    kubernetes: str = ""
    images: str = ""
    why: str = ""
    install: str = ""
    notes: tuple[str, ...] = ()
    deployment_mode: str = ""


@dataclass(frozen=True)
class Environment:
    """Where and when the run took place. `started` is RFC 3339 in UTC (`2026-01-31T12:00:00Z`)."""

    platform: str
    python: str
    cpus: int
    servers_mode: str
    started: str
    servers: tuple[Server, ...] = ()
    cluster: Cluster = field(default_factory=Cluster)
    plugins: tuple[Plugin, ...] = ()


@dataclass(frozen=True)
class KnownFailureList:
    """The list of known failures that the run applied: the name of its file, and `sha256:` of its content."""

    name: str = ""
    digest: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A required (MUST) rule and a store for which the selection left out at least one case."""

    profile: str
    rule: str
    store: str


@dataclass(frozen=True)
class Selection:
    """The operator's selection; an empty list selects everything.

    pytest          pytest's own options and paths that select tests, as given on the command line.
    cases_left_out  the number of cases that a whole run adds; 0 if they were not counted.
    rules_left_out  the number of rules that these cases belong to; 0 if they were not counted.
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
    """A rule of the spec as the report shows it. A failed `core` rule makes a profile nonconformant, even if listed."""

    id: str
    title: str
    statement: str
    level: Level
    area: str
    core: bool = False


@dataclass(frozen=True)
class Result:
    """The result of one case of one test.

    profile    such as `download/s3`; without a store (`download`), the result counts in the `download/...` profile of
               every store.
    case       the id of the test's row without store and route; "" for a test with a single row.
    store      "" for a rule that needs no store.
    server     "" if no server acts as the store.
    message    the full failure (failed, known-failure, error).
    reason     one line: why the case did not run, is unsupported, or is listed as a known failure.
    reference  where the known failure is tracked.
    reproduce  a shell command that runs only this case.
    evidence   paths of files, relative to the report's directory.
    measurements  what the case measured, for a rule with a budget.
    core       whether the rule is a core rule.
    needs      the optional feature that the case needs; "" for none.
    if_claimed the outcome that an `unsupported` case would have if its feature were claimed; "" for all other cases.
    deployment_mode  the mode of the last InferenceService of the case, in the words of KServe; "" for a case without.
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
    needs: str = ""
    if_claimed: str = ""
    deployment_mode: str = ""

    @property
    def name(self) -> str:
        """Return the test and its row, as pytest writes them."""
        return f"{self.test}[{self.case}]" if self.case else self.test

    @property
    def key(self) -> tuple[str, ...]:
        """Return a key that is unique among the results of a run."""
        return (self.rule, self.test, self.case, self.store, self.server, self.route)


@dataclass(frozen=True)
class Profile:
    """The verdict of one profile. `counts` has an entry for every outcome.

    required     the number of cases of MUST rules, without `unsupported` ones.
    kept         how many of these passed.
    broken_core  the number of cases of core rules that are listed as known failures.
    """

    name: str
    verdict: Verdict
    counts: Mapping[str, int]
    required: int = 0
    kept: int = 0
    broken_core: int = 0


@dataclass(frozen=True)
class Footer:
    """The last part of a report. `complete` is False if the run was cut off; `digest` covers all but the footer."""

    complete: bool = False
    results: int = 0
    digest: str = ""


@dataclass(frozen=True)
class Report:
    """A report of a run. Until the run ends it is a draft: the first fields and all rules of the spec, without results.

    stale     entries of the list of known failures that match no case; only set if the run left nothing out.
    explored  what `--explore` found. The JSON has the field only if the run explored.
    known_failures  the list that the run applied; its fields are "" if there was none.
    features  the optional features of the spec; empty in a report of an older suite.
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
    explored: tuple[Exploration, ...] = ()
    known_failures: KnownFailureList = field(default_factory=KnownFailureList)
    claims: Claims = field(default_factory=Claims)
    features: tuple[Feature, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    footer: Footer = field(default_factory=Footer)
    apiVersion: str = API_VERSION  # noqa: N815 - its name in the JSON, after the habit of Kubernetes
    kind: str = KIND

    def rule(self, rule_id: str) -> Rule:
        """Return the rule with this id; a rule without a title if the report does not describe it."""
        found = (rule for rule in self.rules if rule.id == rule_id)
        return next(found, Rule(rule_id, "", "", Level.MUST, rule_id.partition("-")[0]))

    def servers_of(self, store: str) -> list[Server]:
        """Return the servers that acted as a store."""
        return [server for server in self.environment.servers if server.store == store]


def to_json(value: Report | Result | Exploration) -> dict[str, Any]:
    """Convert a report or a part of it to JSON data: dicts, lists, strings and numbers."""
    data = cast("dict[str, Any]", json.loads(json.dumps(asdict(value))))
    return {name: part for name, part in data.items() if name != "explored" or part}


def from_json(cls: type[T], data: Mapping[str, Any]) -> T:
    """Convert the output of `to_json` to the dataclass `cls`.

    Raises TypeError, KeyError or ValueError if the data has another shape.
    """
    hints = _hints(cls)  # type: ignore[arg-type]  # mypy takes no class for hashable
    return cls(**{name: _value(hint, data[name]) for name, hint in hints.items() if name in data})


@cache
def _hints(cls: type) -> dict[str, object]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _value(hint: object, value: Any) -> object:  # noqa: ANN401 - JSON data
    if is_dataclass(hint):
        return from_json(cast("type[object]", hint), value)
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    return value


def digest(report: Mapping[str, Any]) -> str:
    """Return `sha256:` and the hexadecimal digest of JSON data without its footer, with sorted keys and no spaces."""
    data = {name: value for name, value in report.items() if name != "footer"}
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def seal(report: Report) -> Report:
    """Return the report with a new footer that matches its content; the footer's `complete` does not change."""
    footer = Footer(report.footer.complete, len(report.results), digest(to_json(report)))
    return replace(report, footer=footer)
