"""Identities without static keys: a metadata service or a token file in place of a Secret."""

import pytest

from conformance import rule
from conformance.api.exceptions import NotApplicable
from conformance.api.fetch import Fetch
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.network.faults import Fault
from scenarios.servers.identity_services import Answers
from scenarios.stores.base import Store
from scenarios.stores.gcs import GCS

#: Time limits in seconds: to report an identity that does not work, and to do without one or with a silent service.
TOLD_S = 180.0
SOON_S = 60.0
#: Holds two responses of the store, the refusal of a request without a token among them, until the token has expired.
EXPIRING = Fault("slow", delay_s=3.0, times=2)


def _refused(
    store: Store, initializer: Fetcher, sample: Sample, identity: str, answers: Answers, *, within_s: float = TOLD_S
) -> Fetch:
    """Fetch private content with a useless identity. Raises RuleViolation if the call delivered a file."""
    access = store.identity(identity, answers)
    run = initializer.fetch(sample.uri, access=access, environment=store.impatience, way="private", timeout_s=within_s)
    assert not run.delivered, f"the initializer delivered files: {', '.join(run.delivered)}"
    return run


@rule("IDENT-001")
def test_an_identity_opens_private_content(store: Store, initializer: Fetcher, sample: Sample, identity: str) -> None:
    """The cluster's operators have bound the pod's ServiceAccount to an account of the cloud."""
    assert initializer.fetch(sample.uri, access=store.identity(identity)).tree == sample.tree


@rule("IDENT-002")
def test_a_late_identity_service(store: Store, initializer: Fetcher, sample: Sample, identity: str) -> None:
    """The node is new, and its metadata service starts at the same time as the pod."""
    assert initializer.fetch(sample.uri, access=store.identity(identity, "late")).tree == sample.tree


@rule("IDENT-003")
def test_a_refused_identity(store: Store, initializer: Fetcher, sample: Sample, identity: str) -> None:
    """Nobody has bound the ServiceAccount to an account of the cloud."""
    _refused(store, initializer, sample, identity, "refused").assert_refused()


@rule("IDENT-004")
def test_a_rotated_token(store: Store, initializer: Fetcher, shards: Sample, identity: str) -> None:
    """The first token is nearly used up when the pod starts."""
    access = store.identity(identity, "rotated")
    store.gateway.plan_faults(store.case, EXPIRING)
    assert initializer.fetch(shards.uri, access=access).tree == shards.tree


@rule("IDENT-005")
def test_a_missing_identity_service(store: Store, initializer: Fetcher, sample: Sample, identity: str) -> None:
    """The cluster is not on the cloud, or its webhook did not mount the token."""
    _refused(store, initializer, sample, identity, "missing").assert_refused()


@rule("IDENT-006")
def test_a_silent_identity_service(store: Store, initializer: Fetcher, sample: Sample, identity: str) -> None:
    """A network policy or a firewall swallows what goes to the service."""
    _refused(store, initializer, sample, identity, "silent", within_s=SOON_S).assert_refused()


@rule("IDENT-007")
@pytest.mark.parametrize("answers", ["page", "truncated"])
def test_garbage_of_an_identity_service(
    store: Store, initializer: Fetcher, sample: Sample, identity: str, answers: Answers
) -> None:
    """A proxy asks for a login, or breaks the response off."""
    _refused(store, initializer, sample, identity, answers).assert_failed()


@rule("IDENT-008")
@pytest.mark.parametrize("answers", ["stranger", "powerless"])
def test_a_token_that_does_not_open_the_content(
    store: Store, initializer: Fetcher, sample: Sample, identity: str, answers: Answers
) -> None:
    """The identity is that of another tenant, or it has no role that permits reading."""
    _refused(store, initializer, sample, identity, answers).assert_refused(asked=True)


@rule("IDENT-009")
@pytest.mark.parametrize("answers", ["missing", "silent", "refused", "powerless"])
def test_public_content_needs_no_identity(
    store: Store, initializer: Fetcher, sample: Sample, identity: str, answers: Answers
) -> None:
    """The examples of the documentation use public buckets, also on nodes of a cloud."""
    store.access("anonymous")
    access = store.identity(identity, answers)
    run = initializer.fetch(sample.uri, access=access, environment=store.public_settings, timeout_s=SOON_S)
    assert run.tree == sample.tree


@rule("IDENT-010")
def test_a_federated_identity_without_a_project(store: GCS, initializer: Fetcher, sample: Sample) -> None:
    """The configuration of the pool names no project, and nobody has set GOOGLE_CLOUD_PROJECT."""
    access = store.identity("federation").without("GOOGLE_CLOUD_PROJECT")
    assert initializer.fetch(sample.uri, access=access).tree == sample.tree


@rule("IDENT-011")
@pytest.mark.parametrize("answers", ["right", "powerless", "refused", "truncated"])
def test_no_token_is_printed(
    store: Store, initializer: Fetcher, sample: Sample, identity: str, answers: Answers
) -> None:
    """Tokens of an identity service and the token file of the pod are credentials too."""
    run = initializer.fetch(sample.uri, access=store.identity(identity, answers), way="private")
    run.assert_secret()
    if answers != "right":
        run.require()
    elif not run.delivered:
        raise NotApplicable("the initializer gets no model by this identity (IDENT-001), so it had no token to print")
    else:
        assert run.tree == sample.tree
