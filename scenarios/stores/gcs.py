"""Google Cloud Storage: one bucket per test, under Google's own host names."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import quote, urlsplit

from scenarios.clients import Client
from scenarios.network.faults import expiring
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers import bearer_tokens, google_identity
from scenarios.servers.base import Endpoint, Mode, Server
from scenarios.servers.bearer_tokens import Bearer
from scenarios.servers.fake_gcs_server import FakeGCSServer
from scenarios.servers.gcp_storage_emulator import GCPStorageEmulator
from scenarios.servers.google_accounts import EVERYBODY, TOKEN_HOST, admit
from scenarios.servers.identity_services import ROTATED_S, Answers, identify
from scenarios.servers.images import FakeGCSServerImage
from scenarios.stores.base import NOBODY, Access, AccessKind, Store, Tree
from scenarios.stores.delivery import Delivery, without

#: The path where KServe's webhook mounts the service account's file.
CREDENTIALS = "/var/secrets/gcloud-application-credentials.json"
#: The path of the projected token of a pod's ServiceAccount. /var/run, where pods have it, is a link to /run.
TOKEN_FILE = "/run/secrets/tokens/gcp-ksa/token"  # noqa: S105 -- a path
#: Disables the metadata server. On a Google machine, its account would otherwise authenticate the initializer.
_NO_METADATA_SERVER = {"NO_GCE_CHECK": "true", "GCE_METADATA_IP": "127.0.0.1"}


class GCS(Store):
    """`gs://BUCKET/OBJECT`, requested from `storage.googleapis.com` through the gateway's forward proxy."""

    name = "gcs"
    kserve = ">=0.7"
    malformed: ClassVar[Mapping[str, str]] = {"no-bucket": "gs:///model"}
    lists_keys = True
    expiry = expiring(
        401,
        '{"error": {"code": 401, "message": "Invalid Credentials: the token has expired."}}',
        content_type="application/json",
    )
    identities: ClassVar[Sequence[str]] = ("metadata", "federation")
    client = Client("gcs.py", "google-cloud-storage", "google.cloud.storage", "download_to_filename")
    servers: ClassVar[Mapping[Mode, type[Server]]] = {
        "embedded": GCPStorageEmulator,
        "native": FakeGCSServer,
        "container": FakeGCSServerImage,
    }

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._made = False

    def put(self, tree: Tree) -> None:
        address = urlsplit(self.server.direct_url).netloc
        with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
            if not self._made:
                admit(self.server.state, self.case, [self.server.extra["valid_email"]])
                bucket = json.dumps({"name": self.case}).encode()
                self._send(connection, "POST", "/storage/v1/b?project=conformance", bucket, "application/json")
                self._made = True
            for path, content in tree.items():
                target = f"/upload/storage/v1/b/{self.case}/o?uploadType=media&name={quote(path, safe='')}"
                self._send(connection, "POST", target, content, "application/octet-stream")

    def put_compressed(self, path: str, content: bytes) -> None:
        """Put `content` as `gsutil cp -Z` does: compressed, with `contentEncoding: gzip` in the object's metadata."""
        self.put({path: gzip.compress(content)})
        address = urlsplit(self.server.direct_url).netloc
        with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
            target = f"/storage/v1/b/{self.case}/o/{quote(path, safe='')}"
            self._send(connection, "PATCH", target, b'{"contentEncoding": "gzip"}', "application/json")

    def uri(self, path: str = "") -> str:
        return f"gs://{self.case}/{path}" if path else f"gs://{self.case}"

    def served_at(self, file: str) -> str:
        key = f"{self.sample_folder}/{file}"
        return f"/storage/v1/b/{self.case}/o/{quote(key, safe='')}"

    def access(self, kind: AccessKind = "valid") -> Access:
        if kind == "session":
            raise NotOffered("gcs: every token of Google is temporary, so there is no other kind")
        if kind == "anonymous":
            admit(self.server.state, self.case, [EVERYBODY])
        if kind in {"anonymous", "none"}:
            return Access(_NO_METADATA_SERVER)
        known = self.server.extra
        if kind == "wrong":
            return self._with_file("nobody@conformance.iam.gserviceaccount.com", known["denied_key"])
        token = known[f"{kind}_token"]
        access = self._with_file(known[f"{kind}_email"], known[f"{kind}_key"])
        return Access(access.environment, access.mounts, (*access.secrets, token))

    def identity(self, kind: str, answers: Answers = "right") -> Access:
        """`metadata` is the metadata server of a node, `federation` an external account with a token file."""
        known, state = self.server.extra, self.server.state
        first, second = tokens = [f"ya29.{secrets.token_urlsafe(32)}" for _ in range(2)]
        account = known["denied_email" if answers == "stranger" else "valid_email"]
        lifetime_s = ROTATED_S if answers == "rotated" else None
        bearer_tokens.issue(state, first, Bearer(account, powerless=answers == "powerless", lifetime_s=lifetime_s))
        bearer_tokens.issue(state, second, Bearer(account))
        assertion = f"assertion.{secrets.token_urlsafe(32)}"
        services = self.identity_services
        identify(services.state, self.case, answers=answers, tokens=tokens, account=account, assertion=assertion)
        if kind == "federation":
            return self._federated(assertion, tokens, there=answers != "missing")
        place = NOBODY if answers == "missing" else f"{urlsplit(services.url).netloc}/{self.case}"
        return Access(
            dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"), place), secrets=tuple(tokens)
        )

    def _federated(self, assertion: str, tokens: Sequence[str], *, there: bool) -> Access:
        configuration, token_file = self.scratch / "external_account.json", self.scratch / "token"
        external = {
            "type": "external_account",
            "audience": google_identity.audience(self.case),
            "subject_token_type": google_identity.EXCHANGE["subject_token_type"],
            "token_url": f"https://{google_identity.STS}/v1/token",
            "credential_source": {"file": TOKEN_FILE, "format": {"type": "text"}},
        }
        configuration.write_text(json.dumps(external))
        token_file.write_text(assertion)
        mounts = {CREDENTIALS: configuration} | ({TOKEN_FILE: token_file} if there else {})
        environment = {"GOOGLE_APPLICATION_CREDENTIALS": CREDENTIALS, "GOOGLE_CLOUD_PROJECT": google_identity.PROJECT}
        return Access(environment, mounts, (assertion, *tokens))

    def missing(self) -> str:
        return f"gs://{self.case}-that-is-not-there/model"

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        """The host is fixed, so `address` replaces the proxy."""
        return self.uri("model"), self.access("none").by_proxy(f"http://{address}")

    def client_environment(self) -> Mapping[str, str]:
        """A token obtained in advance."""
        return {"REFERENCE_TOKEN": self.server.extra["valid_token"]}

    @classmethod
    def delivered(cls, environment: Mapping[str, str], files: Mapping[str, Path]) -> Delivery | None:
        """The service account's file is in the Secret's data. The webhook mounts it and sets a variable to its path."""
        if CREDENTIALS not in files:
            return None
        secret = {Path(CREDENTIALS).name: files[CREDENTIALS].read_text()}
        rest = {path: file for path, file in files.items() if path != CREDENTIALS}
        return Delivery(without(environment, ["GOOGLE_APPLICATION_CREDENTIALS"]), rest, secret)

    def asked(self) -> bool:
        """Counts token requests too: a client without a token never contacts the store. They name no bucket."""
        hosts = (TOKEN_HOST, google_identity.STS)
        tokens = (request for request in self.gateway.requests(self._since) if request.host in hosts)
        return super().asked() or next(tokens, None) is not None

    def _with_file(self, email: str, private_key: str) -> Access:
        file = self.scratch / f"{email.partition('@')[0]}.json"
        account = {
            "type": "service_account",
            "project_id": "conformance",
            "private_key_id": "conformance",
            "private_key": private_key,
            "client_email": email,
            "client_id": "100000000000000000000",
            "token_uri": f"https://{TOKEN_HOST}/token",
        }
        file.write_text(json.dumps(account))
        line_of_key = private_key.splitlines()[1]
        return Access({"GOOGLE_APPLICATION_CREDENTIALS": CREDENTIALS}, {CREDENTIALS: file}, (line_of_key,))

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: Literal["POST", "PATCH"],
        path: str,
        body: bytes,
        kind: str,
    ) -> None:
        """Uses plain HTTP, which takes 1 ms. Google's client would take ten times as long."""
        connection.request(method, path, body, {"Content-Type": kind})
        with connection.getresponse() as answer:
            text = answer.read()
            if answer.status != 200:
                raise OSError(f"{self.server.server} answered {answer.status} to {path}: {text[:500]!r}")
