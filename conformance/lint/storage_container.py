"""Faults in a ClusterStorageContainer that the API server accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.lint.formats import Format, alike, flaw_of
from conformance.lint.problem import Problem

NAME = "storage-initializer"
FORMATS = ("spec", "supportedUriFormats")
_CONTAINER = ("spec", "container")
_REGEX = re.compile(r"\\.|[.+*?()\[\]{}|^$]")


def storage_container(data: dict[str, Any], _: Sequence[Format]) -> Iterator[Problem]:
    """Yield the problems of one object by itself."""
    container = _mapping(_mapping(data, "spec"), "container")
    if container.get("name", NAME) != NAME:
        text = f"name the container {NAME}: KServe injects a container of another name twice"
        yield Problem((*_CONTAINER, "name"), text, "CSC-007")
    image = str(container.get("image", ""))
    if not image:
        yield Problem(_CONTAINER, "no image: the webhook takes KServe's own from its ConfigMap", "CSC-004")
    elif "@" not in image and image.rpartition("/")[2].partition(":")[2] in ("", "latest"):
        yield Problem((*_CONTAINER, "image"), "pin a tag or a digest: the image changes under running services",
                      severe=False)  # fmt: skip
    if not _mapping(_mapping(container, "resources"), "limits").get("memory"):
        yield Problem(_CONTAINER, "no memory limit: that of KServe's ConfigMap applies", "CSC-004", severe=False)
    if _mapping(data, "spec").get("workloadType", "initContainer") != "initContainer":
        yield Problem(("spec", "workloadType"), "the webhook does not use it for pods", "CSC-009", severe=False)
    if data.get("disabled") is True:
        yield Problem(("disabled",), "KServe never uses it", "CSC-008", severe=False)
    yield from _formats(data)


def _formats(data: dict[str, Any]) -> Iterator[Problem]:
    if not formats_of(data) and not _mapping(data, "spec").get("supportedUriFormats"):
        yield Problem(FORMATS, "no URI formats: the webhook uses it for no URI", "CSC-001")
    for number, form in enumerate(formats_of(data)):
        place = (*FORMATS, number)
        prefix, regex = form.get("prefix", ""), form.get("regex", "")
        if bool(prefix) == bool(regex):
            yield Problem(place, "give either a prefix or a regex", "CSC-002")
        if prefix and _REGEX.search(prefix.partition("://")[2]) and "*" in prefix:
            yield Problem((*place, "prefix"), f"KServe compares a prefix literally: write {prefix.partition('*')[0]}")
        elif prefix and "://" not in prefix:
            yield Problem((*place, "prefix"), f"no scheme: write {prefix}://", severe=False)
        if regex and (flaw := flaw_of(regex)):
            yield Problem((*place, "regex"), f"does not compile ({flaw}): KServe refuses every pod", "CSC-013")


def overlaps(data: dict[str, Any], others: Mapping[str, Sequence[Format]]) -> Iterator[Problem]:
    """Yield the formats that match URIs of other storage containers, given by name."""
    for number, form in enumerate(formats_of(data)):
        for name, formats in others.items():
            if any(alike(form, other) for other in formats):
                text = (
                    f"ClusterStorageContainer {name} matches such URIs too, and KServe uses either: disable that one, "
                    "or select yours by storageContainerName (KServe 0.20)"
                )
                yield Problem((*FORMATS, number), text, "CSC-012", severe=False)


def formats_of(data: dict[str, Any]) -> list[Format]:
    """Return the formats of a ClusterStorageContainer that have the right type."""
    formats = _mapping(data, "spec").get("supportedUriFormats")
    found = formats if isinstance(formats, list) else []
    return [one for one in found if isinstance(one, dict) and all(isinstance(value, str) for value in one.values())]


def _mapping(data: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 -- YAML
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}
