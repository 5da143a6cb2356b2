"""Who may read one case's partition of a server: accounts in an `auth.json`, checked against HTTP basic authentication.

A folder without the file is public. Stores write it, servers read it at every request.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

FILE = "auth.json"
#: Kind of access -> the user who has it where users have names: none that a message about credentials would have too.
USERS = {"valid": "reader", "denied": "stranger"}


def restrict(folder: Path, accounts: Mapping[str, str], readers: Sequence[str]) -> None:
    """Let only `readers` read; `accounts` (name -> password) are known to the server."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps({"accounts": dict(accounts), "readers": list(readers)}))


def publish(folder: Path) -> None:
    """Let everybody read."""
    (folder / FILE).unlink(missing_ok=True)


def admit(folder: Path, authorization: str | None) -> HTTPStatus:
    """OK, UNAUTHORIZED (nobody, or not known) or FORBIDDEN (known, but no reader) for an `Authorization` header."""
    try:
        known = json.loads((folder / FILE).read_bytes())
    except FileNotFoundError:
        return HTTPStatus.OK
    name, password = credentials(authorization)
    if name is None or known["accounts"].get(name) != password:
        return HTTPStatus.UNAUTHORIZED
    return HTTPStatus.OK if name in known["readers"] else HTTPStatus.FORBIDDEN


def credentials(authorization: str | None) -> tuple[str | None, str]:
    """Name and password of a basic `Authorization` header; no name where there is none, or another scheme."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, ""
    return name, password
