"""HDFS through WebHDFS: `webhdfs://PATH` and `hdfs://PATH`. The first segment of PATH is the case.

KServe takes everything after `://` as the path. It finds the name node in a mounted secret (0.9.0, PR 2077) or in
STORAGE_CONFIG.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import trustme

from scenarios.initializers.base import HDFS_SECRET
from scenarios.network.faults import expiring
from scenarios.network.view import MUTUAL
from scenarios.reasons import NotOffered
from scenarios.servers.base import Mode, Server
from scenarios.servers.webhdfs import MUTUAL_NAME, NAME_NODE, WebHdfs
from scenarios.stores.base import NOBODY, Access, AccessKind, Tree
from scenarios.stores.standin import StandInStore


class WebHDFS(StandInStore):
    """Folders and files on HDFS. A credential is a header for the name node, in the secret's HEADERS."""

    name = "webhdfs"
    kserve = ">=0.9"
    expiry = expiring(401, "The token has expired.", content_type="text/plain")
    servers: ClassVar[Mapping[Mode, type[Server]]] = dict.fromkeys(get_args(Mode), WebHdfs)

    def put(self, tree: Tree) -> None:
        if odd := [path for path in tree if ":" in path]:
            raise NotOffered(f"webhdfs: HDFS allows no colon in a name, as in {odd[0]!r}")
        super().put(tree)

    def uri(self, path: str = "") -> str:
        return f"webhdfs://{self._place(path)}"

    def served_at(self, file: str) -> str:
        return f"/webhdfs/v1/{self.case}/{self.sample_folder}/{file}"

    def hdfs_uri(self, path: str = "") -> str:
        """The same location with the other scheme."""
        return f"hdfs://{self._place(path)}"

    def access(self, kind: AccessKind = "valid") -> Access:
        return self._mounted(self._settings(kind), name=kind)

    def configured(self, **settings: str) -> Access:
        """Valid access with more files in the secret."""
        return self._mounted({**self._settings("valid"), **settings}, name="configured")

    def ending_in(self, end: str) -> Access:
        """Valid access with `end` after the content of each file in the secret."""
        return self._mounted({name: value + end for name, value in self._settings("valid").items()}, name="ending")

    def storage_spec(self, kind: AccessKind = "valid", more: Mapping[str, object] | None = None) -> Access:
        """The same settings in STORAGE_CONFIG, as KServe's webhook passes a storage spec of type `webhdfs`.

        more  further settings, of any type that JSON knows.
        """
        return self._in_config({**self._settings(kind), **(more or {})})

    def with_certificate(self, place: Literal["secret", "storage-config"]) -> Access:
        """Valid access to nodes that demand the client certificate in the mounted Secret or in STORAGE_CONFIG."""
        client = trustme.CA().issue_cert(common_name="models")
        certificate = client.cert_chain_pems[0].bytes()
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode())).hexdigest()[:32]
        settings = {**self._settings("valid"), "HDFS_NAMENODE": f"https://{MUTUAL_NAME}{fingerprint}.{MUTUAL}"}
        files = {"TLS_CERT": certificate, "TLS_KEY": client.private_key_pem.bytes()}
        if place == "secret":
            return self._mounted({**settings, **{name: text.decode() for name, text in files.items()}}, name=place)
        return self._in_config(settings | {name: base64.b64encode(text).decode() for name, text in files.items()})

    def missing(self) -> str:
        return f"webhdfs://{self.case}-that-is-not-there/model"

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        return self.uri("model"), self._mounted({"HDFS_NAMENODE": f"https://{address}"}, name="unreachable")

    def _place(self, path: str) -> str:
        return f"{self.case}/{path}" if path else self.case

    def _settings(self, kind: AccessKind) -> dict[str, str]:
        token = self._token(kind)
        headers = {"HEADERS": json.dumps({"Authorization": f"Bearer {token}"})} if token else {}
        return {"HDFS_NAMENODE": f"https://{NAME_NODE}", **headers}

    def _in_config(self, settings: Mapping[str, Any]) -> Access:
        config = json.dumps({"type": "webhdfs", **settings})
        return Access(
            {**self.gateway.environment(), "STORAGE_CONFIG": config}, self.gateway.mounts, _tokens_in(settings)
        )

    def _mounted(self, settings: Mapping[str, str], name: str) -> Access:
        folder = self.scratch / f"hdfs-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in settings.items():
            (folder / file).write_text(content)
        return Access(self.gateway.environment(), {**self.gateway.mounts, HDFS_SECRET: folder}, _tokens_in(settings))


def _tokens_in(settings: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(value.removeprefix("Bearer ") for value in json.loads(settings.get("HEADERS", "{}")).values())
