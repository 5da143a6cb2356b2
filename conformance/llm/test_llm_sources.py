"""Where the model of an LLMInferenceService comes from: the pod template that the controller writes for each URI."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.llm import LLM
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import INITIALIZER, MODELS, container
from scenarios.cluster.llm_inference_services import MAIN
from scenarios.reasons import NotOffered

URIS = {"s3": "s3://bucket/model", "hf": "hf://owner/model:main"}
IMAGE = "registry.example/model:1"
SWITCHED_OFF: dict[str, Any] = {"storageInitializer": {"enabled": False}}
GATEWAYS = {"gateway.networking.k8s.io", "inference.networking.k8s.io", "inference.networking.x-k8s.io"}
#: The settings of a model that runs on several nodes.
NODES: dict[str, Any] = {"parallelism": {"data": 2, "dataLocal": 1}, "worker": {"containers": [container(MAIN)]}}


@rule("LLM-001")
@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
def test_one_init_container_downloads_the_model(llm: LLM, uri: str) -> None:
    """The preset is one of the suite, and has only a container."""
    pod = llm.serve(uri)
    assert pod.initializer.args == [uri, MODELS]
    assert pod.init_names == [INITIALIZER]
    assert "command" not in pod.initializer.raw, "the controller replaced the image's entrypoint"


@rule("LLM-001")
def test_the_presets_of_the_installation(llm: LLM) -> None:
    """The namespace has no preset of its own, so those of KServe's namespace apply."""
    assert llm.serve(namespace=llm.api.namespace()).initializer.args == ["s3://bucket/model", MODELS]


@rule("LLM-002")
@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
def test_the_model_server_sees_the_model_read_only(llm: LLM, uri: str) -> None:
    """The initializer writes to an emptyDir, and the model server reads from it."""
    pod = llm.serve(uri)
    written, read = pod.initializer.mounts[MODELS], pod.model_server.mounts[MODELS]
    assert not written.read_only, "the initializer cannot write the model"
    assert read.read_only, "the model server can change the model"
    assert written.volume == read.volume
    assert "emptyDir" in pod.volumes[read.volume]


@rule("LLM-004")
@pytest.mark.parametrize(("uri", "path"), [("pvc://claim", ""), ("pvc://claim/a/b", "a/b")], ids=["root", "path"])
def test_a_claim(llm: LLM, uri: str, path: str) -> None:
    """The model is on a volume of the namespace."""
    pod = llm.serve(uri)
    mount = pod.model_server.mounts[MODELS]
    assert pod.volumes[mount.volume]["persistentVolumeClaim"]["claimName"] == "claim"
    assert (mount.sub_path, mount.read_only) == (path, True)
    assert pod.init_names == []


@rule("LLM-005")
def test_an_image_runs_beside_the_model_server(llm: LLM) -> None:
    """The model server reads through a link into the modelcar's file system."""
    pod = llm.serve(f"oci://{IMAGE}")
    car = pod.container("modelcar")
    assert car.image == pod.container("modelcar-init").image == IMAGE
    assert INITIALIZER not in pod.init_names
    assert pod.spec["shareProcessNamespace"] is True
    assert pod.model_server.environment["MODEL_INIT_MODE"] == "async"
    assert pod.model_server.mounts["/mnt"].volume == car.mounts["/mnt"].volume


@rule("LLM-006")
def test_modelcars_switched_off(llm: LLM, kserve_config: Configuration) -> None:
    """An administrator does not allow modelcars."""
    kserve_config.change(
        storageInitializer={"enableModelcar": False, "ociModelMode": None, "enableOciModelSupport": None}
    )
    llm.assert_words(llm.refusal(f"oci://{IMAGE}"), "modelcar")


@rule("LLM-007")
def test_other_security_settings_stay(llm: LLM, kserve_config: Configuration) -> None:
    """The model server is hardened, as a restricted namespace requires."""
    kserve_config.change(storageInitializer={"uidModelcar": 2020})
    hardened = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    main = container(MAIN, securityContext=hardened)
    security = llm.serve(f"oci://{IMAGE}", template={"containers": [main]}).model_server.security
    assert security == {**hardened, "runAsUser": 2020}


