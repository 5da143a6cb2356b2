"""Injection and download together: the pods of InferenceServices really run, with the inspector as the model server."""

import pytest
from packaging.version import Version

from clusters.images.own import own_image
from conformance import rule
from conformance.api.admission import Admission
from conformance.api.exceptions import RuleViolation
from conformance.api.messages import fault_of, own_words
from conformance.harness.run import Run
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.inference_services import InferenceServices, Served
from scenarios.cluster.kubernetes import storage_container
from scenarios.cluster.waiting import Unsettled
from scenarios.content.models import MODEL, under
from scenarios.initializers.base import DEST
from scenarios.network.view import Gateway
from scenarios.stores.base import Store
from scenarios.stores.oci import OCI

READONLY = "storage.kserve.io/readonly"
#: Container settings that the Pod Security Standard `restricted` requires.
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _end(served: Served) -> str:
    """Return the kubelet's reason for the end of the initializer, or why it did not end."""
    return served.initializer.reason if served.initializer else served.stuck


def _refused(served: Served) -> bool:
    """Return whether the cluster gives a reason why the pod does not serve. Raises Unsettled when it gives none."""
    if served.late:
        raise Unsettled(served.stuck)
    return bool(served.stuck or (served.initializer and served.initializer.exit_code != 0))


def _tree(served: Served, mount: str = DEST) -> dict[str, bytes]:
    """Return the files that the model server sees. Raises RuleViolation when it never started."""
    if served.inspection is None:
        end = served.initializer
        raise RuleViolation(served.stuck or f"the initializer ended with exit code {end.exit_code if end else '?'}")
    found = served.inspection.trees[mount]
    return {path: entry.content for path, entry in found.items() if entry.content is not None}


@pytest.fixture
def model(store: Store) -> str:
    """Return the URI of a model in the test's S3 bucket."""
    store.put(under("model", MODEL))
    return store.uri("model")


@rule("FLOW-001")
def test_a_failed_download_shows_on_the_pod(store: Store, services: InferenceServices, run: Run, model: str) -> None:
    """The model's name has a typo. Users first look at the pod's status."""
    uri = f"{model}-mistyped"
    services.storage_container(uri)
    served = services.serve(uri, predictor=services.admit(store.access()))
    assert served.initializer, f"the initializer did not end: {served.stuck}"
    assert served.initializer.exit_code != 0, "the initializer reported success (exit code 0) for a missing model"
    message = own_words(served.initializer.message, [uri, *store.access().secrets])
    assert not (fault := fault_of(message, "not-found", run.spec)), f"{served.initializer.message}\n{fault}"


@rule("FLOW-002")
def test_a_failed_download_shows_on_the_service(store: Store, services: InferenceServices, model: str) -> None:
    """The author of an InferenceService may have no permission to see pods.

    The test delays the failure: right after the start, KServe also reconciles the service for other reasons. Up to
    0.16, it has none after that.
    """
    uri = f"{model}-mistyped"
    services.storage_container(uri)
    served = services.serve(uri, predictor={**services.admit(store.access()), **services.pause("15s")})
    assert served.initializer, f"the initializer did not end: {served.stuck}"
    told = services.api.until(lambda: bool(services.reported_failure(served)), 60)
    assert told, f"the InferenceService's status does not report it: {services.status(served).get('modelStatus')}"


@rule("FLOW-003")
def test_an_image_that_cannot_be_had(services: InferenceServices, model: str) -> None:
    """The image's name has a typo."""
    image = "conformance.invalid/no-such-initializer:1"
    services.storage_container(model, image=image)
    served = services.serve(model)
    assert "storage-initializer" in served.stuck, served.stuck
    assert image in served.stuck, served.stuck


