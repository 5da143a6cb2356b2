"""Tokens of Microsoft Entra for a storage account: a stand-in in front of Azurite, which verifies keys and signatures.

Azurite accepts tokens over HTTPS only, and does not know which are real. The gateway terminates TLS, so it checks the
token, and sends the request on with a shared access signature that may read. The service also knows roles for single
containers, and tokens of delegated users; the stand-in has one account that may read everything.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from scenarios.servers.accounts import USERS
from scenarios.servers.authority import Answer, Headers
from scenarios.servers.bearer_tokens import Bearers

READER, STRANGER = USERS["valid"], USERS["denied"]
#: The tenant of the storage account, in challenges to tokens of unknown tenants.
TENANT = "6e3f9a52-8c1d-4b70-9e25-d10a7c84f3b6"
_SIGNATURE = "reader.sas"


def create(state: Path, account: str, key: str) -> None:
    """Make the signature that replaces tokens."""
    from azure.storage.blob import generate_account_sas  # noqa: PLC0415 -- an extra, absent in other modes

    expiry = datetime.now(UTC) + timedelta(days=30)
    query: str = generate_account_sas(account, key, "sco", "rl", expiry)
    (state / _SIGNATURE).write_text(query)


class Authority:
    """Checks the tokens issued in `state`. Azurite checks every other kind of credential."""

    token_host = ""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._bearers = Bearers(state)

    def token(self, form: bytes) -> Answer:
        """No endpoint of its own."""
        raise NotImplementedError

    def refusal(self, path: str, headers: Headers) -> Answer | None:  # noqa: ARG002 -- the role is for all containers
        """The response that refuses the request; None if it may reach the server."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if not headers.get("x-ms-version", ""):
            return _error(403, "AuthenticationFailed", "The request has no x-ms-version that supports tokens.")
        bearer = self._bearers.find(token)
        flaws = {
            "Signature validation failed.": not bearer,
            "Issuer validation failed. Issuer did not match.": bearer and bearer.holder != READER,
            "Lifetime validation failed. The token is expired.": bearer and self._bearers.expired(token, bearer),
        }
        if flaw := next((text for text, true in flaws.items() if true), ""):
            return _unauthenticated(bearer.tenant if bearer and bearer.holder == READER else TENANT, flaw)
        if bearer and bearer.powerless:
            text = "This request is not authorized to perform this operation using this permission."
            return _error(403, "AuthorizationPermissionMismatch", text)
        return None

    def vouched(self, path: str, headers: Headers) -> str | None:
        """The path with the signature in its query, for a request with a token."""
        if not headers.get("authorization", "").lower().startswith("bearer "):
            return None
        return f"{path}{'&' if '?' in path else '?'}{(self._state / _SIGNATURE).read_text()}"


def _unauthenticated(tenant: str, detail: str) -> Answer:
    text = "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
    refused = _error(401, "InvalidAuthenticationInfo", text, detail)
    place = f"https://login.microsoftonline.com/{tenant}/oauth2/authorize"
    challenge = f"Bearer authorization_uri={place} resource_id=https://storage.azure.com"
    return Answer(refused.status, refused.text, {**refused.headers, "www-authenticate": challenge})


def _error(status: int, code: str, message: str, detail: str = "") -> Answer:
    more = f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>" if detail else ""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return Answer(status, text, {"content-type": "application/xml", "x-ms-error-code": code})
