"""A stand-in for the Azure Files REST API: the reads of azure-storage-file-share 12.15 to 12.27, and of other clients.

It answers List Directories and Files, Get File, and requests for the properties of files, directories and shares. Like
the service, it refuses requests without a version, a date or a signature, SAS tokens of other times, services and
resource types, other forms of ranges, and pages of more than 5000 entries. It ignores the case of names. All of this
follows Microsoft's documentation and its client; nobody has compared it with an account in Azure.

Each case is a share. All shares belong to one storage account, but each has its own key, under `key` in the case's
facts.

The service also does the following; the stand-in does not, and that hides no defect:

- Writes, snapshots, leases, ACLs, MD5 of ranges: a download needs none of them. Their requests fail here.
- Tokens of Microsoft Entra: the stand-in refuses each, because no access of the store has one.
- SAS tokens of one share, stored policies, `sip`: the suite gives out account tokens without them.
- The service checks the signature before it reports a missing share. Only a share's facts have a key, so the stand-in
  reports the share first. Like the service, it first refuses a request without any credentials.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_file, main

ACCOUNT = "modelfiles"
HOST = "file.core.windows.net"
#: Host names of Azure DNS zones (KServe issue 3819). Z is one or two digits.
ZONED_HOST = "file.storage.azure.net"
#: Entries per page of a listing, as in the service.
PAGE = 5000
#: The headers in a string to sign, in order (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key).
SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
#: The signed fields of an account SAS, in order.
SAS_FIELDS = ("sp", "ss", "srt", "st", "se", "sip", "spr", "sv")


#: A version of the API, and the oldest that signs requests as `_string_to_sign` does.
VERSION, OLDEST = re.compile(r"20\d\d-\d\d-\d\d"), "2015-02-21"
#: How far the clocks of client and service may be apart.
SKEW = timedelta(minutes=15)
#: The forms of a range. Others are an error in x-ms-range, and ignored in Range.
SPAN = re.compile(r"bytes=\d+-\d*")
#: Characters that no name in a share has.
FORBIDDEN = frozenset('"\\/:|<>*?') | {chr(code) for code in range(32)}

NOT_SIGNED = (
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly"
)
NO_CREDENTIALS = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)
NOT_PERMITTED = "This request is not authorized to perform this operation using this"


class AzureFilesServer(StandIn):
    """The read operations on files, directories and shares."""

    name = "azure-files"
    hosts = (f"*.{HOST}", f"*.{ZONED_HOST}")


class Refused(Exception):
    """An error response."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.reply = _error(status, code, message)


def answer(asked: Asked, state: Path) -> Reply:
    """Respond to a request as the service does."""
    # The SDK also encodes the slashes between folders. To the service, both forms are separators.
    case, *segments = "/".join(asked.segments).split("/")
    while segments and not segments[-1]:
        segments.pop()
    try:
        _check_form(asked)
        return _answer(asked, Partition(state, case), segments)
    except Refused as refused:
        return refused.reply


def _answer(asked: Asked, share: Partition, segments: Sequence[str]) -> Reply:
    if not share.exists:
        raise Refused(HTTPStatus.NOT_FOUND, "ShareNotFound", "The specified share does not exist.")
    kind, listing = asked.query.get("restype", "file"), "comp" in asked.query
    _check_credentials(
        asked, str(share.facts()["key"]), "l" if listing else "r", "c" if listing or kind == "share" else "o"
    )
    if kind == "share" and not segments:
        return Reply(HTTPStatus.OK, {"x-ms-share-quota": "5120"})
    found, parent = _find(share, segments), _find(share, segments[:-1])
    if found is not None and kind == ("directory" if found.is_dir() else "file"):
        if listing:
            return _list(asked, found, share.case, "/".join(segments))
        return _file(asked, found) if kind == "file" else Reply(HTTPStatus.OK, _described(found))
    if found is None and (parent is None or not parent.is_dir()):
        raise Refused(HTTPStatus.NOT_FOUND, "ParentNotFound", "The specified parent path does not exist.")
    raise Refused(HTTPStatus.NOT_FOUND, "ResourceNotFound", "The specified resource does not exist.")


