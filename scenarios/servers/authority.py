"""The interface between the gateway and the authority of a server that checks no credentials, or not all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Headers(Protocol):
    """Headers of a request, whose names have no case."""

    def get(self, name: str, default: str, /) -> str:
        """The value of the header `name`."""


@dataclass(frozen=True)
class Answer:
    """The authority's response in place of the server's."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


def answer_json(status: int, body: Mapping[str, object]) -> Answer:
    """`body` as JSON."""
    return Answer(status, json.dumps(body), {"content-type": "application/json"})


class Authority(Protocol):
    """Checks the credentials of requests. All data is in the server's own folder.

    token_host  the host name of the authority's own token endpoint; "" for none.
    """

    token_host: str

    def __init__(self, state: Path) -> None:
        """Read what the server's folder `state` has."""

    def token(self, form: bytes) -> Answer:
        """The token endpoint's response to a form."""

    def refusal(self, path: str, headers: Headers) -> Answer | None:
        """The response that refuses the request; None if it may reach the server."""

    def vouched(self, path: str, headers: Headers) -> str | None:
        """The path with which the server accepts the request in place of a token. None if it needs no such path."""
