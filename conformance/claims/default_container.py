"""The URI formats of KServe's own ClusterStorageContainer `default`.

They are the same in every release since 0.14; storage containers came with 0.12, and `hf://` with 0.14. A test compares
them with the manifests of the releases; to read those takes a download.
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.lint.formats import Format, alike

FORMATS: Sequence[Format] = (
    {"prefix": "gs://"},
    {"prefix": "s3://"},
    {"prefix": "hdfs://"},
    {"prefix": "hf://"},
    {"prefix": "webhdfs://"},
    {"regex": "https://(.+?).blob.core.windows.net/(.+)"},
    {"regex": "https://(.+?).file.core.windows.net/(.+)"},
    {"regex": "https?://(.+)/(.+)"},
)


def overlapping(prefix: str) -> bool:
    """Return whether the default container takes some URIs with this prefix."""
    return any(alike({"prefix": prefix}, one) for one in FORMATS)