def _find(share: Partition, segments: Sequence[str]) -> Path | None:
    """The file or folder at `segments`. Letters in another case name the same one."""
    if exact := share.find(segments):
        return exact
    here: Path | None = share.folder
    for segment in segments:
        inside = here.iterdir() if here is not None and here.is_dir() else ()
        here = next((child for child in inside if child.name.casefold() == segment.casefold()), None)
    return here


def _described(found: Path) -> dict[str, str]:
    stat = found.stat()
    modified = email.utils.formatdate(stat.st_mtime, usegmt=True)
    return {"ETag": f'"{stat.st_mtime_ns:x}"', "Last-Modified": modified, "x-ms-server-encrypted": "true"}


def _file(asked: Asked, found: Path) -> Reply:
    headers = {**_described(found), "x-ms-type": "File", "Content-Type": "application/octet-stream"}
    wanted = asked.headers.get("x-ms-range")
    if wanted is not None and not SPAN.fullmatch(wanted):
        raise _bad_header("x-ms-range")
    usual = asked.headers.get("range", "") if SPAN.fullmatch(asked.headers.get("range", "")) else ""
    reply = answer_file(found, replace(asked, headers={"range": wanted or usual}), headers)
    if reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise Refused(HTTPStatus(reply.status), "InvalidRange", "The range specified is invalid.")
    return reply


def _check_form(asked: Asked) -> None:
    """Refuse what the service refuses before it looks at credentials."""
    if asked.method not in {"GET", "HEAD"}:
        text = "The resource doesn't support specified Http Verb."
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "UnsupportedHttpVerb", text)
    signed = "sig" in asked.query
    if not signed and "authorization" not in asked.headers:
        raise Refused(HTTPStatus.UNAUTHORIZED, "NoAuthenticationInformation", NO_CREDENTIALS)
    version = asked.headers.get("x-ms-version", asked.query.get("sv", "") if signed else "")
    if not version:
        text = "An HTTP header that's mandatory for this request is not specified."
        raise Refused(HTTPStatus.BAD_REQUEST, "MissingRequiredHeader", text)
    if not VERSION.fullmatch(version) or version < OLDEST:
        raise _bad_header("x-ms-version")
    if (asked.query.get("restype"), asked.query.get("comp")) not in {
        (None, None), ("directory", None), ("share", None), ("directory", "list"),
    }:  # fmt: skip
        raise _bad_query("InvalidQueryParameterValue")


def _bad_header(name: str) -> Refused:
    text = f"The value for one of the HTTP headers is not in the correct format: {name}."
    return Refused(HTTPStatus.BAD_REQUEST, "InvalidHeaderValue", text)


def _bad_query(code: str) -> Refused:
    text = "Value for one of the query parameters specified in the request URI is invalid."
    return Refused(HTTPStatus.BAD_REQUEST, code, text)


def sas(key: str, permissions: str) -> dict[str, str]:
    """The query of an account SAS token for files, valid for years. `permissions` is, say, `rl` (read, list)."""
    expiry = "2099-12-31T00:00:00Z"
    fields = {"sv": "2022-11-02", "ss": "f", "srt": "sco", "sp": permissions, "se": expiry, "spr": "https"}
    return {**fields, "sig": _sas_signature(key, fields)}


def _check_credentials(asked: Asked, key: str, right: str, resource: str) -> None:
    """Refuse a request that is not signed with `key`, or whose SAS token lacks the right for this type of resource."""
    if "sig" in asked.query:
        _check_sas(asked.query, key, right, resource)
        return
    account = asked.host.partition(".")[0]
    sent = asked.headers["authorization"]
    if sent.startswith("Bearer "):
        raise Refused(HTTPStatus.UNAUTHORIZED, "InvalidAuthenticationInfo", "Issuer validation failed.")
    date = email.utils.parsedate_tz(asked.headers.get("x-ms-date") or asked.headers.get("date", ""))
    if date is None or abs(email.utils.mktime_tz(date) - datetime.now(UTC).timestamp()) > SKEW.total_seconds():
        raise Refused(HTTPStatus.FORBIDDEN, "AuthenticationFailed", f"{NOT_SIGNED}: the date is missing or too old.")
    if sent != f"SharedKey {account}:{_signature(key, _string_to_sign(asked, account))}":
        raise Refused(HTTPStatus.FORBIDDEN, "AuthenticationFailed", f"{NOT_SIGNED} including the signature.")


