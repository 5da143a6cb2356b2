"""`model-registry://[HOST:PORT/]MODEL[/VERSION][?namespace=NS]`: the registry knows a URI, and its scheme the rest.

Variables and forms are those of the Kubeflow model registry's own initializer (cmd/csi).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from initializer import limits, schemes, transfer, web
from initializer.failure import Failure, not_found, printable
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "MODEL_REGISTRY"
API = "api/model_registry/v1alpha3"
FORM = "Expected model-registry://[HOST:PORT/]MODEL[/VERSION][?namespace=NAMESPACE]."
REMEDY = "Check model and version, and MODEL_REGISTRY_BASE_URL."
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
#: What a registry may send us to; a path of this machine is none of its business.
ELSEWHERE = ("/", "file:", "model-registry:")


@dataclass(frozen=True)
class Name:
    """A model as the URI names it; "" for what it leaves out."""

    host: str
    model: str
    version: str
    namespace: str


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The files of the model's newest artifact."""
    name = parse(uri)
    base = f"{address(name, environment)}/{API}"
    site = web.Web(printable(uri), REMEDY, limits.of(environment, BACKEND))
    place = artifact(site, base, version(site, base, name))
    transfer.say(f"{printable(uri)} is {printable(place)}")
    if place.startswith(ELSEWHERE):
        raise Failure(printable(place), "unsupported: a registry cannot name a local path", "Register a remote URI.")
    yield from schemes.of(place).files(place, environment)


def parse(uri: str) -> Name:
    """The parts of the URI; a first segment is a host only with a port, so that no model's name is. Raises Failure."""
    path, _, query = uri.removeprefix("model-registry://").partition("?")
    parts = [unquote(part) for part in path.removesuffix("/").split("/")]
    host = parts.pop(0) if re.fullmatch(r"[^:]+:\d+", parts[0]) else ""
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise Failure(printable(uri), "malformed: model, or model and version, cannot be empty", FORM)
    namespace = parse_qs(query, keep_blank_values=True).get("namespace", [""])[0]
    if "namespace=" in query and not LABEL.fullmatch(namespace):
        raise Failure(printable(uri), "malformed: the namespace cannot be one", FORM)
    return Name(host, parts[0], "/".join(parts[1:]), namespace)


def address(name: Name, environment: Environment) -> str:
    """Where the registry is: as the URI says, as the namespace's Service, or as the variable says. Raises Failure."""
    base = name.host or environment.get("MODEL_REGISTRY_BASE_URL", "").rstrip("/")
    if name.namespace:
        service = environment.get("MODEL_REGISTRY_SERVICE_NAME") or "model-registry-service"
        domain = environment.get("MODEL_REGISTRY_CLUSTER_DOMAIN") or "svc.cluster.local"
        port = re.search(r":(\d+)$", base)
        base = f"{service}.{name.namespace}.{domain}:{port[1] if port else 8080}"
    if not base:
        raise Failure("MODEL_REGISTRY_BASE_URL", "missing", "Set it to HOST:PORT of the registry.")
    return base if "://" in base else f"{environment.get('MODEL_REGISTRY_SCHEME') or 'http'}://{base}"


def version(site: web.Web, base: str, name: Name) -> str:
    """The id of the version, by default of the one registered last. Raises Transient, Failure."""
    model = ask(site, f"{base}/registered_model?{urlencode({'name': name.model})}")["id"]
    if name.version:
        query = urlencode({"name": name.version, "parentResourceId": model})
        return str(ask(site, f"{base}/model_version?{query}")["id"])
    return str(newest(rows(site, f"{base}/registered_models/{quote(model)}/versions"), site, "no version")["id"])


def artifact(site: web.Web, base: str, version_id: str) -> str:
    """The URI of the version's newest model artifact. Raises Transient, Failure."""
    listed = rows(site, f"{base}/model_versions/{quote(version_id)}/artifacts")
    models = [one for one in listed if one.get("artifactType") == "model-artifact"]
    place = str(newest(models, site, "no model artifact").get("uri") or "")
    if not place:
        raise not_found(site.resource, "Its model artifact has no URI: register the model's.")
    return place


def newest(listed: list[dict[str, Any]], site: web.Web, lacking: str) -> dict[str, Any]:
    """What was registered last. Raises Failure where there is nothing."""
    if not listed:
        raise not_found(site.resource, f"The registry has {lacking} of it: register one.")
    return max(listed, key=lambda one: (int(one.get("createTimeSinceEpoch", 0)), int(one["id"])))


def rows(site: web.Web, url: str) -> list[dict[str, Any]]:
    """All that a listing has, page by page."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = ask(site, f"{url}?{urlencode({'pageSize': '100', **({'nextPageToken': token} if token else {})})}")
        found += page.get("items") or []
        token = page.get("nextPageToken", "")
        if not token:
            return found


def ask(site: web.Web, url: str) -> Any:  # noqa: ANN401 -- JSON
    """An answer of the registry. Raises Transient, Failure."""
    with site.get(url) as answer:
        return web.json_of(answer, site.resource)
