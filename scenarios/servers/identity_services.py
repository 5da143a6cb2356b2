"""A stand-in for the services that give a pod an identity without static keys: metadata services and token services.

It answers the requests of google-auth, azure-identity and the SDKs of AWS. The name of a case is in the path, in the
query or in the body of each request. In a cloud, metadata services have link-local addresses. Here their paths begin
with the case: `http://HOST:PORT/CASE/computeMetadata/v1/...`.

The services also do the following; the stand-in does not: they sign tokens, verify an assertion with the keys of its
issuer, and limit the rate of requests. The stand-in's tokens are random, and it compares an assertion with that of the
case.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

from scenarios.servers import aws_identity, azure_identity, google_identity
from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_json, main

#: How the services of a case answer:
#: right      with a token that opens the content
#: late       503 for LATE_S seconds after the first request, then right
#: refused    with the service's own error
#: rotated    the first token expires ROTATED_S seconds after the service first handed it out; the second does not
#: silent     not at all, on open connections
#: page       with a page in HTML and status 200
#: truncated  with the first half of the right body
#: Stores issue these tokens; the service hands them out as usual:
#: stranger   a token that another tenant's account holds
#: powerless  a token that permits no request to the store
#: Stores play this one without the services:
#: missing    nothing listens at the service's address, or the token file is not there
Answers = Literal[
    "right", "late", "refused", "rotated", "silent", "page", "truncated", "stranger", "powerless", "missing"
]
LATE_S = 3.0
ROTATED_S = 2.0
LONG_S = 3599
#: The case names of the fixture `store`.
CASE = re.compile(r"case-[a-z0-9]+-\d+")
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"

#: Names that only a response with a token or with keys has.
_TOKENS = (b"access_token", b"SecretAccessKey")

_first_asked: dict[str, float] = {}
_first_given: dict[str, float] = {}


class IdentityServices(StandIn):
    """The identity services of every cloud. `identify` sets the answers of a case."""

    name = "identity-services"
    hosts = (*aws_identity.HOSTS, *azure_identity.HOSTS, *google_identity.HOSTS)
    faults = False


@dataclass(frozen=True)
class Identity:
    """The identity of a case.

    tokens     the tokens (AWS: packed keys) that the service hands out. The second one only after a rotation.
    account    the e-mail address of a Google account.
    tenant, client, secret  those of an Azure application.
    assertion  the content of the token file that identifies the pod.
    """

    case: str
    answers: Answers
    tokens: tuple[str, str]
    account: str = ""
    tenant: str = ""
    client: str = ""
    secret: str = ""
    assertion: str = ""

    def token(self) -> tuple[str, int]:
        """The token to hand out now, and its lifetime in seconds."""
        if self.answers != "rotated":
            return self.tokens[0], LONG_S
        now = time.monotonic()
        left = _first_given.setdefault(self.case, now) + ROTATED_S - now
        return (self.tokens[0], max(1, round(left))) if left > 0 else (self.tokens[1], LONG_S)

    @property
    def refused(self) -> bool:
        """Whether the service knows no such identity."""
        return self.answers == "refused"


def identify(state: Path, case: str, **facts: object) -> None:
    """Set the identity of a case, with the fields of `Identity`. `state` is the server's folder."""
    Partition(state, case).note(identity=facts)


def answer(asked: Asked, state: Path) -> Reply:
    """Respond to a request as the service does whose host name or path it has."""
    if asked.host == google_identity.PROJECTS:
        return google_identity.project(asked)
    if asked.host == azure_identity.LOGIN and asked.segments == azure_identity.INSTANCES:
        return azure_identity.instances()
    place = " ".join([asked.path, *asked.query.values(), asked.body.decode(errors="replace")])
    found = CASE.search(place)
    facts: dict[str, Any] | None = Partition(state, found[0]).facts().get("identity") if found else None
    if found is None or facts is None:
        return answer_json({"error": "no such identity"}, HTTPStatus.NOT_FOUND)
    identity = Identity(case=found[0], **facts)
    return _disturbed(identity) or _shortened(_service(asked, identity), identity)


def _disturbed(identity: Identity) -> Reply | None:
    """The response of a service that does not work. None if it works."""
    now = time.monotonic()
    if identity.answers == "silent":
        return Reply(silent=True)
    if identity.answers == "late" and now - _first_asked.setdefault(identity.case, now) < LATE_S:
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE, {"Content-Type": "text/plain"}, b"Service Unavailable")
    if identity.answers == "page":
        return Reply(HTTPStatus.OK, {"Content-Type": "text/html"}, PAGE)
    return None


def _shortened(reply: Reply, identity: Identity) -> Reply:
    """Half of the response with the token, if the service breaks it off."""
    body = reply.body
    if identity.answers == "truncated" and isinstance(body, bytes) and any(name in body for name in _TOKENS):
        return replace(reply, body=body[: len(body) // 2])
    return reply


def _service(asked: Asked, identity: Identity) -> Reply:
    if asked.host in azure_identity.HOSTS:
        return azure_identity.login(asked, identity)
    if asked.host in google_identity.HOSTS:
        return google_identity.exchange(asked, identity)
    if aws_identity.HOST.fullmatch(asked.host):
        return aws_identity.sts(asked, identity)
    return _beside_the_pod(asked, identity)


def _beside_the_pod(asked: Asked, identity: Identity) -> Reply:
    """The response of a metadata service, or of an agent on the node."""
    match asked.segments[1:]:
        case ("latest", *path):
            return aws_identity.metadata(asked, identity, path)
        case ("v1", "credentials"):
            return aws_identity.container(asked, identity)
        case ("metadata", *path):
            return azure_identity.metadata(asked, identity, path)
        case path:
            return google_identity.metadata(asked, identity, path)


if __name__ == "__main__":
    main(answer, __doc__)
