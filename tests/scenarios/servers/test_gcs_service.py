"""The emulator of Cloud Storage and the stand-in for Google's authority, as Google's own client reads them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from scenarios.servers.google_accounts import AUDIENCE, GRANT, STORAGE, Authority
from scenarios.stores.base import Tree
from scenarios.stores.gcs import CREDENTIALS, GCS

# Google's libraries; the untyped way, because not all of them have types.
auth: Any = pytest.importorskip("google.auth.transport.requests")
crypt: Any = pytest.importorskip("google.auth.crypt")
jwt: Any = pytest.importorskip("google.auth.jwt")
service_account: Any = pytest.importorskip("google.oauth2.service_account")
storage: Any = pytest.importorskip("google.cloud.storage")
exceptions: Any = pytest.importorskip("google.cloud.exceptions")

STORE = GCS
TREE: Tree = {"model/a.bin": b"0123456789", "model/empty.bin": b"", "model/b c/%41ü.bin": b"odd"}
READ = "https://www.googleapis.com/auth/devstorage.read_only"


def session(store: GCS) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.proxies, made.verify = {"https": store.gateway.proxy_url}, str(store.gateway.ca)
    return made


def client(store: GCS, kind: Any, *, self_signed: bool = False, scope: str = READ) -> Any:  # noqa: ANN401
    file = store.access(kind).mounts[CREDENTIALS]
    known = service_account.Credentials.from_service_account_file(str(file), scopes=[scope])
    known = known.with_always_use_jwt_access(self_signed)
    http = auth.AuthorizedSession(known, auth_request=auth.Request(session(store)))
    http.trust_env, http.proxies, http.verify = False, {"https": store.gateway.proxy_url}, str(store.gateway.ca)
    return storage.Client("conformance", credentials=known, _http=http)


@pytest.mark.parametrize("self_signed", [False, True], ids=["access-token", "self-signed"])
def test_the_official_client_reads_a_tree(store: GCS, self_signed: bool) -> None:
    store.put(TREE)
    bucket = client(store, "valid", self_signed=self_signed).bucket(store.case)
    assert {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs(prefix="model/")} == TREE
    assert bucket.blob("model/a.bin").download_as_bytes(start=2, end=4) == b"234"
    with pytest.raises(exceptions.NotFound):
        bucket.blob("model/other.bin").download_as_bytes()
    with pytest.raises(exceptions.NotFound):
        list(client(store, "valid").bucket(f"{store.case}-other").list_blobs())


def test_the_official_client_reads_the_refusal(store: GCS) -> None:
    store.put(TREE)
    with pytest.raises(exceptions.Forbidden, match="does not have storage"):
        client(store, "denied").bucket(store.case).blob("model/a.bin").download_as_bytes()
    with pytest.raises(exceptions.Forbidden, match="insufficient authentication scopes"):
        client(store, "valid", scope="https://www.googleapis.com/auth/drive").bucket(store.case).blob("x").reload()


def test_an_invalid_token_opens_no_public_bucket(store: GCS) -> None:
    store.put(TREE)
    store.access("anonymous")
    url = f"https://storage.googleapis.com/storage/v1/b/{store.case}/o"
    assert session(store).get(url).status_code == 200
    assert session(store).get(url, headers={"Authorization": "Bearer ya29.stale"}).status_code == 401


@pytest.mark.parametrize("path", ["{}/model/a.bin", "download/storage/v1/b/{}/o/model%2Fa.bin?alt=media"])
def test_no_url_of_a_private_object_is_open(store: GCS, path: str) -> None:
    store.put(TREE)
    store.access("none")
    assert session(store).get(f"https://storage.googleapis.com/{path.format(store.case)}").status_code == 401


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"Range": "bytes=10-"}, 416),
        ("", {"Range": "bytes=9-"}, 206),
        ("&generation=1", {}, 404),
        ("", {}, 200),
    ],
)
def test_what_is_not_there_is_refused(store: GCS, query: str, headers: Mapping[str, str], status: int) -> None:
    """A client that goes on behind the end, or reads another generation than the listed one, must not pass."""
    store.put(TREE)
    url = f"{store.server.direct_url}/download/storage/v1/b/{store.case}/o/model%2Fa.bin?alt=media{query}"
    answer = requests.get(url, headers=headers, timeout=10)
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["error"]["code"] == 404


@pytest.mark.parametrize("path", ["b/{}/o", "b/{}/o/model%2Fa.bin", "wipe"])
def test_addresses_of_the_emulator_alone_lead_nowhere(store: GCS, path: str) -> None:
    store.put(TREE)
    assert requests.get(f"{store.server.direct_url}/{path.format(store.case)}", timeout=10).status_code in {404, 501}
    assert requests.get(f"{store.server.direct_url}/storage/v1/b/{store.case}/o", timeout=10).json()["items"]


def test_strangers_do_not_learn_which_buckets_exist(store: GCS) -> None:
    url = f"https://storage.googleapis.com/storage/v1/b/{store.case}-other/o"
    assert session(store).get(url).status_code == 401


def signed(file: Path, changes: Mapping[str, Any]) -> str:
    account = json.loads(file.read_text())
    now = int(time.time())
    claims = {"iss": account["client_email"], "aud": AUDIENCE, "scope": READ, "iat": now, "exp": now + 3600, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return str(jwt.encode(crypt.RSASigner.from_string(account["private_key"]), kept), "ascii")


@pytest.mark.parametrize(
    ("changes", "grant", "error"),
    [
        ({}, GRANT, None),
        ({"aud": STORAGE}, GRANT, "invalid_grant"),
        ({"exp": 1}, GRANT, "invalid_grant"),
        ({"exp": int(time.time()) + 86400}, GRANT, "invalid_grant"),
        ({"iat": int(time.time()) + 3000}, GRANT, "invalid_grant"),
        ({"iat": None}, GRANT, "invalid_grant"),
        ({"scope": None}, GRANT, "invalid_scope"),
        ({}, "password", "unsupported_grant_type"),
    ],
    ids=["right", "audience", "expired", "too-long", "future", "no-time", "no-scope", "grant"],
)
def test_every_claim_counts(store: GCS, changes: Mapping[str, Any], grant: str, error: str | None) -> None:
    """A client that makes its own assertion, with this defect, must not pass."""
    assertion = signed(store.access("valid").mounts[CREDENTIALS], changes)
    form = urlencode({"grant_type": grant, "assertion": assertion}).encode()
    assert json.loads(Authority(store.server.state).token(form).text).get("error") == error


@pytest.mark.parametrize(
    ("changes", "opens"),
    [
        ({"aud": STORAGE, "scope": None}, True),
        ({"aud": None}, True),
        ({"scope": None}, False),
        ({"aud": STORAGE, "scope": None, "exp": 1}, False),
    ],
    ids=["audience", "scope", "neither", "expired"],
)
def test_a_signed_token_is_for_storage(store: GCS, changes: Mapping[str, Any], opens: bool) -> None:
    store.put(TREE)
    token = signed(store.access("valid").mounts[CREDENTIALS], changes)
    refusal = Authority(store.server.state).refusal(
        f"/storage/v1/b/{store.case}/o", {"authorization": f"Bearer {token}"}
    )
    assert (refusal is None) is opens
