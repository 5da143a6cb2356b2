"""Mutants of refusals: which requests the webhook rejects, and with which message."""

from __future__ import annotations

from dataclasses import replace

from scenarios.cluster import kubernetes
from scenarios.cluster.admission import Answer
from scenarios.cluster.kubernetes import SOURCE_URI
from tests.webhook_mutants.seams import answers, manifests, refusals, services, statuses

REFUSED_PODS = (
    "INJECT-014", "NS-006", "PVC-010", "CSC-011", "CSC-013", "CFG-005[word-cpuLimit]", "CFG-006", "CFG-008",
    "ICRED-006", "ICRED-007", "ICRED-013", "ICRED-022", "ICRED-034", "CACHE-004", "MODELCAR-013", "AGENT-007",
)  # fmt: skip
REFUSED_SERVICES = (
    "ICRED-039", "ISVC-001[ftp]", "ISVC-006", "ISVC-007", "ISVC-008[s3]", "URIS-007[declared]", "URIS-008[root]",
    "URIS-008[dots]", "URIS-009", "URIS-010", "URIS-016[shared-parent]", "FLOW-015", "NODES-005",
)  # fmt: skip


@answers(*REFUSED_PODS)
def admits_every_pod(answer: Answer) -> Answer:
    """A pod that is to be refused is stored as it was sent."""
    return answer if answer.stored is not None else replace(answer, stored=answer.sent, refusal="")


@services(*REFUSED_SERVICES)
def admits_every_service(answer: Answer) -> Answer:
    """A service that is to be refused gets a pod like any other."""
    if answer.stored is not None:
        return answer
    namespace = answer.sent["metadata"]["namespace"]
    pod = kubernetes.pod(
        "s3://bucket/model", namespace=namespace, annotations={}, labels=None, containers=[kubernetes.container()]
    )
    return replace(answer, stored=pod, refusal="")


@manifests("CSC-014")
def admits_every_manifest(answer: Answer) -> Answer:
    """A storage container in a shape that means nothing is stored."""
    return replace(answer, stored=answer.sent, refusal="")


@refusals(*REFUSED_PODS, *(one for one in REFUSED_SERVICES if one != "ISVC-001[ftp]"), "ISVC-001")
def refuses_without_a_reason(_refusal: str) -> str:
    """A refusal that says nothing of what is wrong."""
    return "Internal error occurred: the request was denied"


@answers("INJECT-022")
def crashes_at_the_mesh(answer: Answer) -> Answer:
    """The webhook ends in a panic where it does not understand an annotation."""
    return replace(answer, stored=None, refusal="panic: interface conversion: interface {} is float64 [recovered]")


@answers(
    "INJECT-018", "NS-005", "CSC-004", "CSC-006", "CFG-007", "ICRED-025", "CSC-007", "ISVC-002[gcs]"
)  # fmt: skip
def refuses_every_pod(answer: Answer) -> Answer:
    """No pod is admitted any more."""
    return replace(answer, stored=None, refusal='pods "model-predictor-x" is forbidden: violates PodSecurity')


@services("ISVC-002[https]", "ISVC-003", "ISVC-004", "ISVC-005", "URIS-003", "URIS-006[gs]")
def refuses_every_service(answer: Answer) -> Answer:
    """No service gets a Deployment any more."""
    return replace(answer, stored=None, refusal="StorageURI not supported")


@services("ISVC-002[pvc]", "ISVC-004", "NS-007")
def the_controller_rewrites_the_uri(answer: Answer) -> Answer:
    """The pod template has another source than the service."""
    if answer.stored is not None:
        answer.stored["metadata"]["annotations"][SOURCE_URI] += "/"
    return answer


@statuses("ISVC-009")
def the_status_is_silent(_status: str) -> str:
    """Nothing of a refusal stands in the status of the service."""
    return '{"conditions": []}'
