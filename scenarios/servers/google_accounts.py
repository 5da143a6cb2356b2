"""Service accounts and bucket permissions: a stand-in for Google's authority, which no emulator provides.

`create` makes the accounts of a run. Stores call `admit` to set the readers of their bucket. The gateway asks
`Authority` before it forwards a request. All data is in the server's own folder.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Collection
from pathlib import Path
from urllib.parse import parse_qs, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from scenarios.servers.accounts import USERS
from scenarios.servers.authority import Answer, Headers, answer_json
from scenarios.servers.bearer_tokens import Bearers

TOKEN_HOST = "oauth2.googleapis.com"  # noqa: S105 -- a host name
HOSTS = ("storage.googleapis.com", "*.storage.googleapis.com", TOKEN_HOST)
EVERYBODY = "allUsers"
_BUCKET = re.compile(r"^(?:/upload|/download)?/storage/v1/b/([^/?]+)")


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
        email = self._signer(parse_qs(form.decode(errors="replace")).get("assertion", [""])[0])
        if email is None:
            return answer_json(400, {"error": "invalid_grant", "error_description": "Invalid grant: account not found"})
        token = self._accounts[email]["token"]
        return answer_json(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def refusal(self, path: str, headers: Headers) -> Answer | None:
        """The response that refuses the request; None if it may reach the server.

        As in the service, a token that is unknown, expired or too narrow closes public buckets too.
        """
        authorization = headers.get("authorization", "")
        token = authorization.removeprefix("Bearer ")
        bearer = self._bearers.find(token)
        if bearer and self._bearers.expired(token, bearer):
            return _error(401, "authError", "Invalid Credentials")
        if bearer and bearer.powerless:
            return _error(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        email = bearer.holder if bearer else self._account(token)
        if authorization and email is None:
            return _error(401, "authError", "Invalid Credentials")
        match = _BUCKET.match(path)
        rule = self._state / "buckets" / unquote(match[1]) if match else None
        if rule is None or not rule.exists():
            return None
        readers = json.loads(rule.read_text())
        if EVERYBODY in readers or email in readers:
            return None
        who = email or "Anonymous caller"
        denied = (
            f"{who} does not have storage.objects.list access to the Google Cloud Storage bucket. "
            "Permission 'storage.objects.list' denied on resource (or it may not exist)."
        )
        return _error(403, "forbidden", denied) if email else _error(401, "required", denied)

    def vouched(self, path: str, headers: Headers) -> str | None:  # noqa: ARG002 -- the servers check nothing
        """No path of its own."""
        return None

    def _account(self, token: str) -> str | None:
        for email, account in self._accounts.items():
            if secrets.compare_digest(token, account["token"]):
                return email
        return self._signer(token)

    def _signer(self, assertion: str) -> str | None:
        """The known account that signed a JSON Web Token. Some clients send such a token instead of an access token."""
        try:
            signed, _, signature = assertion.rpartition(".")
            email = str(json.loads(_decode(signed.partition(".")[2]))["iss"])
            key = serialization.load_pem_public_key(self._accounts[email]["public_key"].encode())
            assert isinstance(key, rsa.RSAPublicKey)  # noqa: S101 -- `create` makes no others
            key.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (binascii.Error, ValueError, TypeError, KeyError, InvalidSignature):
            return None
        return email


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _error(status: int, reason: str, message: str) -> Answer:
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return answer_json(status, {"error": {"code": status, "message": message, "errors": errors}})
