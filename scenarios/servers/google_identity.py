"""Google's identity services: the metadata server of a node, and the Security Token Service of federated identities.

The metadata server refuses requests without its header, and forwarded ones. It ignores requested scopes, as on Compute
Engine. It does not wait for changes (`wait_for_change`), and knows no other values of a node. The Security Token
Service checks every field of the exchange (RFC 8693), except options of the project that pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from scenarios.servers.standin import Asked, Reply, answer_json

if TYPE_CHECKING:
    from scenarios.servers.identity_services import Identity

STS = "sts.googleapis.com"
#: The service that names the project of a federated identity.
PROJECTS = "cloudresourcemanager.googleapis.com"
HOSTS = (STS, PROJECTS)
PROJECT = "conformance"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/devstorage.read_only")
FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
_TYPE = "urn:ietf:params:oauth:token-type"
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "requested_token_type": f"{_TYPE}:access_token",
    "subject_token_type": f"{_TYPE}:jwt",
}


def audience(case: str) -> str:
    """The audience of the workload identity pool of a case."""
    return f"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/{case}/providers/suite"


def metadata(asked: Asked, identity: Identity, path: Sequence[str]) -> Reply:
    """The metadata server's response for `path`, which is below the case's part."""
    if list(path) in ([], [""]):
        return _text("computeMetadata/\n")
    if asked.headers.get("metadata-flavor", "").lower() != "google" or "x-forwarded-for" in asked.headers:
        return _text("Missing Metadata-Flavor:Google header.", HTTPStatus.FORBIDDEN)
    match [part for part in path if part]:
        case ["computeMetadata", "v1", "project", "project-id"]:
            return _text(PROJECT)
        case ["computeMetadata", "v1", "universe", "universe-domain" | "universe_domain"]:
            return _text("googleapis.com")
        case ["computeMetadata", "v1", "instance", "service-accounts", *rest] if not identity.refused:
            return _account(asked, identity, rest)
    return _text("not found", HTTPStatus.NOT_FOUND)


def _account(asked: Asked, identity: Identity, path: Sequence[str]) -> Reply:
    match path:
        case []:
            return _text(f"default/\n{identity.account}/\n")
        case ["default" | identity.account] if asked.query.get("recursive") == "true":
            account = {"aliases": ["default"], "email": identity.account, "scopes": SCOPES}
            return _json(account)
        case ["default" | identity.account, "email"]:
            return _text(identity.account)
        case ["default" | identity.account, "scopes"]:
            return _text("\n".join(SCOPES))
        case ["default" | identity.account, "token"]:
            token, lifetime_s = identity.token()
            return _json({"access_token": token, "expires_in": lifetime_s, "token_type": "Bearer"})
    return _text("not found", HTTPStatus.NOT_FOUND)


def exchange(asked: Asked, identity: Identity) -> Reply:
    """The Security Token Service's response: an access token for the assertion of the case."""
    form = asked.form
    if (asked.method, asked.path) != ("POST", "/v1/token"):
        return answer_json({"error": {"code": 404, "status": "NOT_FOUND"}}, HTTPStatus.NOT_FOUND)
    if wrong := [name for name, value in EXCHANGE.items() if form.get(name) != value]:
        return _oauth("invalid_request", f"Invalid value for {', '.join(wrong)}.")
    if form.get("audience") != audience(identity.case):
        return _oauth("invalid_target", "The target service indicated by the audience parameter is invalid.")
    if not any(
        "/auth/cloud-platform" in scope or "/auth/devstorage" in scope for scope in form.get("scope", "").split()
    ):
        return _oauth("invalid_scope", "Some requested scopes were invalid.")
    if identity.refused or form.get("subject_token") != identity.assertion:
        return _oauth("invalid_grant", "The given credential is rejected by the attribute condition.")
    token, lifetime_s = identity.token()
    kind = EXCHANGE["requested_token_type"]
    return answer_json(
        {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": lifetime_s}
    )


def project(asked: Asked) -> Reply:
    """The project of a federated identity, for every caller with a token."""
    if asked.token is None:
        return answer_json({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, HTTPStatus.UNAUTHORIZED)
    return answer_json({"projectId": PROJECT, "projectNumber": "1", "lifecycleState": "ACTIVE"})


def _oauth(error: str, text: str) -> Reply:
    return answer_json({"error": error, "error_description": text}, HTTPStatus.BAD_REQUEST)


def _json(content: object) -> Reply:
    reply = answer_json(content)
    return replace(reply, headers={**FLAVOR, **reply.headers})


def _text(text: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, {**FLAVOR, "Content-Type": "application/text"}, text.encode())
