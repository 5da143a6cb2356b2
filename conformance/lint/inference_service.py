"""Faults in the storage of an InferenceService that the API server accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.lint.formats import Format, matches
from conformance.lint.problem import Path, Problem

#: Schemes that KServe serves without a storage container.
OWN = ("pvc://", "oci://", "file://")


def inference_service(data: dict[str, Any], formats: Sequence[Format]) -> Iterator[Problem]:
    """Yield the problems of every part that has a storage.

    formats  those of all storage containers; empty for a release whose list of schemes is in its code (0.11).
    """
    for path, part in _parts(data, ()):
        if part.get("storageUri"):
            storage = part.get("storage")
            if isinstance(storage, dict) and storage.get("path"):
                yield Problem((*path, "storage", "path"), "give only one of storageUri and storage.path", "ICRED-039")
            if part.get("storageUris"):
                yield Problem((*path, "storageUris"), "give only one of storageUri and storageUris", "URIS-010")
        for place, uri in _uris(path, part):
            yield from _uri(place, uri, formats)


def _uri(place: Path, uri: str, formats: Sequence[Format]) -> Iterator[Problem]:
    if "://" not in uri:
        yield Problem(place, f"{uri!r} has no scheme, and the initializer takes it for a local path", "ISVC-005")
    elif formats and not uri.startswith(OWN) and not any(matches(form, uri) for form in formats):
        scheme = uri.partition("://")[0]
        text = f"no storage container takes {scheme}:// URIs: add the manifest of one that declares the prefix"
        yield Problem(place, text, "ISVC-001")


def _uris(path: Path, part: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if isinstance(uri := part.get("storageUri"), str):
        yield (*path, "storageUri"), uri
    several = part.get("storageUris")
    for number, one in enumerate(several if isinstance(several, list) else []):
        if isinstance(one, dict) and isinstance(one.get("uri"), str):
            yield (*path, "storageUris", number, "uri"), one["uri"]


def _parts(data: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:  # noqa: ANN401 -- YAML
    """Yield every mapping in the document, with its path: frameworks, `model`, the predictor itself."""
    if isinstance(data, dict):
        yield path, data
        for name, value in data.items():
            yield from _parts(value, (*path, name))
