"""Differences between a ClusterStorageContainer and the claims about its image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.claims import Claims
from conformance.lint.problem import Problem
from conformance.lint.storage_container import FORMATS, formats_of

#: The optional feature that `supportsMultiModelDownload: true` promises to KServe.
SEVERAL = "several-pairs"
_SUPPORTS = ("spec", "supportsMultiModelDownload")


def claimed(data: dict[str, Any], claims: Claims) -> Iterator[Problem]:
    """Yield the problems of one object that has the API's types."""
    spec = data.get("spec") or {}
    image = (spec.get("container") or {}).get("image", "")
    if claims.image and image != claims.image:
        yield Problem(("spec", "container", "image"), f"{claims.path} is about {claims.image}; name the same image")
    if spec.get("supportsMultiModelDownload") is True and SEVERAL not in claims.features:
        text = f"KServe gives several pairs to one call; claim the feature {SEVERAL} in {claims.path}, or write false"
        yield Problem(_SUPPORTS, text, "CONTRACT-002")
    elif spec.get("supportsMultiModelDownload") is not True and SEVERAL in claims.features:
        text = f"{claims.path} claims {SEVERAL}, but KServe refuses storageUris for this container; write true"
        yield Problem(_SUPPORTS, text, "URIS-007", severe=False)
    prefixes = [form["prefix"] for form in formats_of(data) if "prefix" in form]
    for number, form in enumerate(formats_of(data)):
        if form.get("prefix", "") not in ("", *(prefix for prefix, _ in claims.uris)):
            yield Problem((*FORMATS, number), f"{claims.path} has no URI with this prefix; claim it, or remove it")
    for prefix, _ in claims.uris:
        if prefixes and prefix not in prefixes:
            yield Problem(FORMATS, f"no format has the prefix {prefix} of {claims.path}", severe=False)