@rule("FLOW-004")
@pytest.mark.parametrize("limit", ["6Mi", "1Gi"], ids=["too-little", "enough"])
def test_memory_for_the_initializer(store: Store, services: InferenceServices, model: str, limit: str) -> None:
    """Python alone needs more memory than the smaller limit."""
    resources = {"limits": {"memory": limit, "cpu": "1"}, "requests": {"memory": "6Mi", "cpu": "10m"}}
    services.storage_container(model, resources=resources)
    served = services.serve(model, predictor=services.admit(store.access()))
    if limit == "1Gi":
        assert _tree(served) == MODEL
    else:
        # containerd may learn of the kill late, and then reports an error. It reports the next attempt correctly.
        told = services.api.until(lambda: "OOM" in _end(services.reread(served)), 60)
        assert told, f"the status has another reason: {_end(services.reread(served))}"


@rule("FLOW-005")
@pytest.mark.parametrize("mode", ["default", "annotated"])
def test_writing_beside_a_fetched_model(
    store: Store, services: InferenceServices, run: Run, model: str, mode: str
) -> None:
    """Since 0.14 an annotation makes the volume writable. Before 0.14 nothing does."""
    services.storage_container(model)
    annotations = {READONLY: "false"} if mode == "annotated" else {}
    served = services.serve(
        model, annotations=annotations, predictor=services.admit(store.access()), write={"written.txt": "x"}
    )
    assert _tree(served) == MODEL
    assert served.inspection
    errno = served.inspection.writes[DEST]["written.txt"]
    writable = mode == "annotated" and Version(run.kserve) >= Version("0.14")
    assert (errno != "EROFS") if writable else (errno == "EROFS"), f"the write ended with {errno}"


@rule("FLOW-006")
@pytest.mark.parametrize("value", [None, "true", "False", "0"], ids=["default", "true", "False", "0"])
def test_a_claim_is_read_only(services: InferenceServices, value: str | None) -> None:
    """Only the exact value `false` makes the claim writable. Any other value keeps it read-only."""
    claim = services.claim(MODEL)
    annotations = {READONLY: value} if value else {}
    served = services.serve(f"pvc://{claim}", annotations=annotations, write={"written.txt": "x"})
    assert _tree(served) == MODEL
    assert served.inspection
    assert served.inspection.writes[DEST] == {"written.txt": "EROFS"}
    assert services.content(claim) == MODEL


@rule("FLOW-007")
def test_a_writable_claim_keeps_what_was_written(services: InferenceServices) -> None:
    """The model server writes a cache of compiled kernels, for example."""
    claim = services.claim(MODEL)
    served = services.serve(f"pvc://{claim}", annotations={READONLY: "false"}, write={"written.txt": "kept"})
    assert served.inspection, served.stuck
    assert served.inspection.writes[DEST] == {"written.txt": "ok"}
    services.end_pod(served)
    assert services.content(claim) == MODEL | {"written.txt": b"kept"}


@rule("FLOW-008")
@pytest.mark.parametrize("path", ["", "/models/iris"], ids=["root", "path"])
def test_a_claim_shows_its_tree(services: InferenceServices, path: str) -> None:
    """The claim has several models."""
    claim = services.claim(under("models/iris", MODEL) | {"models/other/x.bin": b"x"})
    tree = _tree(services.serve(f"pvc://{claim}{path}"))
    assert tree == (MODEL if path else under("models/iris", MODEL) | {"models/other/x.bin": b"x"})


@rule("FLOW-009")
def test_a_path_that_the_claim_does_not_have(services: InferenceServices) -> None:
    """The path has a typo. With an empty folder, only the model server could detect the error, if at all."""
    served = services.serve(f"pvc://{services.claim(MODEL)}/no-such-model")
    assert _refused(served), f"the model server started with {sorted(_tree(served))}"


@rule("FLOW-010")
def test_a_single_file_of_a_claim(services: InferenceServices) -> None:
    """The documentation mentions only folders, but KServe accepts a single file."""
    served = services.serve(f"pvc://{services.claim({'m/model.joblib': b'joblib'})}/m/model.joblib")
    if _refused(served):
        return
    assert _tree(served) == {"model.joblib": b"joblib"}, "KServe neither delivered the model nor refused the service"


