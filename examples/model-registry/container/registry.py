"""The registry: what a URI names, and where its content is.

model-registry://MODEL[/VERSION]
model-registry://HOST:PORT/MODEL[/VERSION]
model-registry://HOST/MODEL/VERSION          and HOST/MODEL, if the default registry has no model HOST
any of them with ?namespace=NAMESPACE        the registry's Service in that namespace
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from initializer import limits, transfer, web
from initializer.failure import Failure, not_found, printable
from initializer.limits import Environment
from initializer.schemes import model_registry
from initializer.schemes.model_registry import API, BACKEND, REMEDY, Name, newest, rows

SCHEME = "model-registry://"
#: The custom property of an artifact with the digest of its tree (see cache.tree_digest).
DIGEST = "digest"

__all__ = ["BACKEND", "Registered", "find"]


@dataclass(frozen=True)
class Registered:
    """An artifact of the registry. place: its URI. digest: of its tree, "" if nobody registered one."""

    registry: str
    model: str
    version: str
    artifact: str
    place: str
    digest: str


def find(uri: str, environment: Environment) -> Registered:
    """The newest model artifact of what the URI names. Raises Transient, Failure."""
    if not uri.startswith(SCHEME):
        raise Failure(printable(uri), "unsupported scheme", f"This container serves {SCHEME} URIs.")
    host, name = parse(uri)
    try:
        return resolve(name, uri, environment)
    except Failure as failure:
        if not host or failure.cause != not_found("", "").cause:
            raise
    return resolve(host, uri, environment)


def parse(uri: str) -> tuple[Name | None, Name]:
    """What the URI names. The first value is what it names if the model of the second does not exist."""
    path, question, query = uri.removeprefix(SCHEME).partition("?")
    parts = path.removesuffix("/").split("/")
    if len(parts) == 3 and all(parts):
        named = model_registry.parse(f"{SCHEME}{'/'.join(parts[1:])}{question}{query}")
        return None, replace(named, host=unquote(parts[0]))
    named = model_registry.parse(uri)
    if not named.host and named.version and re.fullmatch(r"[\w-]+(\.[\w-]+)+", named.model):
        return replace(named, host=named.model, model=named.version, version=""), named
    return None, named


def resolve(name: Name, uri: str, environment: Environment) -> Registered:
    """Ask one registry. Raises Transient, Failure."""
    address = model_registry.address(name, environment)
    headers = {"Authorization": f"Bearer {token}"} if (token := token_for(name, environment)) else {}
    site = web.Web(printable(uri), REMEDY, limits.of(environment, BACKEND), headers)
    base = f"{address}/{API}"
    version = model_registry.version(site, base, name)
    listed = rows(site, f"{base}/model_versions/{quote(version)}/artifacts")
    artifact = newest([one for one in listed if one.get("artifactType") == "model-artifact"], site, "no model artifact")
    place = str(artifact.get("uri") or "")
    if not place:
        raise not_found(site.resource, "Its model artifact has no URI: register the model's.")
    transfer.say(f"{printable(uri)} is {printable(place)}")
    known_as = name.version or f"id {version}"
    return Registered(address, name.model, known_as, str(artifact["id"]), place, digest_of(artifact))


def token_for(name: Name, environment: Environment) -> str:
    """The token for the registry. Only the registry that the container is configured with gets it. Raises Failure."""
    if name.host or name.namespace:
        return ""
    if path := environment.get("MODEL_REGISTRY_TOKEN_FILE"):
        try:
            return Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise Failure(path, "the token cannot be read", "Mount the Secret or projected token there.") from None
    return environment.get("MODEL_REGISTRY_TOKEN", "")


def digest_of(artifact: dict[str, Any]) -> str:
    """The registered digest. Raises Failure for one that is none."""
    value = (artifact.get("customProperties") or {}).get(DIGEST) or {}
    digest = str(value.get("string_value", ""))
    if digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise Failure(f"artifact {artifact['id']}", "its registered digest is invalid", "Register sha256:HEX.")
    return digest