def _check_sas(query: Mapping[str, str], key: str, right: str, resource: str) -> None:
    now = datetime.now(UTC)
    valid = _time(query.get("st", "2000-01-01")) - SKEW <= now < _time(query.get("se", ""))
    if not valid or query["sig"] != _sas_signature(key, query):
        raise Refused(HTTPStatus.FORBIDDEN, "AuthenticationFailed", f"{NOT_SIGNED} including the signature.")
    for name, needed, code, what in (
        ("ss", "f", "AuthorizationServiceMismatch", "service"),
        ("srt", resource, "AuthorizationResourceTypeMismatch", "resource type"),
        ("sp", right, "AuthorizationPermissionMismatch", "permission"),
    ):
        if needed not in query.get(name, ""):
            raise Refused(HTTPStatus.FORBIDDEN, code, f"{NOT_PERMITTED} {what}.")


def _time(text: str) -> datetime:
    """A time of a SAS token, in UTC. One that cannot be read has passed."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _string_to_sign(asked: Asked, account: str) -> str:
    headers = {name: value for name, value in asked.headers.items() if (name, value) != ("content-length", "0")}
    if "x-ms-date" in headers:
        headers.pop("date", None)
    signed = [headers.get(name, "") for name in SIGNED]
    extra = [f"{name}:{value}" for name, value in sorted(headers.items()) if name.startswith("x-ms-")]
    query = [f"{name.lower()}:{unquote(value)}" for name, value in sorted(asked.query.items())]
    return "\n".join([asked.method, *signed, *extra, f"/{account}{asked.path}", *query])


def _sas_signature(key: str, fields: Mapping[str, str]) -> str:
    no_encryption_scope = ""
    return _signature(
        key, "\n".join([ACCOUNT, *(fields.get(name, "") for name in SAS_FIELDS), no_encryption_scope, ""])
    )


def _signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)).decode()


def _list(asked: Asked, folder: Path, share: str, path: str) -> Reply:
    prefix = asked.query.get("prefix", "").casefold()
    children = sorted(child for child in folder.iterdir() if child.name.casefold().startswith(prefix))
    start, limit = _position(asked.query.get("marker", "")), _limit(asked.query.get("maxresults", str(PAGE)))
    root = ET.Element(
        "EnumerationResults", ServiceEndpoint=f"https://{asked.host}/", ShareName=share, DirectoryPath=path
    )
    entries = ET.SubElement(root, "Entries")
    for child in children[start : start + limit]:
        entry = ET.SubElement(entries, "Directory" if child.is_dir() else "File")
        ET.SubElement(entry, "FileId").text = str(child.stat().st_ino)
        ET.SubElement(entry, "Name").text = child.name
        properties = ET.SubElement(entry, "Properties")
        if child.is_file():
            ET.SubElement(properties, "Content-Length").text = str(child.stat().st_size)
    ET.SubElement(root, "NextMarker").text = _marker(start + limit) if start + limit < len(children) else ""
    return _xml(HTTPStatus.OK, root)


def _limit(wanted: str) -> int:
    """The entries of a page: as many as the client asks for, and no more than the service gives."""
    if not wanted.isdecimal():
        raise _bad_query("InvalidQueryParameterValue")
    if int(wanted) == 0:
        raise _bad_query("OutOfRangeQueryParameterValue")
    return min(int(wanted), PAGE)


def _marker(position: int) -> str:
    """Where the next page begins, in a form that no client can make by itself."""
    return base64.b64encode(f"2!{position}!".encode()).decode()


def _position(marker: str) -> int:
    if not marker:
        return 0
    try:
        return int(base64.b64decode(marker, validate=True).decode().split("!")[1])
    except (binascii.Error, UnicodeDecodeError, ValueError, IndexError):
        raise _bad_query("InvalidQueryParameterValue") from None


def _error(status: HTTPStatus, code: str, message: str) -> Reply:
    root = ET.Element("Error")
    ET.SubElement(root, "Code").text = code
    ET.SubElement(root, "Message").text = message
    return _xml(status, root, {"x-ms-error-code": code})


def _xml(status: HTTPStatus, root: ET.Element, headers: dict[str, str] | None = None) -> Reply:
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Reply(status, {"Content-Type": "application/xml", **(headers or {})}, body)


if __name__ == "__main__":
    main(answer, __doc__)
