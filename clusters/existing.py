"""An existing cluster. The provider checks access first, and the run changes only its own namespaces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import lightkube
from lightkube import ApiError
from lightkube.core.exceptions import ConfigError
from lightkube.models.authorization_v1 import ResourceAttributes, SelfSubjectAccessReviewSpec
from lightkube.resources.authorization_v1 import SelfSubjectAccessReview

from clusters.base import Cluster, Image, NoCluster, Provider

#: Verb, API group and resource of each request that a run needs permission for.
_RIGHTS = (
    ("create", "", "namespaces"),
    ("delete", "", "namespaces"),
    ("create", "", "pods"),
    ("create", "", "secrets"),
    ("create", "", "serviceaccounts"),
    ("get", "", "configmaps"),
    ("create", "serving.kserve.io", "inferenceservices"),
    ("create", "serving.kserve.io", "servingruntimes"),
    ("list", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
)


class Existing(Provider):
    """The cluster of a kubeconfig file (default: that of kubectl) and a context (default: the current one)."""

    def __init__(self, kubeconfig: Path | None, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context

    def start(self) -> Cluster:
        """Check that the cluster responds and grants the required permissions. Raises NoCluster."""
        cluster = self._found()
        client = cluster.client()
        try:
            version = client._client._client.get("/version").json()["gitVersion"]  # noqa: SLF001 -- no other way to it
            missing = [" ".join(right) for right in _RIGHTS if not _allowed(client, *right)]
        except (ApiError, KeyError, ValueError) as error:
            raise NoCluster(
                f"{cluster.name} refuses the credentials: {error}; log in, or use another --context"
            ) from error
        except (httpx.HTTPError, OSError) as error:
            raise NoCluster(f"{cluster.name} does not answer: {error}; check --kubeconfig and --context") from error
        if missing:
            raise NoCluster(
                f"{cluster.name}: this user is not allowed to {', '.join(missing)}; use a user with these permissions"
            )
        return Cluster(**{**cluster.__dict__, "version": version})

    def load(self, images: Sequence[Image]) -> None:
        """Do nothing, because the nodes pull the images. Raises NoCluster for an image that only this machine has."""
        if own := [image.reference for image in images if image.archive]:
            raise NoCluster(
                f"the cluster cannot pull {', '.join(own)}; push it to a registry that the cluster can reach"
            )

    def stop(self) -> None:
        """Do nothing, because the code that created the run's namespaces removes them."""

    def _found(self) -> Cluster:
        try:
            if self._kubeconfig:
                known = lightkube.KubeConfig.from_file(self._kubeconfig)
            else:
                known = lightkube.KubeConfig.from_env()
        except (ConfigError, OSError, ValueError) as error:
            raise NoCluster(f"no cluster found: {error}; use --kubeconfig FILE") from error
        try:
            single = known.get(context_name=self._context)
        except ConfigError as error:
            names = ", ".join(known.contexts) or "none"
            raise NoCluster(f"no context {self._context or '(current)'}; use --context with one of: {names}") from error
        if single is None:
            raise NoCluster(f"{self._kubeconfig or 'the kubeconfig'} has no current context; use --context")
        file = self._kubeconfig or Path(str(single.fname))
        why = "an existing cluster pulls its images"
        return Cluster(single.context_name, "existing", "", file.absolute(), single.context_name, "published", why)


def _allowed(client: lightkube.Client, verb: str, group: str, resource: str) -> bool:
    asked = SelfSubjectAccessReviewSpec(
        resourceAttributes=ResourceAttributes(verb=verb, group=group, resource=resource)
    )
    answer = client.create(SelfSubjectAccessReview(spec=asked))
    return bool(answer.status and answer.status.allowed)
