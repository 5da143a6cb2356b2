"""Credentials for Google, Azure, web servers, HDFS and Hugging Face: from the Secret to the initializer."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.pod import Container, InjectedPod
from conformance.api.secrets_in_cluster import AZURE, GOOGLE, inject_with, new_account, new_secret
from scenarios.cluster.configuration import Configuration


def _has_google_key(pod: InjectedPod, name: str, file: str) -> bool:
    mount = pod.initializer.mounts["/var/secrets/"]
    named = pod.initializer.environment["GOOGLE_APPLICATION_CREDENTIALS"]
    return (
        mount.read_only
        and pod.volumes[mount.volume]["secret"]["secretName"] == name
        and named == f"/var/secrets/{file}"
    )


@rule("ICRED-020")
def test_a_google_key_file(admission: Admission) -> None:
    """The Secret has the key of a Google service account."""
    assert _has_google_key(*inject_with(admission, {GOOGLE: "canary-key-file"}), GOOGLE)


@rule("ICRED-021")
def test_the_google_files_name(admission: Admission, kserve_config: Configuration) -> None:
    """Another tool creates the Secret."""
    kserve_config.change(credentials={"gcs": {"gcsCredentialFileName": "sa.json"}})
    assert _has_google_key(*inject_with(admission, {"sa.json": "canary-key-file"}), "sa.json")


@rule("ICRED-022")
def test_a_secret_that_is_not_understood(admission: Admission) -> None:
    """The file has the name that Google's console gave it. If KServe ignores it, the bucket later refuses access."""
    name = new_secret(admission, {"key.json": "{}"})
    assert name in admission.refusal("gs://bucket/model", serviceAccountName=new_account(admission, [name]))


@rule("ICRED-023")
@pytest.mark.parametrize("prefix", ["AZURE", "AZ"], ids=["azure", "legacy"])
def test_an_azure_principal(admission: Admission, prefix: str) -> None:
    """The Secret uses the current key names or those of the first releases."""
    data = {key.replace("AZURE", prefix): value for key, value in AZURE.items()}
    pod, name = inject_with(admission, data)
    assert pod.initializer.references == {key: (name, key.replace("AZURE", prefix)) for key in AZURE}


@rule("ICRED-024")
def test_an_azure_access_key(admission: Admission) -> None:
    """The Secret has the access key of the storage account."""
    pod, name = inject_with(admission, {"AZURE_STORAGE_ACCESS_KEY": "canary-key"})
    assert pod.initializer.references == {"AZURE_STORAGE_ACCESS_KEY": (name, "AZURE_STORAGE_ACCESS_KEY")}


def _missing(initializer: Container, data: Mapping[str, str]) -> set[str]:
    """Return required keys that the initializer references but the Secret lacks. Without them the pod cannot start."""
    references = [one["valueFrom"]["secretKeyRef"] for one in initializer.raw.get("env", ()) if one.get("valueFrom")]
    return {one["key"] for one in references if not one.get("optional")} - set(data)


@rule("ICRED-025")
def test_a_workload_identity(admission: Admission) -> None:
    """The cluster provides the identity, so there is no secret."""
    data = {key: value for key, value in AZURE.items() if key != "AZURE_CLIENT_SECRET"}
    pod, _ = inject_with(admission, data)
    assert _missing(pod.initializer, data) == set()


HEADERS = {"https-host": "files.example", "headers": '{"Authorization": "canary-bearer"}'}


@rule("ICRED-026")
def test_headers_do_not_stand_in_the_pod(admission: Admission) -> None:
    """The Secret has a bearer token for a file server. Anyone who can read pods could read it."""
    name = new_secret(admission, HEADERS)
    pod = admission.inject(serviceAccountName=new_account(admission, [name]))
    assert "canary-bearer" not in json.dumps(pod.spec), "the pod contains the headers"
    assert pod.initializer.references["files.example-headers"] == (name, "headers")


@rule("ICRED-027")
def test_headers_reach_the_initializer(admission: Admission) -> None:
    """The headers may reach the initializer in any way."""
    name = new_secret(admission, HEADERS)
    pod = admission.inject(serviceAccountName=new_account(admission, [name]))
    assert "files.example-headers" in pod.initializer.variables


@rule("ICRED-028")
def test_the_hdfs_secret(admission: Admission) -> None:
    """The name node, the user and the certificates arrive as files."""
    pod, name = inject_with(admission, {"HDFS_NAMENODE": "https://namenode:9870", "TLS_KEY": "canary-key"})
    mount = pod.initializer.mounts["/var/secrets/kserve-hdfscreds"]
    assert mount.read_only
    assert pod.volumes[mount.volume]["secret"]["secretName"] == name


@rule("ICRED-029")
def test_the_hubs_token(admission: Admission) -> None:
    """The model is gated."""
    pod, name = inject_with(admission, {"HF_TOKEN": "canary-token"})
    assert pod.initializer.references["HF_TOKEN"] == (name, "HF_TOKEN")
