"""Render KServe's own Helm charts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from clusters.images.manager import MODULE
from clusters.kserve.releases import NoKServe, Release
from clusters.toolchain.cache import StepFailed, run
from clusters.toolchain.go import go_binary
from clusters.toolchain.module_files import module_files

HELM = "v3.19.4"
CRDS, RESOURCES = "kserve-crd", "kserve-resources"


@cache
def helm() -> Path:
    """Helm 3 or 4 from PATH, else built from its module. Raises ToolFailed."""
    if found := shutil.which("helm"):
        try:
            if re.match(r"v[34]\.", run([found, "version", "--short"])):
                return Path(found)
        except StepFailed:
            pass
    return go_binary("helm.sh/helm/v3/cmd/helm", HELM, "helm")


def render(release: Release, chart: str, namespace: str, values: Mapping[str, Any]) -> str:
    """The YAML that Helm would apply for `chart`; `values` by the dotted names that `helm --set` takes.

    Raises ToolFailed for what this machine lacks, and NoKServe for values that the chart refuses.
    """
    folder = module_files(MODULE, release.tag, [f"charts/{chart}/"])
    given = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    argv: list[str | Path] = [helm(), "template", chart, folder / "charts" / chart, "--namespace", namespace, *given]
    try:
        return run(argv)
    except StepFailed as failure:
        # Helm's warnings come first, and sound alike.
        said = re.search(r"^Error: (.*)", failure.output, re.M)
        why = said[1] if said else failure
        raise NoKServe(f"the chart {chart} of KServe {release.release} cannot be rendered: {why}") from failure
