"""AWS's identity services: botocore accepts them, and they refuse what the services refuse."""

from __future__ import annotations

import itertools
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError, CredentialRetrievalError  # type: ignore[import-untyped]

from scenarios.servers.base import DIRECT
from scenarios.servers.fleet import Fleet
from scenarios.servers.identity_services import ROTATED_S, IdentityServices
from scenarios.servers.moto import Moto
from scenarios.stores.base import Access
from scenarios.stores.s3 import S3

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    started = Fleet.start([Moto, IdentityServices], tmp_path_factory.mktemp("fleet") / "run")
    yield started
    started.stop()


@pytest.fixture
def s3(fleet: Fleet, tmp_path: Path) -> S3:
    made = S3.at(fleet.endpoints, "embedded", fleet.gateway, f"case-tests-{next(_numbers)}", tmp_path)
    made.put({"model/a.bin": b"a"})
    assert isinstance(made, S3)
    return made


class Client:
    """botocore with the variables of an access."""

    def __init__(self, store: S3, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {**store.gateway.environment(trust=False), **access.environment}.items():
            place = access.mounts.get(value)
            monkeypatch.setenv(name, str(place or value))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(store.gateway.ca))
        self.session = botocore.session.get_session()
        self._bucket = store.case

    def keys(self) -> Mapping[str, str]:
        """The keys that the identity service gives. Raises what botocore raises."""
        found = self.session.get_credentials()
        return found.get_frozen_credentials()._asdict() if found else {}

    def count(self) -> int:
        """The number of objects in the bucket, listed with keys of the identity service."""
        s3 = self.session.create_client("s3", config=Config(retries={"total_max_attempts": 1}))
        return int(s3.list_objects_v2(Bucket=self._bucket)["KeyCount"])


@pytest.mark.parametrize("kind", S3.identities)
def test_botocore_takes_keys(s3: S3, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    access = s3.identity(kind)
    client = Client(s3, access, monkeypatch)
    assert client.keys()["token"] in access.secrets
    assert client.count() == 1


@pytest.mark.parametrize("kind", S3.identities)
def test_keys_of_a_stranger_open_nothing(s3: S3, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        Client(s3, s3.identity(kind, "stranger"), monkeypatch).count()


def test_expired_keys_are_refused_and_replaced(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(s3, s3.identity("pod", "rotated"), monkeypatch)
    first = client.keys()
    assert client.count() == 1
    time.sleep(ROTATED_S + 0.1)
    assert client.keys() != first
    assert client.count() == 1
    kept = botocore.session.get_session()
    kept.set_credentials(*first.values())
    client.session = kept
    with pytest.raises(ClientError, match="ExpiredToken"):
        client.count()


def test_sts_refuses_a_role_that_does_not_trust_the_token(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        Client(s3, s3.identity("web", "refused"), monkeypatch).keys()


def test_sts_refuses_another_token(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    access = s3.identity("web")
    next(iter(access.mounts.values())).write_text("assertion.of-somebody-else")
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        Client(s3, access, monkeypatch).keys()


def test_the_agent_refuses_another_token(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    access = s3.identity("pod")
    next(iter(access.mounts.values())).write_text("assertion.of-somebody-else")
    with pytest.raises(CredentialRetrievalError):
        Client(s3, access, monkeypatch).keys()


def test_a_refusing_metadata_service_gives_no_keys(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Client(s3, s3.identity("metadata", "refused"), monkeypatch).keys()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "meta-data/iam/security-credentials/", {}, 401),
        ("PUT", "api/token", {}, 400),
        ("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "21601"}, 400),
        ("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60", "X-Forwarded-For": "10.0.0.1"}, 403),
    ],
)
def test_the_metadata_service_wants_a_session(
    s3: S3, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    place = s3.identity("metadata").environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
    request = urllib.request.Request(f"{place}/latest/{path}", method=method, headers=headers)  # noqa: S310
    with pytest.raises(urllib.error.HTTPError, match=str(status)):
        DIRECT.open(request, timeout=5)
