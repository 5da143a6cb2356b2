"""The text of a failure, its evidence file, and the command that reproduces it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

from conformance import known_failures
from conformance.api.tree import Tree, difference
from conformance.harness.record import CaseRecord
from conformance.harness.run import Run
from conformance.known_failures import KnownFailure
from conformance.spec import current
from scenarios.network.view import Request

#: A failure shows this many of the last requests to the store.
REQUESTS = 8


def describe(run: Run, record: CaseRecord, error: BaseException) -> str:
    """Describe the rule, the failed expectation and the calls."""
    rule, store = record.rule, record.store
    where = f"{store} played by {run.server_of(store) or 'a folder'}" if store else "no store"
    lines = [f"{rule.id} {rule.level}: {rule.title}", f"  {rule.statement}", f"on {where}, {record.name}", ""]
    lines.append(f"problem: {_wrong(error)}")
    for fetch in record.fetches:
        lines += ["", *fetch.describe()]
    if record.evidence:
        lines += record.evidence.describe()
    lines += _requests(record)
    if run.exact_words is None:
        lines += upstream(rule.id, store, record.case)
    return "\n".join([*lines, f"the rule: docs/spec/{rule.area.lower()}.md#{rule.id.lower()}"])


def _requests(record: CaseRecord) -> list[str]:
    """Return the last requests to the store, with the faults that the gateway injected."""
    if not record.requests:
        return []
    shown = [_request(one) for one in record.requests[-REQUESTS:]]
    return [
        "",
        f"requests to the store, the last {len(shown)} of {len(record.requests)}:",
        *(f"  {line}" for line in shown),
    ]


def _request(request: Request) -> str:
    fault = f" (injected: {request.injected_fault})" if request.injected_fault else ""
    return f"{request.method} {request.host} {request.path[:200]} {request.status}{fault}"


def upstream(rule: str, store: str, case: str) -> list[str]:
    """Return which releases of KServe break the rule in the same case, with the reason."""
    found = [entry for entry in of_kserve() if entry.touches(rule, store, case)]
    lines = [
        f"KServe {entry.kserve or '(all releases)'} breaks this rule here too: {entry.reason} ({entry.reference})"
        for entry in found
    ]
    return ["", *lines] if lines else []


@cache
def of_kserve() -> Sequence[KnownFailure]:
    """Return KServe's known failures, of all releases."""
    return known_failures.load(known_failures.OF_KSERVE, current(), None, date.min)  # expired entries too


def _wrong(error: BaseException) -> str:
    """Return the test's message, without the values that pytest adds."""
    return str(error).removeprefix("assert ").partition("\nassert ")[0] or "the assertion failed"


def explain_trees(actual: object, expected: object) -> list[str] | None:
    """Explain a failed `tree == {...}` to pytest, path by path."""
    if not isinstance(actual, Tree) or not isinstance(expected, dict):
        return None
    return ["the files below the destination differ:", *difference(actual, expected)]


def evidence(record: CaseRecord, message: str) -> str:
    """Return the evidence file's text: the message, each call's output and tree, and the requests to the store."""
    parts = [message]
    if record.evidence:
        parts += [f"--- {title}\n{text}" for title, text in record.evidence.evidence()]
    for fetch in record.fetches:
        one = fetch.outcome
        parts += [f"--- {one.reproduce}", f"--- stdout\n{one.stdout}", f"--- stderr\n{one.stderr}"]
        parts += [f"--- {dest}\n" + "\n".join(sorted(tree)) for dest, tree in one.trees.items()]
    if record.fetcher and record.fetcher.store is not None:
        parts += ["--- requests", *map(_request, record.requests)]
    return "\n".join(parts)


def reproduce(run: Run, record: CaseRecord, *more: str) -> str:
    """Return the command that runs this case alone, from the root of the checkout, with `more` options."""
    path, _, name = record.nodeid.partition("::")
    folder, module = Path(path).parts[-2:]
    options = [
        *(f"--initializer={run.initializer.spec}", *run.options.described),
        *(f"--kserve={run.kserve}", f"--servers={run.mode}"),
        "--report-dir=conformance-report/alone",  # do not overwrite the report that shows this command
    ]
    options += more
    if run.options.isolation != "auto":
        options.append(f"--isolation={run.options.isolation}")
    if run.options.cluster != "none":
        options += [f"--cluster={run.options.cluster}", f"--install={run.options.install}"]
    return shlex.join(["pytest", f"conformance/{folder}/{module}::{name}", *options])
