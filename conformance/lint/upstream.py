"""The resource definitions and the default storage container of a KServe release, as it ships them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusters.kserve.manifests import rendered
from clusters.kserve.releases import find
from conformance.lint.formats import Format

GROUP = "serving.kserve.io"


@dataclass(frozen=True)
class Upstream:
    """One release.

    schemas  kind -> version -> OpenAPI schema.
    formats  the URI formats of the ClusterStorageContainer `default`; empty before 0.12, which has none.
    """

    release: str
    schemas: Mapping[str, Mapping[str, dict[str, Any]]]
    formats: Sequence[Format]

    @classmethod
    def load(cls, release: str) -> Upstream:
        """Read the manifests of `release` from the cache. Raises NoKServe for an unknown release, and ToolFailed."""
        found = find(release)
        objects = rendered(found, "manifests" if found.manifests else "helm", {})
        definitions = [one["spec"] for one in objects if one["kind"] == "CustomResourceDefinition"]
        schemas = {
            spec["names"]["kind"]: {one["name"]: one["schema"]["openAPIV3Schema"] for one in spec["versions"]}
            for spec in definitions
            if spec["group"] == GROUP
        }
        containers = [one["spec"] for one in objects if one["kind"] == "ClusterStorageContainer"]
        return cls(found.release, schemas, [form for spec in containers for form in spec["supportedUriFormats"]])
