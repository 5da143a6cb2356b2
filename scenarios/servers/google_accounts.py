"""Service accounts and bucket permissions: a stand-in for Google's authority, which no emulator provides.

`create` makes the accounts of a run. Stores call `admit` to set the readers of their bucket. The gateway asks
`Authority` before it forwards a request. All data is in the server's own folder.

It answers the token requests of google-auth and of Google's clients in Go and Java (RFC 7523), and judges the access
tokens and self-signed tokens of requests to the JSON API. As Google does, it checks signature, audience, scope and
times of a signed token, refuses an invalid token for public buckets too, and does not tell strangers which buckets
exist. This follows Google's documentation and its clients; nobody has compared it with a project at Google.

Google also does the following; the stand-in does not, and that hides no defect:

- An access token of an account ends after an hour, which is longer than a run. Those of identity services end early.
- Rights differ by object, and by listing and reading. An account reads a whole bucket or nothing.
- HMAC keys and signed URLs of the XML API: KServe's webhook passes none of them. They open nothing here.
- A batch of requests in one: it reaches the emulator unchecked. Clients delete by batch, and read one by one.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from scenarios.servers.accounts import USERS
from scenarios.servers.authority import Answer, Headers, answer_json
from scenarios.servers.bearer_tokens import Bearer, Bearers, issue

TOKEN_HOST = "oauth2.googleapis.com"  # noqa: S105 -- a host name
HOSTS = ("storage.googleapis.com", "*.storage.googleapis.com", TOKEN_HOST)
EVERYBODY = "allUsers"
AUDIENCE = f"https://{TOKEN_HOST}/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: The audience of a signed token that a client sends in place of an access token.
STORAGE = "https://storage.googleapis.com/"
#: The scopes that open Cloud Storage.
SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}"
    for name in (
        "devstorage.read_only",
        "devstorage.read_write",
        "devstorage.full_control",
        "cloud-platform",
        "cloud-platform.read-only",
    )
)
#: Appended to the token of an account whose client asked for other scopes.
NARROW = "-narrow"
#: Seconds: how long a signed token may be valid, and how far the clocks may be apart.
LIFETIME_S, SKEW_S = 3600, 300
#: The bucket of a request to the JSON API, or to an object's plain URL.
_BUCKET = re.compile(r"^(?:/upload|/download)?/storage/v1/b/([^/?]+)|^/(?!(?:storage|upload|download|batch)/)([^/?]+)/")


def create(state: Path) -> dict[str, str]:
    """Register the accounts of USERS. Returns their address, private key and token by kind of access."""
    accounts: dict[str, dict[str, str]] = {}
    extra: dict[str, str] = {}
    for name, user in USERS.items():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        email = f"{user}@conformance.iam.gserviceaccount.com"
        token = f"ya29.{secrets.token_urlsafe(32)}"
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        accounts[email] = {"public_key": public.decode(), "token": token}
        extra |= {f"{name}_email": email, f"{name}_key": private.decode(), f"{name}_token": token}
    (state / "buckets").mkdir()
    (state / "accounts.json").write_text(json.dumps(accounts))
    return extra


def admit(state: Path, bucket: str, readers: Collection[str]) -> None:
    """Let these accounts, or EVERYBODY, read `bucket`."""
    (state / "buckets" / bucket).write_text(json.dumps(list(readers)))


class Authority:
    """Checks requests against the accounts, tokens and readers in `state`."""

    token_host = TOKEN_HOST

    def __init__(self, state: Path) -> None:
        self._state = state
        self._bearers = Bearers(state)
        self._accounts: dict[str, dict[str, str]] = json.loads((state / "accounts.json").read_text())

    def token(self, form: bytes) -> Answer:
        """The token endpoint's response (RFC 7523) to a form with a signed assertion."""
        fields = {name: values[0] for name, values in parse_qs(form.decode(errors="replace")).items()}
        if fields.get("grant_type") != GRANT:
            return _no_token("unsupported_grant_type", f"Invalid grant_type: {fields.get('grant_type')}")
        claims = self._claims(fields.get("assertion", ""))
        if claims is None:
            return _no_token("invalid_grant", "Invalid grant: account not found")
        if claims.get("aud") not in {AUDIENCE, "https://accounts.google.com/o/oauth2/token"} or not _is_current(claims):
            return _no_token("invalid_grant", "Invalid JWT: Check your aud, iat and exp values in the JWT claim.")
        scopes = set(str(claims.get("scope", "")).split())
        if not scopes:
            return _no_token("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = self._accounts[claims["iss"]]["token"]
        if not scopes & SCOPES:
            token += NARROW
            issue(self._state, token, Bearer(claims["iss"], powerless=True))
        return answer_json(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def refusal(self, path: str, headers: Headers) -> Answer | None:
        """The response that refuses the request; None if it may reach the server.

        As in the service, a token that is unknown, expired or too narrow closes public buckets too.
        """
        authorization = headers.get("authorization", "")
        token = authorization.removeprefix("Bearer ")
        bearer = self._bearers.find(token)
        email = bearer.holder if bearer else self._account(token)
        if authorization and (email is None or (bearer and self._bearers.expired(token, bearer))):
            return _error(401, "authError", "Invalid Credentials")
        if bearer and bearer.powerless:
            return _error(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        match = _BUCKET.match(path)
        if match is None:
            return None
        rule = self._state / "buckets" / unquote(match[1] or match[2])
        if email and not rule.exists():
            return None
        readers = json.loads(rule.read_text()) if rule.exists() else []
        if EVERYBODY in readers or email in readers:
            return None
        denied = (
            f"{email or 'Anonymous caller'} does not have storage.objects.list access to the Google Cloud Storage "
            "bucket. Permission 'storage.objects.list' denied on resource (or it may not exist)."
        )
        return _error(403, "forbidden", denied) if email else _error(401, "required", denied)

    def vouched(self, path: str, headers: Headers) -> str | None:  # noqa: ARG002 -- the servers check nothing
        """No path of its own."""
        return None

    def _account(self, token: str) -> str | None:
        """The account of an access token, or of a signed token for Cloud Storage, which some clients send instead."""
        for email, account in self._accounts.items():
            if secrets.compare_digest(token.encode(), account["token"].encode()):
                return email
        claims = self._claims(token)
        if claims is None or not _is_current(claims):
            return None
        meant = claims.get("aud") == STORAGE or SCOPES & set(str(claims.get("scope", "")).split())
        return str(claims["iss"]) if meant else None

    def _claims(self, assertion: str) -> dict[str, Any] | None:
        """Return the claims of a JSON Web Token that a known account has signed."""
        try:
            signed, _, signature = assertion.rpartition(".")
            claims: dict[str, Any] = json.loads(_decode(signed.partition(".")[2]))
            key = serialization.load_pem_public_key(self._accounts[str(claims["iss"])]["public_key"].encode())
            assert isinstance(key, rsa.RSAPublicKey)  # noqa: S101 -- `create` makes no others
            key.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (binascii.Error, ValueError, TypeError, KeyError, InvalidSignature):
            return None
        return claims


def _is_current(claims: Mapping[str, Any]) -> bool:
    """Whether a signed token is valid now, and for no more than an hour."""
    try:
        begins, ends = float(claims["iat"]), float(claims["exp"])
    except (KeyError, TypeError, ValueError):
        return False
    return begins - SKEW_S <= time.time() <= ends + SKEW_S and ends - begins <= LIFETIME_S


def _no_token(error: str, description: str) -> Answer:
    return answer_json(400, {"error": error, "error_description": description})


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _error(status: int, reason: str, message: str) -> Answer:
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return answer_json(status, {"error": {"code": status, "message": message, "errors": errors}})
