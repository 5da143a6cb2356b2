"""Read access to a case's partition of a server: accounts in an `auth.json`, checked by HTTP basic authentication.

A folder without that file is public. Stores write the file; servers read it on every request.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

FILE = "auth.json"
#: Kind of access -> user name, for servers with users. The names do not occur in ordinary messages about credentials.
USERS = {"valid": "reader", "denied": "stranger"}


def restrict(folder: Path, accounts: Mapping[str, str], readers: Sequence[str]) -> None:
    """Let only `readers` read. The server knows all `accounts` (name -> password)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps({"accounts": dict(accounts), "readers": list(readers)}))


def publish(folder: Path) -> None:
    """Make the folder public."""
    (folder / FILE).unlink(missing_ok=True)


def admit(folder: Path, authorization: str | None) -> HTTPStatus:
    """Check an `Authorization` header: OK, UNAUTHORIZED (none, or unknown) or FORBIDDEN (known, but not a reader)."""
    try:
        known = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return HTTPStatus.OK
    name, password = credentials(authorization)
    if name is None or known["accounts"].get(name) != password:
        return HTTPStatus.UNAUTHORIZED
    return HTTPStatus.OK if name in known["readers"] else HTTPStatus.FORBIDDEN


def credentials(authorization: str | None) -> tuple[str | None, str]:
    """Name and password of a basic `Authorization` header. The name is None without a header or for another scheme."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, ""
    return name, password
