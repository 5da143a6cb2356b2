"""What a report says: verdicts, figures, and a schema that holds all of it and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from itertools import product
from typing import Any

import jsonschema
import pytest

from reports import reader, verdict
from reports.exploration import Exploration, Finding
from reports.metrics import Metrics
from reports.model import (
    Cluster,
    Environment,
    Footer,
    Initializer,
    KnownFailureList,
    LeftOut,
    Level,
    Outcome,
    Profile,
    Report,
    Result,
    Rule,
    Selection,
    Server,
    Spec,
    Suite,
    Verdict,
    from_json,
    to_json,
)
from tests.sample_report import ERROR, FAILED, FIXED, KNOWN, METRICS, NOT_RUN, PASSED, UNSUPPORTED, report_of, result


@pytest.mark.parametrize(
    ("outcomes", "level", "partial", "expected"),
    [
        ([PASSED], Level.MUST, False, Verdict.CONFORMANT),
        ([PASSED, FIXED], Level.MUST, False, Verdict.CONFORMANT),
        ([PASSED, UNSUPPORTED], Level.MUST, False, Verdict.CONFORMANT),
        ([PASSED, KNOWN], Level.MUST, False, Verdict.KNOWN_FAILURES),
        ([KNOWN], Level.MUST, False, Verdict.KNOWN_FAILURES),
        ([PASSED, FAILED], Level.MUST, False, Verdict.NONCONFORMANT),
        ([FAILED, ERROR], Level.MUST, True, Verdict.NONCONFORMANT),
        ([PASSED, ERROR], Level.MUST, False, Verdict.INCOMPLETE),
        ([KNOWN, NOT_RUN], Level.MUST, False, Verdict.INCOMPLETE),
        ([PASSED], Level.MUST, True, Verdict.INCOMPLETE),
        ([KNOWN], Level.MUST, True, Verdict.INCOMPLETE),
        ([UNSUPPORTED], Level.MUST, False, Verdict.INCOMPLETE),
        ([PASSED], Level.SHOULD, False, Verdict.INCOMPLETE),
        ([], Level.MUST, False, Verdict.INCOMPLETE),
    ],
)
def test_verdict(outcomes: list[Outcome], level: Level, partial: bool, expected: Verdict) -> None:
    assert verdict.verdict([result(outcome, level=level) for outcome in outcomes], partial=partial) is expected


@pytest.mark.parametrize(("level", "outcome"), list(product([Level.SHOULD, Level.MAY], Outcome)))
def test_only_must_rules_decide(level: Level, outcome: Outcome) -> None:
    """Whatever becomes of a SHOULD or a MAY is counted, and changes nothing."""
    (profile,) = verdict.profiles([result(), result(outcome, level=level)], Selection(), (), complete=True)
    assert profile.verdict is Verdict.CONFORMANT
    assert profile.counts[outcome] == (2 if outcome is PASSED else 1)


@pytest.mark.parametrize(
    ("selection", "complete"),
    [
        (Selection(smoke=True), True),
        (Selection(left_out=(LeftOut("download/s3", "PLACE-002", "s3"),)), True),
        (Selection(left_out=(LeftOut("download", "ERR-001", ""),)), True),
        (Selection(), False),
    ],
    ids=["smoke", "left out", "left out of every store", "cut off"],
)
def test_what_was_not_asked_is_never_conformant(selection: Selection, complete: bool) -> None:
    (profile,) = verdict.profiles([result()], selection, (), complete=complete)
    assert profile.verdict is Verdict.INCOMPLETE


def test_a_listed_failure_of_a_core_rule_is_nonconformant() -> None:
    """The list keeps the run green, and does not make the verdict better."""
    (profile,) = report_of(result(), result(KNOWN, case="b", core=True), result(NOT_RUN, case="c")).profiles
    assert profile.verdict is Verdict.NONCONFORMANT
    assert (profile.kept, profile.required, profile.broken_core) == (1, 3, 1)


def test_another_store_left_out_changes_nothing() -> None:
    selection = Selection(stores=("s3",), left_out=(LeftOut("download/gcs", "PLACE-002", "gcs"),))
    assert verdict.profiles([result()], selection, (), complete=True)[0].verdict is Verdict.CONFORMANT


def test_a_profile_of_unsupported_results_gets_no_verdict() -> None:
    assert verdict.profiles([result(UNSUPPORTED)], Selection(), (), complete=True) == ()


def test_a_result_without_store_counts_in_every_store() -> None:
    """A vendor who breaks the contract breaks it for each store that is claimed."""
    results = [result(), result(store="azure-files"), result(FAILED, store="")]
    found = {p.name: p.verdict for p in verdict.profiles(results, Selection(), (), complete=True)}
    assert found == {"download/s3": Verdict.NONCONFORMANT, "download/azure-files": Verdict.NONCONFORMANT}
    assert [p.name for p in verdict.profiles([result(store="")], Selection(), (), complete=True)] == ["download"]


def test_utilisation_and_bound() -> None:
    """84 CPU seconds in 60 s on two cores; no schedule ends before 42 s, nor before its longest case."""
    assert (METRICS.utilisation, METRICS.bound_s, METRICS.harness_cpu_s) == (0.7, 42, 7)
    assert _metrics(longest_case_s=50).bound_s == 50
    nothing = _metrics(wall_s=0, cpu_s=0, cores=0, workers=0)
    assert (nothing.utilisation, nothing.cores, nothing.workers) == (0, 1, 1)
    assert nothing.harness_cpu_s == 0


def _metrics(**changes: float) -> Metrics:
    values: dict[str, Any] = {
        "wall_s": 60, "setup_s": 1, "cpu_s": 84, "setup_cpu_s": 2, "initializer_cpu_s": 66, "reference_cpu_s": 4,
        "servers_cpu_s": 5, "cores": 2, "longest_case_s": 21, "workers": 2, "calls": 3, "peak_memory_bytes": 0,
    }  # fmt: skip
    return Metrics.measured(**values | changes)


def test_the_schema_is_one_and_closed() -> None:
    """It is valid itself, allows nothing beyond what it names, and names exactly what the model has."""
    jsonschema.Draft202012Validator.check_schema(reader.SCHEMA)
    objects = list(_objects(reader.SCHEMA))
    optional = {"build", "claims", "commit", "deployment_mode", "explored", "features", "if_claimed", "known_failures"}
    optional |= {"needs", "plugins"}
    assert all(
        o["additionalProperties"] is False and o["required"] == [one for one in o["properties"] if one not in optional]
        for o in objects
    )
    shapes = {frozenset(o["properties"]) for o in objects}
    models = (
        Suite,
        Spec,
        Initializer,
        Server,
        Cluster,
        Environment,
        LeftOut,
        Selection,
        Rule,
        Result,
        Profile,
        Metrics,
        Footer,
        KnownFailureList,
        Report,
        Exploration,
        Finding,
    )
    assert {frozenset(f.name for f in fields(model)) for model in models} <= shapes
    assert reader.SCHEMA["$defs"]["result"]["properties"]["outcome"]["enum"] == list(Outcome)


def _objects(schema: object) -> Iterable[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _objects(part)


def test_model_refuses_other_shapes() -> None:
    data = to_json(result())
    assert from_json(Result, data) == result()
    with pytest.raises(ValueError, match="maybe"):
        from_json(Result, data | {"outcome": "maybe"})
    with pytest.raises(TypeError):
        from_json(Result, {"rule": "PLACE-001"})
