"""Faults of the network and of stores: what passes is got over, what lasts is told, nothing hangs or half succeeds."""

import pytest

from conformance import rule
from conformance.api.fetch import Fetch, Fetcher
from conformance.api.samples import Sample
from scenarios.network.faults import FILE_BYTES, Fault, answering, breaking
from scenarios.network.view import BAD_CERTIFICATES, Gateway
from scenarios.reasons import NotOffered
from scenarios.stores.base import Store

#: Seconds within which a call gets over a fault that passes, and one that lasts has to be told.
RECOVERED_S = 60.0
TOLD_S = 150.0
#: Seconds within which a transfer that has stopped is noticed, and begun anew as often as it will be.
STALLED_S = 100.0
#: Names below `.invalid` never resolve (RFC 6761).
NOWHERE = "nowhere.invalid:443"

LASTING = {"reset": breaking("reset"), "cut": breaking("cut")}


def _fetch(initializer: Fetcher, sample: Sample, *faults: Fault, within_s: float) -> Fetch:
    """Fetch while `faults` strike. Raises NotOffered for a success that none of them met."""
    store = initializer.store
    assert store is not None, "faults need a store"
    store.gateway.plan_faults(store.case, *faults)
    run = initializer.fetch(sample.uri, environment=store.impatience, timeout_s=within_s)
    if run.outcome.exit_code != 0:
        run.require()
    elif run.delivered and not any(request.injected_fault for request in store.requests()):
        raise NotOffered("no response met the planned fault: this client asks for less than the fault lets pass")
    return run


@rule("FAULT-018")
def test_without_a_fault(initializer: Fetcher, shards: Sample) -> None:
    """What the other rules interfere with."""
    assert initializer.fetch(shards.uri).tree == shards.tree


@rule("FAULT-001")
def test_a_single_server_error_is_tried_again(initializer: Fetcher, shards: Sample) -> None:
    """A load balancer is restarted just now."""
    errors = (answering(503, file=False), answering(500, file=True))
    assert _fetch(initializer, shards, *errors, within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-002")
def test_too_many_requests(initializer: Fetcher, shards: Sample) -> None:
    """Whole node pools load a model at once, and the store slows them down."""
    asked_to_wait = answering(429, file=False, Retry_After="1")
    assert _fetch(initializer, shards, asked_to_wait, within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-003")
def test_one_reset(initializer: Fetcher, shards: Sample) -> None:
    """A firewall has forgotten the connection."""
    assert _fetch(initializer, shards, breaking("reset", times=1), within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-004")
def test_one_short_body(initializer: Fetcher, shards: Sample) -> None:
    """A proxy on the way has lost the store and closes what it has begun."""
    assert _fetch(initializer, shards, breaking("cut", times=1), within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-005")
def test_a_slow_first_byte(initializer: Fetcher, shards: Sample) -> None:
    """The object comes from a cold tier."""
    late = Fault("slow", delay_s=6.0, times=1, least=FILE_BYTES)
    assert _fetch(initializer, shards, late, within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-006")
def test_one_stall(initializer: Fetcher, shards: Sample) -> None:
    """One of a store's machines hangs; the others would answer."""
    assert _fetch(initializer, shards, breaking("stall", times=1), within_s=STALLED_S).tree == shards.tree


@rule("FAULT-007")
def test_a_lasting_stall(initializer: Fetcher, shards: Sample) -> None:
    """Pods that stay in Init:0/1 for ever tell nobody anything."""
    _fetch(initializer, shards, breaking("stall"), within_s=STALLED_S).assert_failed_or(shards.tree)


@rule("FAULT-008")
@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_a_lasting_fault(initializer: Fetcher, shards: Sample, fault: Fault) -> None:
    """The store lists the model and never delivers all of it."""
    _fetch(initializer, shards, fault, within_s=TOLD_S).assert_failed_or(shards.tree)


@rule("FAULT-009")
def test_a_store_that_is_down(initializer: Fetcher, shards: Sample) -> None:
    """Whoever reads the termination message knows that it is the store."""
    down = answering(503, file=True, times=None)
    _fetch(initializer, shards, down, within_s=TOLD_S).assert_refused()


@rule("FAULT-010")
def test_half_a_file_has_no_files_name(initializer: Fetcher, shards: Sample) -> None:
    """A model server that starts anyway must not load half a tensor."""
    run = _fetch(initializer, shards, breaking("cut"), within_s=TOLD_S)
    half = [
        f"{path} ({len(entry.content)} of {len(shards.tree[path])} bytes)"
        for path, entry in run.entries().items()
        if path in shards.tree and entry.content is not None and entry.content != shards.tree[path]
    ]
    assert not half, f"left under a file's own name: {', '.join(half)}"
    run.assert_failed_or(shards.tree)


@rule("FAULT-011")
def test_a_name_that_does_not_resolve(store: Store, initializer: Fetcher, gateway: Gateway) -> None:
    """A typing error in the endpoint, or a DNS that is down."""
    uri, access = store.unreachable(NOWHERE)
    # Else the name would be the proxy's to resolve.
    direct = dict.fromkeys(("NO_PROXY", "no_proxy"), f"{gateway.environment()['NO_PROXY']},.invalid")
    environment = {**direct, **store.impatience}
    initializer.fetch(uri, access=access, environment=environment, timeout_s=TOLD_S).assert_refused()


@rule("FAULT-012")
@pytest.mark.parametrize("wrong", BAD_CERTIFICATES)
def test_a_wrong_certificate(store: Store, initializer: Fetcher, shards: Sample, gateway: Gateway, wrong: str) -> None:
    """Somebody else answers in the store's place, or its certificate was forgotten."""
    access = store.facing(gateway.bad_certificates[wrong])
    run = initializer.fetch(shards.uri, access=access, way="tls", timeout_s=TOLD_S)
    run.assert_refused()
    assert not run.delivered, "something was delivered"


@rule("FAULT-013")
def test_credentials_expire_midway(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """A token of an hour for a model that takes two."""
    if store.expiry is None:
        raise NotOffered(f"{store.name}: what is fetched in one request cannot lose its credentials midway")
    _fetch(initializer, shards, store.expiry, within_s=TOLD_S).assert_refused()
