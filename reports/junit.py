"""Write the report as JUnit XML, with one suite for each store, for the test views of CI systems."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from itertools import groupby

from reports.grouping import headline
from reports.model import Outcome, Report, Result
from reports.redact import printable

#: XML element for each outcome; None for a plain pass. `fixed` makes the run fail, so it maps to a failure.
_ELEMENTS = {
    Outcome.PASSED: None,
    Outcome.FAILED: "failure",
    Outcome.FIXED: "failure",
    Outcome.ERROR: "error",
    Outcome.KNOWN_FAILURE: "skipped",
    Outcome.UNSUPPORTED: "skipped",
    Outcome.NOT_RUN: "skipped",
}


def document(report: Report) -> str:
    """Return the report as XML text."""
    root = ET.Element("testsuites", {"name": report.suite.name, **_totals(report.results)})
    by_store = sorted(report.results, key=lambda result: result.store)
    for store, group in groupby(by_store, key=lambda result: result.store):
        results = list(group)
        suite = ET.SubElement(
            root,
            "testsuite",
            {"name": store or "any store", "timestamp": report.environment.started.rstrip("Z"), **_totals(results)},
        )
        _properties(suite, _suite_properties(report, store))
        for result in results:
            _case(suite, report, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite_properties(report: Report, store: str) -> dict[str, str]:
    return {
        "initializer": report.initializer.spec,
        "initializer.version": report.initializer.version,
        "initializer.digest": report.initializer.digest,
        "kserve": report.kserve,
        "spec": report.spec.version,
        "suite": report.suite.version,
        "complete": str(report.footer.complete).lower(),
        **({"kserve.deployment_mode": mode} if (mode := report.environment.cluster.deployment_mode) else {}),
        **{f"server.{s.name}": f"{s.version} ({s.fidelity})" for s in report.servers_of(store)},
        **{
            f"verdict.{p.name}": p.verdict for p in report.profiles if p.name.endswith(f"/{store}") or "/" not in p.name
        },
    }


def _case(suite: ET.Element, report: Report, result: Result) -> None:
    classname = ".".join(part for part in (report.initializer.name, result.store, result.server) if part)
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": printable(classname),
            "name": printable(f"{result.rule} {result.name}"),
            "time": f"{result.duration_s:.3f}",
        },
    )
    mode = {"deployment_mode": result.deployment_mode} if result.deployment_mode else {}
    _properties(case, {"level": result.level, "route": result.route, "outcome": result.outcome, **mode})
    element = _ELEMENTS[result.outcome]
    if element:
        message = headline(result)
        detail = ET.SubElement(case, element, {"message": printable(message), "type": result.outcome})
        detail.text = (
            printable("\n".join(filter(None, (result.message, result.reference, result.reproduce)))) or message
        )
    if result.evidence:
        ET.SubElement(case, "system-out").text = "\n".join(result.evidence)


def _totals(results: Sequence[Result]) -> dict[str, str]:
    kinds = [_ELEMENTS[result.outcome] for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(result.duration_s for result in results):.3f}",
    }


def _properties(parent: ET.Element, values: Mapping[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": printable(value)})
