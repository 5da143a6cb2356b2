"""A small report with one result of every outcome, for tests of reports."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

from reports import verdict
from reports.metrics import Metrics
from reports.model import (
    Environment,
    Initializer,
    Level,
    Outcome,
    Report,
    Result,
    Rule,
    Selection,
    Server,
    Spec,
    Suite,
)

PASSED, FAILED, KNOWN, FIXED = Outcome.PASSED, Outcome.FAILED, Outcome.KNOWN_FAILURE, Outcome.FIXED
UNSUPPORTED, NOT_RUN, ERROR = Outcome.UNSUPPORTED, Outcome.NOT_RUN, Outcome.ERROR
RULES = (
    Rule("PLACE-001", "The tree lands unchanged", "Every object is placed at its relative path.", Level.MUST, "PLACE"),
    Rule("PLACE-002", "A prefix is a path segment", "`model` never fetches `model-2/`.", Level.MUST, "PLACE"),
    Rule("ERR-001", "A missing bucket is named", "The message names the bucket.", Level.SHOULD, "ERR"),
)
DRAFT = Report(
    Suite("storage-initializer-conformance", "0.1.0"),
    Spec("1.0.0", "sha256:" + "0" * 64),
    Initializer("kserve:0.20.0", "kserve", "0.20.0", "sha256:" + "1" * 64, "process", "bubblewrap"),
    "0.20.0",
    Environment(
        "Linux-6.1-x86_64",
        "3.11.7",
        2,
        "embedded",
        "2026-01-31T12:00:00Z",
        (Server("moto", "5.2.5", "emulator", "s3"), Server("files", "1", "stand-in", "azure-files")),
    ),
    Selection(),
    RULES,
)
METRICS = Metrics.measured(
    wall_s=60,
    setup_s=11.5,
    cpu_s=84,
    setup_cpu_s=2,
    initializer_cpu_s=66,
    reference_cpu_s=4,
    servers_cpu_s=5,
    cores=2,
    longest_case_s=21,
    workers=2,
    calls=40,
    peak_memory_bytes=90 << 20,
)


def result(outcome: Outcome = PASSED, rule: str = "PLACE-001", store: str = "s3", **changes: Any) -> Result:  # noqa: ANN401
    """Return a result of a rule in the sample report."""
    level = next(r.level for r in RULES if r.id == rule)
    server = {"s3": "moto", "azure-files": "files"}.get(store, "")
    base = Result(rule, level, f"download/{store}" if store else "download", "test_a", "", store, server, "process",
                  outcome, 0.25)  # fmt: skip
    return replace(base, **changes)


def report_of(*results: Result, complete: bool = True, **changes: Any) -> Report:  # noqa: ANN401
    """Return a finished report with these results."""
    return verdict.finish(replace(DRAFT, **changes), results, METRICS, complete=complete)


MIXED = (
    result(case="nested"),
    result(
        FAILED,
        "PLACE-002",
        message="PLACE-002: expected a.bin\n- a.bin\n+ model-2/b.bin",
        reproduce="pytest conformance -k place",
        evidence=("evidence/tree.0badcafe.txt",),
    ),
    result(FAILED, "PLACE-002", "azure-files", message="the same", reproduce="pytest conformance -k place"),
    result(
        KNOWN, case="empty", reason="zero-byte files are dropped", reference="https://github.com/kserve/kserve/issues/1"
    ),
    result(FIXED, case="deep", reason="listed since 0.19"),
    result(NOT_RUN, store="azure-files", reason="no Node on this machine"),
    result(UNSUPPORTED, store="local", reason="no local paths"),
    result(ERROR, "ERR-001", message="moto died"),
)


def parsed(xml: str) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314 - the suite's own
