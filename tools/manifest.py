"""Generate conformance/manifest.json: every rule with its tests and their cases, and the servers of every store.

`python -m reports verify` reads it, so that it needs neither pytest nor the suite's servers. This module is also the
pytest plugin that collects the cases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.harness.exploring import explores
from conformance.harness.items import case_of, rule_id, store_of
from conformance.spec import Rule, Spec
from scenarios.stores import STORES, Store

TESTS = Path(__file__).parents[1] / "conformance"
MANIFEST = TESTS / "manifest.json"
#: The variable with the file that the plugin writes.
_TARGET = "CONFORMANCE_MANIFEST"

#: Rule -> test, as `FOLDER/test_file.py::test_name` -> store, or "" -> cases.
Cases = dict[str, dict[str, dict[str, list[str]]]]

_ITEMS: list[pytest.Item] = []


def text(spec: Spec) -> str:
    """Return the manifest, with a line for each store and each rule."""
    cases = _collected()
    parts: dict[str, Mapping[str, Any]] = {
        "features": spec.features,
        "stores": {name: _store(kind) for name, kind in sorted(STORES.items())},
        "rules": {rule.id: _rule(rule, cases.get(rule.id, {})) for rule in sorted(spec, key=lambda rule: rule.id)},
    }
    return "{" + ",\n".join(f'"{name}": {_lines(part)}' for name, part in parts.items()) + "}\n"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note the item before anything deselects it."""
    _ITEMS.append(item)


def pytest_collection_finish() -> None:
    """Write the cases of all tests."""
    cases: Cases = {}
    for item in _ITEMS:
        if not explores(item):
            path, _, test = item.nodeid.partition("::")
            name = f"{'/'.join(Path(path).parts[-2:])}::{test.partition('[')[0]}"
            stores = cases.setdefault(rule_id(item) or "", {}).setdefault(name, {})
            stores.setdefault(store_of(item) or "", []).append(case_of(item))
    Path(os.environ[_TARGET]).write_text(json.dumps(cases))


def _collected() -> Cases:
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        target = Path(folder, "cases.json")
        # Without a cluster, pytest would leave out the tests of injection and flow.
        command = [
            "pytest",
            str(TESTS),
            "--collect-only",
            "--cluster=kind",
            "-qq",
            f"-p{__name__}",
            "-pno:cacheprovider",
        ]
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=TESTS.parent, env={**os.environ, _TARGET: str(target)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        cases: Cases = json.loads(target.read_text())
    return cases


def _store(kind: type[Store]) -> dict[str, Any]:
    servers = {mode: [server.name, server.fidelity] for mode, server in sorted(kind.servers.items())}
    return {"kserve": kind.kserve, "in_pods": kind.in_pods, "servers": servers}


def _rule(rule: Rule, tests: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "level": rule.level,
        "core": rule.core,
        "title": rule.title,
        "statement": rule.statement,
        "profile": rule.profile,
        "routes": rule.routes,
        "stores": rule.stores,
        "kserve": str(rule.kserve),
        "features": rule.features,
        "tests": tests,
    }


def _lines(part: Mapping[str, Any]) -> str:
    lines = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in part.items())
    return "{\n" + ",\n".join(lines) + "\n}"
