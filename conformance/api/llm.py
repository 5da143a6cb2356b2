"""Create LLMInferenceServices, and look at what KServe's controller makes of them."""

from __future__ import annotations

from typing import Any

from httpx import codes
from lightkube import ApiError

from conformance.api.exceptions import RuleViolation
from conformance.api.pod import Container, InjectedPod
from scenarios.cluster.admission import Answer
from scenarios.cluster.kubernetes import MODELS, Object
from scenarios.cluster.llm_inference_services import MADE_WITHIN_S, MAIN, LLMInferenceServices
from scenarios.cluster.waiting import Unsettled

URI = "s3://bucket/model"


class TemplatePod(InjectedPod):
    """The pod template of a workload. Its model server is the container `main`."""

    @property
    def model_server(self) -> Container:
        return self.container(MAIN)


class LLM:
    """The LLMInferenceServices of one test.

    Keywords `service` are those of `LLMInferenceServices.manifest`, and `namespace`.
    """

    def __init__(self, services: LLMInferenceServices) -> None:
        self.services = services
        self.api = services.api
        self.release = services.release

    def create(self, uri: str | None = URI, *, namespace: str | None = None, **service: Any) -> Object:  # noqa: ANN401
        """Create a service and return it. Raises RuleViolation when admission refuses it."""
        try:
            return self.services.create(self.services.manifest(uri, **service), namespace)
        except ApiError as error:
            raise RuleViolation(f"the API server refused the LLMInferenceService: {_words(error)}") from error

    def serve(
        self,
        uri: str | None = URI,
        *,
        role: str = "main",
        within_s: float = MADE_WITHIN_S,
        **service: Any,  # noqa: ANN401
    ) -> TemplatePod:
        """Create a service and return the pod template of a role.

        Raises RuleViolation when the service is refused, and when the controller makes nothing of it `within_s`.
        """
        return self.template(self.create(uri, **service), role, within_s=within_s)

    def template(
        self, service: Object, role: str = "main", *, contains: str = "", within_s: float = MADE_WITHIN_S
    ) -> TemplatePod:
        """Return the pod template of a role, as soon as it contains a text. Raises RuleViolation like `serve`."""
        answer = self._outcome(service, role, contains=contains, within_s=within_s)
        if answer.stored is None:
            raise RuleViolation(f"the controller refused the LLMInferenceService: {answer.refusal}")
        return TemplatePod(answer.stored, lambda: "its controller wrote the template")

    def changed(self, service: Object, contains: str, **spec: object) -> TemplatePod:
        """Change fields of the service's spec, and return the template as soon as it contains a text."""
        self.services.change(service, spec)
        return self.template(service, contains=contains)

    def refusal(self, uri: str | None = URI, **service: Any) -> str:  # noqa: ANN401
        """Return the words with which admission or the controller refuses a service.

        Raises RuleViolation when both accept it, and when the controller gives no reason.
        """
        try:
            made = self.services.create(self.services.manifest(uri, **service))
        except ApiError as error:
            return _words(error)
        return self.refused(made)

    def refused(self, service: Object) -> str:
        """Return the conditions of a service that gets no Deployment. Raises RuleViolation when it gets one."""
        answer = self._outcome(service, "main")
        if answer.stored is not None:
            raise RuleViolation("the controller made a Deployment, although the rule expects a refusal")
        return answer.refusal

    def assert_words(self, refusal: str, *names: str) -> None:
        """Assert that a refusal contains all `names`, in any case of letters. Raises RuleViolation."""
        for wanted in names:
            if wanted.lower() not in refusal.lower():
                raise RuleViolation(f"the refusal lacks this text:\n  {wanted}\nthe refusal is:\n  {refusal}")

    def run(self, uri: str, image: str, **template: object) -> dict[str, bytes]:
        """Run one pod with the inspector's `image` as `main`. Returns the files that it sees below /mnt/models.

        Raises RuleViolation when the pod gives a reason why `main` did not start.
        """
        main = {"name": MAIN, "image": image, "imagePullPolicy": "IfNotPresent", "args": [MODELS]}
        whole = {"terminationGracePeriodSeconds": 1, "containers": [main], **template}
        service = self.create(uri, replicas=1, template=whole)
        self.template(service)
        try:
            found = self.services.inspect(service).trees[MODELS]
        except Unsettled as stuck:
            raise RuleViolation(f"the model server did not start: {stuck}") from stuck
        return {path: entry.content for path, entry in found.items() if entry.content is not None}

    def _outcome(self, service: Object, role: str, **options: Any) -> Answer:  # noqa: ANN401
        try:
            return self.services.outcome(service, role, **options)
        except Unsettled as silence:
            raise RuleViolation(f"the controller made no workload and gave no reason: {silence}") from silence


def _words(error: ApiError) -> str:
    """Return the words of a refusal. Raises the error itself when the user lacks the right to create services."""
    words = str(error.status.message)
    if error.status.code == codes.FORBIDDEN and "denied the request" not in words:
        raise error
    return words
