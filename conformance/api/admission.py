"""Submit pods and services to the API server and KServe's webhook: what they admit, what they refuse, and why."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration

from conformance.api.exceptions import RuleViolation
from conformance.api.pod import InjectedPod
from conformance.spec import Rule
from scenarios.cluster.admission import AdmissionClient, Answer
from scenarios.cluster.kubernetes import INITIALIZER, INTERNAL, SERVICE_LABEL, SOURCE_URI, Object
from scenarios.reasons import NotOffered

#: The name of the injecting webhook, the same in every release.
POD_WEBHOOK = "inferenceservice.kserve-webhook-server.pod-mutator"


class Admission:
    """Submits the manifests of one test. The API server admits the pods in a dry run and never stores them."""

    def __init__(self, api: AdmissionClient, rule: Rule, release: str, case: str) -> None:
        self.api = api
        self.release = release
        self._rule = rule
        self._case = case
        self.create = api.create
        self.namespace = api.namespace
        self.name = api.name
        self.scheme = api.scheme
        self.naming = api.naming

    def inject(self, uri: str | None = "s3://bucket/model", **pod: Any) -> InjectedPod:  # noqa: ANN401
        """Return the admitted pod of an InferenceService with that `storageUri`.

        Takes the keywords of `AdmissionClient.pod`: namespace, annotations, labels, containers, and fields of the
        pod's spec. Raises RuleViolation when the API server refuses the pod.
        """
        return self.admitted(self.api.pod(uri, **pod))

    def admitted(self, manifest: Object) -> InjectedPod:
        """Submit a pod and return it as admitted. Raises RuleViolation when the API server refuses it."""
        answer = self.api.submit(manifest)
        if answer.stored is None:
            raise RuleViolation(f"the API server refused the pod: {answer.refusal}")
        return InjectedPod(answer.stored, lambda: self.why_not(answer.sent))

    def again(self, pod: InjectedPod) -> InjectedPod:
        """Submit an admitted pod again, as with `reinvocationPolicy: IfNeeded`, and return the result."""
        metadata = {key: pod.manifest["metadata"][key] for key in ("namespace", "labels", "annotations")}
        first = {**pod.manifest, "metadata": {**metadata, "generateName": "again-"}}
        return self.admitted({key: value for key, value in first.items() if key != "status"})

    def serve(
        self,
        uri: str | None = None,
        *,
        predictor: Mapping[str, object] | None = None,
        **model: Any,  # noqa: ANN401
    ) -> InjectedPod:
        """Return the admitted pod of an InferenceService that KServe's controller has reconciled.

        Keywords are fields of `predictor.model`, or `annotations` and `runtime` of the service. Raises RuleViolation
        when the API server refuses the service or the pod.
        """
        answer = self._served(uri, predictor, model)
        if answer.stored is None:
            raise RuleViolation(f"the cluster refused the InferenceService: {answer.refusal}")
        return self.admitted(answer.stored)

    def _served(self, uri: str | None, predictor: Mapping[str, object] | None, model: dict[str, Any]) -> Answer:
        beside = {key: model.pop(key) for key in ("annotations", "runtime", "until_status") if key in model}
        source = {"storageUri": uri} if uri is not None else {}
        return self.api.serve({**source, **model}, predictor, **beside)

    def refusal(self, uri: str | None = "s3://bucket/model", **pod: Any) -> str:  # noqa: ANN401
        """Return the message with which the API server refuses a pod. Raises RuleViolation when it admits the pod."""
        return _words(self.api.submit(self.api.pod(uri, **pod)), "pod")

    def service_refusal(
        self,
        uri: str | None = None,
        *,
        predictor: Mapping[str, object] | None = None,
        **model: Any,  # noqa: ANN401
    ) -> str:
        """Return the message with which admission or the controller refuses an InferenceService.

        Raises RuleViolation when both accept it.
        """
        answer = self._served(uri, predictor, model)
        if answer.stored is None:
            return answer.refusal
        return _words(self.api.submit(answer.stored), "InferenceService")

    def assert_words(self, refusal: str, *names: str, **values: object) -> None:
        """Assert that the refusal has this release's exact message with `values`, or else contains all `names`.

        Raises RuleViolation.
        """
        exact = self._rule.message(self.release, None, self._case)
        for wanted in [exact.format(**values)] if exact else names:
            if wanted not in refusal:
                raise RuleViolation(f"the refusal lacks this text:\n  {wanted}\nthe refusal is:\n  {refusal}")

    def serves(self, namespace: str) -> bool:
        """Return whether the webhook's namespaceSelector includes the namespace."""
        return not _selector(self.pod_webhook().get("namespaceSelector"), self.api.labels(namespace))

    def needs_image_volumes(self) -> None:
        """Raise NotOffered when the cluster does not support image volumes, which Kubernetes can disable."""
        volume = {"name": "image", "image": {"reference": "registry.example/model:1"}}
        answer = self.api.answer(self.api.pod(None, volumes=[volume]))
        kept = (answer.stored or {}).get("spec", {}).get("volumes") or ()
        if not any("image" in one for one in kept):
            raise NotOffered(f"this cluster does not support image volumes ({self.api.cluster.version})")

    def pod_webhook(self) -> Mapping[str, Any]:
        """Return the configuration of the injecting webhook. Raises RuleViolation when the cluster has none."""
        for configuration in self.api.client.list(MutatingWebhookConfiguration):
            for webhook in configuration.to_dict().get("webhooks") or ():
                if webhook["name"] == POD_WEBHOOK:
                    found: Mapping[str, Any] = webhook
                    return found
        raise RuleViolation(f"no MutatingWebhookConfiguration has the webhook {POD_WEBHOOK}")

    def why_not(self, manifest: Object) -> str:
        """Explain why the webhook skips a pod, from the webhook's configuration, the namespace and the pod."""
        metadata = manifest["metadata"]
        labels = self.api.labels(metadata["namespace"])
        webhook = self.pod_webhook()
        for reason in _selector(webhook.get("namespaceSelector"), labels):
            return f"the webhook's namespaceSelector excludes namespace {metadata['namespace']}: {reason}"
        for reason in _selector(webhook.get("objectSelector"), metadata.get("labels") or {}):
            return f"the webhook's objectSelector excludes the pod: {reason}"
        return _of_the_pod(manifest)

    @property
    def deployment_mode(self) -> str:
        """Return the deployment mode of the test's last InferenceService; "" without one."""
        return self.api.mode

    def describe(self) -> list[str]:
        lines: list[str] = []
        for title, text in self.api.transcript:
            # The evidence file has the submitted manifests. The rule is about the result.
            shown = [] if title.startswith(("created ", "submitted ")) else text.splitlines()
            lines += ["", f"{title}:" if shown else title, *(f"  {line}" for line in shown)]
        return lines

    def evidence(self) -> list[tuple[str, str]]:
        cluster = self.api.cluster
        access = f"--kubeconfig={shlex.quote(str(cluster.kubeconfig))} --context={shlex.quote(cluster.context)}"
        command = f"kubectl {access} create --dry-run=server --output=yaml --filename=POD.yaml"
        return [("to reproduce, with what was submitted as POD.yaml", command), *self.api.transcript]


