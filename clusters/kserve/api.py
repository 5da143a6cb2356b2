"""Read and write Kubernetes objects of any kind through the API server, as plain manifests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeAlias

import httpx
from lightkube import ApiError, Client
from lightkube.generic_resource import GenericGlobalResource, GenericNamespacedResource, create_api_info
from lightkube.types import PatchType

from clusters.kserve.adaptations import NAMESPACE, Object
from clusters.kserve.releases import NoKServe

#: lightkube's class for the objects of one kind.
Kind: TypeAlias = Any

#: Kind -> API group, version, plural, namespaced; every kind that an installation of KServe contains.
_KINDS = {
    "ClusterRole": ("rbac.authorization.k8s.io", "v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", False),
    "ClusterServingRuntime": ("serving.kserve.io", "v1alpha1", "clusterservingruntimes", False),
    "ClusterStorageContainer": ("serving.kserve.io", "v1alpha1", "clusterstoragecontainers", False),
    "ConfigMap": ("", "v1", "configmaps", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io", "v1", "customresourcedefinitions", False),
    "DaemonSet": ("apps", "v1", "daemonsets", True),
    "Deployment": ("apps", "v1", "deployments", True),
    "LLMInferenceServiceConfig": ("serving.kserve.io", "v1alpha1", "llminferenceserviceconfigs", True),
    "LocalModelCache": ("serving.kserve.io", "v1alpha1", "localmodelcaches", False),
    "LocalModelNode": ("serving.kserve.io", "v1alpha1", "localmodelnodes", False),
    "LocalModelNodeGroup": ("serving.kserve.io", "v1alpha1", "localmodelnodegroups", False),
    "MutatingWebhookConfiguration": ("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", False),
    "Namespace": ("", "v1", "namespaces", False),
    "Pod": ("", "v1", "pods", True),
    "Role": ("rbac.authorization.k8s.io", "v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io", "v1", "rolebindings", True),
    "Secret": ("", "v1", "secrets", True),
    "Service": ("", "v1", "services", True),
    "ServiceAccount": ("", "v1", "serviceaccounts", True),
    "ValidatingWebhookConfiguration": ("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", False),
}
_AT_ONCE = 8
_ASK_AGAIN_S = 0.1
_LISTED_WITHIN_S = 30


@cache
def resource(group: str, version: str, kind: str, plural: str, namespaced: bool) -> Kind:
    """Return a lightkube class for a kind, with all fields. It is not registered, so it replaces no other class."""
    base = GenericNamespacedResource if namespaced else GenericGlobalResource
    return type(kind, (base,), {"_api_info": create_api_info(group, version, kind, plural)})


def of_kind(kind: str) -> Kind:
    """Return the lightkube class for a kind that an installation contains."""
    return resource(kind=kind, **dict(zip(("group", "version", "plural", "namespaced"), _KINDS[kind], strict=True)))


def kind_of(definition: Object) -> Kind:
    """Return the kind that a CustomResourceDefinition defines, in the version that is stored."""
    spec = definition["spec"]
    version = next(one["name"] for one in spec["versions"] if one["storage"])
    names = spec["names"]
    return resource(spec["group"], version, names["kind"], names["plural"], spec["scope"] == "Namespaced")


def objects_of(client: Client, definition: Object) -> tuple[Kind, list[Object]]:
    """Return the kind that a CustomResourceDefinition defines, and its objects.

    Raises HTTPStatusError if the API server does not serve the kind.
    """
    spec, kind = definition["spec"], kind_of(definition)
    found: list[Object] = []

    def state() -> str:
        try:
            found[:] = client.list(kind, namespace="*" if spec["scope"] == "Namespaced" else None)
        except ApiError as refusal:
            # "storage is (re)initializing": the definition of the kind has just changed.
            if refusal.status.code != httpx.codes.TOO_MANY_REQUESTS:
                raise
            return str(refusal.status.message)
        return ""

    until(state, _LISTED_WITHIN_S, f"the {spec['names']['plural']} are listed")
    return kind, found


def apply(client: Client, objects: Iterable[Object]) -> None:
    """Apply the objects in parallel, on the server: the largest CRDs exceed the annotation of client-side apply."""

    def one(wanted: Object) -> None:
        group, _, plural, namespaced = _KINDS[wanted["kind"]]
        version = wanted["apiVersion"].rpartition("/")[2]
        kind = resource(group, version, wanted["kind"], plural, namespaced)
        namespace = wanted["metadata"].get("namespace", NAMESPACE) if namespaced else None
        name = wanted["metadata"]["name"]
        client.patch(kind, name, wanted, namespace=namespace, patch_type=PatchType.APPLY, force=True)

    in_parallel(one, objects)


def remove(client: Client, kind: Kind, found: Iterable[Object]) -> None:
    """Delete the objects in parallel, and remove their finalizers, because no controller is left to handle them."""

    def one(object_: Object) -> None:
        metadata = object_["metadata"]
        name, namespace = metadata["name"], metadata.get("namespace")
        with absent_is_fine():
            # The API server rejects a second deletion of a namespace.
            if not metadata.get("deletionTimestamp"):
                client.delete(kind, name, namespace=namespace)
            # After the deletion, because a controller that still runs adds its finalizer again until then.
            if metadata.get("finalizers") and kind is not of_kind("CustomResourceDefinition"):
                none = {"metadata": {"finalizers": None}}
                client.patch(kind, name, none, namespace=namespace, patch_type=PatchType.MERGE)

    in_parallel(one, found)


def in_parallel(work: Callable[[Object], None], objects: Iterable[Object]) -> None:
    """Call `work` with each object in parallel; raise the first failure."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for done in [threads.submit(work, one) for one in objects]:
            done.result()


def conditions(one: Object, status: str) -> dict[str, str]:
    """Return the conditions that have this status, as a map from type to message."""
    found = one.get("status", {}).get("conditions") or []
    return {each["type"]: each.get("message", "") for each in found if each["status"] == status}


@contextlib.contextmanager
def absent_is_fine() -> Iterator[None]:
    """Ignore a missing object or kind. For a missing kind, the API server answers in plain text."""
    try:
        yield
    except httpx.HTTPStatusError as refusal:
        if refusal.response.status_code != httpx.codes.NOT_FOUND:
            raise


def until(state: Callable[[], str], within_s: float, what: str, explain: Callable[[], str] = str) -> None:
    """Call `state` until it returns "".

    After `within_s` seconds, raise NoKServe with the last state and the result of `explain`.
    """
    deadline = time.monotonic() + within_s
    while missing := state():
        if time.monotonic() > deadline:
            more = explain()
            raise NoKServe(
                "; ".join(filter(None, [f"gave up after {within_s:.0f} s of waiting until {what}: {missing}", more]))
            )
        time.sleep(_ASK_AGAIN_S)


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Raise errors of the API server as NoKServe, with a remedy."""
    try:
        yield
    except ApiError as refusal:
        remedy = "; use a kubeconfig with the rights of a cluster administrator" if refusal.status.code == 403 else ""
        raise NoKServe(f"{doing}: {refusal.status.message}{remedy}") from refusal
    except httpx.HTTPError as failure:
        raise NoKServe(
            f"{doing}: the API server does not answer ({failure!r}); check that the cluster runs"
        ) from failure