@rule("FLOW-011")
def test_many_pods_read_one_claim(services: InferenceServices) -> None:
    """The second replica starts while the first one serves."""
    served = services.serve(f"pvc://{services.claim(MODEL)}", predictor={"maxReplicas": 2})
    assert _tree(served) == MODEL
    for inspection in services.scale(served, 2):
        assert {path: e.content for path, e in inspection.trees[DEST].items() if e.content is not None} == MODEL


@rule("FLOW-012")
def test_both_ways_to_name_a_claim(services: InferenceServices) -> None:
    """`storageUris` is newer and should do everything that `storageUri` does."""
    uri = f"pvc://{services.claim(under('models/iris', MODEL) | {'models/other/x.bin': b'x'})}/models/iris"
    plural = services.serve(predictor={"storageUris": [{"uri": uri, "mountPath": DEST}]})
    assert _tree(plural) == MODEL


@rule("FLOW-013")
def test_a_restricted_namespace(store: Store, services: InferenceServices, model: str) -> None:
    """The model server complies, so everything that KServe adds to the pod must comply too."""
    namespace = services.api.namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    services.storage_container(model)
    served = services.serve(
        model,
        namespace=namespace,
        model={"securityContext": RESTRICTED | {"runAsUser": 65532}},
        predictor=services.admit(store.access(), namespace),
    )
    assert _tree(served) == MODEL


@rule("FLOW-014")
def test_any_user_may_run_the_initializer(store: Store, services: InferenceServices, model: str) -> None:
    """OpenShift assigns each namespace its own range of user IDs."""
    services.storage_container(model)
    anybody = {"securityContext": {"runAsUser": 1000720000, "runAsGroup": 0, "fsGroup": 1000720000}}
    assert _tree(services.serve(model, predictor={**services.admit(store.access()), **anybody})) == MODEL


@rule("FLOW-015")
def test_a_custom_container_brings_its_own_scheme(services: InferenceServices, admission: Admission) -> None:
    """The scheme works from the container's installation until its removal."""
    uri = f"greeting://{services.api.token}"
    container = services.storage_container(uri, image=services.greeter)
    served = services.serve(uri)
    assert served.image == services.greeter
    assert _tree(served) == {"greeting.txt": services.api.token.encode()}
    services.api.remove(storage_container(container, []))
    assert "greeting://" in admission.service_refusal(uri), "KServe still accepts the scheme"


@rule("FLOW-016")
def test_a_new_image_reaches_new_pods_only(services: InferenceServices) -> None:
    """An operator upgrades the initializer and rolls back."""
    uri, next_image = f"greeting://{services.api.token}", "conformance.invalid/next:1"
    container = services.storage_container(uri, image=services.greeter)
    served = services.serve(uri)
    assert served.image == services.greeter
    services.change_image(container, next_image)
    assert services.reread(served).image == services.greeter, "KServe changed the running pod"
    newer = services.replace_pod(served)
    assert newer.image == next_image
    services.change_image(container, services.greeter)
    assert _tree(services.replace_pod(newer)) == {"greeting.txt": services.api.token.encode()}


@rule("FLOW-017")
def test_the_ca_bundle_of_the_cluster(
    store: Store, services: InferenceServices, model: str, kserve_config: Configuration, gateway: Gateway
) -> None:
    """The company's MinIO has a certificate from the company's own authority."""
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "conformance-ca"})
    bundle = {"cabundle.crt": gateway.ca.read_text()}
    services.api.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conformance-ca"}, "data": bundle},
        namespace=services.api.system,
    )
    services.storage_container(model)
    endpoint = store.access().environment["AWS_ENDPOINT_URL"].replace("http://", "https://")
    access = store.access().plus(AWS_ENDPOINT_URL=endpoint, S3_USE_HTTPS="1")
    assert _tree(services.serve(model, predictor=services.admit(access))) == MODEL


