"""AWS's identity services: the instance metadata service of a node, the agent of EKS Pod Identity, and STS.

They answer the SDKs of AWS. The metadata service gives nothing without a session token (IMDSv2), and refuses to start a
session for forwarded requests. Services do this and the stand-in does not: the metadata service limits hops, and has
more values and versions; the agent and STS verify tokens, instead of comparing them with the one of the case.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from scenarios.servers.standin import Asked, Reply, answer_json

if TYPE_CHECKING:
    from scenarios.servers.identity_services import Identity

#: Hosts of STS.
HOSTS = ("sts.amazonaws.com", "sts.*.amazonaws.com")
HOST = re.compile(r"sts\.([\w-]+\.)?amazonaws\.com")
_SESSION = "AQAEAConformanceSessionOfTheMetadataService=="
_SESSION_TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_LONGEST_S = 21600
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def role(case: str) -> str:
    """The ARN of the role of a case."""
    return f"arn:aws:iam::123456789012:role/{case}"


def packed(keys: Mapping[str, str]) -> str:
    """Temporary keys, as STS gives them, in one token of an `Identity`."""
    return " ".join(keys[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))


def metadata(asked: Asked, identity: Identity, path: Sequence[str]) -> Reply:
    """The metadata service's response for `path`, which is below `/latest/`."""
    match list(path):
        case ["api", "token"]:
            return _session(asked)
        case _ if asked.headers.get("x-aws-ec2-metadata-token") != _SESSION:
            return Reply(HTTPStatus.UNAUTHORIZED)
        case ["meta-data", "iam", "security-credentials", *rest] if not identity.refused:
            if rest in ([], [""]):
                return _text(identity.case)
            if rest == [identity.case]:
                now = dt.datetime.now(dt.UTC).strftime(_TIME)
                return answer_json({"Code": "Success", "LastUpdated": now, "Type": "AWS-HMAC", **_keys(identity)})
    return Reply(HTTPStatus.NOT_FOUND)


def _session(asked: Asked) -> Reply:
    lasts = asked.headers.get(_SESSION_TTL, "")
    if asked.method != "PUT":
        return Reply(HTTPStatus.METHOD_NOT_ALLOWED)
    if "x-forwarded-for" in asked.headers:
        return Reply(HTTPStatus.FORBIDDEN)
    if not lasts.isdigit() or not 1 <= int(lasts) <= _LONGEST_S:
        return Reply(HTTPStatus.BAD_REQUEST)
    return _text(_SESSION, {_SESSION_TTL: lasts})


def container(asked: Asked, identity: Identity) -> Reply:
    """The agent's response to a request with the pod's token, which has no scheme in the `Authorization` header."""
    if identity.refused or asked.headers.get("authorization") != identity.assertion:
        return Reply(HTTPStatus.BAD_REQUEST, {}, b"Service account token is not valid for any association")
    return answer_json(_keys(identity))


def sts(asked: Asked, identity: Identity) -> Reply:
    """The response of STS to AssumeRoleWithWebIdentity."""
    form = asked.form or asked.query
    if form.get("Action") != "AssumeRoleWithWebIdentity" or form.get("Version") != "2011-06-15":
        return _error("InvalidAction", "Could not find operation in this version")
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", form.get("RoleSessionName", "")):
        return _error("ValidationError", "1 validation error detected: Value at 'roleSessionName' is not valid")
    if form.get("WebIdentityToken") != identity.assertion:
        return _error("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
    if identity.refused or form.get("RoleArn") != role(identity.case):
        text = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        return _error("AccessDenied", text, HTTPStatus.FORBIDDEN)
    keys = _keys(identity)
    return _xml(
        f'<AssumeRoleWithWebIdentityResponse xmlns="{_NAMESPACE}"><AssumeRoleWithWebIdentityResult><Credentials>'
        f"<AccessKeyId>{keys['AccessKeyId']}</AccessKeyId><SecretAccessKey>{escape(keys['SecretAccessKey'])}"
        f"</SecretAccessKey><SessionToken>{escape(keys['Token'])}</SessionToken>"
        f"<Expiration>{keys['Expiration']}</Expiration></Credentials>"
        f"<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/{identity.case}/session</Arn>"
        "<AssumedRoleId>AROACONFORMANCE:session</AssumedRoleId></AssumedRoleUser>"
        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )


def _keys(identity: Identity) -> Mapping[str, str]:
    text, lifetime_s = identity.token()
    key_id, secret, token = text.split(" ")
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=lifetime_s)
    return {"AccessKeyId": key_id, "SecretAccessKey": secret, "Token": token, "Expiration": ends.strftime(_TIME)}


def _error(code: str, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Reply:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
    return _xml(f'<ErrorResponse xmlns="{_NAMESPACE}">{error}</ErrorResponse>', status)


def _xml(text: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, {"Content-Type": "text/xml"}, text.encode())


def _text(text: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(HTTPStatus.OK, {"Content-Type": "text/plain", **(headers or {})}, text.encode())
