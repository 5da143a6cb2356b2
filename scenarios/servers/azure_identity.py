"""Azure's identity services: Microsoft Entra's token endpoint, and the Instance Metadata Service (IMDS) of a node.

Entra gives tokens for client credentials, which are a secret or the assertion of a federated identity. It answers the
discovery requests of MSAL. IMDS refuses requests without its header, forwarded ones, and unknown versions. The stand-in
knows one resource, Azure Storage, and no certificates, regions or conditional access.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from scenarios.servers.standin import Asked, Reply, answer_json

if TYPE_CHECKING:
    from scenarios.servers.identity_services import Identity

LOGIN = "login.microsoftonline.com"
HOSTS = (LOGIN,)
RESOURCE = "https://storage.azure.com"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
VERSIONS = ("2018-02-01", "2019-08-01", "2019-11-01", "2021-02-01")
#: The path at which MSAL asks which host names belong together.
INSTANCES = ("common", "discovery", "instance")
_ALIASES = [LOGIN, "login.windows.net", "login.microsoft.com", "sts.windows.net"]


def login(asked: Asked, identity: Identity) -> Reply:
    """Entra's response to a request for a token, or for a description of its endpoints."""
    match asked.method, asked.segments:
        case "GET", (identity.tenant, "v2.0", ".well-known", "openid-configuration"):
            return _configuration(identity)
        case "POST", (identity.tenant, "oauth2", "v2.0", "token"):
            return _token(asked, identity, asked.form.get("scope", "").removesuffix("/.default"))
        case "POST", (identity.tenant, "oauth2", "token"):
            return _token(asked, identity, asked.form.get("resource", ""))
    return _error("invalid_request", f"AADSTS90002: Tenant '{asked.segments[0]}' not found.")


def instances() -> Reply:
    """The response to INSTANCES, which is the same for all tenants."""
    place = f"https://{LOGIN}/common/v2.0/.well-known/openid-configuration"
    one = {"preferred_network": LOGIN, "preferred_cache": "login.windows.net", "aliases": _ALIASES}
    return answer_json({"tenant_discovery_endpoint": place, "api-version": "1.1", "metadata": [one]})


def _configuration(identity: Identity) -> Reply:
    root = f"https://{LOGIN}/{identity.tenant}"
    return answer_json(
        {
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        }
    )


def _token(asked: Asked, identity: Identity, resource: str) -> Reply:
    form = asked.form
    if form.get("grant_type") != "client_credentials":
        return _error("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    if resource.rstrip("/") != RESOURCE:
        return _error("invalid_resource", f"AADSTS500011: The resource principal named {resource} was not found.")
    if form.get("client_id") != identity.client:
        text = "AADSTS700016: Application was not found in the directory."
        return _error("unauthorized_client", text)
    if "client_assertion" in form:
        known = form.get("client_assertion_type") == ASSERTION and form["client_assertion"] == identity.assertion
        if identity.refused or not known or not identity.assertion:
            text = "AADSTS700213: No matching federated identity record found for presented assertion subject."
            return _error("invalid_client", text, HTTPStatus.UNAUTHORIZED)
    elif identity.refused or not identity.secret or form.get("client_secret") != identity.secret:
        text = "AADSTS7000215: Invalid client secret provided."
        return _error("invalid_client", text, HTTPStatus.UNAUTHORIZED)
    token, lifetime_s = identity.token()
    given = {"token_type": "Bearer", "expires_in": lifetime_s, "ext_expires_in": lifetime_s, "access_token": token}
    return answer_json(given)


def metadata(asked: Asked, identity: Identity, path: Sequence[str]) -> Reply:
    """The response of IMDS for `path`, which is below `/metadata/`."""
    if asked.headers.get("metadata", "").lower() != "true" or "x-forwarded-for" in asked.headers:
        return _error("invalid_request", "Required metadata header not specified")
    if list(path) != ["identity", "oauth2", "token"]:
        return _error("not_found", "Not found", HTTPStatus.NOT_FOUND)
    if asked.query.get("api-version") not in VERSIONS:
        return _error("invalid_request", "Required parameter api-version is missing or not supported.")
    resource = asked.query.get("resource", "").rstrip("/")
    if resource != RESOURCE:
        return _error("invalid_resource", f"AADSTS500011: The resource principal named {resource} was not found.")
    if identity.refused or asked.query.get("client_id", identity.client) != identity.client:
        return _error("invalid_request", "Identity not found")
    token, lifetime_s = identity.token()
    now = int(time.time())
    return answer_json(
        {
            "access_token": token,
            "client_id": identity.client,
            "expires_in": str(lifetime_s),
            "expires_on": str(now + lifetime_s),
            "ext_expires_in": str(lifetime_s),
            "not_before": str(now),
            "resource": asked.query["resource"],
            "token_type": "Bearer",
        }
    )


def _error(error: str, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Reply:
    return answer_json({"error": error, "error_description": text}, status)
