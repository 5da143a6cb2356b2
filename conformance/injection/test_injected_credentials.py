"""Credentials: which parts of Secrets and ServiceAccounts reach the initializer, and no other container."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.secrets_in_cluster import AZURE, GOOGLE, S3, SERVING, inject_with, new_account, new_secret
from scenarios.cluster.kubernetes import container, secret


@rule("ICRED-001")
def test_s3_keys_by_reference(admission: Admission) -> None:
    """KServe documents this setup for private buckets."""
    pod, name = inject_with(admission, S3)
    assert pod.initializer.references == {key: (name, key) for key in S3}


@rule("ICRED-002")
def test_only_the_accounts_own_pods(admission: Admission) -> None:
    """The keys exist, but belong to another ServiceAccount."""
    new_account(admission, [new_secret(admission, S3)])
    assert admission.inject().initializer.references == {}


@rule("ICRED-003")
def test_the_model_server_gets_none(admission: Admission) -> None:
    """Model code must not have access to the store."""
    names = [new_secret(admission, S3)]
    google = admission.name("google")
    admission.create(secret(google, {GOOGLE: "{}"}))
    account = new_account(admission, [*names, google])
    pod = admission.inject(
        serviceAccountName=account, containers=[container(), container("transformer-container"), container("other")]
    )
    for one in pod.containers:
        assert one.variables == []
        assert "/var/secrets/" not in one.mounts


@rule("ICRED-004")
def test_the_model_servers_variables_stay(admission: Admission) -> None:
    """The initializer does not get the predictor's token."""
    pod = admission.inject("hf://owner/model", containers=[container(env={"HF_TOKEN": "canary-token"})])
    assert "HF_TOKEN" not in pod.initializer.variables


@rule("ICRED-005")
def test_a_named_secret(admission: Admission) -> None:
    """One model is in another team's bucket."""
    theirs = new_secret(admission, S3)
    google = admission.name("google")
    admission.create(secret(google, {GOOGLE: "{}"}))
    account = new_account(admission, [google])
    pod = admission.inject(annotations=admission.naming(theirs), serviceAccountName=account)
    assert pod.initializer.references == {key: (theirs, key) for key in S3}
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in pod.initializer.variables


@rule("ICRED-040")
def test_the_annotations_key(admission: Admission) -> None:
    """Manifests that follow KServe's documentation work on every installation."""
    assert [*admission.naming("keys")] == [f"{SERVING}/storageSecretName"]


@rule("ICRED-006")
@pytest.mark.parametrize("way", ["listed", "named"])
def test_a_missing_secret(admission: Admission, way: str) -> None:
    """The Secret does not exist yet."""
    name = admission.name("absent")
    if way == "named":
        refusal = admission.refusal(annotations=admission.naming(name))
    else:
        refusal = admission.refusal(serviceAccountName=new_account(admission, [name]))
    admission.assert_words(refusal.replace('\\"', '"'), name, name=name)


@rule("ICRED-007")
def test_a_missing_account(admission: Admission) -> None:
    """serviceAccountName has a typo."""
    name = admission.name("absent")
    assert name in admission.refusal(serviceAccountName=name)


@rule("ICRED-030")
def test_several_secrets(admission: Admission) -> None:
    """One ServiceAccount has Secrets for several stores."""
    kinds = {"s3": S3, "google": {GOOGLE: "{}"}, "azure": AZURE, "hdfs": {"HDFS_NAMENODE": "http://namenode"}}
    names = {kind: admission.name(kind) for kind in kinds}
    admission.create(*[secret(names[kind], data) for kind, data in kinds.items()])
    initializer = admission.inject(serviceAccountName=new_account(admission, [*names.values()])).initializer
    assert {*S3, *AZURE} <= initializer.references.keys()
    assert {"/var/secrets/", "/var/secrets/kserve-hdfscreds"} <= initializer.mounts.keys()