@rule("FLOW-018")
def test_a_storage_secret_by_key_and_path(
    store: Store, services: InferenceServices, model: str, kserve_config: Configuration
) -> None:
    """The service uses `storage.key` and `path` instead of a URI.

    No ClusterStorageContainer matches without a URI: another initializer runs only if KServe's ConfigMap names it.
    """
    kserve_config.change(storageInitializer={"image": services.image})
    known = store.access().environment
    config = {
        "type": "s3",
        "bucket": model.split("/")[2],
        "access_key_id": known["AWS_ACCESS_KEY_ID"],
        "secret_access_key": known["AWS_SECRET_ACCESS_KEY"],
        "endpoint_url": known["AWS_ENDPOINT_URL"],
        "region": known["AWS_DEFAULT_REGION"],
    }
    services.storage_secret("mine", config)
    served = services.serve(model={"storage": {"key": "mine", "path": "model"}})
    assert _tree(served) == MODEL


@rule("FLOW-019")
def test_a_namespace_that_is_left_alone(store: Store, services: InferenceServices, model: str) -> None:
    """The oldest bug report: without an init container and a model, the pod is in a crash loop."""
    namespace = services.api.namespace({"control-plane": "something"})
    services.storage_container(model)
    served = services.serve(model, namespace=namespace, predictor=services.admit(store.access(), namespace))
    assert not served.injected, "the webhook ignored the namespace's label control-plane"
    assert _tree(served) == {}


@rule("FLOW-020")
def test_a_missing_secret_is_named(services: InferenceServices, model: str) -> None:
    """The Secret is missing or in another namespace."""
    account = services.api.name("account")
    services.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account},
                              "secrets": [{"name": "forgotten"}]})  # fmt: skip
    served = services.serve(model, predictor={"serviceAccountName": account})
    assert served.pod is None, "KServe created a pod without the Secret"
    assert "forgotten" in served.stuck, served.stuck


@rule("FLOW-021")
def test_a_new_pod_finds_the_model_again(store: Store, services: InferenceServices, model: str) -> None:
    """A node was drained, so a new pod starts."""
    services.storage_container(model)
    served = services.serve(model, predictor=services.admit(store.access()))
    assert _tree(served) == MODEL
    assert _tree(services.replace_pod(served)) == MODEL


@rule("FLOW-022")
def test_two_writers_on_one_claim(services: InferenceServices) -> None:
    """KServe does not lock claims. The writers use different file names."""
    claim = services.claim(MODEL)
    for name in ("first.txt", "second.txt"):
        served = services.serve(f"pvc://{claim}", annotations={READONLY: "false"}, write={name: name})
        assert _tree(served).items() >= MODEL.items()
        assert served.inspection
        assert served.inspection.writes[DEST] == {name: "ok"}
    assert services.content(claim) == MODEL | {"first.txt": b"first.txt", "second.txt": b"second.txt"}


@rule("FLOW-023")
def test_a_model_in_an_image(services: InferenceServices, kserve_config: Configuration) -> None:
    """The node already has the image. A link shows the model server where its model is."""
    image = services.modelcar
    if not kserve_config.section("storageInitializer").get("enableModelcar"):
        # As KServe documents: both containers need the same user, because /proc otherwise hides one from the other.
        kserve_config.change(storageInitializer={"enableModelcar": True, "uidModelcar": 1010})
    assert _tree(services.serve(f"oci://{image}")) == MODEL


@rule("FLOW-024")
@pytest.mark.parametrize("secret", [True, False], ids=["with-secret", "without"])
def test_an_initializer_from_a_private_registry(services: InferenceServices, registry: OCI, *, secret: bool) -> None:
    """A company or vendor runs the registry, and the node has never pulled the image."""
    image = registry.put_image("greeter", own_image("greeter"))
    uri = f"greeting://{services.api.token}"
    services.storage_container(uri, image=image)
    served = services.serve(uri, predictor=services.pull_secret(registry.login_on_nodes()) if secret else {})
    if secret:
        assert _tree(served) == {"greeting.txt": services.api.token.encode()}
    else:
        assert image in served.stuck, f"the node neither pulled the image nor reported an error: {served.stuck}"
