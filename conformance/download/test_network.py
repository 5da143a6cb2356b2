"""Networks of real clusters: proxies and their exceptions, IPv6, complete host names."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.network.ipv6 import relayed
from scenarios.network.view import Gateway
from scenarios.stores.base import NOBODY, Store
from scenarios.stores.s3 import S3

UPPER, LOWER = ("HTTPS_PROXY", "HTTP_PROXY"), ("https_proxy", "http_proxy")
#: Entries of NO_PROXY as clusters have them, none of which leads to a store.
EXCEPTIONS = "[::1],::1,fd00::/8,10.0.0.0/8, .svc, .cluster.local, *.internal, kubernetes.default:443"


@rule("NET-001")
def test_exceptions_of_the_proxy(store: Store, initializer: Fetcher, sample: Sample, gateway: Gateway) -> None:
    """OpenShift and cloud providers write the cluster's own networks into NO_PROXY of every pod."""
    direct = dict.fromkeys(("NO_PROXY", "no_proxy"), f"{gateway.environment()['NO_PROXY']},{EXCEPTIONS}")
    run = initializer.fetch(sample.uri, access=store.through_proxy(), environment=direct)
    assert run.tree == sample.tree


@rule("NET-002")
@pytest.mark.parametrize("kind", ["plain", "reserved"])
def test_a_proxy_with_a_password(
    store: Store, initializer: Fetcher, sample: Sample, gateway: Gateway, kind: str
) -> None:
    """The password comes from a generator, and may contain `@`, `:` and `/`."""
    login = gateway.with_login(gateway.passwords[kind])
    assert initializer.fetch(sample.uri, access=store.through_proxy(), environment=login).tree == sample.tree


@rule("NET-003")
def test_a_proxy_refuses_the_password(store: Store, initializer: Fetcher, sample: Sample, gateway: Gateway) -> None:
    """The password of the service account has expired. Nothing is wrong with the store or its credentials."""
    password = "an-old-password-4711"  # noqa: S105 -- of nobody
    access = replace(store.through_proxy(), secrets=(password,))
    login = gateway.with_login(password) | dict(store.impatience)
    run = initializer.fetch(sample.uri, access=access, environment=login, timeout_s=150)
    run.assert_refused()
    run.assert_secret()


@rule("NET-004")
def test_an_endpoint_with_an_ipv6_address(store: S3, initializer: Fetcher, sample: Sample) -> None:
    """In clusters with IPv6 only, the address of a Service is one."""
    access = store.access()
    endpoint = urlsplit(access.environment["AWS_ENDPOINT_URL"])
    with relayed(str(endpoint.hostname), endpoint.port or 80) as address:
        settings = {"AWS_ENDPOINT_URL": f"http://{address}", "S3_ENDPOINT": address, "NO_PROXY": "*", "no_proxy": "*"}
        assert initializer.fetch(sample.uri, access=access, environment=settings).tree == sample.tree


@rule("NET-005")
def test_a_complete_host_name(initializer: Fetcher, sample: Sample) -> None:
    """The dot saves five look-ups in a pod, whose resolver first tries the cluster's search domains."""
    host = str(urlsplit(sample.uri).hostname)
    assert initializer.fetch(sample.uri.replace(host, f"{host}.")).tree == sample.tree


@rule("NET-006")
@pytest.mark.parametrize("unset", [LOWER, UPPER], ids=["upper", "lower"])
def test_proxy_variables_of_one_case(
    store: Store, initializer: Fetcher, sample: Sample, unset: tuple[str, str]
) -> None:
    """Manifests set the variables in one spelling, and programs read either."""
    assert initializer.fetch(sample.uri, access=store.through_proxy(), unset=unset).tree == sample.tree


@rule("NET-007")
def test_no_proxy_for_any_host(initializer: Fetcher, sample: Sample) -> None:
    """A namespace without a proxy inherits the variables of the cluster, and turns them off."""
    dead = dict.fromkeys((*UPPER, *LOWER), f"http://{NOBODY}")
    everywhere = {"NO_PROXY": "*", "no_proxy": "*"}
    assert initializer.fetch(sample.uri, environment={**dead, **everywhere}).tree == sample.tree
