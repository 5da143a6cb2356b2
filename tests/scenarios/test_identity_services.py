"""The identity services: official client libraries accept them, and they refuse what the services refuse."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import google.auth
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import (  # type: ignore[import-untyped, unused-ignore]
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.storage.blob import ContainerClient
from google.auth import compute_engine, exceptions
from google.auth.compute_engine import _metadata
from google.auth.transport.requests import Request

from scenarios.servers import google_identity
from scenarios.servers.azure_identity import ASSERTION
from scenarios.servers.azurite import Azurite
from scenarios.servers.base import DIRECT
from scenarios.servers.fleet import Fleet
from scenarios.servers.gcp_storage_emulator import GCPStorageEmulator
from scenarios.servers.identity_services import ROTATED_S, Answers, IdentityServices
from scenarios.stores.azure_blob import TOKEN_FILE, AzureBlob
from scenarios.stores.base import Access, Store
from scenarios.stores.gcs import CREDENTIALS, GCS

SCOPE = "https://storage.azure.com/.default"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    started = Fleet.start([GCPStorageEmulator, Azurite, IdentityServices], tmp_path_factory.mktemp("fleet") / "run")
    yield started
    started.stop()


def _made(kind: type[Store], fleet: Fleet, folder: Path) -> Store:
    store = kind.at(fleet.endpoints, "embedded", fleet.gateway, f"case-tests-{next(_numbers)}", folder)
    store.put({"model/a.bin": b"a"})
    return store


@pytest.fixture
def gcs(fleet: Fleet, tmp_path: Path) -> Store:
    return _made(GCS, fleet, tmp_path)


@pytest.fixture
def azure(fleet: Fleet, tmp_path: Path) -> AzureBlob:
    made = _made(AzureBlob, fleet, tmp_path)
    assert isinstance(made, AzureBlob)
    return made


@pytest.fixture
def session(fleet: Fleet) -> requests.Session:
    """As clients reach production host names."""
    made = requests.Session()
    made.trust_env = False
    made.proxies = {"https": fleet.gateway.proxy_url}
    made.verify = str(fleet.gateway.ca)
    return made


def _listing(store: Store, token: str, session: requests.Session) -> int:
    place = f"https://storage.googleapis.com/storage/v1/b/{store.case}/o"
    return session.get(place, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code


def _google(access: Access, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token that google-auth gets from the metadata server. Raises RefreshError."""
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", access.environment["GCE_METADATA_HOST"])
    credentials = compute_engine.Credentials()  # type: ignore[no-untyped-call]
    credentials.refresh(Request(session))  # type: ignore[no-untyped-call]
    return str(credentials.token)


