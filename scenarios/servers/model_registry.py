"""A stand-in for the Kubeflow model registry: the REST requests of clients that resolve a model.

Answers the reads of the official Python client and of cmd/csi, in both versions of the API: models, versions and
artifacts, by name, by ID and as lists. Each case is a separate registry, at `CASE.registry.example` and, as the Service
of a namespace, at `SERVICE.CASE.registry.example`. The facts of a case have its tables (`registered_models`,
`model_versions`, `artifacts`). Rows are as in the API, with the ID of their parent under `parent`. With `status`, every
response is that error. Order, pages and errors follow the registry's own server (release 0.2.22): by ID, oldest first,
on one page unless requested otherwise. `/artifacts/PATH` serves files, because a registry's artifacts may be on a web
server.

The registry also does the following; the stand-in does not, and that hides no defect:

- Writes, serving environments, experiments: no client needs them to resolve a model. They are not found here.
- `filterQuery`, except equality of fields joined by AND. Any other query is refused, and never ignored.
- Tokens of a proxy in front (kube-rbac-proxy): the registry itself asks for none.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from scenarios.servers.http_server import content_type
from scenarios.servers.standin import Asked, Partition, Reply, StandIn, answer_file, answer_json, main

DOMAIN = "registry.example"
#: The paths of the API's versions. The requests are the same in all of them.
PREFIXES = [("api", "model_registry", version) for version in ("v1alpha3", "v1")]
TABLES = ("registered_models", "model_versions", "artifacts")
#: Value of `orderBy` -> the field to sort by. Any other value sorts by ID.
ORDER = {"CREATE_TIME": "createTimeSinceEpoch", "LAST_UPDATE_TIME": "lastUpdateTimeSinceEpoch", "ID": "id"}

#: A part of `filterQuery`: NAME = "VALUE".
EQUALITY = re.compile(r"""(\w+)\s*=\s*(["'])(.*)\2""")

Row = Mapping[str, Any]


class ModelRegistryServer(StandIn):
    """The registry's read operations, and a web server for artifacts."""

    name = "model-registry"
    hosts = (f"*.{DOMAIN}",)


class Refused(Exception):
    """An error response."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def answer(asked: Asked, state: Path) -> Reply:
    """Respond as the registry does, or with a file."""
    partition = Partition(state, asked.host.removesuffix(f".{DOMAIN}").rpartition(".")[2])
    try:
        return _route(asked, partition)
    except Refused as refused:
        return answer_json({"code": refused.status.phrase, "message": str(refused)}, refused.status)


def _route(asked: Asked, partition: Partition) -> Reply:
    facts = partition.facts()
    if asked.segments[0] == "artifacts":
        found = partition.find(asked.segments[1:])
        if found is None or not found.is_file():
            return Reply(HTTPStatus.NOT_FOUND)
        return answer_file(found, asked, {"Content-Type": content_type(found.name)})
    if status := facts.get("status"):
        raise Refused(HTTPStatus(status), "refused")
    if asked.method not in {"GET", "HEAD"}:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "the stand-in only reads")
    if asked.segments[:3] in PREFIXES and (content := _resource(asked, facts)):
        return answer_json(content)
    return Reply(HTTPStatus.NOT_FOUND, {"Content-Type": "text/plain"}, b"404 page not found\n")


def _resource(asked: Asked, facts: Mapping[str, Any]) -> Row | None:
    """The resource at a path of the API; None for an unknown path."""
    tables: dict[str, Sequence[Row]] = {name: facts.get(name, []) for name in TABLES}
    match asked.segments[3:]:
        case ("registered_model",):
            return _found(asked, tables["registered_models"], "registered models")
        case ("model_version",):
            return _found(asked, tables["model_versions"], "model versions", owner="registeredModelId")
        case (table, *key) if table in TABLES[:2] and len(key) < 2:
            return _known(tables[table], key[0]) if key else _listed(asked, tables[table])
        case ("registered_models", parent, "versions"):
            return _listed(asked, _of(tables["model_versions"], parent))
        case ("model_versions", parent, "artifacts"):
            return _listed(asked, _of(tables["artifacts"], parent))
    return None


def _found(asked: Asked, rows: Sequence[Row], what: str, owner: str = "") -> Row:
    """The row with a given name. If rows have an `owner`, only those of one parent count."""
    name, parent = asked.query.get("name", ""), asked.query.get("parentResourceId", "")
    if not name or (owner and not parent):
        raise Refused(HTTPStatus.BAD_REQUEST, "invalid parameters call: bad request")
    for row in rows:
        if row["name"] == name and (not owner or row["parent"] == parent):
            return _shown(row)
    of = f"versionName={name}, {owner}={parent}" if owner else f"name={name}"
    raise Refused(HTTPStatus.NOT_FOUND, f"no {what} found for {of}, externalId=: not found")


def _known(rows: Sequence[Row], key: str) -> Row:
    """The row with an ID."""
    for row in rows:
        if row["id"] == key:
            return _shown(row)
    raise Refused(HTTPStatus.NOT_FOUND, f"no row found for id {key}: not found")


def _filtered(asked: Asked, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows whose fields are as `filterQuery` wants them."""
    query = asked.query.get("filterQuery", "")
    if not query:
        return rows
    wanted = [EQUALITY.fullmatch(part.strip()) for part in re.split(r"\s+AND\s+", query, flags=re.IGNORECASE)]
    fields = [match.groups() for match in wanted if match]
    if len(fields) < len(wanted):
        raise Refused(HTTPStatus.BAD_REQUEST, f"invalid filter query syntax: {query}: bad request")
    return [row for row in rows if all(str(row.get(name, "")) == value for name, _, value in fields)]


def _of(rows: Sequence[Row], parent: str) -> Sequence[Row]:
    if not parent.isdecimal():
        raise Refused(HTTPStatus.BAD_REQUEST, f'strconv.ParseInt: parsing "{parent}": invalid syntax: bad request')
    return [row for row in rows if row["parent"] == parent]


def _listed(asked: Asked, rows: Sequence[Row]) -> dict[str, Any]:
    """One page, in the requested order."""
    try:
        size = int(asked.query.get("pageSize") or 0)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "unable to parse pageSize: bad request") from None
    field = ORDER.get(asked.query.get("orderBy", ""), "id")
    descending = asked.query.get("sortOrder") == "DESC"
    ordered = sorted(_filtered(asked, rows), key=lambda row: (int(row[field]), int(row["id"])), reverse=descending)
    after = _cursor(asked.query.get("nextPageToken", ""))
    ids = [row["id"] for row in ordered]
    start = ids.index(after) + 1 if after in ids else 0
    page = ordered[start : start + size] if size > 0 else ordered[start:]
    more = bool(page) and start + len(page) < len(ordered)
    token = base64.b64encode(f"{page[-1]['id']}:{page[-1][field]}".encode()).decode() if more else ""
    items = [_shown(row) for row in page]
    return {"items": items, "nextPageToken": token, "pageSize": size, "size": len(items)}


def _cursor(token: str) -> str:
    """The ID of the last row that the client has seen; "" without a valid token."""
    try:
        return base64.b64decode(token, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _shown(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "parent"}


if __name__ == "__main__":
    main(answer, __doc__)
