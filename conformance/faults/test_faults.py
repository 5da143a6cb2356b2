"""Network and store faults: recover from short faults, report lasting ones, never hang, never deliver half a model."""

import pytest

from conformance import rule
from conformance.api.fetch import Fetch
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample, deposit
from scenarios.network.faults import FILE_BYTES, Fault, answering, breaking
from scenarios.network.view import BAD_CERTIFICATES, Gateway
from scenarios.reasons import NotOffered
from scenarios.stores.base import Store

#: Time limits in seconds: to recover from a short fault, and to report a lasting one.
RECOVERED_S = 60.0
TOLD_S = 150.0
#: Seconds for a call to notice a stalled transfer and to finish all its retries.
STALLED_S = 100.0
#: Names below `.invalid` never resolve (RFC 6761).
NOWHERE = "nowhere.invalid:443"

LASTING = {"reset": breaking("reset"), "cut": breaking("cut")}


def _fetch(initializer: Fetcher, sample: Sample, *faults: Fault, within_s: float) -> Fetch:
    """Fetch with `faults` injected. Raises NotOffered if the call succeeded and met none of them."""
    store = initializer.store
    assert store is not None, "faults need a store"
    store.gateway.plan_faults(store.case, *faults)
    run = initializer.fetch(sample.uri, environment=store.impatience, timeout_s=within_s)
    if run.outcome.exit_code != 0:
        run.require()
    elif run.delivered and not any(request.injected_fault for request in store.requests()):
        raise NotOffered("the fault did not occur, because the client requested less than the fault lets pass")
    return run


@rule("FAULT-018")
def test_without_a_fault(initializer: Fetcher, shards: Sample) -> None:
    """The download that the other rules disturb works without a fault."""
    assert initializer.fetch(shards.uri).tree == shards.tree


@rule("FAULT-030")
def test_many_files_over_tls(store: Store, initializer: Fetcher) -> None:
    """Workers that share a connection, or copy one when they fork, mix up its records now and then."""
    sample = deposit(store, {f"{n % 4}/shard-{n:02}.bin": b"%d" % n * 100 for n in range(60)}, "")
    for _ in range(3):
        assert initializer.fetch(sample.uri, access=store.over_tls(), way="tls", timeout_s=120).tree == sample.tree


@rule("FAULT-001")
def test_a_single_server_error_is_tried_again(initializer: Fetcher, shards: Sample) -> None:
    """A load balancer restarts during the download."""
    errors = (answering(503, file=False), answering(500, file=True))
    assert _fetch(initializer, shards, *errors, within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-002")
def test_too_many_requests(initializer: Fetcher, shards: Sample) -> None:
    """Whole node pools load a model at once, and the store throttles them."""
    asked_to_wait = answering(429, file=False, Retry_After="1")
    assert _fetch(initializer, shards, asked_to_wait, within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-003")
def test_one_reset(initializer: Fetcher, shards: Sample) -> None:
    """A firewall drops the connection."""
    assert _fetch(initializer, shards, breaking("reset", times=1), within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-004")
def test_one_short_body(initializer: Fetcher, shards: Sample) -> None:
    """A proxy loses its connection to the store and closes the response early."""
    assert _fetch(initializer, shards, breaking("cut", times=1), within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-005")
def test_a_slow_first_byte(initializer: Fetcher, shards: Sample) -> None:
    """The store reads the object from a cold storage tier."""
    late = Fault("slow", delay_s=6.0, times=1, least=FILE_BYTES)
    assert _fetch(initializer, shards, late, within_s=RECOVERED_S).tree == shards.tree


@rule("FAULT-006")
def test_one_stall(initializer: Fetcher, shards: Sample) -> None:
    """One machine of the store hangs, but the others would answer a retry."""
    assert _fetch(initializer, shards, breaking("stall", times=1), within_s=STALLED_S).tree == shards.tree


@rule("FAULT-007")
def test_a_lasting_stall(initializer: Fetcher, shards: Sample) -> None:
    """A pod that stays in Init:0/1 forever reports nothing to its user."""
    _fetch(initializer, shards, breaking("stall"), within_s=STALLED_S).assert_failed_or(shards.tree)


@rule("FAULT-008")
@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_a_lasting_fault(initializer: Fetcher, shards: Sample, fault: Fault) -> None:
    """The store lists the model but never delivers all of it."""
    _fetch(initializer, shards, fault, within_s=TOLD_S).assert_failed_or(shards.tree)


@rule("FAULT-009")
def test_a_store_that_is_down(initializer: Fetcher, shards: Sample) -> None:
    """The termination message shows that the store is the cause."""
    down = answering(503, file=True, times=None)
    _fetch(initializer, shards, down, within_s=TOLD_S).assert_refused()


@rule("FAULT-010")
def test_half_a_file_has_no_files_name(initializer: Fetcher, shards: Sample) -> None:
    """A model server that starts anyway must not load a partial tensor."""
    run = _fetch(initializer, shards, breaking("cut"), within_s=TOLD_S)
    half = [
        f"{path} ({len(entry.content)} of {len(shards.tree[path])} bytes)"
        for path, entry in run.entries().items()
        if path in shards.tree and entry.content is not None and entry.content != shards.tree[path]
    ]
    assert not half, f"the initializer left incomplete files under their final names: {', '.join(half)}"
    run.assert_failed_or(shards.tree)


@rule("FAULT-011")
def test_a_name_that_does_not_resolve(store: Store, initializer: Fetcher, gateway: Gateway) -> None:
    """The endpoint has a typo, or DNS is down."""
    uri, access = store.unreachable(NOWHERE)
    # Otherwise the proxy would resolve the name.
    direct = dict.fromkeys(("NO_PROXY", "no_proxy"), f"{gateway.environment()['NO_PROXY']},.invalid")
    environment = {**direct, **store.impatience}
    initializer.fetch(uri, access=access, environment=environment, timeout_s=TOLD_S).assert_refused()


@rule("FAULT-012")
@pytest.mark.parametrize("wrong", BAD_CERTIFICATES)
def test_a_wrong_certificate(store: Store, initializer: Fetcher, shards: Sample, gateway: Gateway, wrong: str) -> None:
    """Another server answers in the store's place, or the store's certificate was not renewed."""
    access = store.facing(gateway.bad_certificates[wrong])
    run = initializer.fetch(shards.uri, access=access, way="tls", timeout_s=TOLD_S)
    run.assert_refused()
    assert not run.delivered, "the initializer delivered files"


@rule("FAULT-013")
def test_credentials_expire_midway(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """The token is valid for one hour, but the download takes two."""
    if store.expiry is None:
        raise NotOffered(f"{store.name}: credentials cannot expire during a download that is a single request")
    _fetch(initializer, shards, store.expiry, within_s=TOLD_S).assert_refused()
