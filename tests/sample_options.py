"""The options of a run without a selection, for tests."""

from __future__ import annotations

from pathlib import Path

from conformance.harness.run_options import Options
from scenarios.initializers import newest
from scenarios.initializers.command import Command

OPTIONS = Options(
    initializer=Command("/bin/true"), described=(), kserve=newest(), mode="embedded", profiles=(), stores=(), rules=(),
    smoke=False, known=(), known_from=None, report_dir=Path("report"), cluster="none", install="manifests",
    images="auto", driver="suite", isolation="auto", keep_cluster=False, keep_failed=0, kubeconfig=None, context=None,
)  # fmt: skip