def _of_the_pod(manifest: Object) -> str:
    """Explain why the webhook does not inject into a pod that its selectors include."""
    metadata = manifest["metadata"]
    annotations = metadata.get("annotations") or {}
    uri = annotations.get(SOURCE_URI, "")
    reasons = {
        f"the pod lacks the label {SERVICE_LABEL}": SERVICE_LABEL not in (metadata.get("labels") or {}),
        f"the pod lacks the annotation {SOURCE_URI}": SOURCE_URI not in annotations,
        f"the annotation {INTERNAL}/agent makes the agent download the model": f"{INTERNAL}/agent" in annotations,
        f"the submitted pod already had an init container {INITIALIZER}": any(
            one["name"] == INITIALIZER for one in manifest["spec"].get("initContainers") or ()
        ),
        "KServe mounts a volume claim and downloads nothing": uri.startswith("pvc://"),
        "KServe mounts an image or runs it beside the model server, and downloads nothing": uri.startswith("oci"),
    }
    return next((reason for reason, holds in reasons.items() if holds), "the reason is unknown")


def _words(answer: Answer, what: str) -> str:
    if answer.stored is not None:
        raise RuleViolation(f"the cluster admitted the {what}, although the rule expects a refusal")
    return answer.refusal


def _selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> list[str]:
    """Return the requirements of a label selector that `labels` do not meet."""
    unmet = [
        f"label {key} is not {value}"
        for key, value in ((selector or {}).get("matchLabels") or {}).items()
        if labels.get(key) != value
    ]
    for one in (selector or {}).get("matchExpressions") or ():
        key, values = one["key"], one.get("values") or ()
        holds = {
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
        }[one["operator"]]
        if not holds:
            carried = f"it has the label {key}={labels[key]}" if key in labels else f"it has no label {key}"
            unmet.append(f"{carried}, but the selector requires {key} {one['operator']} {', '.join(values)}".rstrip())
    return unmet