@rule("LLM-008")
def test_an_image_as_a_volume(llm: LLM, admission: Admission) -> None:
    """The kubelet mounts the image, and no container runs for it."""
    admission.needs_image_volumes()
    pod = llm.serve(f"oci+native://{IMAGE}")
    mount = pod.model_server.mounts[MODELS]
    assert pod.volumes[mount.volume]["image"]["reference"] == IMAGE
    assert mount.read_only
    assert pod.init_names == []


@rule("LLM-009")
@pytest.mark.parametrize("scheme", ["ftp", "unknown"])
def test_a_scheme_that_is_not_served(llm: LLM, scheme: str) -> None:
    """No initializer of KServe fetches it."""
    uri = f"{llm.api.scheme() if scheme == 'unknown' else scheme}://host/model"
    llm.assert_words(llm.refusal(uri), uri)


@rule("LLM-010")
def test_refused_at_admission(llm: LLM) -> None:
    """`kubectl apply` shows the mistake at once."""
    service = llm.services.manifest("ftp://host/model")
    where = {"namespace": llm.api.ordinary}
    answer = llm.api.submit({**service, "metadata": {**service["metadata"], **where}})
    assert answer.stored is None, "the API server accepted a service that the controller cannot serve"


@rule("LLM-011")
@pytest.mark.parametrize("uri", ["gs://bucket/model", "https://files.example/model.tar.gz"], ids=["gs", "https"])
def test_what_inference_services_can_use(llm: LLM, uri: str) -> None:
    """The initializer's image has a downloader for it."""
    assert llm.serve(uri).initializer.args == [uri, MODELS]


@rule("LLM-012")
def test_a_uri_without_a_scheme(llm: LLM) -> None:
    """The user gave a bucket and a path."""
    llm.assert_words(llm.refusal("bucket/path"), "bucket/path")


@rule("LLM-013")
@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
def test_without_an_initializer(llm: LLM, uri: str) -> None:
    """The model server itself fetches the model."""
    assert llm.serve(uri, **SWITCHED_OFF).init_names == []


@rule("LLM-014")
def test_a_claim_without_an_initializer(llm: LLM) -> None:
    """A claim needs no download."""
    assert llm.serve("pvc://claim", **SWITCHED_OFF).model_server.mounts[MODELS].read_only


@rule("LLM-014")
def test_an_image_without_an_initializer(llm: LLM) -> None:
    """An image needs no download."""
    assert llm.serve(f"oci://{IMAGE}", **SWITCHED_OFF).container("modelcar").image == IMAGE


@rule("LLM-015")
@pytest.mark.parametrize("role", ["main", "prefill"])
def test_prefill_and_decode(llm: LLM, role: str) -> None:
    """Two Deployments serve one model."""
    pod = llm.serve(role=role, prefill={"replicas": 0})
    assert pod.initializer.args == ["s3://bucket/model", MODELS]
    assert pod.model_server.mounts[MODELS].read_only


@rule("LLM-016")
@pytest.mark.parametrize("role", ["leader", "worker"])
def test_leader_and_workers(llm: LLM, role: str) -> None:
    """Each node has a part of the model in memory, and all files on its disk."""
    pod = llm.serve(role=role, **NODES)
    assert pod.initializer.args == ["s3://bucket/model", MODELS]
    assert pod.model_server.mounts[MODELS].read_only


@rule("LLM-033")
def test_without_a_gateway(llm: LLM) -> None:
    """The suite installs no kind of the Gateway API and of its inference extension."""
    if present := sorted(GATEWAYS & set(llm.services.groups())):
        raise NotOffered(f"this cluster has kinds of {present[0]}")
    assert llm.serve().model_server.name == MAIN


@rule("LLM-034")
@pytest.mark.parametrize("uri", [*URIS.values(), "pvc://claim"], ids=[*URIS, "pvc"])
def test_the_pod_webhook(llm: LLM, admission: Admission, uri: str) -> None:
    """The pod of the template passes KServe's webhook too."""
    template = llm.serve(uri)
    admitted = admission.admitted(template.manifest)
    assert admitted.init_names == template.init_names
    assert admitted.init_names.count(INITIALIZER) <= 1
