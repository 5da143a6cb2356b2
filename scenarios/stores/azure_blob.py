"""Azure Blob Storage: one container per test, under the account's production host name."""

from __future__ import annotations

import base64
import contextlib
import functools
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from scenarios.clients import Client
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers import azure_accounts, bearer_tokens
from scenarios.servers.azure_identity import LOGIN
from scenarios.servers.azurite import Azurite
from scenarios.servers.base import Endpoint, Mode, Server
from scenarios.servers.bearer_tokens import Bearer
from scenarios.servers.identity_services import ROTATED_S, Answers, identify
from scenarios.stores.azure import EXPIRY, KEY
from scenarios.stores.base import NOBODY, Access, AccessKind, Store, Tree, put_each

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

#: The path of the token file that Azure's webhook for workload identity mounts. /var/run is a link to /run.
TOKEN_FILE = "/run/secrets/azure/tokens/azure-identity-token"  # noqa: S105 -- a path


class AzureBlob(Store):
    """`https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH`, reached through the gateway's forward proxy."""

    name = "azure-blob"
    kserve = ">=0.7"
    malformed: ClassVar[Mapping[str, str]] = {"no-container": "https://account.blob.core.windows.net/"}
    unsigned_kind: ClassVar[AccessKind] = "anonymous"
    lists_keys = True
    expiry = EXPIRY
    concurrency: ClassVar[Sequence[str]] = ("AZURE_MAX_FILE_CONCURRENCY", "AZURE_MAX_CHUNK_CONCURRENCY")
    identities: ClassVar[Sequence[str]] = ("workload", "metadata")
    client = Client("azure_blob.py", "azure-storage-blob", "azure.storage.blob", "readinto")
    webhook_variable = KEY
    servers: ClassVar[Mapping[Mode, type[Server]]] = {"embedded": Azurite, "native": Azurite, "container": Azurite}

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._account, self._key = self.server.extra["account"], self.server.extra["key"]
        self._made = False

    def put(self, tree: Tree) -> None:
        for path in tree:
            if {".", ".."}.intersection(path.split("/")):
                raise NotOffered(f"azure-blob: Azure's clients resolve the dots in {path!r} before they send a request")
        container = self._container()
        if not self._made:
            self._make(container)
            self._made = True

        def put_one(path: str) -> None:
            container.upload_blob(path, tree[path], overwrite=True)

        put_each(tree, put_one)

    def mark_folders(self, paths: Iterable[str]) -> None:
        """Add an empty blob with the metadata of a folder at each path, as in a hierarchical namespace."""
        for path in paths:
            self._container().upload_blob(path, b"", overwrite=True, metadata={"hdi_isfolder": "true"})

    def uri(self, path: str = "") -> str:
        return self._at("blob.core.windows.net", self.case, path)

    def exact_uri(self, path: str) -> str:
        return self.uri(quote(path))

    def served_at(self, file: str) -> str:
        return f"/{self.case}/{self.sample_folder}/{file}"

    def uri_in_zone(self, path: str = "") -> str:
        """The same URI under the host name of an account with its own DNS zone (KServe since 0.14, PR 3819)."""
        return self._at("z50.blob.storage.azure.net", self.case, path)

    def uri_in_cloud(self, domain: str, path: str) -> str:
        """The same URI in another of Azure's clouds, whose blob endpoints are below `domain`."""
        return self._at(domain, self.case, path)

    def uri_of_emulator(self, path: str) -> str:
        """The same URI as an emulator has it: the account is the first segment of the path (`devstoreaccount1`)."""
        return f"{self.server.url}/{self._account}/{self.case}/{path}"

    def access(self, kind: AccessKind = "valid") -> Access:
        """`session` and `denied` use shared access signatures in `Access.query`: temporary, with few permissions."""
        if kind == "valid":
            return self._with_key(self._key)
        if kind == "wrong":
            return self._with_key(base64.b64encode(secrets.token_bytes(64)).decode())
        if kind == "session":
            return self._with_signature("rl")
        if kind == "denied":
            return self._with_signature("w")
        if kind == "anonymous":
            self._container().set_container_access_policy(signed_identifiers={}, public_access="container")
        return Access()

    def principal(self, answers: Answers = "right") -> Access:
        """A service principal with a secret. It is a static key, but its tokens come from the identity service too."""
        tenant, client, secret = f"tenant-{self.case}", f"client-{self.case}", f"secret-{secrets.token_hex(16)}"
        tokens = self._identify(answers, tenant, client, secret=secret)
        principal = {"AZURE_CLIENT_ID": client, "AZURE_CLIENT_SECRET": secret, "AZURE_TENANT_ID": tenant}
        return Access(principal, secrets=(secret, *tokens))

    def identity(self, kind: str, answers: Answers = "right") -> Access:
        """`workload` is a federated identity with a token file, `metadata` a node's managed identity.

        The variables are those of Azure's webhook for workload identity, and of its clients for a moved IMDS.
        """
        tenant, client = f"tenant-{self.case}", f"client-{self.case}"
        assertion = f"assertion.{secrets.token_urlsafe(32)}"
        tokens = self._identify(answers, tenant, client, assertion=assertion)
        if kind == "metadata":
            there = f"{self.identity_services.url}/{self.case}"
            place = f"http://{NOBODY}" if answers == "missing" else there
            environment = {"AZURE_CLIENT_ID": client, "AZURE_POD_IDENTITY_AUTHORITY_HOST": place}
            return Access(environment, secrets=tuple(tokens))
        environment = {
            "AZURE_CLIENT_ID": client,
            "AZURE_TENANT_ID": tenant,
            "AZURE_FEDERATED_TOKEN_FILE": TOKEN_FILE,
            "AZURE_AUTHORITY_HOST": f"https://{LOGIN}/",
        }
        token_file = self.scratch / "azure-identity-token"
        token_file.write_text(assertion)
        mounts = {} if answers == "missing" else {TOKEN_FILE: token_file}
        return Access(environment, mounts, (assertion, *tokens))

    def _identify(self, answers: Answers, tenant: str, client: str, **proofs: str) -> list[str]:
        """Make the identity services give tokens for this client. Returns the tokens."""
        state = self.server.state
        first, second = tokens = [f"token-{secrets.token_urlsafe(32)}" for _ in range(2)]
        holder = azure_accounts.STRANGER if answers == "stranger" else azure_accounts.READER
        lifetime_s = ROTATED_S if answers == "rotated" else None
        powerless = answers == "powerless"
        bearer_tokens.issue(state, first, Bearer(holder, powerless, lifetime_s, tenant))
        bearer_tokens.issue(state, second, Bearer(holder, tenant=tenant))
        services = self.identity_services.state
        identify(services, self.case, answers=answers, tokens=tokens, tenant=tenant, client=client, **proofs)
        return tokens

    def presigned(self, path: str, content: bytes) -> tuple[str, str]:
        """Put a blob. Returns its URI with a shared access signature that may read, and the secret part."""
        self.put({path: content})
        access = self.access("session")
        return f"{self.uri(path)}?{access.query}", access.secrets[0]

    def missing(self) -> str:
        return self._at("blob.core.windows.net", f"{self.case}-that-is-not-there", "model")

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        """The account's host and port are fixed, so `address` replaces the proxy."""
        return self.uri("model"), self.access().by_proxy(f"http://{address}")

    def _at(self, domain: str, container: str, path: str) -> str:
        root = f"https://{self._account}.{domain}/{container}"
        return f"{root}/{path}" if path else root

    @staticmethod
    def _with_key(key: str) -> Access:
        return Access({KEY: key}, secrets=(key,))

    def _with_signature(self, permission: str) -> Access:
        from azure.storage.blob import generate_container_sas  # noqa: PLC0415 -- an extra, absent in other modes

        tomorrow = datetime.now(UTC) + timedelta(days=1)
        query: str = generate_container_sas(
            self._account, self.case, account_key=self._key, permission=permission, expiry=tomorrow
        )
        return Access(query=query, secrets=(query.rpartition("sig=")[2],))

    @staticmethod
    def _make(container: ContainerClient) -> None:
        """Create the container. It may already exist, if an earlier attempt created it and lost the response."""
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 -- an extra, absent in other modes

        with contextlib.suppress(ResourceExistsError):
            container.create_container()

    def _container(self) -> ContainerClient:
        return _service(self.server.direct_url, self._account, self._key).get_container_client(self.case)


@functools.cache
def _service(url: str, account: str, key: str) -> BlobServiceClient:
    """One client per process and server."""
    from azure.core.credentials import AzureNamedKeyCredential  # noqa: PLC0415
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 -- an extra, absent in other modes
    from azure.storage.blob import BlobServiceClient, LinearRetry  # noqa: PLC0415

    transport = RequestsTransport(use_env_settings=False)
    # With an explicit account: the client takes the account from the path only for a local server.
    credential = AzureNamedKeyCredential(account, key)
    # Azurite closes idle connections after 5 s, sometimes just when a client reuses one.
    retries = LinearRetry(backoff=1, retry_total=3)
    return BlobServiceClient(f"{url}/{account}", credential=credential, transport=transport, retry_policy=retries)