def test_google_auth_takes_a_nodes_token(
    gcs: Store, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = gcs.identity("metadata")
    monkeypatch.setenv("GCE_METADATA_IP", access.environment["GCE_METADATA_IP"])
    assert _metadata.ping(Request(session))  # type: ignore[no-untyped-call]
    token = _google(access, session, monkeypatch)
    assert token in access.secrets
    assert _listing(gcs, token, session) == 200


@pytest.mark.parametrize(("answers", "status"), [("stranger", 403), ("powerless", 403), ("rotated", 200)])
def test_a_token_is_worth_what_it_was_issued_for(
    gcs: Store, session: requests.Session, monkeypatch: pytest.MonkeyPatch, answers: Answers, status: int
) -> None:
    token = _google(gcs.identity("metadata", answers), session, monkeypatch)
    assert _listing(gcs, token, session) == status


def test_an_expired_token_is_refused_and_replaced(
    gcs: Store, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = gcs.identity("metadata", "rotated")
    first = _google(access, session, monkeypatch)
    assert _listing(gcs, first, session) == 200
    time.sleep(ROTATED_S + 0.1)
    assert _listing(gcs, first, session) == 401
    assert _listing(gcs, _google(access, session, monkeypatch), session) == 200


@pytest.mark.parametrize("answers", ["refused", "page", "truncated"])
def test_google_auth_refuses_what_is_no_token(
    gcs: Store, session: requests.Session, monkeypatch: pytest.MonkeyPatch, answers: Answers
) -> None:
    access = gcs.identity("metadata", answers)
    with pytest.raises((exceptions.RefreshError, exceptions.TransportError)):
        _google(access, session, monkeypatch)


def test_the_metadata_server_wants_its_header(gcs: Store) -> None:
    place = gcs.identity("metadata").environment["GCE_METADATA_HOST"]
    url = f"http://{place}/computeMetadata/v1/instance/service-accounts/default/token"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        DIRECT.open(url, timeout=5)


def test_google_auth_exchanges_a_token_file(gcs: Store, session: requests.Session, tmp_path: Path) -> None:
    access = gcs.identity("federation")
    content = json.loads(access.mounts[CREDENTIALS].read_text())
    content["credential_source"]["file"] = str(access.mounts[next(path for path in access.mounts if "token" in path)])
    file = tmp_path / "configuration.json"
    file.write_text(json.dumps(content))
    scopes = [google_identity.SCOPES[0]]
    credentials, project = google.auth.load_credentials_from_file(  # type: ignore[no-untyped-call]
        str(file), scopes, request=Request(session)
    )
    credentials.refresh(Request(session))
    assert project == google_identity.PROJECT
    assert _listing(gcs, str(credentials.token), session) == 200


RIGHT = google_identity.EXCHANGE | {"scope": google_identity.SCOPES[0]}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"grant_type": "client_credentials"}, "invalid_request"),
        ({"audience": "//iam.googleapis.com/projects/2"}, "invalid_target"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"subject_token": "another"}, "invalid_grant"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_token_service_checks_each_field(
    gcs: Store, session: requests.Session, wrong: Mapping[str, str], error: str
) -> None:
    access = gcs.identity("federation")
    right = RIGHT | {"audience": google_identity.audience(gcs.case), "subject_token": access.secrets[0]}
    # The pool of the case is named beside, because a wrong audience does not name it.
    form = {**right, **wrong, "options": gcs.case}
    answer = session.post(f"https://{google_identity.STS}/v1/token", data=form, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def _reads(store: AzureBlob, credential: object) -> bytes:
    with ContainerClient.from_container_url(
        store.uri(),
        credential=credential,  # type: ignore[arg-type]
        proxies={"https": store.gateway.proxy_url},
        connection_verify=str(store.gateway.ca),
        retry_total=0,
    ) as client:
        return client.download_blob("model/a.bin").readall()


def _options(store: Store) -> dict[str, object]:
    return {
        "proxies": {"https": store.gateway.proxy_url},
        "connection_verify": str(store.gateway.ca),
        "retry_total": 0,
    }


def _workload(store: AzureBlob, access: Access) -> WorkloadIdentityCredential:
    given = access.environment
    return WorkloadIdentityCredential(
        tenant_id=given["AZURE_TENANT_ID"],
        client_id=given["AZURE_CLIENT_ID"],
        token_file_path=str(access.mounts[TOKEN_FILE]),
        **_options(store),
    )


def test_azure_identity_takes_a_token_file(azure: AzureBlob) -> None:
    assert _reads(azure, _workload(azure, azure.identity("workload"))) == b"a"


def test_azure_identity_takes_a_nodes_token(azure: AzureBlob, monkeypatch: pytest.MonkeyPatch) -> None:
    given = azure.identity("metadata").environment
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", given["AZURE_POD_IDENTITY_AUTHORITY_HOST"])
    assert _reads(azure, ManagedIdentityCredential(client_id=given["AZURE_CLIENT_ID"], retry_total=0)) == b"a"
    other = ManagedIdentityCredential(client_id="another", retry_total=0)
    with pytest.raises(ClientAuthenticationError, match="Identity not found"):
        other.get_token(SCOPE)


def test_azure_identity_takes_a_secret(azure: AzureBlob) -> None:
    tenant, client, secret = (
        azure.principal().environment[f"AZURE_{name}"] for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
    )
    credential = ClientSecretCredential(tenant, client, secret, **_options(azure))
    assert _reads(azure, credential) == b"a"
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        ClientSecretCredential(tenant, client, "another", **_options(azure)).get_token(SCOPE)
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        credential.get_token("https://vault.azure.net/.default")


@pytest.mark.parametrize("answers", ["refused", "page", "truncated"])
def test_azure_identity_refuses_what_is_no_token(azure: AzureBlob, answers: Answers) -> None:
    with pytest.raises((HttpResponseError, ValueError)):
        _workload(azure, azure.identity("workload", answers)).get_token(SCOPE)


@pytest.mark.parametrize(("answers", "code"), [("powerless", 403), ("stranger", 401)])
def test_the_account_refuses_a_token(azure: AzureBlob, answers: Answers, code: int) -> None:
    """Also for a public container: what has a token is no anonymous request."""
    azure.access("anonymous")
    credential = _workload(azure, azure.identity("workload", answers))
    with pytest.raises((HttpResponseError, ClientAuthenticationError)) as refused:
        _reads(azure, credential)
    assert getattr(refused.value, "status_code", 401) in (code, None)


def test_another_assertion_is_refused(azure: AzureBlob, session: requests.Session) -> None:
    given = azure.identity("workload").environment
    form = {
        "grant_type": "client_credentials",
        "client_id": given["AZURE_CLIENT_ID"],
        "client_assertion_type": ASSERTION,
        "client_assertion": "another",
        "scope": SCOPE,
    }
    place = f"https://login.microsoftonline.com/{given['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    answer = session.post(place, data=form, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_late_service_says_so_at_first(gcs: Store) -> None:
    place = gcs.identity("metadata", "late").environment["GCE_METADATA_HOST"]
    with pytest.raises(urllib.error.HTTPError, match="503"):
        DIRECT.open(urllib.request.Request(f"http://{place}"), timeout=5)


def test_a_silent_service_sends_nothing(gcs: Store) -> None:
    place = gcs.identity("metadata", "silent").environment["GCE_METADATA_HOST"]
    with pytest.raises(TimeoutError):
        DIRECT.open(f"http://{place}", timeout=1)
