"""How KServe's controller handles the URI of an InferenceService, before it creates a pod."""

from __future__ import annotations

import json

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.injection.test_injection import URIS
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import MODELS, SOURCE_URI, container, serving_runtime

KNOWN = {**{name: URIS[name] for name in ("s3", "gcs", "azure", "https", "hdfs")}} | {
    "webhdfs": "webhdfs://model/dir",
    "http": "http://files.example/model.bin",
    "azure-files": "https://account.file.core.windows.net/share/model",
    "pvc": "pvc://claim/model",
    "file": "file:///srv/model",
}


@rule("ISVC-001")
@pytest.mark.parametrize("uri", ["model-registry://iris/v1", "ftp://host/model"], ids=["registry", "ftp"])
def test_an_unknown_scheme(admission: Admission, uri: str) -> None:
    """No storage container declares the scheme."""
    admission.assert_words(admission.service_refusal(uri), uri, "supported", uri=uri)


@rule("ISVC-002")
@pytest.mark.parametrize("uri", KNOWN.values(), ids=KNOWN)
def test_known_schemes(admission: Admission, uri: str) -> None:
    """The service leads to an admitted pod."""
    assert admission.serve(uri).manifest["metadata"]["annotations"][SOURCE_URI] == uri


@rule("ISVC-003")
def test_the_hub(admission: Admission, kserve_config: Configuration) -> None:
    """The URI has a Hugging Face model and revision. In 0.14, only the default storage container knows the scheme."""
    kserve_config.switch("default", disabled=False)
    assert admission.serve("hf://owner/model:main").initializer.args[0] == "hf://owner/model:main"


@rule("ISVC-004")
def test_images(admission: Admission) -> None:
    """The controller accepts an image. This test does not judge the pod."""
    uri = "oci://registry.example/model:1"
    assert admission.serve(uri).manifest["metadata"]["annotations"][SOURCE_URI] == uri


@rule("ISVC-005")
def test_without_a_scheme(admission: Admission) -> None:
    """The user gave a bucket name instead of a URI."""
    assert admission.serve("bucket/bucket/path").initializer.args == ["bucket/bucket/path", MODELS]


@rule("ISVC-006")
def test_a_transformer_with_a_uri(admission: Admission) -> None:
    """The pod has one model."""
    transformer = container("transformer-container", env={"STORAGE_URI": "s3://bucket/other"})
    refusal = admission.service_refusal("s3://bucket/model", predictor={"containers": [transformer]})
    admission.assert_words(refusal, "transformer")


@rule("ISVC-007")
def test_a_confidential_model_without_a_uri(admission: Admission) -> None:
    """Without a URI there is nothing to decrypt."""
    admission.assert_words(admission.service_refusal(confidential={"enabled": True}), "storageUri")


@rule("ISVC-008")
@pytest.mark.parametrize("uri", ["s3://bucket/model", "hf://owner/model"], ids=["s3", "hf"])
def test_a_model_over_several_nodes(admission: Admission, uri: str) -> None:
    """Each node needs the same files."""
    name = admission.name("multinode")
    worker = {"pipelineParallelSize": 2, "tensorParallelSize": 1, "containers": [container("worker-container")]}
    admission.create(serving_runtime(name, workerSpec=worker))
    refusal = admission.service_refusal(uri, predictor={"workerSpec": {}}, runtime=name)
    admission.assert_words(refusal, "Multinode")


@rule("ISVC-009")
def test_a_refused_service_says_so(admission: Admission) -> None:
    """Users look at the service's status, not at the controller's events."""
    admission.service_refusal("ftp://host/model", until_status="is not supported")
    conditions = json.loads(admission.api.last_status).get("conditions", [])
    false = [condition.get("message", "") for condition in conditions if condition["status"] == "False"]
    assert any("is not supported" in message for message in false), f"no False condition names the cause: {false}"
