"""Write a first file of claims."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from conformance.claims import FAMILIES, SCHEMA
from conformance.spec import Spec
from reports.claims import Observed
from reports.model import Report

#: Store -> how its URIs usually begin, where it is not `STORE://`.
PREFIXES = {
    "gcs": "gs://",
    "azure-blob": "https://",
    "azure-files": "https://",
    "http": "https://",
    "git": "https://",
    "local": "file://",
}


@dataclass(frozen=True)
class Draft:
    """What a first file of claims contains; a text is "" and a list empty for a key that it leaves out.

    uris  (prefix, store).
    """

    name: str = ""
    version: str = ""
    vendor: str = ""
    image: str = ""
    command: str = ""
    kserve: str = ""
    uris: Sequence[tuple[str, str]] = ()
    default_container: str = ""
    profiles: Sequence[str] = ()
    features: Collection[str] = ()
    known_failures: str = ""
    plugins: Sequence[str] = ()


def uri(text: str) -> tuple[str, str]:
    """Return the prefix and the store of `PREFIX=STORE`, or of `STORE` with its usual prefix."""
    prefix, equals, store = text.rpartition("=")
    return (prefix, store) if equals else (PREFIXES.get(text, f"{text}://"), text)


def of_report(report: Report) -> Draft:
    """Return what a report shows: the initializer, the stores with results, the profiles, the features that work."""
    who, (scheme, _, rest) = report.initializer, report.initializer.spec.partition(":")
    stores = sorted({result.store for result in report.results if result.store})
    families = {profile.name.partition("/")[0] for profile in report.profiles}
    return Draft(
        name="" if who.name == "kserve" else who.name,
        version=who.version,
        image=rest if scheme == "image" else "",
        command=rest if scheme == "command" else "",
        kserve=report.kserve,
        uris=[uri(store) for store in stores],
        profiles=[family for family in FAMILIES if family in families],
        features=[feature.name for feature in report.features if feature.observed is Observed.WORKS],
        plugins=[plugin.name for plugin in report.environment.plugins],
    )


def text(draft: Draft, path: Path, spec: Spec) -> str:
    """Return the text of the file for `path`."""
    return "".join(f"{line}\n" for line in _lines(draft, path, spec))


def _lines(draft: Draft, path: Path, spec: Spec) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={os.path.relpath(SCHEMA, path.parent)}"
    yield f"# docs/claims.md explains each key. A run by these claims: pytest conformance/ --claims {path.name}"
    texts = (("name", draft.name), ("version", draft.version), ("vendor", draft.vendor), ("image", draft.image))
    for key, value in (*texts, ("command", draft.command), ("kserve", draft.kserve)):
        yield from [f"{key}: {_scalar(value)}"] if value else []
    yield from _listed("plugins", draft.plugins)
    yield "uris:"
    for prefix, store in draft.uris:
        yield from (f"  - prefix: {_scalar(prefix)}", f"    store: {_scalar(store)}")
    if draft.default_container:
        yield f"default-container: {draft.default_container}"
    yield from _listed("profiles", draft.profiles)
    if draft.known_failures:
        yield f"known-failures: {_scalar(draft.known_failures)}"
    yield "# Cases of other features are unsupported. The lines with # have the features that are not claimed."
    claimed = [*(name for name in draft.features if name not in spec.features)]
    claimed += [name for name in spec.features if name in draft.features]
    yield f"features:{'' if claimed else ' []'}"
    stores = {store for _, store in draft.uris}
    yield from (f"  - {_scalar(name)}" for name in claimed)
    for name, sentence in spec.features.items():
        if name not in claimed and any(name in rule.features and stores & set(rule.stores) for rule in spec):
            yield f"  # - {name}  # {sentence}"


def _listed(key: str, values: Sequence[str]) -> Iterator[str]:
    if values:
        yield f"{key}: [{', '.join(map(_scalar, values))}]"


def _scalar(value: str) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True).partition("\n")[0]
