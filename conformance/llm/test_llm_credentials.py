"""Credentials and certificates of LLMInferenceServices: what reaches the initializer that the controller writes."""

from __future__ import annotations

import json

import pytest
from lightkube.resources.core_v1 import ServiceAccount

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.llm import LLM, TemplatePod
from conformance.api.secrets_in_cluster import S3, new_account, new_secret
from conformance.llm.test_llm_sources import NODES
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import secret

BUNDLE = "global-ca-bundle"
MOUNT = "/etc/ssl/custom-certs"
#: Seconds after which a controller has ignored what it does not act on.
SILENT_S = 10.0


@rule("LLM-017")
def test_keys_by_reference(llm: LLM, admission: Admission) -> None:
    """KServe documents this setup for private buckets."""
    name = new_secret(admission, S3)
    pod = llm.serve(template={"serviceAccountName": new_account(admission, [name])})
    assert pod.initializer.references == {key: (name, key) for key in S3}
    assert not [value for value in S3.values() if value in json.dumps(pod.manifest)]
    assert not set(S3) & set(pod.model_server.variables)


@rule("LLM-018")
@pytest.mark.parametrize("role", ["main", "leader", "worker"])
def test_the_default_account(llm: LLM, admission: Admission, role: str) -> None:
    """The namespace's administrator gave its pods access to the bucket."""
    namespace, name = llm.services.namespace(), admission.name("keys")
    admission.create(secret(name, S3), namespace=namespace)
    llm.api.client.patch(ServiceAccount, "default", {"secrets": [{"name": name}]}, namespace=namespace)
    service = llm.create(namespace=namespace, **(NODES if role != "main" else {}))
    llm.template(service, role)  # on a busy cluster, the template alone can take longer than SILENT_S
    pod = llm.template(service, role, contains=name, within_s=SILENT_S)
    assert pod.initializer.references == {key: (name, key) for key in S3}


@rule("LLM-019")
def test_a_named_secret(llm: LLM, admission: Admission) -> None:
    """One model is in another team's bucket."""
    account, theirs = new_account(admission, [new_secret(admission, S3)]), admission.name("theirs")
    admission.create(secret(theirs, S3))
    pod = llm.serve(annotations=admission.naming(theirs), template={"serviceAccountName": account})
    assert pod.initializer.references == {key: (theirs, key) for key in S3}


@rule("LLM-020")
@pytest.mark.parametrize("missing", ["account", "secret"])
def test_what_is_missing_is_named(llm: LLM, admission: Admission, missing: str) -> None:
    """A name has a typo."""
    name = admission.name("absent")
    account = name if missing == "account" else new_account(admission, [name])
    llm.assert_words(llm.refusal(template={"serviceAccountName": account}), name)


@pytest.fixture
def bundle(admission: Admission, kserve_config: Configuration) -> None:
    """Give KServe a CA bundle for all namespaces."""
    content = {"cabundle.crt": "-----BEGIN CERTIFICATE-----"}
    bundle = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "our-authorities"}, "data": content}
    admission.create(bundle, namespace=admission.api.system)
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "our-authorities"})


def _assert_bundle(pod: TemplatePod) -> None:
    mount = pod.initializer.mounts[MOUNT]
    assert pod.volumes[mount.volume]["configMap"]["name"] == BUNDLE
    assert mount.read_only
    told = {"CA_BUNDLE_CONFIGMAP_NAME": BUNDLE, "CA_BUNDLE_VOLUME_MOUNT_POINT": MOUNT}
    assert told.items() <= pod.initializer.environment.items()


@rule("LLM-027")
@pytest.mark.usefixtures("bundle")
def test_the_bundle_for_s3(llm: LLM) -> None:
    """The bucket has a certificate of the company's own authority."""
    _assert_bundle(llm.serve(within_s=SILENT_S))


@rule("LLM-028")
@pytest.mark.usefixtures("bundle")
def test_the_bundle_for_the_hub(llm: LLM) -> None:
    """A proxy with a certificate of the company's own authority is between the pods and the Hub."""
    _assert_bundle(llm.serve("hf://owner/model", within_s=SILENT_S))


@rule("LLM-029")
@pytest.mark.usefixtures("bundle")
def test_the_bundle_in_the_namespace(llm: LLM) -> None:
    """A pod cannot mount a ConfigMap of another namespace."""
    llm.serve(namespace=(namespace := llm.services.namespace()), within_s=SILENT_S)
    assert llm.services.bundle(BUNDLE, namespace), f"namespace {namespace} has no ConfigMap {BUNDLE}"
