"""Mutants of the containers that the webhook adds, and of existing containers."""

from __future__ import annotations

from scenarios.cluster.kubernetes import INTERNAL, MODEL_SERVER, Object
from tests.webhook_mutants.parts import (
    annotation,
    download,
    env,
    init_containers,
    initializers,
    inject,
    label,
    named,
    security,
    servers,
    source,
    strip,
    volumes,
)
from tests.webhook_mutants.seams import pods

UID = "serving.kserve.io/storage-initializer-uid"
MESH = "sidecar.istio.io/status"


@pods(
    "INJECT-001", "INJECT-003[model]", "NS-001", "NS-007", "CSC-001", "MODELCAR-009",
    "ISVC-005", "URIS-001", "URIS-003", "URIS-014",
)  # fmt: skip
def injects_nothing(pod: Object) -> None:
    """The init container is missing from what was admitted."""
    strip(pod)


@pods("INJECT-001[s3]", "INJECT-006", "INJECT-007", "NS-001", "NS-003")
def injects_twice(pod: Object) -> None:
    """There are two init containers that download."""
    init_containers(pod).append(download(pod))


@pods("INJECT-001[s3]")
def replaces_the_entrypoint(pod: Object) -> None:
    """The initializer gets a command, so that the image's own entrypoint is not run."""
    initializers(pod)[0]["command"] = ["/storage-initializer/scripts/initializer-entrypoint"]


@pods(
    "INJECT-001[s3]", "NS-007", "PVC-002", "CSC-001", "CSC-016", "ICRED-031", "ICRED-033", "ICRED-036",
    "MODELCAR-009", "ISVC-003", "ISVC-005", "URIS-001", "URIS-003", "URIS-004", "URIS-006[s3]", "URIS-014",
)  # fmt: skip
def swaps_the_arguments(pod: Object) -> None:
    """The path comes before the URI."""
    for one in initializers(pod):
        one["args"] = one["args"][::-1]


@pods("URIS-001", "URIS-006[hf]")
def fetches_the_first_only(pod: Object) -> None:
    """Of several URIs only the first is handed to the initializer."""
    for one in initializers(pod):
        one["args"] = one["args"][:2]


@pods("INJECT-003[no-label]", "INJECT-003[other-label]")
def touches_every_pod(pod: Object) -> None:
    """Pods that belong to no InferenceService are injected too."""
    inject(pod)


@pods("INJECT-003[no-such-service]", "INJECT-003[]")
def the_labels_value_counts(pod: Object) -> None:
    """Only pods of a service of a certain name are injected."""
    if label(pod) != "model":
        strip(pod)


@pods("INJECT-004")
def downloads_without_a_source(pod: Object) -> None:
    """A pod without a source gets an init container with an empty URI."""
    if not source(pod):
        inject(pod)


@pods("INJECT-003[no-label]", "INJECT-004", "PVC-001", "PVC-007", "CACHE-003")
def leaves_an_empty_volume(pod: Object) -> None:
    """The volume for the download is there, although nothing is downloaded."""
    volumes(pod).append({"name": "kserve-provision-location", "emptyDir": {}})


@pods(
    "INJECT-005", "NS-002", "PVC-001", "PVC-002", "PVC-003[false]", "CACHE-003", "MODELCAR-001", "MODELCAR-011"
)  # fmt: skip
def downloads_always(pod: Object) -> None:
    """Whatever the URI, the annotations and the namespace, there is an init container that downloads."""
    if source(pod):
        inject(pod)


@pods("INJECT-005[false]", "INJECT-005[]")
def the_agent_must_be_true(pod: Object) -> None:
    """The agent takes over only where its annotation says `true`."""
    if annotation(pod, f"{INTERNAL}/agent") != "true":
        inject(pod)


@pods("INJECT-006")
def replaces_its_namesake(pod: Object) -> None:
    """An init container that the pod brought is overwritten."""
    for one in initializers(pod):
        one.update(download(pod))


@pods("INJECT-007")
def comes_first(pod: Object) -> None:
    """The download comes before the init containers that the pod brought."""
    init_containers(pod).reverse()


@pods("INJECT-007")
def sorts_init_containers(pod: Object) -> None:
    """The pod's own init containers change their places."""
    own = init_containers(pod)
    own[0], own[1] = own[1], own[0]


@pods("INJECT-011", "CSC-004")
def last_words_are_lost(pod: Object) -> None:
    """The initializer has Kubernetes' own terminationMessagePolicy."""
    for one in initializers(pod):
        one["terminationMessagePolicy"] = "File"


@pods("INJECT-016")
def the_servers_arguments_are_lost(pod: Object) -> None:
    """The model server is started without its arguments."""
    named(pod, MODEL_SERVER)[0].pop("args")


@pods("INJECT-016")
def the_server_gets_resources(pod: Object) -> None:
    """The model server gets the initializer's requests and limits."""
    named(pod, MODEL_SERVER)[0]["resources"] = initializers(pod)[0]["resources"]


@pods("INJECT-017", "INJECT-019", "INJECT-021")
def the_user_is_not_set(pod: Object) -> None:
    """The initializer runs as the user of its image."""
    for one in initializers(pod):
        security(one).pop("runAsUser", None)


@pods("INJECT-017[server-has-user]", "INJECT-023")
def takes_over_security(pod: Object) -> None:
    """The initializer gets the securityContext of the model server."""
    for one in initializers(pod):
        one["securityContext"] = {**security(one), **security(named(pod, MODEL_SERVER)[0])}


@pods("INJECT-018")
def no_number_is_root(pod: Object) -> None:
    """A user that is no number becomes user 0."""
    if not (annotation(pod, UID) or "").isdigit():
        security(initializers(pod)[0])["runAsUser"] = 0


@pods("INJECT-019[sidecar-has-user]")
def every_sidecar_is_1337(pod: Object) -> None:
    """The sidecar's own user is not looked at."""
    security(initializers(pod)[0])["runAsUser"] = 1337


@pods("INJECT-020")
def every_mesh_redirects(pod: Object) -> None:
    """Whatever Istio's annotations say, the initializer runs as its sidecar would."""
    if annotation(pod, MESH):
        security(initializers(pod)[0]).setdefault("runAsUser", 1337)


@pods("INJECT-027")
def pull_secrets_are_lost(pod: Object) -> None:
    """The pod has no imagePullSecrets any more."""
    pod["spec"].pop("imagePullSecrets")


@pods("INJECT-027")
def pull_secrets_are_kserves(pod: Object) -> None:
    """The pod's imagePullSecrets give way to one of KServe's."""
    pod["spec"]["imagePullSecrets"] = [{"name": "kserve-registry"}]


@pods("INJECT-008", "MODELCAR-010", "CSC-007")
def injects_again(pod: Object) -> None:
    """Each time that the webhook sees a pod, it adds something more."""
    for one in servers(pod):
        env(one).append({"name": "SEEN", "value": str(len(env(one)))})
