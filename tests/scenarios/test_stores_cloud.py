"""S3, GCS and Azure Blob: what a store puts is there, and each kind of access opens or closes it."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import boto3  # type: ignore[import-untyped]
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient
from botocore import UNSIGNED  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError, NoCredentialsError  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from clusters.toolchain.cache import cache_root
from scenarios.reasons import NotOffered
from scenarios.servers.base import DIRECT, Mode
from scenarios.servers.fleet import Fleet
from scenarios.servers.google_accounts import GRANT
from scenarios.stores.azure_blob import AzureBlob
from scenarios.stores.base import Access, AccessKind, Store
from scenarios.stores.gcs import CREDENTIALS, GCS
from scenarios.stores.s3 import S3

STORES: tuple[type[Store], ...] = (S3, GCS, AzureBlob)
TREE = {"model/a.bin": b"alpha", "model/sub dir/b+c%20#ü.bin": b"beta", "model/empty": b"", "model/mark/": b""}
_numbers = itertools.count(1)


class Denied(Exception):
    """The server did not let the client read."""


def _native_is_built() -> bool:
    return len(list((cache_root() / "go").glob("*/.complete"))) >= 2


@pytest.fixture(
    scope="module",
    params=[
        "embedded",
        pytest.param("native", marks=pytest.mark.skipif(not _native_is_built(), reason="building takes minutes")),
    ],
)
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mode, Fleet]]:
    mode: Mode = request.param
    started = Fleet.start([kind.servers[mode] for kind in STORES], tmp_path_factory.mktemp("fleet") / "run")
    yield mode, started
    started.stop()


@pytest.fixture(params=STORES, ids=lambda kind: kind.name)
def store(request: pytest.FixtureRequest, fleet: tuple[Mode, Fleet], tmp_path: Path) -> Store:
    mode, started = fleet
    kind: type[Store] = request.param
    endpoint = started.endpoints[kind.servers[mode].name]
    return kind(endpoint, started.gateway, f"case-{next(_numbers)}", tmp_path)


def read(store: Store, access: Access) -> dict[str, bytes]:
    """Everything below `model/`, as a client with `access` gets it. Raises Denied."""
    reader: dict[str, Callable[[Store, Access], dict[str, bytes]]] = {"s3": read_s3, "gcs": read_gcs}
    return reader.get(store.name, read_azure)(store, access)


def read_s3(store: Store, access: Access) -> dict[str, bytes]:
    env = access.environment
    unsigned = {"signature_version": UNSIGNED} if env.get("awsAnonymousCredential") == "true" else {}
    client: Any = boto3.session.Session(
        env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY"), env.get("AWS_SESSION_TOKEN")
    ).client(
        "s3",
        region_name=env["AWS_DEFAULT_REGION"],
        endpoint_url=env["AWS_ENDPOINT_URL"],
        config=Config(retries={"max_attempts": 1}, **unsigned),
    )
    try:
        listed = client.list_objects_v2(Bucket=store.container, Prefix="model/")["Contents"]
        return {o["Key"]: client.get_object(Bucket=store.container, Key=o["Key"])["Body"].read() for o in listed}
    except (ClientError, NoCredentialsError) as error:
        raise Denied(str(error)) from error
    finally:
        client.close()


def read_azure(store: Store, access: Access) -> dict[str, bytes]:
    root = store.uri() + (f"?{access.query}" if access.query else "")
    with ContainerClient.from_container_url(
        root,
        credential=access.environment.get("AZURE_STORAGE_ACCESS_KEY"),
        proxies={"https": store.gateway.proxy_url},
        connection_verify=str(store.gateway.ca),
        retry_total=0,
    ) as client:
        try:
            names = [blob.name for blob in client.list_blobs("model/")]
            return {name: client.download_blob(name).readall() for name in names}
        except HttpResponseError as error:
            raise Denied(str(error)) from error


def read_gcs(store: Store, access: Access) -> dict[str, bytes]:
    headers = {"Authorization": f"Bearer {token(store, access)}"} if access.mounts else {}
    root = f"/storage/v1/b/{store.container}/o"
    listed = json.loads(ask(store, "storage.googleapis.com", f"{root}?prefix=model%2F", headers))
    return {
        item["name"]: ask(
            store, "storage.googleapis.com", f"/download{root}/{quote(item['name'], safe='')}?alt=media", headers
        )
        for item in listed["items"]
    }


def token(store: Store, access: Access) -> str:
    """What Google's token endpoint gives for the service account's file (RFC 7523)."""
    account = json.loads(access.mounts[CREDENTIALS].read_text())
    key = serialization.load_pem_private_key(account["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    now = int(time.time())
    times = {"iat": now, "exp": now + 3600}
    scope = "https://www.googleapis.com/auth/devstorage.read_only"
    claims = {"iss": account["client_email"], "aud": account["token_uri"], "scope": scope, **times}
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "RS256"}, claims))
    signature = base64.urlsafe_b64encode(key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))
    form = urlencode({"grant_type": GRANT, "assertion": (signed + b"." + signature).decode()}).encode()
    host = urlsplit(account["token_uri"])
    answer = json.loads(ask(store, host.netloc, host.path, {"Content-Type": "text/plain"}, form))
    return str(answer["access_token"])


def ask(store: Store, host: str, path: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    """One request to a production host name through the gateway."""
    trust = ssl.create_default_context(cafile=str(store.gateway.ca))
    connection = http.client.HTTPSConnection(urlsplit(store.gateway.proxy_url).netloc, timeout=10, context=trust)
    connection.set_tunnel(host, 443)
    try:
        connection.request("POST" if body else "GET", path, body, headers)
        with connection.getresponse() as answer:
            text = answer.read()
            if answer.status != 200:
                raise Denied(f"{answer.status} {text.decode()}")
            return text
    finally:
        connection.close()


def test_a_client_reads_what_was_put(store: Store) -> None:
    """Special characters, empty objects and directory markers included; the log has the requests."""
    store.put(TREE)
    assert read(store, store.access()) == TREE
    assert any(request.status == 200 for request in store.requests())


def test_a_second_put_adds(store: Store) -> None:
    """Also when it is large enough for several threads."""
    store.put({"model/first": b""})
    more = {f"model/{number:02}": b"x" for number in range(20)}
    store.put(more)
    assert read(store, store.access()) == more | {"model/first": b""}


@pytest.mark.parametrize("kind", ["valid", "anonymous", "session"])
def test_access_that_opens(store: Store, kind: AccessKind) -> None:
    """Named, public and temporary."""
    store.put({"model/a.bin": b"alpha"})
    try:
        access = store.access(kind)
    except NotOffered as reason:
        pytest.skip(str(reason))
    assert read(store, access) == {"model/a.bin": b"alpha"}


@pytest.mark.parametrize("kind", ["none", "wrong", "denied"])
def test_access_that_does_not_open(store: Store, kind: AccessKind) -> None:
    """No credentials, unknown ones, and known ones without the right."""
    store.put({"model/a.bin": b"alpha"})
    with pytest.raises(Denied):
        read(store, store.access(kind))


@pytest.mark.parametrize("kind", ["valid", "wrong", "denied"])
def test_credentials_are_canaries(store: Store, kind: AccessKind) -> None:
    """What must never be printed is really part of what the initializer gets."""
    store.put({"model/a.bin": b"alpha"})
    access = store.access(kind)
    given = json.dumps([*access.environment.values(), access.query]) + "".join(
        file.read_text() for file in access.mounts.values()
    )
    assert access.secrets
    assert access.secrets[0] in given


def test_a_wrong_secret_is_a_wrong_signature(fleet: tuple[Mode, Fleet], tmp_path: Path) -> None:
    """A known key id with another secret is told apart from an unknown one."""
    mode, started = fleet
    s3 = S3(started.endpoints[S3.servers[mode].name], started.gateway, f"case-{next(_numbers)}", tmp_path)
    s3.put({"model/a.bin": b"alpha"})
    with pytest.raises(Denied, match="SignatureDoesNotMatch"):
        read_s3(s3, s3.wrong_secret())


def test_uris_name_the_container_and_keep_a_slash(store: Store) -> None:
    """The root, a path, a path with a trailing slash."""
    root = store.uri()
    assert root.endswith(store.container)
    assert store.uri("model/") == f"{root}/model/"


def test_a_missing_container_is_not_this_tests_own(store: Store) -> None:
    """It differs from the container, and is logged as this test's."""
    assert f"/{store.container}-that-is-not-there/" in store.missing()


def test_nothing_listens_at_the_unreachable_address(store: Store) -> None:
    """The address that the access leads to refuses connections."""
    _, access = store.unreachable()
    address = access.environment.get("AWS_ENDPOINT_URL") or access.environment["HTTPS_PROXY"]
    with pytest.raises(urllib.error.URLError, match="refused"):
        DIRECT.open(address, timeout=5)
