"""Check the objects of KServe in manifests, each by the checks of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.claims import Claims
from conformance.lint.claimed import claimed
from conformance.lint.documents import Document, documents
from conformance.lint.inference_service import inference_service
from conformance.lint.problem import Problem
from conformance.lint.schema import flaws
from conformance.lint.storage_container import formats_of, overlaps, storage_container
from conformance.lint.upstream import GROUP, Upstream

_CHECKS = {"ClusterStorageContainer": storage_container, "InferenceService": inference_service}


@dataclass(frozen=True)
class Finding:
    """A problem of one document."""

    document: Document
    problem: Problem

    def __str__(self) -> str:
        document, problem = self.document, self.problem
        level = "error" if problem.severe else "warning"
        rule = f" ({problem.rule})" if problem.rule else ""
        place = f"{problem.place}: " if problem.place else ""
        return f"{document.file}:{document.line(problem.path)}: {level}: {document.name}: {place}{problem.text}{rule}"


def lint(files: Sequence[Path], upstream: Upstream, claims: Claims | None = None) -> Iterator[Finding]:
    """Check every object of KServe in `files`, as KServe's release `upstream` would take it.

    Other objects, such as Secrets, are left out. Raises UnreadableManifest.

    claims  the claims about the image of every storage container in `files`.
    """
    found = [document for file in files for document in documents(file)]
    ours = [one for one in found if one.group == GROUP]
    containers = [one for one in ours if one.kind == "ClusterStorageContainer"]
    formats = [*upstream.formats, *(form for one in containers for form in formats_of(one.data))]
    for document in ours:
        flawed = list(flaws(document, upstream))
        yield from (Finding(document, problem) for problem in flawed)
        if check := _CHECKS.get(document.kind):
            yield from (Finding(document, problem) for problem in check(document.data, formats))
        if claims and document in containers and not flawed:
            yield from (Finding(document, problem) for problem in claimed(document.data, claims))
    for number, one in enumerate(containers):
        known = {"default": upstream.formats} | {c.data_name: formats_of(c.data) for c in containers[:number]}
        known.pop(one.data_name, None)  # the manifest replaces it
        yield from (Finding(one, problem) for problem in overlaps(one.data, known))
