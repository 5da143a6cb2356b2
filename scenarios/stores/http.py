"""HTTP(S): single files by URL. The store accepts trees, but only their files have a URI."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Literal, get_args
from urllib.parse import quote, urlencode

from scenarios.clients import Client
from scenarios.reasons import NotOffered
from scenarios.servers.base import Mode, Server
from scenarios.servers.http_server import HttpServer
from scenarios.stores.base import NOBODY, Access, AccessKind, Tree, with_userinfo
from scenarios.stores.delivery import Delivery, without
from scenarios.stores.standin import StandInStore

HOST = "models.files.example"
#: A host with `.git` in its name, as in raw.githubusercontent.com.
GIT_LIKE_HOST = "raw.githost.example"
#: Another host with the same files, for cross-host redirects.
OTHER_HOST = "cdn.files.example"
#: The suffix of the variable with a host's headers.
HEADERS = "-headers"
_USER, _PASSWORD = "user-of-the-suite", "canary/of+the~suite-4711"


class HTTP(StandInStore):
    """Files on a web server, each with its own requirements.

    A credential is a request header. KServe reads headers from the variable `HOST-headers`, as JSON.
    """

    name = "http"
    kserve = ">=0.7"
    folders = False
    malformed: ClassVar[Mapping[str, str]] = {"no-file-name": "https://files.example/folder/"}
    client = Client("http.py", "requests", "requests", "iter_content")
    servers: ClassVar[Mapping[Mode, type[Server]]] = dict.fromkeys(get_args(Mode), HttpServer)

    def put(self, tree: Tree) -> None:
        for path in tree:
            if path.endswith("/"):
                raise NotOffered(f"http: {path!r} is a folder, and a web server has none")
        super().put(tree)

    def serve(
        self,
        path: str,
        content: bytes = b"",
        *,
        content_type: str | None = None,
        headers_required: Mapping[str, str] | None = None,
        query_required: Mapping[str, str] | None = None,
        redirect_to: str | None = None,
        status: int | None = None,
    ) -> str:
        """Put one file that the server handles in a special way. Returns its URI.

        content_type      replaces the content type for its suffix.
        headers_required  401 without exactly these headers.
        query_required    403 without exactly this query, as for a presigned URL with a bad signature.
        redirect_to       the URL (see `url`) to redirect to. The default `status` is then 302.
        status            the status of the response: 3xx with `redirect_to`, else 4xx or 5xx.
        """
        return self._serve(
            path,
            content,
            content_type=content_type,
            headers_required=headers_required,
            query_required=query_required,
            redirect_to=redirect_to,
            status=status or (HTTPStatus.FOUND if redirect_to else None),
        )

    def send(
        self,
        path: str,
        content: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        compressed: Literal["gzip", "deflate"] | None = None,
        rangeless: bool = False,
    ) -> str:
        """Put one file that the server sends in a special way. Returns its URI.

        headers     more headers of the response, such as the coding of `content`.
        compressed  the coding in which the server sends the file to clients that accept it.
        rangeless   the server ignores `Range` and sends the whole file.
        """
        return self._serve(path, content, headers=headers, compressed=compressed, rangeless=rangeless or None)

    def send_exactly(self, path: str, head: str, body: bytes) -> str:
        """Let the server answer requests for `path` with this head and body, and then close. Returns its URI.

        head  the status line and the headers, one a line.
        """
        wire = "\r\n".join(head.split("\n")).encode() + b"\r\n\r\n" + body
        return self._serve(path, wire, wire=True)

    def _serve(self, path: str, content: bytes, **asks: object) -> str:
        """Put one file, with what its requests need and get. A value of None asks for nothing."""
        self.put({path: content})
        files = self.partition.facts().get("files", {})
        self.partition.note(files={**files, path: {name: value for name, value in asks.items() if value is not None}})
        return self.url(path)

    def uri(self, path: str = "") -> str:
        if (self.partition.folder / path).is_dir():
            raise NotOffered(f"http: {path!r} is a folder; only a single file has a URI")
        return self.url(path)

    def model_uri(self, name: str, file: str) -> str:
        return self.uri(f"{name}/{file}")

    def url(
        self,
        path: str,
        *,
        scheme: Literal["http", "https"] = "https",
        host: str = HOST,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """The URL of `path`, percent-encoded."""
        return f"{scheme}://{host}/{self.case}/{quote(path)}" + (f"?{urlencode(query)}" if query else "")

    def access(self, kind: AccessKind = "valid") -> Access:
        token = self._token("anonymous" if kind == "valid" else kind)
        return self.sending({"Authorization": f"Bearer {token}"}) if token else self._unnamed()

    def private(self) -> Access:
        return self.sending({"Authorization": f"Bearer {self._token('valid')}"})

    def sending(self, headers: Mapping[str, str]) -> Access:
        """Access with these request headers for this store's host. The values are secrets."""
        return Access(
            {**self._unnamed().environment, f"{HOST}{HEADERS}": json.dumps(dict(headers))},
            self.gateway.mounts,
            secrets=tuple(value.removeprefix("Bearer ") for value in headers.values()),
        )

    def presigned(self, path: str, content: bytes) -> tuple[str, str]:
        """Put a file that requires a query. Returns its URI with that query, and the secret part of the query."""
        signature = secrets.token_hex(32)
        query = {"X-Amz-Expires": "900", "X-Amz-Signature": signature}
        self.serve(path, content, query_required=query)
        return self.url(path, query=query), signature

    def with_login(self, tree: Tree) -> tuple[str, Access]:
        """Supports only samples of one file, like the whole store."""
        ((file, content),) = tree.items()
        user, password = _USER, f"{_PASSWORD}-{self.case}"
        asked = {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
        uri = self.serve(f"{self.sample_folder}/{file}", content, headers_required=asked)
        return with_userinfo(uri, user, password), replace(self.access("anonymous"), secrets=(password,))

    @classmethod
    def delivered(cls, environment: Mapping[str, str], files: Mapping[str, Path]) -> Delivery | None:
        """The host and its headers are in the Secret's data."""
        name = next((name for name in environment if name.endswith(HEADERS)), None)
        if name is None:
            return None
        secret = {"https-host": name.removesuffix(HEADERS), "headers": environment[name]}
        return Delivery(without(environment, [name]), files, secret)

    def missing(self) -> str:
        return f"https://{HOST}/{self.case}-that-is-not-there/model.bin"

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        return f"https://{address}/{self.case}/model.bin", self._unnamed()

    def _unnamed(self) -> Access:
        return Access(self.gateway.environment(), self.gateway.mounts)
