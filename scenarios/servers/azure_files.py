"""A stand-in for the Azure Files REST API, read-only, as azure-storage-file-share 12.15 to 12.27 uses it.

Each case is a share. All shares belong to one storage account, but each has its own key, under `key` in the case's
facts. The server verifies shared keys and account SAS tokens with their signatures, as the service does. It ignores
only the times of a SAS token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
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


class AzureFilesServer(StandIn):
    """List Directories and Files, Get File, Get File Properties."""

    name = "azure-files"
    hosts = (f"*.{HOST}", f"*.{ZONED_HOST}")


def answer(asked: Asked, state: Path) -> Reply:
    """Respond to a request as the service does."""
    # The SDK also encodes the slashes between folders. To the service, both forms are separators.
    case, *segments = "/".join(asked.segments).split("/")
    partition = Partition(state, case)
    if not partition.exists:
        return _error(HTTPStatus.NOT_FOUND, "ShareNotFound", "The specified share does not exist.")
    listing = asked.query.get("comp") == "list"
    if refused := _refusal(asked, str(partition.facts()["key"]), "l" if listing else "r"):
        return refused
    while segments and not segments[-1]:
        segments.pop()
    found, parent = partition.find(segments), partition.find(segments[:-1])
    if found is not None and found.is_dir() == listing:
        return _list(asked, found, case, "/".join(segments)) if listing else _file(asked, found)
    if found is None and (parent is None or not parent.is_dir()):
        return _error(HTTPStatus.NOT_FOUND, "ParentNotFound", "The specified parent path does not exist.")
    return _error(HTTPStatus.NOT_FOUND, "ResourceNotFound", "The specified resource does not exist.")


def _file(asked: Asked, found: Path) -> Reply:
    stat = found.stat()
    headers = {"ETag": f'"{stat.st_mtime_ns:x}"', "x-ms-type": "File", "Content-Type": "application/octet-stream"}
    reply = answer_file(found, asked, headers, range_header="x-ms-range")
    if reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return _error(HTTPStatus(reply.status), "InvalidRange", "The range specified is invalid.")
    return reply


def sas(key: str, permissions: str) -> dict[str, str]:
    """The query of an account SAS token for files, valid for years. `permissions` is, say, `rl` (read, list)."""
    expiry = "2099-12-31T00:00:00Z"
    fields = {"sv": "2022-11-02", "ss": "f", "srt": "sco", "sp": permissions, "se": expiry, "spr": "https"}
    return {**fields, "sig": _sas_signature(key, fields)}


def _refusal(asked: Asked, key: str, right: str) -> Reply | None:
    text = "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly"
    if "sig" in asked.query:
        if not hmac.compare_digest(asked.query["sig"], _sas_signature(key, asked.query)):
            return _error(HTTPStatus.FORBIDDEN, "AuthenticationFailed", f"{text} including the signature.")
        if right not in asked.query.get("sp", ""):
            text = "This request is not authorized to perform this operation using this permission."
            return _error(HTTPStatus.FORBIDDEN, "AuthorizationPermissionMismatch", text)
        return None
    if "authorization" not in asked.headers:
        text = (
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
        )
        return _error(HTTPStatus.UNAUTHORIZED, "NoAuthenticationInformation", text)
    account = asked.host.partition(".")[0]
    if asked.headers["authorization"] != f"SharedKey {account}:{_signature(key, _string_to_sign(asked, account))}":
        return _error(HTTPStatus.FORBIDDEN, "AuthenticationFailed", f"{text} including the signature.")
    return None


def _string_to_sign(asked: Asked, account: str) -> str:
    headers = {name: value for name, value in asked.headers.items() if (name, value) != ("content-length", "0")}
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
    children = sorted(folder.iterdir())
    start, limit = int(asked.query.get("marker") or 0), int(asked.query.get("maxresults", PAGE))
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
    ET.SubElement(root, "NextMarker").text = str(start + limit) if start + limit < len(children) else ""
    return _xml(HTTPStatus.OK, root)


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
